"""The real server as a process: gunicorn, gevent workers, signals, in a root of its own.

The root is a copy of what the server reads of the checkout, so that a developer's `.env`,
`config/router.yaml`, `run/` and `logs/` neither disturb the tests nor are disturbed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

CHECKOUT = Path(__file__).resolve().parent.parent.parent
KEY = "sk-test-admin"
_ENTRY = "wsgi:application"
_PATIENCE_S = 30.0


class GatewayProcess:
    """One running server.

    Parameters
    ----------
    root : Path
        An empty directory; it becomes the server's root.
    config : str, optional
        The text of ``config/router.yaml``; without it the demo account runs.
    env : mapping
        Further environment variables.
    """

    def __init__(self, root: Path, config: str | None = None, **env: str) -> None:
        self.root = root
        self.config_path = root / "config" / "router.yaml"
        self.audit_path = root / "logs" / "router_decisions.jsonl"
        self._log_path = root / "server.log"
        _lay_out(root)
        if config is not None:
            self.write_config(config)
        self.port = _free_port()
        self._session = requests.Session()
        self._session.trust_env = False
        # The server would wait for idle connections, its keepalive long, before it ends.
        self._session.headers["Connection"] = "close"
        with self._log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.conf.py", _ENTRY],
                cwd=root,
                env=_environment(root, self.port, env),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", _PATIENCE_S)
        return self._session.request(method, self.url + path, **options)

    def chat(self, text: str, **body: Any) -> requests.Response:
        messages = [{"role": "user", "content": text}]
        path, stream = "/v1/chat/completions", bool(body.get("stream"))
        return self.request("POST", path, json={"messages": messages, **body}, stream=stream)

    def readiness(self) -> dict[str, Any]:
        return dict(self.request("GET", "/readyz").json())

    def workers(self) -> list[int]:
        """Return the pids of the workers, children of the master."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return sorted(map(int, children.split()))

    def write_config(self, text: str) -> None:
        """Replace the configuration as an editor does, by rename."""
        draft = self.config_path.with_suffix(".new")
        draft.write_text(text)
        draft.replace(self.config_path)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait_until(self, holds: Callable[[], object], what: str) -> None:
        """Look again and again until `holds`; fail with the server's log if it never does."""
        until_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until_s:
            with suppress(requests.ConnectionError):
                if holds():
                    return
            time.sleep(0.05)
        raise AssertionError(f"{what} did not come true in {_PATIENCE_S} s:\n{self.log}")

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, f"the server ended at start:\n{self.log}"
            return self.request("GET", "/readyz").status_code == 200

        self.wait_until(is_ready, "readiness")

    def stop(self) -> None:
        """End the server, gently if it can be."""
        self._session.close()
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_PATIENCE_S)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def running(root: Path, config: str | None = None, **env: str) -> Iterator[GatewayProcess]:
    """Run a server that is ready to serve, and stop it afterwards."""
    gateway = GatewayProcess(root, config, **env)
    try:
        gateway.wait_ready()
        yield gateway
    finally:
        gateway.stop()


def _lay_out(root: Path) -> None:
    """Copy what the server reads; with its byte code, which stays valid and saves seconds."""
    shutil.copytree(CHECKOUT / "router", root / "router")
    (root / "config").mkdir()
    for path in (CHECKOUT / "config").iterdir():
        is_shipped = path.name == "gunicorn.conf.py" or path.name.startswith("models.")
        if is_shipped or path.name.startswith("prices."):
            shutil.copy2(path, root / "config")
    shutil.copy2(CHECKOUT / "wsgi.py", root)


def _environment(root: Path, port: int, extra: dict[str, str]) -> dict[str, str]:
    """Return an environment without anybody's keys."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "LANG": "C.UTF-8",
        "LLM_ROUTER_HOST": "127.0.0.1",
        "LLM_ROUTER_PORT": str(port),
        **extra,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
