"""This module makes Open-WebUI's database: the SQL, and psql that runs it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import stringprep
import subprocess
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from urllib.parse import quote

import click

from router.cli.settings import ROOT, in_sentences, read_settings
from router.errors import ConfigError

TEMPLATE = ROOT / "templates" / "init_openwebui.sql"
_LONGEST_NAME_BYTES = 63
_SALT_BYTES = 16
_ITERATIONS = 4096


@dataclass(frozen=True, slots=True)
class Database:
    """Where Open-WebUI keeps what it knows.

    Attributes
    ----------
    host : str
        Empty for the local socket; a directory is that of a socket.
    """

    name: str
    user: str
    password: str = field(repr=False)
    host: str = ""
    port: str = ""

    @property
    def url(self) -> str:
        """The address as SQLAlchemy and libpq read it.

        SQLAlchemy takes the path of an address as it stands, libpq decodes it; so a name
        that must be quoted goes into the query, which both decode.

        Examples
        --------
        >>> Database("chats", "u", "p@ss/w", "localhost", "5432").url
        'postgresql://u:p%40ss%2Fw@localhost:5432/chats'
        >>> Database("a b", "u", "p", "/run/pg").url
        'postgresql://u:p@/?dbname=a%20b&host=%2Frun%2Fpg'
        """
        user, password, name = (quote(part, "") for part in (self.user, self.password, self.name))
        query = {} if name == self.name else {"dbname": self.name}
        if self.host.startswith("/"):
            address = ""
            query |= {"host": self.host} | ({"port": self.port} if self.port else {})
        else:
            address = f"[{self.host}]" if ":" in self.host else self.host
            address += f":{self.port}" if self.port else ""
        path = name if name == self.name else ""
        asked = "&".join(f"{key}={quote(value, '')}" for key, value in query.items())
        return f"postgresql://{user}:{password}@{address}/{path}" + (f"?{asked}" if asked else "")


@click.command("init-openwebui")
@click.option("--execute", "-x", is_flag=True, help="Also run it with psql.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default=ROOT / "run" / "init_openwebui_db.sql",
    help="The file to write (default: run/init_openwebui_db.sql).",
)
@in_sentences
def init_command(execute: bool, output: Path) -> None:
    """Write, and with -x run, the SQL that makes Open-WebUI's database in PostgreSQL.

    Names and password come from OPENWEBUI_DB_NAME, _USER and _PASSWORD, the server from
    DB_HOST and DB_PORT; psql's own PG… variables, or POSTGRES_PASSWORD, say who makes it.
    """
    env = read_settings().env
    database = named_database(env)
    text = sql(database, TEMPLATE.read_text(encoding="utf-8"), os.urandom(_SALT_BYTES))
    write_private(output, text)
    click.echo(f"{output}: written")
    if execute:
        _run(text, env)
        click.echo(f'database "{database.name}" and user "{database.user}" are there')
    else:
        click.echo("Run it as an administrator of PostgreSQL: ./manage.sh init -x, or")
        click.echo("  sudo -u postgres psql -X -d postgres <run/init_openwebui_db.sql")


def named_database(env: Mapping[str, str]) -> Database:
    """Return the database that the settings name.

    Raises
    ------
    ConfigError
        A name or the password is missing, or cannot be one.
    """
    names = ("OPENWEBUI_DB_NAME", "OPENWEBUI_DB_USER", "OPENWEBUI_DB_PASSWORD")
    name, user, password = values = [env.get(name, "") for name in names]
    problems = [
        f"{variable}: {fault}"
        for variable, value in zip(names, values, strict=True)
        if (fault := _fault(variable, value))
    ]
    if problems:
        raise ConfigError(problems)
    host, port = (env.get(variable, "").strip() for variable in ("DB_HOST", "DB_PORT"))
    return Database(name, user, password, host, port)


def sql(database: Database, template: str, salt: bytes) -> str:
    """Return the SQL of a template, every name and the password quoted."""
    return Template(template).substitute(
        database=identifier(database.name),
        database_text=literal(database.name),
        user=identifier(database.user),
        user_text=literal(database.user),
        verifier=literal(scram_verifier(database.password, salt)),
        connection=_connection(database.name),
    )


def identifier(name: str) -> str:
    """Return a name quoted for SQL.

    Examples
    --------
    >>> identifier('a "b" $(c)')
    '"a ""b"" $(c)"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text quoted for SQL, where standard_conforming_strings is on.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def scram_verifier(password: str, salt: bytes) -> str:
    """Return what PostgreSQL keeps of a password, as its own client would send it (RFC 5803).

    Examples
    --------
    >>> scram_verifier("pencil", bytes(16))[:45]
    'SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==$c'
    """
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password), salt, _ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (
        base64.b64encode(x).decode() for x in (salt, stored_key, server_key)
    )
    return f"SCRAM-SHA-256${_ITERATIONS}:{salt64}${stored64}:{server64}"


def write_private(path: Path, text: str) -> None:
    """Replace a file that its owner alone may read.

    Raises
    ------
    ConfigError
        It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError as exc:
        raise ConfigError([f"{path}: cannot be written: {exc.strerror}"]) from exc


def _fault(variable: str, value: str) -> str | None:
    """Return why a name or password cannot be used."""
    if not value:
        return "is not set; write it into .env"
    if any(char < " " or char == "\x7f" for char in value):
        return "holds a line break or control character"
    if variable.endswith("_PASSWORD"):
        return None
    if len(value.encode()) > _LONGEST_NAME_BYTES:
        return f"is longer than {_LONGEST_NAME_BYTES} bytes, PostgreSQL's limit"
    if value in ("postgres", "template0", "template1", "public") or value.startswith("pg_"):
        return f'"{value}" is PostgreSQL\'s own; choose another name'
    return None


def _connection(database: str) -> str:
    r"""Return the argument of psql's backslash command that leads into a database.

    A bare name with = or :// in it would be read as an address. psql takes away its own
    single quotes first, then double ones as an identifier has them, libpq the inner ones.

    Examples
    --------
    >>> print(_connection("a=b"))
    '"dbname=\'a=b\'"'
    """
    value = database.replace("\\", "\\\\").replace("'", "\\'")
    argument = identifier(f"dbname='{value}'")
    return "'" + argument.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _prepared(password: str) -> bytes:
    """Return a password's bytes as libpq makes them: SASLprep, or as they are where it fails."""
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char
        for char in password
        if not stringprep.in_table_b1(char)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    return (password if not normal or _is_prohibited(normal) else normal).encode()


def _is_prohibited(text: str) -> bool:
    """Tell whether SASLprep refuses a text (RFC 4013, 2.3 to 2.5)."""
    tables = (
        stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3,
        stringprep.in_table_c4, stringprep.in_table_c5, stringprep.in_table_c6,
        stringprep.in_table_c7, stringprep.in_table_c8, stringprep.in_table_c9,
        stringprep.in_table_a1,
    )  # fmt: skip
    if any(table(char) for char in text for table in tables):
        return True
    is_right_to_left = [stringprep.in_table_d1(char) for char in text]
    if not any(is_right_to_left):
        return False
    has_left = any(stringprep.in_table_d2(char) for char in text)
    return has_left or not (is_right_to_left[0] and is_right_to_left[-1])


def _run(text: str, env: Mapping[str, str]) -> None:
    """Run SQL with psql, as the administrator whom the settings name."""
    psql = shutil.which("psql", path=env.get("PATH"))
    if psql is None:
        raise ConfigError(["psql is not installed: apt install postgresql-client"])
    given = dict(env)
    for variable, name in (("PGHOST", "DB_HOST"), ("PGPORT", "DB_PORT")):
        if env.get(name, "").strip():
            given.setdefault(variable, env[name].strip())
    if env.get("POSTGRES_PASSWORD"):
        given.setdefault("PGUSER", "postgres")
        given.setdefault("PGPASSWORD", env["POSTGRES_PASSWORD"])
    # psql needs nothing of ours, least of all providers' keys.
    wanted = ("PATH", "HOME", "USER", "LOGNAME", "LANG")
    own = {key: value for key, value in given.items() if key in wanted or key.startswith("PG")}
    command = [psql, "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", "-"]
    done = subprocess.run(command, input=text, text=True, env=own, check=False)  # noqa: S603
    if done.returncode != 0:
        raise ConfigError(
            [
                f"psql ended with code {done.returncode} (its words stand above). It must connect"
                " as an administrator: set POSTGRES_PASSWORD and DB_HOST, or PGUSER and PGPASSWORD,"
                " or run this as the system user postgres"
            ]
        )
