"""``open-llm-router doctor`` finds what is wrong, and names the remedy."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from router.canonical.secret import Secret
from router.cli.doctor import as_text
from router.cli.findings import Finding, configuration, files, open_webui, port, versions
from router.config.load import load
from router.config.settings import Settings
from router.config.snapshot import Snapshot
from router.providers.base import Account
from router.state.retry_tokens import RetryTokens
from router.upstream.probe import list_models, one_token
from router.upstream.transport import Transport


class Provider(BaseHTTPRequestHandler):
    """Knows one key, is an hour behind, and keeps what it was asked."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        good = self.headers.get("Authorization") == "Bearer sk-good"
        self.reply(200 if good else 401, {"data": []} if good else {"error": {"message": "no"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(f"{self.command} {self.path} {body['max_completion_tokens']}")
        self.reply(200, {"choices": []})

    def reply(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Date", formatdate(0, usegmt=True))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def settings(root: Path, text: str = "", **environ: str) -> Settings:
    (root / "config").mkdir(exist_ok=True)
    (root / "config" / "router.yaml").write_text(text or "models: [m]\n")
    return Settings.read({}, {"BACKEND_BASE_URL": "http://localhost:1", **environ}, root)


def loaded(settings: Settings) -> Snapshot:
    return load(settings)


def levels(findings: Iterator[Finding]) -> list[str]:
    return [finding.level for finding in findings]


def test_an_account_is_asked_for_its_models_and_the_clock_is_compared() -> None:
    Provider.asked.clear()
    with serving(Provider) as number:
        account = Account("a", "openai", "openai", f"http://127.0.0.1:{number}/v1")
        transport = Transport(1, {}, RetryTokens(), lambda: 0.0)
        good = list_models(transport.send, account, Secret("sk-good"), 5)
        bad = list_models(transport.send, account, Secret("sk-bad"), 5)
        transport.close()
    assert (good.status, good.error) == (200, None)
    assert good.skew_s is not None
    assert good.skew_s > 1e9
    assert bad.error is not None
    assert (bad.status, bad.error.error_class) == (401, "auth")
    assert Provider.asked == ["GET /v1/models"] * 2


def test_a_live_question_asks_for_one_token(tmp_path: Path) -> None:
    Provider.asked.clear()
    with serving(Provider) as number:
        text = (
            "accounts:\n  - {name: a, provider: openai, api_key: sk-good, models: [m],"
            f" base_url: 'http://127.0.0.1:{number}'}}\n"
        )
        target = loaded(settings(tmp_path, text)).targets["m"][0]
        transport = Transport(1, {}, RetryTokens(), lambda: 0.0)
        assert one_token(transport.send, target, Secret("sk-good"), 5).error is None
        transport.close()
    assert Provider.asked == ["POST /v1/chat/completions 1"]


def test_nobody_listening_is_told_as_such() -> None:
    account = Account("a", "openai", "openai", "http://127.0.0.1:9")
    transport = Transport(1, {}, RetryTokens(), lambda: 0.0)
    answered = list_models(transport.send, account, None, 5)
    assert answered.status is None
    assert answered.error is not None
    assert answered.error.error_class == "connect"


def test_keys_that_others_may_read_are_an_error(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text("OPENAI_API_KEY=sk-x\n")
    env.chmod(0o644)
    found = list(files(read := settings(tmp_path), loaded(read)))
    assert [(f.level, f.remedy) for f in found if f.area == ".env"] == [
        ("error", f"chmod 600 {env}")
    ]
    env.chmod(0o600)
    assert levels(files(read, loaded(read))) == ["ok", "ok"]


def test_the_port_is_free_or_somebody_elses_or_ours(tmp_path: Path) -> None:
    with serving(Provider) as number:
        read = settings(tmp_path, LLM_ROUTER_PORT=str(number), LLM_ROUTER_HOST="127.0.0.1")
        snapshot = loaded(read)
        assert port(read, snapshot).level == "error"
    assert port(read, snapshot).level == "ok"

    class Gateway(Provider):
        told: ClassVar[dict[str, object]] = {"config": snapshot.digest, "audit_failures": 0}

        def do_GET(self) -> None:
            self.reply(200, self.told)

    with serving(Gateway) as number:
        read = settings(tmp_path, LLM_ROUTER_PORT=str(number), LLM_ROUTER_HOST="127.0.0.1")
        assert port(read, snapshot).level == "ok"
        Gateway.told = {"config": "old"}
        assert port(read, snapshot).level == "warning"


def test_what_is_installed_fits_what_the_project_asks_for(tmp_path: Path) -> None:
    assert levels(versions(Path(__file__).parents[2])) == ["ok"]
    project = '[project]\ndependencies = ["click>=999", "no-such-package-of-ours"]\n'
    (tmp_path / "pyproject.toml").write_text(project)
    assert levels(versions(tmp_path)) == ["error", "error"]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ["skipped"]),
        ({"OPENAI_API_BASE_URLS": "http://localhost:8000/v1", "OPENAI_API_KEYS": "sk-k"}, []),
        ({"OPENAI_API_BASE_URLS": "http://localhost:8000/v1"}, ["error"]),
        (
            {
                "OPENAI_API_BASE_URLS": "http://localhost:8000;https://api.openai.com/v1",
                "OPENAI_API_KEYS": "sk-k",
            },
            ["warning", "error"],
        ),
        (
            {"OPENAI_API_BASE_URLS": "http://localhost:1/v1", "OPENAI_API_KEYS": "sk-k"},
            ["error"] * 1 + ["warning"],
        ),
    ],
)
def test_open_webui_must_lead_here_and_nowhere_else(
    tmp_path: Path, environ: dict[str, str], expected: list[str]
) -> None:
    keys = "models: [m]\nkeys: [{name: k, key: sk-k}]\n"
    read = settings(tmp_path, keys, AIOHTTP_CLIENT_TIMEOUT="900", **environ)
    assert levels(open_webui(read, loaded(read))) == expected


def test_an_open_gateway_and_accounts_without_keys_are_warned_of(tmp_path: Path) -> None:
    text = "accounts:\n  - {name: a, provider: openai, api_key_env: NOT_SET, models: [m]}\n"
    read = settings(tmp_path, text, INGRESS_AUTH_REQUIRED="false")
    areas = {f.area for f in configuration(loaded(read)) if f.level == "warning"}
    assert {"account a", "access"} <= areas


def test_the_table_names_the_remedy_below_what_is_wrong() -> None:
    found = [Finding("ok", "a", "fine"), Finding("error", "b", "broken", "mend it")]
    assert as_text(found) == [
        "ok   a  fine",
        "FAIL b  broken",
        "        -> mend it",
        "",
        "1 problem(s), 0 warning(s)",
    ]


def test_sockets_are_not_left_open(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        read = settings(
            tmp_path, LLM_ROUTER_PORT=str(taken.getsockname()[1]), LLM_ROUTER_HOST="127.0.0.1"
        )
        assert port(read, loaded(read)).told == "another program listens"
