"""A real gateway before the provider of ``tests/fakes``, and clients that see raw sockets."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from gateway_process import CHECKOUT, GatewayProcess, running

KEY = "sk-router-test-0123456789"
PROVIDER_KEY = "sk-upstream-SECRET-0123456789abcdef"
PREFIXES = {"chat": "oa", "messages": "an", "gemini": "ge"}
PATHS = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "gemini": "/v1beta/models/{model}:{method}",
}
SHORT = "timeouts: {connect_s: 2, first_content_s: 3, idle_s: 3, total_s: 5}\n"


class FakeUpstream:
    """The fake provider as a process, and what it remembers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(CHECKOUT / "tests" / "fakes" / "upstream.py")],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        self._session = requests.Session()
        self._session.trust_env = False

    def state(self, model: str = "") -> dict[str, Any]:
        answer = self._session.get(f"{self.url}/fake/calls", params={"model": model}, timeout=10)
        return dict(answer.json())

    def calls(self, model: str) -> list[dict[str, Any]]:
        return list(self.state(model)["calls"])

    def break_all(self, fault: str, path: str = "", **options: str) -> None:
        self._post("/fake/outage", {"fault": fault, "path": path, "options": options})

    def mend(self) -> None:
        self._post("/fake/outage", {})

    def forget(self) -> None:
        self._post("/fake/forget", {})

    def _post(self, path: str, body: Mapping[str, Any]) -> None:
        self._session.post(self.url + path, json=body, timeout=10)

    def stop(self) -> None:
        self._session.close()
        self._process.kill()
        self._process.wait()


@contextmanager
def upstream() -> Iterator[FakeUpstream]:
    fake = FakeUpstream()
    try:
        yield fake
    finally:
        fake.stop()


def config(fake: FakeUpstream, more: str = SHORT, attempts: int = 1) -> str:
    """Return a configuration in which any model ``oa/x`` is ``x`` at the fake, as OpenAI speaks."""
    bases = {
        "openai": f"{fake.url}/openai/v1",
        "anthropic": f"{fake.url}/anthropic",
        "gemini": f"{fake.url}/gemini/v1beta",
    }
    models = [
        {
            "model_name": f"{prefix}/*",
            "litellm_params": {
                "model": f"{kind}/*",
                "api_base": bases[kind],
                "api_key": PROVIDER_KEY,
            },
        }
        for prefix, kind in (("oa", "openai"), ("an", "anthropic"), ("ge", "gemini"))
    ]
    models.append(
        {
            "model_name": "refused/*",
            "litellm_params": {
                "model": "openai/*",
                "api_base": f"http://127.0.0.1:{closed_port()}/v1",
                "api_key": PROVIDER_KEY,
            },
        }
    )
    models.append(
        {
            "model_name": "nowhere/*",
            "litellm_params": {
                "model": "openai/*",
                "api_base": "http://no-such-host.invalid/v1",
                "api_key": PROVIDER_KEY,
            },
        }
    )
    settings = {"num_retries": attempts - 1, "disable_cooldowns": attempts == 1}
    # JSON is YAML.
    return (
        f"model_list: {json.dumps(models)}\nrouter_settings: {json.dumps(settings)}\n"
        f"general_settings: {{master_key: {KEY}}}\n{more}"
    )


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def gateway(root: Path, text: str, **env: str) -> Iterator[GatewayProcess]:
    """Run a server with a LiteLLM file or a router.yaml."""
    with running(root, text, **env) as process:
        yield process


def body_of(form: str, model: str, *, stream: bool, text: str = "hi") -> dict[str, Any]:
    """Return a small request in a client's format."""
    match form:
        case "gemini":
            return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
        case "responses":
            return {"model": model, "input": text, "stream": stream, "store": False}
        case "messages":
            turn = {"role": "user", "content": text}
            return {"model": model, "max_tokens": 64, "messages": [turn], "stream": stream}
        case _:
            turn = {"role": "user", "content": text}
            return {"model": model, "messages": [turn], "stream": stream}


def path_of(form: str, model: str, *, stream: bool) -> str:
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return PATHS[form].format(model=model, method=method)


@dataclass(frozen=True)
class Told:
    """What a client got, all of it.

    Attributes
    ----------
    broke_off : bool
        The connection ended in the middle of the body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    broke_off: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def frames(self) -> list[bytes]:
        return [part for part in self.body.split(b"\n\n") if part.strip()]


def ask(
    gateway: GatewayProcess,
    form: str,
    model: str,
    *,
    stream: bool = False,
    timeout_s: float = 60,
    text: str = "hi",
    **headers: str,
) -> Told:
    """Send a request on a connection of its own, and read all there is."""
    began_s = time.monotonic()
    response = requests.post(
        gateway.url + path_of(form, model, stream=stream),
        json=body_of(form, model, stream=stream, text=text),
        headers={"Authorization": f"Bearer {KEY}", **headers},
        timeout=timeout_s,
        stream=True,
    )
    body, broke_off = bytearray(), False
    try:
        for part in response.iter_content(65536):
            body += part
    except (requests.exceptions.ChunkedEncodingError, requests.ConnectionError):
        broke_off = True
    response.close()
    seconds = time.monotonic() - began_s
    return Told(response.status_code, response.headers, bytes(body), seconds, broke_off)


def raw_exchange(gateway: GatewayProcess, data: bytes, timeout_s: float = 5.0) -> bytes:
    """Send bytes as they are; return all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=timeout_s) as sock:
        sock.sendall(data)
        return read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except OSError:
        pass
    return b"".join(parts)


def open_stream(gateway: GatewayProcess, form: str, model: str, until: bytes) -> socket.socket:
    """Start a request on a raw socket; return once `until` was read."""
    sock = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
    body = json.dumps(body_of(form, model, stream=True)).encode()
    sock.sendall(head("POST", path_of(form, model, stream=True), len(body)) + body)
    seen = b""
    while until not in seen:
        part = sock.recv(65536)
        assert part, f"the gateway closed the stream after {seen!r}"
        seen += part
    return sock


def head(method: str, path: str, length: int, *more: str) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {KEY}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def terminals(gateway: GatewayProcess) -> list[dict[str, Any]]:
    """Return the terminal records, every line of the file being whole JSON."""
    lines = gateway.audit_path.read_bytes().splitlines()
    records = [json.loads(line) for line in lines]
    return [record for record in records if record["event"] == "proxy_terminal"]


def terminal_of(gateway: GatewayProcess, request_id: str) -> dict[str, Any]:
    """Return the one terminal record of a request, waiting a moment for it."""
    until_s = time.monotonic() + 5
    while True:
        found = [r for r in terminals(gateway) if r["request_id"] == request_id]
        if found or time.monotonic() > until_s:
            (record,) = found
            return record
        time.sleep(0.05)
