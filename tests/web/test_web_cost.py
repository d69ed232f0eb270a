"""What an answer cost, told to those who ask, and nothing else changed."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import responses

from tests.web.gateway_app import ANSWER, CONFIG, FIRST, HELLO, THIRD, audit, client

PRICED = CONFIG.replace(
    "  small: {}\n", '  small: {price: {input: "3", output: "15", cached: "0.3"}}\n'
).replace("  claude: {}\n", '  claude: {price: {input: "3", output: "15"}}\n')
COST = 3 * 3e-6 + 1 * 15e-6
ASKED = {"usage": {"include": True}}
DETAILS = {
    "upstream_inference_cost": COST,
    "upstream_inference_prompt_cost": 9e-6,
    "upstream_inference_completions_cost": 15e-6,
}
USAGE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}

CHUNKS = [
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":"say \\"usage\\""}}]}\n\n',
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","usage":null,'
    b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}\n\n',
    b"data: [DONE]\n\n",
]
CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 1},
}


def frames(data: bytes) -> list[Any]:
    return [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]


def ask(root: Path, body: dict[str, Any], config: str = PRICED, **headers: str) -> Any:
    return client(root, config).post("/v1/chat/completions", json=body, headers=headers)


@responses.activate
def test_a_whole_answer_tells_its_cost_and_is_otherwise_the_providers(tmp_path: Path) -> None:
    responses.post(FIRST, json={**ANSWER, "x_vendor": {"kept": [1.5, None]}})
    answer = ask(tmp_path, {**HELLO, **ASKED})
    told = answer.get_json()
    assert told.pop("usage") == {**USAGE, "cost": pytest.approx(COST), "cost_details": DETAILS}
    assert told == {key: ANSWER[key] for key in ANSWER if key != "usage"} | {
        "x_vendor": {"kept": [1.5, None]}
    }
    assert "usage" not in json.loads(responses.calls[0].request.body)


@responses.activate
def test_nobody_who_did_not_ask_gets_a_changed_byte(tmp_path: Path) -> None:
    responses.post(FIRST, json=ANSWER)
    answer = ask(tmp_path, HELLO)
    assert answer.data == json.dumps(ANSWER).encode()
    assert answer.headers["x-router-cost"] == "0.000024"


@responses.activate
def test_a_stream_tells_its_cost_in_the_usage_chunk_and_nowhere_else(tmp_path: Path) -> None:
    responses.post(FIRST, body=b"".join(CHUNKS), content_type="text/event-stream")
    data = ask(tmp_path, {**HELLO, **ASKED, "stream": True}).data
    assert data.startswith(CHUNKS[0] + CHUNKS[1])
    assert data.endswith(CHUNKS[3])
    usage = frames(data)[2]["usage"]
    assert usage == {**USAGE, "cost": pytest.approx(COST), "cost_details": DETAILS}
    sent = json.loads(responses.calls[0].request.body)
    assert sent["stream_options"] == {"include_usage": True}
    assert "usage" not in sent


@responses.activate
@pytest.mark.parametrize("stream", [False, True])
def test_a_converted_answer_tells_its_cost_too(tmp_path: Path, stream: bool) -> None:
    responses.post(THIRD, json=CLAUDE)
    body = {**HELLO, "model": "claude", "stream": stream, **ASKED}
    answer = ask(tmp_path, body)
    told = frames(answer.data)[-1] if stream else answer.get_json()
    assert told["usage"]["cost"] == pytest.approx(COST)


@responses.activate
def test_the_other_formats_tell_it_in_their_usage(tmp_path: Path) -> None:
    responses.post(THIRD, json=CLAUDE)
    app = client(tmp_path, PRICED)
    ours = {"model": "claude", "max_tokens": 9, "messages": HELLO["messages"], **ASKED}
    usage = app.post("/v1/messages", json=ours).get_json()["usage"]
    assert usage == {**CLAUDE["usage"], "cost": pytest.approx(COST), "cost_details": DETAILS}
    theirs = {"model": "claude", "input": "Hi", **ASKED, "stream": True}
    streamed = app.post("/v1/responses", json=theirs).data
    assert frames(streamed)[-1]["response"]["usage"]["cost"] == pytest.approx(COST)


@responses.activate
@pytest.mark.parametrize(
    "headers", [{"User-Agent": "Open-WebUI/0.12"}, {"X-OpenWebUI-User-Id": "7"}]
)
def test_open_webui_is_told_wherever_it_asked_for_usage(
    tmp_path: Path, headers: dict[str, str]
) -> None:
    responses.post(FIRST, body=b"".join(CHUNKS), content_type="text/event-stream")
    streaming = {**HELLO, "stream": True}
    with_usage = {**streaming, "stream_options": {"include_usage": True}}
    assert frames(ask(tmp_path, with_usage, **headers).data)[2]["usage"]["cost"]
    assert len(frames(ask(tmp_path, streaming, **headers).data)) == 2


@responses.activate
def test_an_unknown_price_is_null_never_0_and_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    responses.post(FIRST, json=ANSWER)
    app = client(tmp_path)
    warnings = logging.getLogger("router.observe.unpriced")
    warnings.addHandler(caplog.handler)
    try:
        for _ in range(3):
            answer = app.post("/v1/chat/completions", json={**HELLO, **ASKED})
    finally:
        warnings.removeHandler(caplog.handler)
    assert answer.get_json()["usage"]["cost"] is None
    assert "x-router-cost" not in answer.headers
    assert [r.levelname for r in caplog.records if r.name == warnings.name] == ["WARNING"]
    terminal = [record for record in audit(tmp_path) if record["event"] == "proxy_terminal"]
    assert [record["cost_usd"] for record in terminal] == [None] * 3


@responses.activate
def test_open_webui_which_adds_numbers_up_reads_no_null(tmp_path: Path) -> None:
    responses.post(FIRST, json=ANSWER)
    answer = ask(tmp_path, HELLO, CONFIG, **{"X-OpenWebUI-User-Id": "7"})
    assert answer.get_json()["usage"] == USAGE


@responses.activate
def test_free_is_not_unknown(tmp_path: Path) -> None:
    responses.post(FIRST, json=ANSWER)
    free = CONFIG.replace("  small: {}\n", "  small: {price: {input: 0, output: 0}}\n")
    answer = ask(tmp_path, {**HELLO, **ASKED}, free)
    assert answer.get_json()["usage"]["cost"] == 0
    assert answer.headers["x-router-cost"] == "0"


@responses.activate
def test_a_body_like_that_is_refused(tmp_path: Path) -> None:
    answer = ask(tmp_path, {**HELLO, "usage": {"include": "yes"}})
    assert answer.status_code == 400
    assert answer.get_json()["error"]["param"] == "usage.include"
