"""Clients that leave, dawdle, wait or hurry: nobody pays for them but themselves."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_gateway import (
    FakeUpstream,
    ask,
    body_of,
    config,
    gateway,
    head,
    open_stream,
    path_of,
    read_all,
    terminals,
    upstream,
)
from gateway_process import GatewayProcess

TIMEOUTS = (
    "timeouts: {connect_s: 1, first_content_s: 20, idle_s: 20, total_s: 30, keep_alive_s: 0.5}\n"
)


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    with upstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def served(
    fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("clients"), config(fake, TIMEOUTS)) as process:
        yield process


def seconds_until_aborted(served: GatewayProcess, fake: FakeUpstream, model: str) -> float:
    """Return how long after now a call's connection was closed."""
    began_s = time.monotonic()
    served.wait_until(lambda: fake.calls(model)[0]["aborted"], "the upstream's end")
    return time.monotonic() - began_s


def terminal(served: GatewayProcess, model: str) -> dict[str, object]:
    def found() -> list[dict[str, object]]:
        return [r for r in terminals(served) if model in str(r["requested_model"])]

    served.wait_until(found, "the terminal record")
    (record,) = found()
    return record


@pytest.mark.parametrize(
    ("form", "prefix", "input_tokens"), [("chat", "oa", None), ("messages", "an", 11)]
)
def test_a_client_that_leaves_a_stream_ends_the_providers_work(
    served: GatewayProcess, fake: FakeUpstream, form: str, prefix: str, input_tokens: int | None
) -> None:
    model = f"{prefix}/ok+n.400+ms.50"
    sock = open_stream(served, form, model, b"quick")
    sock.close()
    assert seconds_until_aborted(served, fake, f"{model[3:]}") < 2
    record = terminal(served, model)
    assert (record["outcome"], record["status"]) == ("client_closed", 499)
    # Anthropic counts the prompt when the stream opens, OpenAI only when it ends.
    usage = record["usage"]
    assert (usage["input_tokens"] if usage else None) == input_tokens  # type: ignore[index]
    fake.forget()


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_while_waiting_ends_the_providers_work(
    served: GatewayProcess, fake: FakeUpstream, stream: bool
) -> None:
    model = f"silent+tag.{stream}"
    body = json.dumps(body_of("chat", f"oa/{model}", stream=stream)).encode()
    with socket.create_connection(("127.0.0.1", served.port)) as sock:
        sock.sendall(head("POST", "/v1/chat/completions", len(body)) + body)
        served.wait_until(lambda: fake.calls(model), "the call")
    assert seconds_until_aborted(served, fake, model) < 3
    assert terminal(served, model)["outcome"] == "client_closed"
    assert "Traceback" not in served.log


def test_a_client_that_leaves_a_silent_stream_is_noticed(
    served: GatewayProcess, fake: FakeUpstream
) -> None:
    sock = open_stream(served, "chat", "oa/stall+s.25", b"The")
    time.sleep(0.2)
    sock.close()
    assert seconds_until_aborted(served, fake, "stall+s.25") < 3
    assert terminal(served, "stall+s.25")["outcome"] == "client_closed"


def test_a_half_closed_client_gets_no_clean_end(served: GatewayProcess, fake: FakeUpstream) -> None:
    sock = open_stream(served, "chat", "oa/ok+n.300+ms.50+tag.half", b"quick")
    sock.shutdown(socket.SHUT_WR)
    rest = read_all(sock)
    assert not rest.endswith(b"0\r\n\r\n")
    assert b"[DONE]" not in rest
    assert b"HTTP/1.1 500" not in rest


def test_a_request_that_follows_early_is_no_farewell(served: GatewayProcess) -> None:
    body = json.dumps(body_of("chat", "oa/ok+wait.1", stream=False)).encode()
    request = head("POST", "/v1/chat/completions", len(body)) + body
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
        sock.sendall(request + request)
        seen = b""
        while seen.count(b'"finish_reason"') < 2:
            part = sock.recv(65536)
            assert part, seen
            seen += part
    assert seen.count(b"HTTP/1.1 200 OK") == 2


def test_a_reader_that_does_not_read_costs_no_memory_and_slows_nobody(
    served: GatewayProcess, fake: FakeUpstream
) -> None:
    (pid,) = served.workers()
    before = rss_bytes(pid)
    slow = [
        open_stream(served, "chat", f"oa/ok+n.300+size.1000000+tag.{number}", b"The")
        for number in range(4)
    ]
    time.sleep(2)
    answer = ask(served, "chat", "oa/ok")
    assert (answer.status, answer.seconds < 1.5) == (200, True)
    assert rss_bytes(pid) - before < 60 << 20
    for sock in slow:
        sock.close()
    for number in range(4):
        assert seconds_until_aborted(served, fake, f"1000000+tag.{number}") < 5


def rss_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.parametrize(
    ("form", "model"),
    [
        ("chat", "oa/stall+s.2"),
        ("messages", "an/stall+s.2"),
        ("responses", "oa/stall+s.2"),
        ("chat", "an/stall+s.2"),
        ("messages", "oa/stall+s.2"),
    ],
)
def test_silence_within_a_stream_is_bridged_by_comments(
    served: GatewayProcess, form: str, model: str
) -> None:
    told = ask(served, form, model, stream=True)
    assert told.status == 200
    assert b"error" not in told.body
    comments = [number for number, part in enumerate(told.frames) if part == b": keep-alive"]
    assert 2 <= len(comments) <= 4
    assert b"The" in b"".join(told.frames[: comments[0]])


def test_before_the_first_content_nothing_is_said(served: GatewayProcess) -> None:
    body = json.dumps(body_of("chat", "oa/silent+tag.quiet", stream=True)).encode()
    with socket.create_connection(("127.0.0.1", served.port), timeout=1.5) as sock:
        sock.sendall(head("POST", path_of("chat", "", stream=True), len(body)) + body)
        with pytest.raises(TimeoutError):
            sock.recv(1)
