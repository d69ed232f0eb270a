"""Encoding streams for Gemini clients."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from router.canonical.events import (
    BlockDelta,
    BlockStart,
    Event,
    Failed,
    MessageStart,
    MessageStop,
    Opaque,
    UsageSeen,
    collect,
    replay,
)
from router.canonical.messages import Citation, Refusal, Text, Thinking, ToolCall
from router.canonical.request import ChatRequest
from router.canonical.response import ChatResponse
from router.canonical.signature import Signature
from router.canonical.usage import Usage
from router.errors import StreamInterrupted, UpstreamUnavailable
from router.formats.gemini import FORMAT
from router.formats.gemini.stream_encode import json_array
from router.formats.sse import frames

GOLDEN = Path(__file__).parent.parent / "golden" / "gemini"
REQUEST = ChatRequest("m", ())
ANSWER = ChatResponse(
    "r1",
    "m",
    (
        Thinking("why", Signature("sig", "anthropic_messages")),
        ToolCall("c1", "f", '{"a":1}', Signature("Y2FsbA==", "gemini")),
        ToolCall("c2", "g", "{}"),
        Text("so ", citations=(Citation("https://x.org", "X", start=0, end=2),)),
    ),
    "tool_calls",
    "STOP",
    usage=Usage(input_tokens=4, output_tokens=9, reasoning_tokens=5),
)


def chunks(raw: Iterable[bytes]) -> list[dict[str, Any]]:
    return [orjson.loads(frame.data) for frame in frames([b"".join(raw)])]


def test_decoding_what_was_encoded_gives_the_same_answer() -> None:
    encoded = b"".join(FORMAT.encode_events(replay(ANSWER), REQUEST))
    again = collect(FORMAT.decode_events(frames([encoded])))
    native = {"web": {"uri": "https://x.org", "title": "X"}}
    cited = Citation("https://x.org", "X", "so", 0, 2, native, "gemini")
    blocks = tuple(
        Text("so ", citations=(cited,)) if isinstance(block, Text) else block
        for block in ANSWER.blocks
    )
    assert again.blocks == blocks
    assert (again.id, again.model, again.usage) == (ANSWER.id, ANSWER.model, ANSWER.usage)
    assert (again.stop_reason, again.stop_detail) == ("tool_calls", "STOP")


@pytest.mark.parametrize("name", ["calls", "grounded", "code"])
def test_golden_streams_survive_decoding_and_encoding(name: str) -> None:
    raw = (GOLDEN / f"{name}.sse").read_bytes()
    answer = collect(FORMAT.decode_events(frames([raw])))
    encoded = b"".join(FORMAT.encode_events(FORMAT.decode_events(frames([raw])), REQUEST))
    assert collect(FORMAT.decode_events(frames([encoded]))) == answer


def test_one_item_per_event_and_every_frame_ends_with_crlf() -> None:
    events: list[Event] = [*replay(ANSWER), Opaque()]
    items = list(FORMAT.encode_events(events, REQUEST))
    assert len(items) == len(events)
    assert all(item.endswith(b"\r\n\r\n") for item in items if item)
    assert items[-1] == b""


def test_a_call_is_told_whole_when_its_block_ends() -> None:
    events: list[Event] = [
        MessageStart("r", "m"),
        BlockStart(0, ToolCall("c", "f", "")),
        BlockDelta(0, '{"a"'),
        BlockDelta(0, ":[1]}"),
    ]
    assert list(FORMAT.encode_events(events, REQUEST)) == [b"", b"", b"", b""]
    told = chunks(FORMAT.encode_events(replay(ANSWER), REQUEST))
    calls = [
        part["functionCall"]
        for chunk in told
        for part in chunk["candidates"][0]["content"]["parts"]
        if "functionCall" in part
    ]
    assert calls == [
        {"id": "c1", "name": "f", "args": {"a": 1}},
        {"id": "c2", "name": "g", "args": {}},
    ]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    answer = ChatResponse("r", "m", (ToolCall("c", "f", ""),), "tool_calls")
    (call, _) = chunks(FORMAT.encode_events(replay(answer), REQUEST))
    assert call["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == {}


def test_only_the_last_chunk_tells_finish_reason_and_usage() -> None:
    told = chunks(FORMAT.encode_events(replay(ANSWER), REQUEST))
    assert ["finishReason" in chunk["candidates"][0] for chunk in told[:-1]] == [False] * (
        len(told) - 1
    )
    assert told[-1]["candidates"][0]["finishReason"] == "STOP"
    assert told[-1]["usageMetadata"]["thoughtsTokenCount"] == 5
    assert {(chunk["responseId"], chunk["modelVersion"]) for chunk in told} == {("r1", "m")}


def test_usage_seen_on_the_way_is_told_where_the_end_has_none() -> None:
    events = [MessageStart("r", "m"), UsageSeen(Usage(1, output_tokens=2)), MessageStop("stop")]
    (last,) = chunks(FORMAT.encode_events(events, REQUEST))
    assert last["usageMetadata"]["totalTokenCount"] == 3


def test_refusals_are_text() -> None:
    answer = ChatResponse("r", "m", (Refusal("No."),), "content_filter")
    first, last = chunks(FORMAT.encode_events(replay(answer), REQUEST))
    assert first["candidates"][0]["content"]["parts"] == [{"text": "No."}]
    assert last["candidates"][0]["finishReason"] == "SAFETY"


def test_a_failure_is_told_in_band_and_nothing_follows() -> None:
    events: list[Event] = [
        MessageStart("r", "m"),
        BlockStart(0, Text("")),
        BlockDelta(0, "half"),
        Failed(UpstreamUnavailable("the provider answered 503")),
        MessageStop("stop"),
    ]
    told = chunks(FORMAT.encode_events(events, REQUEST))
    assert told[-1] == {
        "error": {"code": 502, "message": "the provider answered 503", "status": "UNAVAILABLE"}
    }
    assert len(told) == 2


def test_the_array_holds_the_same_chunks_and_keeps_the_pace() -> None:
    items = list(FORMAT.encode_events(replay(ANSWER), REQUEST))
    array = list(json_array(items))
    assert len(array) == len(items) + 1
    assert orjson.loads(b"".join(array)) == chunks(items)


def test_an_interrupted_array_ends_with_the_error() -> None:
    events: list[Event] = [Failed(StreamInterrupted("the answer broke off"))]
    array = b"".join(json_array(FORMAT.encode_events(events, REQUEST)))
    assert orjson.loads(array)[-1]["error"]["message"] == "the answer broke off"


def test_comments_become_white_space_and_nothing_an_empty_array() -> None:
    assert list(json_array([b": keep-alive\n\n"])) == [b"\r\n", b"[]"]
