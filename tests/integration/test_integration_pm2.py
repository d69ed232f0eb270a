"""`manage.sh start`: gateway and Open-WebUI together under PM2, and no secret on its books."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from gateway_process import CHECKOUT

_PATIENCE_S = 30.0
# Stands for Open-WebUI: tells what it was given.
STAND_IN = f"""#!{sys.executable}
import http.server, json, os, sys
port = int(sys.argv[sys.argv.index("--port") + 1])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(dict(os.environ)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
SECRETS = ("sk-of-the-environment", "sk-of-dotenv", "p@ss'w$rd")


class Place:
    """A copy of the checkout that believes everything to be installed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("router", "config", "templates"):
            shutil.copytree(CHECKOUT / name, root / name)
        for name in ("wsgi.py", "requirements-open-webui.txt", "pyproject.toml"):
            shutil.copy2(CHECKOUT / name, root)
        (root / "config" / "router.yaml").unlink(missing_ok=True)
        text = (CHECKOUT / "manage.sh").read_text()
        main_call = 'main "$@"\n'
        self.script = root / "manage.sh"
        self.script.write_text(text.removesuffix(main_call) + "install() { :; }\n" + main_call)
        self.script.chmod(0o755)
        run = (
            "import sys; from router.cli.main import main; sys.argv[0] = 'open-llm-router'; main()"
        )
        self._program(
            ".venv/bin/open-llm-router",
            '#!/bin/sh\nPYTHONPATH="$(dirname "$0")/../.." '
            f'exec {sys.executable} -P -c "{run}" "$@"\n',
        )
        self._program(".venv/bin/python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        self._program(".venv-open-webui/bin/open-webui", STAND_IN)
        self._program(".venv-open-webui/bin/python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        shutil.copy2(root / "requirements-open-webui.txt", root / ".venv-open-webui" / "installed")
        self.port, self.webui_port = _free_port(), _free_port()
        (root / ".env").write_text(
            f"ANTHROPIC_API_KEY={SECRETS[1]}\nLLM_ROUTER_PORT={self.port}\n"
            f"OPENWEBUI_PORT={self.webui_port}\nINGRESS_API_KEYS=sk-gateway\n"
            f'OPENWEBUI_DB_NAME=o\nOPENWEBUI_DB_USER=o\nOPENWEBUI_DB_PASSWORD="{SECRETS[2]}"\n'
        )

    def _program(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        home = self.root.parent / "home"
        home.mkdir(exist_ok=True)
        return subprocess.run(
            [str(self.script), *arguments],
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "OPENAI_API_KEY": SECRETS[0]},
            timeout=120,
            check=False,
        )

    def get(self, port: int, path: str) -> bytes | None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with suppress(OSError, urllib.error.URLError):
            return bytes(opener.open(f"http://localhost:{port}{path}", timeout=5).read())
        return None

    def wait_until(self, holds: Callable[[], object], what: str) -> None:
        until_s = time.monotonic() + _PATIENCE_S
        while not holds():
            logs = "\n".join(path.read_text() for path in (self.root / "logs").glob("*.log"))
            assert time.monotonic() < until_s, f"{what} did not come true:\n{logs}"
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "a b $(touch hacked) 'c'"
    root.mkdir()
    made = Place(root)
    yield made
    made.manage("stop")


def written(directory: Path) -> str:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return "\n".join(path.read_text(errors="replace") for path in files)


@pytest.mark.needs("pm2")
def test_both_run_under_pm2_reload_and_stop_and_no_secret_is_on_its_books(place: Place) -> None:
    done = place.manage("start")
    assert done.returncode == 0, done.stderr
    place.wait_until(lambda: place.get(place.port, "/readyz"), "the gateway's readiness")
    place.wait_until(lambda: place.get(place.webui_port, "/"), "Open-WebUI's answer")

    given = json.loads(place.get(place.webui_port, "/") or b"{}")
    assert given["OPENAI_API_BASE_URLS"] == f"http://localhost:{place.port}/v1"
    assert given["OPENAI_API_KEYS"] == "sk-gateway"
    assert given["DATABASE_URL"] == "postgresql://o:p%40ss%27w%24rd@/o"
    kept = (place.root / "run" / "open-webui" / "secret_key").read_text().strip()
    assert given["WEBUI_SECRET_KEY"] == kept
    assert not {SECRETS[0], SECRETS[1]} & set(given.values())
    assert not {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "INGRESS_API_KEYS"} & set(given)

    home = place.root / "run" / "pm2"
    if not home.exists():
        home = place.root.parent / "home" / ".pm2-open-llm-router"
    books = written(home) + (place.root / "run" / "ecosystem.config.js").read_text()
    assert "llm-router" in books
    assert not [secret for secret in (*SECRETS, "sk-gateway", kept) if secret in books]

    status = place.manage("status")
    assert status.returncode == 0, status.stdout + status.stderr
    assert all(word in status.stdout for word in ("llm-router", "open-webui", "online"))
    pid = (place.root / "run" / "open-llm-router.pid").read_text()
    assert place.manage("reload").returncode == 0
    assert (place.root / "run" / "open-llm-router.pid").read_text() == pid

    stopped = place.manage("stop")
    assert stopped.returncode == 0, stopped.stderr
    assert place.get(place.port, "/readyz") is None
    assert place.get(place.webui_port, "/") is None
    assert place.manage("status").returncode == 3
    assert not list(place.root.parent.rglob("hacked"))
