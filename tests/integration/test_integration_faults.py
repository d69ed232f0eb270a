"""Whatever a provider does, its client gets the right error, in time, and learns no secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from fault_gateway import (
    PREFIXES,
    PROVIDER_KEY,
    FakeUpstream,
    Told,
    ask,
    config,
    gateway,
    upstream,
)
from gateway_process import GatewayProcess

TOTAL_S = 5.0
LEAKS = (
    b"LEAKED",
    PROVIDER_KEY.encode(),
    b"internal.example",
    b"127.0.0.1",
    b"localhost",
    b"<html",
    b"<h1",
    b"Traceback",
    b"/srv/app",
    b"urllib3",
    b"HTTPConnection",
    b"no-such-host",
)

# fault -> status, or None where the answer is good after all: not streaming, streaming.
WHOLE: dict[str, int | None] = {
    "reset": 502,
    "close": 502,
    "reset_mid": 502,
    "cut_mid": 502,
    "no_end": 502,
    "silent": 504,
    "stall": 504,
    "slow_headers": 504,
    "trickle": 504,
    "bad_status": 502,
    "many_headers": 502,
    "big_header": 502,
    "bad_chunk": 502,
    "truncated_chunk": 502,
    "length_short": 502,
    "length_long": 502,
    "bad_gzip": 502,
    "gzip_bomb": 502,
    "huge": 502,
    "html": 502,
    "html+status.503": 503,
    "empty": 502,
    "bad_json": 502,
    "array_json": 502,
    "odd_json": 502,
    "wrong_type": 502,
    "redirect": 502,
    "no_content": 502,
    "stuck_error": 503,
    "error_first": 502,
    "endless": 504,
    "status+code.400": 400,
    "status+code.401": 502,
    "status+code.403": 502,
    "status+code.404": 404,
    "status+code.408": 504,
    "status+code.413": 413,
    "status+code.422": 422,
    "status+code.429+wait.7": 429,
    "status+code.500": 500,
    "status+code.502": 502,
    "status+code.503+wait.9": 503,
    "status+code.504": 504,
    "status+code.529": 503,
    "ok+size.3000000": None,
}
STREAM: dict[str, int | None] = {
    **{
        name: status
        for name, status in WHOLE.items()
        # What these do to streams comes after the first content.
        if name not in ("reset_mid", "cut_mid", "no_end", "stall", "truncated_chunk", "endless")
        and not name.startswith("ok")
    },
    "trickle_chunk_size": 504,
    "stall_first": 504,
    "pings": 504,
    "flood": 502,
    "ok+size.2097152+n.3": None,
    "ok+n.20000": None,
}
CUT = (
    "reset_mid",
    "cut_mid",
    "no_end",
    "stall",
    "truncated_chunk",
    "endless",
    "error_later",
)
# Inside a 200 these say "overloaded"; the others only that something failed.
OVERLOADED = {("an/error_first", True), ("ge/error_first", True), ("ge/error_first", False)}
UNREACHED = ("refused/x", "nowhere/x")
FORMS = ("chat", "messages", "gemini")
END_MARKERS = {
    "chat": b"[DONE]",
    "messages": b"event: message_stop",
    "responses": b"response.completed",
}


@dataclass(frozen=True)
class Case:
    """One client format, one model, one mode."""

    form: str
    model: str
    stream: bool


def cases() -> list[Case]:
    same = [
        Case(form, f"{PREFIXES[form]}/{fault}", stream)
        for form in FORMS
        for stream, faults in ((False, WHOLE), (True, {**STREAM, **dict.fromkeys(CUT)}))
        for fault in faults
        # Gemini's streams have no marker beside the last candidate's reason, and its
        # passthrough differs from the others in nothing else that these would show.
        if form != "gemini" or fault in _GEMINI or fault in CUT
    ]
    bridged = [
        Case(form, f"{prefix}/{fault}", True)
        for form, prefix in (("chat", "an"), ("messages", "oa"), ("responses", "oa"))
        for fault in (*CUT, "error_first", "silent", "html", "ok+n.2000")
    ]
    unreached = [Case("chat", model, stream) for model in UNREACHED for stream in (False, True)]
    return [*same, *bridged, *unreached]


_GEMINI = ("reset", "html", "status+code.429+wait.7", "status+code.401", "error_first", "empty")
Answers = dict[Case, "Future[Told]"]


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    with upstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def running_gateway(
    fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    with gateway(tmp_path_factory.mktemp("faults"), config(fake)) as process:
        yield process


@pytest.fixture(scope="module")
def answers(running_gateway: GatewayProcess) -> Iterator[Answers]:
    """All questions asked, many at a time: each of them may take its whole deadline."""
    heavy = ("gzip_bomb", "huge", "n.20000", "2097152", "flood")
    with ThreadPoolExecutor(24) as pool, ThreadPoolExecutor(1) as slow_pool:
        yield {
            case: (slow_pool if any(word in case.model for word in heavy) else pool).submit(
                ask, running_gateway, case.form, case.model, stream=case.stream
            )
            for case in cases()
        }


def name_of(case: Case) -> str:
    return f"{case.form}-{case.model}-{'stream' if case.stream else 'whole'}"


def expected(case: Case) -> int | None:
    if case.model in UNREACHED:
        return 502
    if (case.model, case.stream) in OVERLOADED:
        return 503
    fault = case.model.split("/", 1)[1]
    return (STREAM if case.stream else WHOLE).get(fault)


def is_cut(case: Case) -> bool:
    return case.stream and case.model.split("/", 1)[1] in CUT


def error_in(form: str, body: bytes) -> dict[str, object]:
    """Return the error that a body tells, checked against the client's format."""
    told = json.loads(body)
    error = told["error"]
    if form == "messages":
        assert told["type"] == "error"
        assert {"type", "message"} <= error.keys()
    elif form == "gemini":
        assert {"code", "message", "status"} <= error.keys()
    else:
        assert {"message", "type", "param", "code"} <= error.keys()
    assert error["message"]
    return dict(error)


FAILING = [case for case in cases() if expected(case) is not None]
GOOD = [case for case in cases() if expected(case) is None and not is_cut(case)]
BROKEN = [case for case in cases() if is_cut(case)]


@pytest.mark.parametrize("case", FAILING, ids=name_of)
def test_a_fault_before_content_is_an_error_in_the_clients_format(
    case: Case, answers: Answers
) -> None:
    told = answers[case].result()
    assert told.status == expected(case), told.body[:300]
    assert told.headers["Content-Type"] == "application/json"
    error_in(case.form, told.body)
    assert told.seconds < TOTAL_S + 1.5
    assert not [leak for leak in LEAKS if leak in told.body]
    assert not [leak for leak in LEAKS if leak in str(told.headers).encode()]


@pytest.mark.parametrize("case", [c for c in FAILING if "wait." in c.model], ids=name_of)
def test_a_providers_retry_after_reaches_the_client(case: Case, answers: Answers) -> None:
    wanted = case.model.rpartition("wait.")[2]
    assert answers[case].result().headers["Retry-After"] == wanted


@pytest.mark.parametrize("case", GOOD, ids=name_of)
def test_large_and_long_answers_pass(case: Case, answers: Answers) -> None:
    told = answers[case].result()
    assert (told.status, told.broke_off) == (200, False)
    if case.stream:
        assert END_MARKERS[case.form] in told.body[-2000:]
        if "n.20000" in case.model:
            assert len(told.frames) > 20_000
    assert b'"error"' not in told.body


@pytest.mark.parametrize("case", BROKEN, ids=name_of)
def test_a_cut_stream_never_looks_complete(case: Case, answers: Answers) -> None:
    told = answers[case].result()
    assert told.status == 200
    last = told.frames[-1]
    assert b"error" in last, told.body[-300:]
    marker = END_MARKERS.get(case.form, b'"finishReason": "STOP"')
    assert marker not in told.body
    assert b'"finishReason":"STOP"' not in told.body
    assert told.seconds < TOTAL_S + 1.5
    assert not [leak for leak in LEAKS if leak in told.body]


def test_a_redirect_is_not_followed(answers: Answers, fake: FakeUpstream) -> None:
    for case, answer in answers.items():
        if "redirect" in case.model:
            answer.result()
    assert fake.state("redirect")["calls"]
    assert fake.state()["trapped"] == []


def test_every_connection_is_given_back(answers: Answers, fake: FakeUpstream) -> None:
    for answer in answers.values():
        answer.result()
    under_way = [
        call["model"]
        for call in fake.calls("")
        if call["ended_s"] is None or call["ended_s"] - call["started_s"] > TOTAL_S + 1.5
    ]
    # A 20,000-event stream takes what it takes.
    assert [model for model in under_way if "n.20000" not in model] == []
