"""Streams of endpoints that are passed on unread: cut ones are told, and nothing leaks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from fault_gateway import KEY, FakeUpstream, config, gateway, terminal_of, upstream
from gateway_process import GatewayProcess


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    with upstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def served(
    fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("raw"), config(fake)) as process:
        yield process


def complete(served: GatewayProcess, model: str) -> requests.Response:
    return served.request(
        "POST",
        "/v1/completions",
        json={"model": model, "prompt": "hi", "stream": True},
        headers={"Authorization": f"Bearer {KEY}"},
    )


def test_a_whole_stream_comes_as_it_was_sent(served: GatewayProcess) -> None:
    answer = complete(served, "oa/ok+n.3")
    assert answer.content.endswith(b"data: [DONE]\n\n")
    assert terminal_of(served, answer.headers["x-request-id"])["outcome"] == "success"


@pytest.mark.parametrize(
    "fault", ["reset_mid", "cut_mid", "no_end", "stall", "truncated_chunk", "error_later"]
)
def test_a_cut_stream_ends_in_an_error(served: GatewayProcess, fault: str) -> None:
    answer = complete(served, f"oa/{fault}")
    assert b"data: [DONE]" not in answer.content
    assert b'"error"' in answer.content.rstrip().rpartition(b"\n\n")[2]
    assert b"LEAKED" not in answer.content
    assert b"internal.example" not in answer.content
    assert terminal_of(served, answer.headers["x-request-id"])["outcome"] == "interrupted"


@pytest.mark.parametrize("fault", ["error_first", "html", "reset", "status+code.503"])
def test_a_fault_before_the_stream_is_an_error_status(served: GatewayProcess, fault: str) -> None:
    answer = complete(served, f"oa/{fault}")
    assert answer.status_code in (502, 503)
    assert b"LEAKED" not in answer.content
