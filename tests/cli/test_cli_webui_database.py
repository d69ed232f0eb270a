"""The SQL that makes Open-WebUI's database: quoted, repeatable, and it works in PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from router.cli.main import main
from router.cli.webui_database import TEMPLATE, Database, named_database, scram_verifier, sql
from router.errors import ConfigError

PLAIN = ("openwebui", "openwebui", "pass")
HOSTILE = (
    "a 'b' \"c\" $(touch x) `d` \\ :e =f",
    "x; DROP ROLE y; -- '\"\\ $$",
    "p' \" \\ $(id) @:/?#%",
)
ADDRESS = ("postgresql://elsewhere/?a=b", "dbname=other", "pässwörd\u00a0\u00ad\u2168")
NAMES = ("OPENWEBUI_DB_NAME", "OPENWEBUI_DB_USER", "OPENWEBUI_DB_PASSWORD")


def settings(values: tuple[str, str, str]) -> dict[str, str]:
    return dict(zip(NAMES, values, strict=True))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OPENWEBUI_DB_NAME", "", "is not set"),
        ("OPENWEBUI_DB_PASSWORD", "", "is not set"),
        ("OPENWEBUI_DB_USER", "ü" * 32, "longer than 63 bytes"),
        ("OPENWEBUI_DB_USER", "postgres", "PostgreSQL's own"),
        ("OPENWEBUI_DB_NAME", "a\nb", "line break"),
        ("OPENWEBUI_DB_PASSWORD", "a\0b", "control character"),
    ],
)
def test_what_cannot_be_a_name_is_a_sentence(name: str, value: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        named_database({**settings(PLAIN), name: value})


def test_the_password_does_not_stand_in_the_sql() -> None:
    text = sql(Database("d", "u", "very-secret-words"), TEMPLATE.read_text(), bytes(16))
    assert "very-secret-words" not in text
    assert "SCRAM-SHA-256$4096:" in text


def test_the_verifier_is_that_of_the_standard() -> None:
    # RFC 7677, section 3: the server's signature there follows from these keys.
    salt = b"\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81"
    assert scram_verifier("pencil", salt) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "it.sql"
    done = CliRunner().invoke(main, ["init-openwebui", "-o", str(path)], env=settings(PLAIN))
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "psql" in done.stdout


def test_a_missing_psql_is_told(tmp_path: Path) -> None:
    env = {**settings(PLAIN), "PATH": str(tmp_path)}
    done = CliRunner().invoke(main, ["init-openwebui", "-x", "-o", str(tmp_path / "s")], env=env)
    assert (done.exit_code, "apt install postgresql-client" in done.stderr) == (2, True)


class Server:
    """A PostgreSQL of our own, which asks for passwords."""

    def __init__(self, place: Path) -> None:
        self.port = _free_port()
        self._data = place / "data"
        self._place = place
        self.admin = {"POSTGRES_PASSWORD": "the admin's", "DB_HOST": "127.0.0.1"}
        self.admin["DB_PORT"] = str(self.port)
        password = place / "password"
        password.write_text(self.admin["POSTGRES_PASSWORD"])
        if os.getuid() == 0:
            shutil.chown(place, "postgres")
            shutil.chown(password, "postgres")
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "scram-sha-256",
                  f"--pwfile={password}", "-N", "--locale=C.UTF-8")  # fmt: skip
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off -k ''"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-o", options, "-l",
                  str(place / "log"), "start")  # fmt: skip

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")

    def _run(self, command: str, *arguments: str) -> None:
        # It refuses to run as root.
        as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*as_user, str(_binaries() / command), *arguments],
            check=True,
            cwd=self._place,
            stdout=subprocess.DEVNULL,
        )


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    return found[-1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # Not in pytest's own directory, which the user postgres may not enter.
    with tempfile.TemporaryDirectory() as name:
        running = Server(Path(name))
        yield running
        running.stop()


def init(server: Server, values: Mapping[str, str], path: Path) -> Result:
    env = {**values, **server.admin}
    return CliRunner().invoke(main, ["init-openwebui", "-x", "-o", str(path)], env=env)


def psql(url: str, statement: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["psql", "-X", "-w", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", statement, url],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("values", [PLAIN, HOSTILE, ADDRESS], ids=["plain", "hostile", "address"])
def test_it_works_in_postgresql_twice_and_the_user_can_make_a_table(
    server: Server, tmp_path: Path, values: tuple[str, str, str]
) -> None:
    for _ in range(2):
        done = init(server, settings(values), tmp_path / "init.sql")
        assert done.exit_code == 0, done.output
    url = Database(*values, "127.0.0.1", str(server.port)).url
    made = psql(url, "CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t VALUES (1); TABLE t")
    assert (made.returncode, made.stderr) == (0, "")
    assert psql(url, "SELECT current_user, current_database()").stdout.strip() == (
        f"{values[1]}|{values[0]}"
    )
    extensions = psql(url, "SELECT extname FROM pg_extension").stdout.split()
    assert {"uuid-ossp", "pg_trgm"} <= set(extensions)
    assert not list(tmp_path.glob("x"))


@pytest.mark.needs("postgresql")
def test_another_password_replaces_the_first_and_data_stay(server: Server, tmp_path: Path) -> None:
    first, second = ("kept", "kept", "one"), ("kept", "kept", "two")
    init(server, settings(first), tmp_path / "s")
    psql(Database(*first, "127.0.0.1", str(server.port)).url, "CREATE TABLE mine (n int)")
    assert init(server, settings(second), tmp_path / "s").exit_code == 0
    assert psql(Database(*first, "127.0.0.1", str(server.port)).url, "TABLE mine").returncode != 0
    assert psql(Database(*second, "127.0.0.1", str(server.port)).url, "TABLE mine").returncode == 0


@pytest.mark.needs("postgresql")
def test_a_server_that_does_not_let_us_in_is_a_sentence(server: Server, tmp_path: Path) -> None:
    env = {**settings(PLAIN), **server.admin, "POSTGRES_PASSWORD": "wrong"}
    done = CliRunner().invoke(main, ["init-openwebui", "-x", "-o", str(tmp_path / "s")], env=env)
    assert done.exit_code == 2
    assert "must connect as an administrator" in done.stderr
