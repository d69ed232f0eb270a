"""Every kind of request that Open-WebUI sends is answered, and tells nothing upstream.

Requests of our own making, of the kinds that Open-WebUI 0.12 was seen to send: chats and
background tasks, every parameter, tools and their results, images, embeddings, responses,
token counts, speech and multipart transcriptions, with plain and with signed user headers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from gateway_process import GatewayProcess, running

KEY, ROUTER_SECRET = "sk-open-webui", "0123456789abcdef0123456789abcdef"
USER = "0f5f6c1e-6b53-4c0e-9f36-1d2c3b4a5f60"
CONFIG = """
models: [chat-model, tts-1, whisper-1]
accounts:
  - {name: up, base_url: "%s/v1", api_key: sk-provider}
max_attempts: 1
"""
PNG = "data:image/png;base64,iVBORw0KGgo="
TOOL = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "Tells the time.",
        "parameters": {"type": "object", "properties": {}},
    },
}
CALL = {"index": 0, "id": "call_1", "type": "function"}
CALL["function"] = {"name": "get_time", "arguments": "{}"}


@dataclass
class Upstream:
    """A provider that keeps what it was sent."""

    url: str
    seen: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)


def _answer(path: str, body: Mapping[str, Any]) -> tuple[str, bytes]:
    if path.endswith("/speech"):
        return "audio/mpeg", b"ID3-sound"
    if path.endswith("/transcriptions"):
        return "application/json", b'{"text": "heard"}'
    if path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        return "application/json", json.dumps({"object": "list", "data": data}).encode()
    if path.endswith("/responses"):
        text = {"type": "output_text", "text": "Hello", "annotations": []}
        item = {"type": "message", "id": "m", "role": "assistant", "content": [text]}
        item["status"] = "completed"
        answer = {"id": "r", "object": "response", "status": "completed", "model": "chat-model"}
        return "application/json", json.dumps({**answer, "output": [item]}).encode()
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    base = {"id": "c", "created": 1, "model": "chat-model"}
    if body.get("stream"):
        deltas = [{"role": "assistant", "content": "Hel"}, {"content": "lo"}, {}]
        ends = [None, None, "stop"]
        chunks = [
            {**base, "object": "chat.completion.chunk",
             "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
            for delta, end in zip(deltas, ends, strict=True)
        ]  # fmt: skip
        chunks.append({**base, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        frames = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        return "text/event-stream", "".join([*frames, "data: [DONE]\n\n"]).encode()
    message = {"role": "assistant", "content": "Hello"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
    return "application/json", json.dumps(whole).encode()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            told.seen.append((self.path, dict(self.headers), raw))
            is_json = "json" in self.headers.get("Content-Type", "")
            content_type, body = _answer(self.path, json.loads(raw) if is_json else {})
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told = Upstream(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, daemon=True).start()
        yield told
        server.shutdown()


@pytest.fixture(scope="module")
def gateway(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    root = tmp_path_factory.mktemp("plain")
    env = {"OPENWEBUI_ROUTER_KEY": KEY, "INGRESS_API_KEYS": "sk-other"}
    with running(root, CONFIG % upstream.url, **env) as started:
        yield started


@pytest.fixture(scope="module")
def signing_gateway(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    root = tmp_path_factory.mktemp("signed")
    env = {"OPENWEBUI_ROUTER_KEY": KEY, "FORWARD_USER_INFO_HEADER_JWT_SECRET": ROUTER_SECRET}
    with running(root, CONFIG % upstream.url, **env) as started:
        yield started


def plain_headers(**more: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {KEY}",
        "Accept": "*/*",
        "User-Agent": "Python/3.11 aiohttp/3.14",
        "X-OpenWebUI-Auth-Type": "jwt",
        "X-OpenWebUI-User-Name": "Ada%20L%C3%B6we",
        "X-OpenWebUI-User-Id": USER,
        "X-OpenWebUI-User-Email": "ada@example.com",
        "X-OpenWebUI-User-Role": "admin",
        "X-OpenWebUI-Chat-Id": "b1a8e5a0-5a11-4d57-8dd0-5a8d4b4a3b11",
        **more,
    }


def signed_headers(secret: str = ROUTER_SECRET) -> dict[str, str]:
    now_s = int(time.time())
    claims = {"sub": USER, "email": "ada@example.com", "name": "Ada", "role": "user"}
    claims |= {"iss": "open-webui", "iat": now_s, "exp": now_s + 300}
    token = jwt.encode(claims, secret, algorithm="HS256")
    return {"Authorization": f"Bearer {KEY}", "X-OpenWebUI-User-Jwt": token}


def task(words: str, output: str) -> dict[str, Any]:
    text = (
        f"### Task:\n{words}\n### Output:\nJSON format: {output}\n### Chat History:\n"
        "<chat_history>\nUSER: How do tides work?\nASSISTANT: The moon …\n</chat_history>"
    )
    return {"messages": [{"role": "user", "content": text}], "stream": False}


HELLO = {"role": "user", "content": "Say hi 日本 please"}
KIND = {"role": "system", "content": "be kind"}
EVERYTHING = {
    "stream_options": {"include_usage": True}, "temperature": 0.2, "top_p": 0.9,
    "max_tokens": 50, "seed": 7, "stop": ["X"], "logit_bias": {"50256": -100},
    "frequency_penalty": 0.1, "presence_penalty": 0.1, "response_format": {"type": "json_object"},
    "reasoning_effort": "low", "user": "abc", "n": 1, "extra_field": {"a": 1},
}  # fmt: skip
IMAGE = [{"type": "text", "text": "what is it"}, {"type": "image_url", "image_url": {"url": PNG}}]
RESULT = [
    HELLO,
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": '{"time": "12:00"}'},
]
CHATS: Mapping[str, dict[str, Any]] = {
    "title": {**task("Name this chat with 3-5 words.", '{"title": "…"}'), "max_tokens": 1000},
    "tags": task("Write 1-3 tags for the themes.", '{"tags": ["…"]}'),
    "follow-ups": task("Suggest 3-5 follow-up questions.", '{"follow_ups": ["…"]}'),
    "search queries": task("Decide which searches help.", '{"queries": ["…"]}'),
    "streamed": {"stream": True, "messages": [HELLO]},
    "streamed, many tools": {"stream": True, "messages": [HELLO], "tools": [TOOL] * 36},
    "tool choice": {"stream": True, "messages": [KIND, HELLO], "tools": [TOOL],
                    "tool_choice": "auto"},
    "tool result": {"stream": True, "messages": RESULT, "tools": [TOOL]},
    "whole": {"stream": False, "messages": [KIND, HELLO]},
    "whole, short": {"stream": False, "messages": [KIND, HELLO], "max_tokens": 9},
    "without stream": {"messages": [HELLO], "max_tokens": 10},
    "every parameter": {"stream": True, "messages": [KIND, HELLO], **EVERYTHING},
    "image": {"stream": False, "messages": [{"role": "user", "content": IMAGE}]},
    "image, streamed": {"stream": True, "messages": [{"role": "user", "content": IMAGE}]},
}  # fmt: skip


def check_nothing_was_told(upstream: Upstream) -> None:
    _, headers, body = upstream.seen[-1]
    assert headers["Authorization"] == "Bearer sk-provider"
    assert not [name for name in headers if name.lower().startswith("x-openwebui")]
    told = json.dumps(headers).encode() + body
    assert not [word for word in (USER, "ada@example.com", KEY) if word.encode() in told]


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize("signed", [False, True], ids=["plain", "signed"])
def test_chats_and_background_tasks_are_answered(
    gateway: GatewayProcess,
    signing_gateway: GatewayProcess,
    upstream: Upstream,
    kind: str,
    signed: bool,
) -> None:
    asked, headers = (signing_gateway, signed_headers()) if signed else (gateway, plain_headers())
    body = {"model": "chat-model", **CHATS[kind]}
    answer = asked.request("POST", "/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    if body.get("stream"):
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.text.endswith("data: [DONE]\n\n")
        assert '"Hel"' in answer.text
    else:
        assert answer.json()["choices"][0]["message"]["content"] == "Hello"
    check_nothing_was_told(upstream)
    assert json.loads(asked.audit_path.read_text().splitlines()[-1])["principal"] == (
        f"open-webui/{USER}"
    )


@pytest.mark.parametrize(
    ("path", "body", "part"),
    [
        ("/v1/embeddings", {"model": "chat-model", "input": ["a", "b"]}, "0.5"),
        ("/v1/responses", {"model": "chat-model", "input": "a"}, "Hello"),
        ("/v1/audio/speech", {"model": "tts-1", "input": "hello", "voice": "alloy"}, "ID3-sound"),
    ],
)
def test_other_endpoints_are_answered(
    gateway: GatewayProcess, upstream: Upstream, path: str, body: dict[str, Any], part: str
) -> None:
    answer = gateway.request("POST", path, json=body, headers=plain_headers())
    assert (answer.status_code, part in answer.text) == (200, True), answer.text
    check_nothing_was_told(upstream)


def test_recordings_are_transcribed(gateway: GatewayProcess, upstream: Upstream) -> None:
    answer = gateway.request(
        "POST",
        "/v1/audio/transcriptions",
        files={"file": ("a.wav", b"RIFF....WAVE", "audio/wav")},
        data={"model": "whisper-1"},
        headers=plain_headers(),
    )
    assert (answer.status_code, answer.json()) == (200, {"text": "heard"})
    assert b"RIFF....WAVE" in upstream.seen[-1][2]
    check_nothing_was_told(upstream)


def test_tokens_are_counted(gateway: GatewayProcess) -> None:
    body = {"model": "chat-model", "max_tokens": 10, "messages": [HELLO]}
    answer = gateway.request(
        "POST", "/v1/messages/count_tokens", json=body, headers=plain_headers()
    )
    assert answer.status_code == 200
    assert answer.json()["input_tokens"] > 0


@pytest.mark.parametrize("signed", [False, True], ids=["plain", "signed"])
def test_models_are_listed_with_names(
    gateway: GatewayProcess, signing_gateway: GatewayProcess, signed: bool
) -> None:
    asked, headers = (signing_gateway, signed_headers()) if signed else (gateway, plain_headers())
    answer = asked.request("GET", "/v1/models", headers=headers)
    models = {model["id"]: model for model in answer.json()["data"]}
    assert {"auto", "chat-model"} <= models.keys()
    assert models["auto"]["name"] == "Auto"


def test_an_errand_goes_where_errands_go_by_its_header(
    gateway: GatewayProcess,
) -> None:
    body = {"model": "auto", "messages": [HELLO]}
    headers = plain_headers(**{"X-OpenWebUI-Task": "title_generation", "x-router-debug": "true"})
    answer = gateway.request("POST", "/v1/chat/completions", json=body, headers=headers)
    assert answer.headers["x-router-task"] == "housekeeping"


def test_a_forged_signature_is_401(signing_gateway: GatewayProcess) -> None:
    answer = signing_gateway.request("GET", "/v1/models", headers=signed_headers("f" * 32))
    assert answer.status_code == 401
    assert "X-OpenWebUI-User-Jwt" in answer.json()["error"]["message"]


def test_plain_headers_are_not_believed_from_other_keys_nor_where_they_must_be_signed(
    gateway: GatewayProcess, signing_gateway: GatewayProcess
) -> None:
    body = {"model": "chat-model", "messages": [HELLO]}
    other = plain_headers(Authorization="Bearer sk-other")
    for asked, headers, name in (
        (gateway, other, "ingress-key-1"),
        (signing_gateway, plain_headers(), "open-webui"),
    ):
        answer = asked.request("POST", "/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 200
        record = json.loads(asked.audit_path.read_text().splitlines()[-1])
        assert record["principal"] == name


def test_the_audit_log_holds_neither_signature_nor_address(
    gateway: GatewayProcess, signing_gateway: GatewayProcess
) -> None:
    for asked in (gateway, signing_gateway):
        text = asked.audit_path.read_text() + asked.log
        assert "ada@example.com" not in text
        assert "eyJ" not in text
