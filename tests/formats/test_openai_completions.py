"""Legacy completions in front of chat models."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from router.canonical.events import Event, Failed, Frame, MessageStart, MessageStop, Opaque, replay
from router.canonical.messages import Message, Text, Thinking, ToolCall
from router.canonical.request import ChatRequest, ModelTraits, Sampling
from router.canonical.response import ChatResponse
from router.canonical.usage import Usage
from router.errors import InvalidRequest, StreamInterrupted, UnsupportedFeature
from router.formats.openai_completions import OpenAICompletions
from router.formats.sse import frames

FORMAT = OpenAICompletions(clock=lambda: 1234.9, new_id=lambda: "made-up")
ASKED = ChatRequest("asked", (), include_usage=True, stream=True)
ANSWER = ChatResponse(
    "c1", "m", (Thinking("hm"), Text("Hel"), Text("lo")), "stop_sequence", usage=Usage(1), created=7
)


def decode(**fields: Any) -> ChatRequest:
    return FORMAT.decode_request({"model": "m", "prompt": "Once", **fields})


def read(events: Any, request: ChatRequest = ASKED) -> list[Any]:
    stream = b"".join(FORMAT.encode_events(events, request))
    return [
        "DONE" if frame.data == b"[DONE]" else orjson.loads(frame.data)
        for frame in frames([stream])
    ]


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_a_prompt_is_one_user_message(prompt: Any) -> None:
    request = decode(prompt=prompt, max_tokens=5, temperature=0, stop="x", logprobs=1, user="u")
    assert request == ChatRequest(
        "m",
        (Message("user", (Text("Once"),)),),
        sampling=Sampling(temperature=0, stop=("x",)),
        max_output_tokens=5,
        include_usage=False,
        user="u",
        extras={"logprobs": 1},
    )


def test_fields_that_ask_for_nothing_are_no_hindrance() -> None:
    assert decode(echo=False, best_of=1, suffix=None, n=1).extras == {}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"suffix": "end"}, "suffix"),
        ({"echo": True}, "echo"),
        ({"best_of": 2}, "best_of"),
    ],
)
def test_what_chat_cannot_do_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        decode(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"echo": "yes"}, "echo"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(**fields)
    assert caught.value.param == param


def test_an_answer_is_a_text_completion() -> None:
    body = FORMAT.encode_response(ANSWER, ASKED)
    usage = body.pop("usage")
    assert usage["total_tokens"] == 1
    assert body == {
        "id": "c1",
        "object": "text_completion",
        "created": 7,
        "model": "m",
        "choices": [{"text": "Hello", "index": 0, "logprobs": None, "finish_reason": "stop"}],
    }


def test_a_stream_tells_text_reason_usage_and_end() -> None:
    *told, usage, done = read(replay(ANSWER))
    assert [chunk["choices"][0]["text"] for chunk in told] == ["Hel", "lo", ""]
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None, None, "stop"]
    assert {(c["id"], c["object"], c["created"], c["model"]) for c in [*told, usage]} == {
        ("c1", "text_completion", 7, "m")
    }
    assert (usage["choices"], usage["usage"]["total_tokens"], done) == ([], 1, "DONE")


def test_usage_is_told_only_if_asked_for() -> None:
    read_ = read(replay(ANSWER), ChatRequest("m", (), include_usage=False))
    assert len(read_) == 4


def test_id_time_and_model_are_made_up_where_missing() -> None:
    first, _ = read([MessageStart("", ""), MessageStop("length")])
    assert (first["id"], first["created"], first["model"]) == ("cmpl-made-up", 1234, "asked")
    assert first["choices"][0]["finish_reason"] == "length"


def test_a_failure_is_told_and_nothing_follows() -> None:
    events: list[Event] = [MessageStart("c1", "m"), Failed(StreamInterrupted("cut"))]
    (told,) = read([*events, MessageStop("stop")])
    assert told["error"]["message"] == "cut"


def test_each_event_gives_one_item() -> None:
    answer = ChatResponse("c1", "m", (Text("a"), ToolCall("b", "c", "{}")), "stop")
    events = [*replay(answer), Opaque()]
    assert len(list(FORMAT.encode_events(iter(events), ASKED))) == len(events)


def test_a_body_is_relayed_with_another_model() -> None:
    body = {"model": "m", "prompt": [[1]], "suffix": "x", "stream": True}
    relayed = FORMAT.passthrough_body(body, ModelTraits("up"))
    assert relayed == {**body, "model": "up", "stream_options": {"include_usage": True}}
    usage = b'{"choices":[],"usage":{"prompt_tokens":1}}'
    assert FORMAT.withholds(Frame("", usage, b""), body)


def test_the_view_is_of_the_prompt() -> None:
    seen = FORMAT.view({"prompt": ["ab", 1, "c"], "max_tokens": 4, "stream": True})
    assert (seen.format, seen.last_turn, seen.input_chars) == ("openai_completions", "ab\nc", 4)
    assert (seen.max_output_tokens, seen.stream) == (4, True)
    assert FORMAT.view({"prompt": {"a": []}}).user_turns == ()
