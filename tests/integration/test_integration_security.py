"""Strangers who probe: what they may learn, reach and change, which is nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from fault_gateway import (
    KEY,
    PROVIDER_KEY,
    FakeUpstream,
    ask,
    body_of,
    config,
    gateway,
    raw_exchange,
    upstream,
)
from gateway_process import GatewayProcess

CHAT = body_of("chat", "oa/ok", stream=False)
ROUTES = (
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1/responses"),
    ("GET", "/v1/responses/x"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/audio/transcriptions"),
    ("POST", "/v1beta/models/m:generateContent"),
    ("POST", "/v1/models/m:generateContent"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/x"),
    ("GET", "/v1/router/status"),
    ("POST", "/v1/router/explain"),
    ("GET", "/metrics"),
    ("GET", "/admin/config"),
    ("POST", "/admin/reload-backends"),
    ("GET", "/nothing"),
    ("DELETE", "/v1/chat/completions"),
    ("OPTIONS", "/v1/chat/completions"),
    ("TRACE", "/"),
)


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    with upstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def served(
    fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    root = tmp_path_factory.mktemp("security")
    (root / ".netrc").write_text("machine 127.0.0.1 login thief password thief\n")
    env = {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "REQUESTS_CA_BUNDLE": "/nothing",
    }
    with gateway(root, config(fake), **env) as process:
        yield process


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("key", [None, "Bearer sk-wrong-0123456789", "Basic dTpw", "Bearer"])
def test_every_route_needs_the_key(
    served: GatewayProcess, method: str, path: str, key: str | None
) -> None:
    headers = {"Content-Type": "application/json", **({"Authorization": key} if key else {})}
    answer = served.request(method, path, data=b"{broken", headers=headers)
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "sk-wrong" not in answer.text


def test_two_authorizations_are_none(served: GatewayProcess) -> None:
    body = json.dumps(CHAT)
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    assert raw_exchange(served, request.encode()).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("key", ["sk-\xe9\xe8", "\xff\xfe", "sk-" + "k" * 9000])
def test_a_strange_key_is_a_401(served: GatewayProcess, key: str) -> None:
    request = (
        f"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {key}\r\n\r\n"
    )
    assert raw_exchange(served, request.encode("latin-1")).startswith(b"HTTP/1.1 401")


def test_wrong_keys_cost_little_and_lock_nobody_out(served: GatewayProcess) -> None:
    def wrong(number: int) -> int:
        headers = {"Authorization": f"Bearer sk-guess-{number}"}
        return served.request("GET", "/v1/models", headers=headers).status_code

    began_s = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(wrong, range(500))) == {401}
    assert time.monotonic() - began_s < 20
    assert ask(served, "chat", "oa/ok").status == 200


PATHS = (
    "/v1/../admin/keys",
    "/v1/%2e%2e/admin/keys",
    "/v1/..%2fadmin/keys",
    "/v1/files/..%2f..%2fadmin",
    "/v1/./x",
    "/v1//chat/completions",
    "//v1/chat/completions",
    "/v1/a%00b",
    "/v1/a%0d%0ax:y",
    "/v1/a%3fb",
    "/v1/a%23b",
    "/v1/a;b",
    "/v1/a%5c..%5cb",
    "/v1/%E2%80%A8",
    "/v1/http://127.0.0.1/x",
    "/v1/" + "a/" * 40 + "b",
    "/v1beta/models/..%2f..%2fadmin:generateContent",
    "/v1beta/models/m:deleteEverything",
)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_past_the_providers_api(
    served: GatewayProcess, fake: FakeUpstream, path: str
) -> None:
    fake.forget()
    body = json.dumps({**CHAT, "contents": [{"parts": [{"text": "hi"}]}]})
    request = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    answer = raw_exchange(served, request.encode())
    assert 400 <= int(answer.split(b" ", 2)[1]) < 500, answer[:300]
    assert b"text/html" not in answer
    assert fake.calls("") == []


@pytest.mark.parametrize(
    "model",
    [
        "oa/../../admin",
        "ge/../x",
        "ge/x%2f..",
        "ge/x?key=1",
        "ge/x#y",
        "oa/a\r\nX: y",
        "oa/http://evil/",
        "oa/@evil",
        "oa/" + "x" * 5000,
        "ge/a/../b",
    ],
)
def test_a_models_name_changes_neither_host_nor_path(
    served: GatewayProcess, fake: FakeUpstream, model: str
) -> None:
    fake.forget()
    ask(served, "chat", model)
    for call in fake.calls(""):
        assert call["path"] in (
            "/openai/v1/chat/completions",
            "/gemini/v1beta/models/x:generateContent",
        )
        assert "evil" not in call["headers"]["host"]


def test_the_environment_neither_replaces_the_key_nor_the_way(
    served: GatewayProcess, fake: FakeUpstream
) -> None:
    fake.forget()
    assert ask(served, "chat", "oa/ok+tag.env").status == 200
    (call,) = fake.calls("tag.env")
    assert call["headers"]["authorization"] == f"Bearer {PROVIDER_KEY}"
    assert KEY not in json.dumps(call)


@pytest.mark.parametrize("form", ["chat", "messages"])
def test_no_request_makes_the_gateway_fetch_an_address(
    served: GatewayProcess, fake: FakeUpstream, form: str
) -> None:
    image = {"type": "image_url", "image_url": {"url": f"{fake.url}/fake/trap"}}
    body = {"messages": [{"role": "user", "content": [image]}], "max_tokens": 5}
    for model in ("oa/ok", "an/ok", "ge/ok"):
        served.request(
            "POST",
            "/v1/chat/completions",
            json={
                "model": model,
                "api_base": f"{fake.url}/fake/trap",
                "base_url": f"{fake.url}/fake/trap",
                **body,
            },
            headers={"Authorization": f"Bearer {KEY}", "X-Forwarded-Host": "evil"},
        )
    assert fake.state()["trapped"] == []


def test_nothing_can_be_written_into_headers_and_log(served: GatewayProcess) -> None:
    name = "a\u2028b\r\nSet-Cookie: x=1\x1b[31mFORGED"
    for body in ({**CHAT, "model": name}, {**CHAT, "user": name, "model": "oa/status+code.500"}):
        answer = served.request(
            "POST",
            "/v1/chat/completions",
            json=body,
            headers={"Authorization": f"Bearer {KEY}", "X-Request-Id": "x y"},
        )
        assert "Set-Cookie" not in answer.headers, answer.text
        assert "x-request-id" in answer.headers, (answer.status_code, answer.text)
        assert answer.headers["x-request-id"] != "x y"
    assert "\x1b" not in served.log
    assert "\nSet-Cookie" not in served.log
    for line in served.audit_path.read_bytes().splitlines():
        json.loads(line)
        assert b"\x1b" not in line


def test_no_secret_is_in_the_log(served: GatewayProcess) -> None:
    ask(served, "chat", "oa/status+code.401")
    ask(served, "chat", "refused/x")
    for secret in (KEY, PROVIDER_KEY, "LEAKED"):
        assert secret not in served.log
        assert secret.encode() not in served.audit_path.read_bytes()


def test_no_origin_is_allowed(served: GatewayProcess) -> None:
    headers = {"Origin": "https://evil.example", "Authorization": f"Bearer {KEY}"}
    answer = served.request("POST", "/v1/chat/completions", json=CHAT, headers=headers)
    preflight = served.request(
        "OPTIONS",
        "/v1/chat/completions",
        headers={**headers, "Access-Control-Request-Method": "POST"},
    )
    for told in (answer, preflight):
        assert not [name for name in told.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_in_a_browser_cannot_ask(served: GatewayProcess, kind: str) -> None:
    answer = served.request(
        "POST",
        "/v1/chat/completions",
        data=json.dumps(CHAT),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": kind},
    )
    assert answer.status_code == 415


def test_random_model_names_leave_no_trace(served: GatewayProcess) -> None:
    auth = {"Authorization": f"Bearer {KEY}"}

    def sizes() -> tuple[int, int]:
        state = served.request("GET", "/v1/router/status", headers=auth)
        metrics = served.request("GET", "/metrics", headers=auth)
        return len(state.text), len(metrics.text)

    def unknown(number: int) -> int:
        return ask(served, "chat", f"random-{number}").status

    assert unknown(-1) == 404
    before = sizes()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(unknown, range(300))) == {404}
    after = sizes()
    assert after[0] - before[0] < 200
    assert after[1] - before[1] < 2000
