"""The systemd unit, the shell scripts, and what they promise of the server."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shlex
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gateway_process import CHECKOUT, GatewayProcess

from router.observe.audit import AuditLog
from router.readiness import VARIABLE, tell

UNIT = CHECKOUT / "systemd" / "open-llm-router.service"


@pytest.mark.needs("systemd")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    home = tmp_path / "installed"
    command = home / ".venv" / "bin" / "python"
    command.parent.mkdir(parents=True)
    command.symlink_to("/bin/true")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/open-llm-router", str(home)))
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.needs("systemd")
def test_the_unit_is_exposed_to_little() -> None:
    checked = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_unit_gives_streams_longer_than_the_server_does() -> None:
    stop = re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    settings = (CHECKOUT / "config" / "gunicorn.conf.py").read_text()
    graceful = re.search(r'"LLM_ROUTER_GRACEFUL_TIMEOUT", "(\d+)"', settings)
    assert stop is not None
    assert graceful is not None
    assert int(stop[1]) > int(graceful[1])


@contextmanager
def listening() -> Iterator[tuple[str, socket.socket]]:
    """Stand for systemd: the name of a socket, and its end."""
    # A socket's path may have some 100 bytes: shorter than many a temporary directory.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"\0open-llm-router-test-{os.getpid()}"
        listener.bind(name)
        listener.settimeout(30)
        yield name.replace("\0", "@"), listener


def test_systemd_is_told_when_a_worker_serves_and_of_each_reload(tmp_path: Path) -> None:
    with listening() as (name, listener):
        gateway = GatewayProcess(tmp_path, NOTIFY_SOCKET=name)
        try:
            first = listener.recv(4096)
            assert first.startswith(b"READY=1\nSTATUS=serving configuration ")
            # Not gunicorn's master, which has no worker yet, spoke first: one answers at once.
            assert gateway.request("GET", "/readyz", timeout=5).status_code == 200
            gateway.signal(signal.SIGHUP)
            assert listener.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert listener.recv(4096) == first
            gateway.write_config("models: {")
            gateway.signal(signal.SIGHUP)
            assert listener.recv(4096).startswith(b"RELOADING=1")
            assert listener.recv(4096) == first + b" (a newer one was refused: see the log)"
        finally:
            gateway.stop()


def test_systemd_is_not_told_ready_where_no_worker_comes_up(tmp_path: Path) -> None:
    with listening() as (name, listener):
        gateway = GatewayProcess(tmp_path, "models: {", NOTIFY_SOCKET=name)
        try:
            assert gateway.process.wait(30) != 0
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.recv(4096)
        finally:
            gateway.stop()


@pytest.mark.parametrize("address", ["", "vsock:2:1", "/nowhere/to/be/found", "@nobody-listens"])
def test_a_service_that_cannot_tell_serves_all_the_same(address: str) -> None:
    assert not tell("READY=1", {VARIABLE: address})


def exec_reload(unit: str) -> list[str]:
    return re.findall(r"^ExecReload=(.*)$", unit, re.MULTILINE)


@pytest.mark.parametrize(("code", "goes_on"), [(0, True), (1, True), (2, False)])
def test_a_reload_is_refused_where_the_check_says_that_the_file_cannot_be_used(
    tmp_path: Path, code: int, goes_on: bool
) -> None:
    check, hup = exec_reload(UNIT.read_text())
    assert hup == "/bin/kill -HUP $MAINPID"
    command = tmp_path / ".venv" / "bin" / "open-llm-router"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\necho "$@"\nexit {code}\n')
    command.chmod(0o755)
    # systemd takes quotes away, and two $ for one.
    done = subprocess.run(
        shlex.split(check.replace("$$", "$")),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0, done.stderr) == (goes_on, "check\n")


@pytest.mark.needs("systemd")
@pytest.mark.parametrize("kind", ["sysusers", "tmpfiles"])
def test_systemd_takes_the_rules(kind: str, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    user = "open-llm-router:x:990:990::/:/bin/false\n"
    if kind == "tmpfiles":
        (tmp_path / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\n" + user)
        (tmp_path / "etc" / "group").write_text("root:x:0:\nopen-llm-router:x:990:\n")
    verb = ["--create"] if kind == "tmpfiles" and os.getuid() == 0 else []
    rules = CHECKOUT / "systemd" / f"{kind}.conf"
    done = subprocess.run(
        [f"systemd-{kind}", f"--root={tmp_path}", *verb, str(rules)],
        capture_output=True,
        text=True,
        check=False,
    )
    if kind == "sysusers" and os.getuid() != 0:
        pytest.skip("making users needs root")
    assert done.returncode == 0, done.stderr
    if kind == "sysusers":
        assert "open-llm-router" in (tmp_path / "etc" / "passwd").read_text()
    elif verb:
        modes = {
            name: stat.S_IMODE((tmp_path / name / "open-llm-router").stat().st_mode)
            for name in ("etc", "var/lib", "var/log")
        }
        assert modes == {"etc": 0o750, "var/lib": 0o700, "var/log": 0o750}


@pytest.mark.needs("logrotate")
def test_the_audit_log_is_rotated_and_loses_nothing(tmp_path: Path) -> None:
    audit = tmp_path / "router_decisions.jsonl"
    me = f"{pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name}"
    rules = tmp_path / "logrotate.conf"
    text = (CHECKOUT / "systemd" / "logrotate.conf").read_text()
    text = text.replace("/var/log/open-llm-router", str(tmp_path))
    rules.write_text(text.replace("su open-llm-router open-llm-router", f"su {me}"))
    rules.chmod(0o644)
    tmp_path.chmod(0o750)
    now_s = [0.0]
    log = AuditLog(audit, lambda: now_s[0], lambda error: pytest.fail(str(error)))
    log.write({"event": "before"})
    done = subprocess.run(
        ["logrotate", "--force", "--state", str(tmp_path / "state"), str(rules)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not audit.exists()
    log.write({"event": "at once"})  # the gateway has not looked yet
    now_s[0] = 2.0
    log.write({"event": "after"})
    log.close()
    (renamed,) = tmp_path.glob("router_decisions.jsonl-*")
    assert events(renamed) == ["before", "at once"]
    assert events(audit) == ["after"]


def events(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


@pytest.mark.needs("shellcheck")
@pytest.mark.parametrize("script", ["manage.sh", ".ci/run"])
def test_shell_scripts_are_clean(script: str) -> None:
    checked = subprocess.run(
        ["shellcheck", str(CHECKOUT / script)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize("requirements", ["requirements.txt", "requirements-test.txt"])
def test_requirements_are_hashed_and_name_no_place(requirements: str) -> None:
    lines = (CHECKOUT / requirements).read_text().splitlines()
    pins = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert all(re.match(r"[a-z0-9._-]+(\[[a-z0-9,]+\])?==\S+ .*\\$", line) for line in pins)
    hashes = [line for line in lines if line.startswith("    --hash=sha256:")]
    assert len(hashes) > len(pins) > 20
    known = ("    --hash=sha256:", "    #", "        #")
    assert [line for line in lines if line not in pins and not line.startswith(known)] == []
    assert not any("file:" in line or "//" in line for line in lines)
