"""The systemd unit, the shell scripts, and what they promise of the server."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from gateway_process import CHECKOUT, GatewayProcess

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


def test_the_server_tells_systemd_that_it_is_ready(tmp_path: Path) -> None:
    # A socket's path may have some 100 bytes: shorter than many a temporary directory.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        name = f"\0open-llm-router-test-{os.getpid()}"
        listener.bind(name)
        listener.settimeout(30)
        gateway = GatewayProcess(tmp_path, NOTIFY_SOCKET=name.replace("\0", "@"))
        try:
            assert listener.recv(4096).startswith(b"READY=1")
        finally:
            gateway.process.send_signal(signal.SIGTERM)
            gateway.stop()


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
