"""What comes in over the wire: bounded in size and time, and refused in JSON without an echo."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator

import pytest
from fault_gateway import (
    KEY,
    FakeUpstream,
    body_of,
    config,
    gateway,
    head,
    raw_exchange,
    read_all,
    terminals,
    upstream,
)
from gateway_process import GatewayProcess

LIMIT = 1 << 20
LIMITS = f"limits: {{max_body_bytes: {LIMIT}, body_timeout_s: 1.5}}\n"
CHAT = json.dumps(body_of("chat", "oa/ok", stream=False)).encode()


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    with upstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def served(
    fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("input"), config(fake, LIMITS)) as process:
        yield process


def post(*headers: str, path: str = "/v1/chat/completions") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {KEY}", *headers]
    return "\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode("latin-1")


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer.split(b" ", 2)[1])


def error_of(answer: bytes) -> dict[str, object]:
    """Return the error in an answer's body."""
    headers, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/json" in headers
    return dict(json.loads(body)["error"])


def test_a_body_that_is_announced_too_large_is_refused_and_the_connection_closed(
    served: GatewayProcess,
) -> None:
    answer = raw_exchange(served, post(f"Content-Length: {LIMIT + 1}"))
    assert status_of(answer) == 413
    assert error_of(answer)["code"] == "request_too_large"


def test_a_chunked_body_that_is_too_large_is_refused_and_the_rest_not_read(
    served: GatewayProcess,
) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as sock:
        sock.sendall(post("Transfer-Encoding: chunked"))
        try:
            while sent < 64 * LIMIT:
                sock.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
        answer = read_all(sock)
    assert sent < 16 * LIMIT, "the gateway went on reading"
    assert answer == b"" or status_of(answer) == 413


def test_a_client_that_stops_to_listen_hears_the_413(served: GatewayProcess) -> None:
    body = b"10001\r\n" + b" " * 0x10001 + b"\r\n"
    answer = raw_exchange(served, post("Transfer-Encoding: chunked") + body * 17)
    assert status_of(answer) == 413


def test_a_body_at_the_limit_is_taken(served: GatewayProcess) -> None:
    padded = CHAT + b" " * (LIMIT - len(CHAT))
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as sock:
        sock.sendall(post(f"Content-Length: {len(padded)}") + padded)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_body_that_does_not_come_is_a_408(served: GatewayProcess) -> None:
    began_s = time.monotonic()
    answer = raw_exchange(served, post(f"Content-Length: {len(CHAT)}") + CHAT[:10], timeout_s=10)
    assert status_of(answer) == 408
    assert error_of(answer)["code"] == "request_timeout"
    assert 1.4 < time.monotonic() - began_s < 5


def test_headers_that_do_not_come_are_dropped(served: GatewayProcess) -> None:
    began_s = time.monotonic()
    answer = raw_exchange(served, b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-", 12)
    assert answer == b""
    assert time.monotonic() - began_s < 10


def test_a_users_big_jwt_passes(served: GatewayProcess) -> None:
    cookie = "Cookie: token=" + "x" * 15_000
    answer = served.request(
        "POST",
        "/v1/chat/completions",
        data=CHAT,
        headers={
            "Authorization": f"Bearer {KEY}",
            "Content-Type": "application/json",
            "Cookie": cookie,
        },
    )
    assert answer.status_code == 200


def test_a_packed_body_is_a_415(served: GatewayProcess) -> None:
    packed = gzip.compress(CHAT)
    answer = served.request(
        "POST",
        "/v1/chat/completions",
        data=packed,
        headers={
            "Authorization": f"Bearer {KEY}",
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
        },
    )
    assert answer.status_code == 415
    assert "gzip" in answer.json()["error"]["message"]


SECRET = "sk-typo-0123456789abcdef"
EARLY = {
    "no colon": (f"Authorization Bearer {SECRET}", 400),
    "space before the colon": (f"X-Key : {SECRET}", 400),
    "folded": (f"X-Key: a\r\n {SECRET}", 400),
    "NUL": (f"X-Key: {SECRET}\x00", 400),
    "control in the name": (f"X\x01Key: {SECRET}", 400),
    "huge header": (f"X-Key: {SECRET}{'x' * 20_000}", 431),
    "many headers": ("\r\n".join(f"X-{n}: {SECRET}" for n in range(120)), 431),
    "unknown coding": (f"Transfer-Encoding: {SECRET}", 501),
}


@pytest.mark.parametrize("name", EARLY)
def test_what_never_reaches_the_application_is_refused_in_json_without_an_echo(
    served: GatewayProcess, name: str
) -> None:
    line, status = EARLY[name]
    answer = raw_exchange(served, post("Content-Length: 0", line))
    assert status_of(answer) == status
    assert error_of(answer)["message"]
    assert SECRET.encode() not in answer
    assert b"gunicorn" not in answer.split(b"\r\n\r\n", 1)[1]
    assert SECRET not in served.log


def test_a_request_line_that_is_too_long_is_refused_in_json(served: GatewayProcess) -> None:
    answer = raw_exchange(served, post("Content-Length: 0", path="/v1/" + "x" * 9000))
    assert status_of(answer) == 414
    assert error_of(answer)["message"]


SMUGGLED = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLING = {
    "length and coding": ("Content-Length: 5", "Transfer-Encoding: chunked"),
    "coding and length": ("Transfer-Encoding: chunked", "Content-Length: 5"),
    "two lengths": ("Content-Length: 0", "Content-Length: 35"),
    "two equal lengths": ("Content-Length: 35", "Content-Length: 35"),
    "a list of lengths": ("Content-Length: 0, 35",),
    "a signed length": ("Content-Length: +0",),
    "a negative length": ("Content-Length: -1",),
    "a hexadecimal length": ("Content-Length: 0x0",),
    "an underscored length": ("Content-Length: 3_5",),
    "a length of another script": ("Content-Length: \xb2",),
    "chunked twice": ("Transfer-Encoding: chunked, chunked",),
    "chunked not last": ("Transfer-Encoding: chunked, identity",),
    "a coding that looks like it": ("Transfer-Encoding: xchunked",),
    "a coding with a tab": ("Transfer-Encoding:\x0bchunked",),
    "a space before the colon": ("Transfer-Encoding : chunked",),
    "an underscored name": ("Transfer_Encoding: chunked",),
    "folded": ("Transfer-Encoding:\r\n chunked",),
    "a bare LF": ("X: y\nTransfer-Encoding: chunked",),
    "a bare CR": ("X: y\rTransfer-Encoding: chunked",),
    "two hosts": ("Content-Length: 0", "Host: evil"),
}


@pytest.mark.parametrize("name", SMUGGLING)
def test_no_framing_that_proxies_could_read_otherwise_is_served(
    served: GatewayProcess, name: str
) -> None:
    answer = raw_exchange(served, post(*SMUGGLING[name]) + b"0\r\n\r\n" + SMUGGLED, timeout_s=8)
    assert b'"status":"ok"' not in answer, "the second request was served"
    assert b"HTTP/1.1 200" not in answer
    if answer:
        assert 400 <= status_of(answer) < 502


@pytest.mark.parametrize(
    "chunk", [b"zz\r\n", b"-1\r\nx\r\n", b"5;\n", b"0x3\r\nabc\r\n", b"3 \r\nabcd"]
)
def test_bad_chunks_are_a_400(served: GatewayProcess, chunk: bytes) -> None:
    answer = raw_exchange(served, post("Transfer-Encoding: chunked") + chunk + b"\r\n0\r\n\r\n")
    assert status_of(answer) in (400, 408)
    assert error_of(answer)["message"]


def test_every_refusal_has_its_terminal_record(served: GatewayProcess) -> None:
    raw_exchange(served, post(f"Content-Length: {len(CHAT)}") + CHAT[:10], timeout_s=10)
    raw_exchange(served, post(f"Content-Length: {LIMIT + 1}"))
    raw_exchange(served, post("Content-Length: 2", "Content-Encoding: gzip") + b"{}")
    statuses = {record["status"] for record in terminals(served)}
    assert {408, 413, 415} <= statuses


def test_an_upgrade_is_not_taken(served: GatewayProcess) -> None:
    request = (
        b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as sock:
        sock.sendall(request)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 9
    assert not raw_exchange(served, preface).startswith(b"\x00")


def test_the_helper_head_is_well_formed(served: GatewayProcess) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as sock:
        sock.sendall(head("POST", "/v1/chat/completions", len(CHAT)) + CHAT)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
