"""Streams are written for chat clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Event,
    Failed,
    MessageStart,
    MessageStop,
    Opaque,
    UsageSeen,
    collect,
    replay,
)
from router.canonical.messages import (
    Citation,
    Media,
    Native,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from router.canonical.request import ChatRequest, Tool
from router.canonical.response import ChatResponse
from router.canonical.signature import Signature, attach_to_id, seal
from router.canonical.usage import Usage
from router.errors import StreamInterrupted
from router.formats.openai_chat import OpenAIChat
from router.formats.openai_chat.tools import LEGACY
from router.formats.sse import frames

FORMAT = OpenAIChat(clock=lambda: 1234.9, new_id=lambda: "made-up")
ASKED = ChatRequest("asked", (), include_usage=True, stream=True)
SILENT = replace(ASKED, include_usage=False)
START = MessageStart("c1", "m", 7)


def chunks(events: list[Event], request: ChatRequest = ASKED) -> list[Any]:
    """Return what a client reads: the chunks, and ``[DONE]`` if it comes."""
    stream = b"".join(FORMAT.encode_events(iter(events), request))
    return [
        "DONE" if frame.data == b"[DONE]" else orjson.loads(frame.data)
        for frame in frames([stream])
    ]


def deltas(*blocks: Any, request: ChatRequest = ASKED) -> list[dict[str, Any]]:
    """Return what the chunks of an answer add, from after the role to before the end."""
    answer = ChatResponse("c1", "m", blocks, "stop", created=7)
    read = chunks(list(replay(answer)), request)
    assert read[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert read[-1] == "DONE"
    return [chunk["choices"][0]["delta"] for chunk in read[1:-2]]


def test_a_text_is_written_as_clients_expect_it() -> None:
    usage = Usage(5, output_tokens=2)
    read = chunks(
        [
            START,
            BlockStart(0, Text("")),
            BlockDelta(0, "H"),
            BlockDelta(0, "\u2028i"),
            BlockStop(0),
            UsageSeen(usage),
            MessageStop("stop", usage),
        ]
    )
    assert read[-1] == "DONE"
    assert {(c["id"], c["object"], c["created"], c["model"]) for c in read[:-1]} == {
        ("c1", "chat.completion.chunk", 7, "m")
    }
    choices = [chunk["choices"][0] for chunk in read[:-2]]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": ""},
        {"content": "H"},
        {"content": "\u2028i"},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, "stop"]
    assert read[-2]["choices"] == []
    assert read[-2]["usage"]["total_tokens"] == 7


@pytest.mark.parametrize(("request_", "usage"), [(SILENT, Usage(1)), (ASKED, None)])
def test_usage_is_told_only_if_asked_for_and_known(
    request_: ChatRequest, usage: Usage | None
) -> None:
    read = chunks([START, MessageStop("stop", usage)], request_)
    assert all(chunk == "DONE" or "usage" not in chunk for chunk in read)
    assert len(read) == 3


def test_id_time_and_model_are_made_up_once() -> None:
    read = chunks([MessageStart("", ""), MessageStop("stop")])
    assert {(c["id"], c["created"], c["model"]) for c in read[:-1]} == {
        ("chatcmpl-made-up", 1234, "asked")
    }


def test_calls_tell_id_and_name_first_and_never_empty_arguments() -> None:
    signature = Signature("c2ln", "gemini")
    told = deltas(ToolCall("a", "f", "", signature), ToolCall("b", "g", '{"x":1}'))
    assert [delta["tool_calls"][0] for delta in told] == [
        {
            "index": 0,
            "id": attach_to_id("a", signature),
            "type": "function",
            "function": {"name": "f", "arguments": ""},
        },
        {"index": 0, "function": {"arguments": "{}"}},
        {
            "index": 1,
            "id": "b",
            "type": "function",
            "function": {"name": "g", "arguments": ""},
        },
        {"index": 1, "function": {"arguments": '{"x":1}'}},
    ]


def test_calls_are_numbered_among_themselves() -> None:
    told = deltas(Text("Hi"), Native("x", {}), ToolCall("a", "f"))
    assert told[1]["tool_calls"][0]["index"] == 0


def test_reasoning_is_told_as_text_then_whole_with_its_signature() -> None:
    own = Signature("sig", "anthropic_messages")
    foreign = Signature("x", "gemini")
    assert deltas(Thinking("one", own), Thinking("two"), RedactedThinking(foreign)) == [
        {"reasoning_content": "one"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "one", "signature": "sig"}]},
        {"reasoning_content": "\n\ntwo"},
        {
            "thinking_blocks": [
                {"type": "redacted_thinking", "data": seal(foreign, "anthropic_messages")}
            ]
        },
    ]


def test_refusals_sources_and_pictures_have_their_fields() -> None:
    told = deltas(
        Text("ab"),
        Text("See", citations=(Citation("https://e.org", "E"), Citation(title="no address"))),
        Media("image", "image/png", "AAAA"),
        Refusal("No."),
    )
    cited = {"url": "https://e.org", "title": "E", "start_index": 2, "end_index": 5}
    url = {"url": "data:image/png;base64,AAAA"}
    assert told == [
        {"content": "ab"},
        {"content": "See"},
        {"annotations": [{"type": "url_citation", "url_citation": cited}]},
        {"images": [{"type": "image_url", "image_url": url, "index": 0}]},
        {"refusal": "No."},
    ]


def test_deprecated_callers_get_the_first_call_in_the_old_form() -> None:
    request = replace(ASKED, tools=(Tool("f", origin=LEGACY),))
    answer = ChatResponse(
        "c1", "m", (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "f")), "tool_calls"
    )
    read = chunks(list(replay(answer)), request)
    assert [chunk["choices"][0]["delta"] for chunk in read[1:-2]] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"x":1}'}},
    ]
    assert read[-2]["choices"][0]["finish_reason"] == "function_call"


def test_free_text_is_told_when_it_is_complete() -> None:
    request = replace(ASKED, tools=(Tool("sh", kind="custom"),))
    events = [
        START,
        BlockStart(0, ToolCall("a", "sh", "")),
        BlockDelta(0, '{"inp'),
        BlockDelta(0, 'ut":"ls"}'),
        BlockStop(0),
        MessageStop("tool_calls"),
    ]
    read = chunks(events, request)
    told = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    assert [chunk["choices"][0]["delta"] for chunk in read[1:-2]] == [{"tool_calls": [told]}]


def test_a_failure_is_told_and_nothing_follows() -> None:
    events: list[Event] = [
        START,
        BlockStart(0, Text("")),
        BlockDelta(0, "H"),
        Failed(StreamInterrupted("it broke off")),
        MessageStop("stop"),
    ]
    read = chunks(events)
    assert read[-1] == {
        "error": {
            "message": "it broke off",
            "type": "api_error",
            "param": None,
            "code": "stream_interrupted",
        }
    }
    assert len(read) == 3


def test_a_failure_may_come_first() -> None:
    (read,) = chunks([Failed(StreamInterrupted("it broke off"))])
    assert read["error"]["message"] == "it broke off"


def test_each_event_gives_one_item() -> None:
    answer = ChatResponse("c1", "m", (Thinking("a"), Text("b"), ToolCall("c", "d")), "tool_calls")
    events = [*replay(answer), Opaque()]
    assert len(list(FORMAT.encode_events(iter(events), ASKED))) == len(events)


def test_half_characters_are_replaced() -> None:
    read = chunks([START, BlockStart(0, Text("")), BlockDelta(0, "a\ud83d"), MessageStop("stop")])
    assert read[1]["choices"][0]["delta"] == {"content": "a?"}


def test_closing_the_bytes_closes_the_events() -> None:
    closed: list[bool] = []

    def source() -> Iterator[Event]:
        try:
            yield START
            yield MessageStop("stop")
        finally:
            closed.append(True)

    encoded = FORMAT.encode_events(source(), ASKED)
    next(encoded)
    encoded.close()  # type: ignore[attr-defined]
    assert closed == [True]


words = st.text(min_size=1, max_size=20)
blocks = st.one_of(
    st.builds(Text, words),
    st.builds(Refusal, words),
    st.builds(ToolCall, st.uuids().map(str), words, st.just('{"x": 1}')),
    st.just(Media("image", "image/png", "AAAA")),
)
usages = st.none() | st.builds(
    Usage,
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(10, 10**9),
    st.integers(0, 9),
)


@given(st.lists(blocks, max_size=5), usages, st.booleans())
def test_what_is_written_is_read_back(told: list[Any], usage: Usage | None, thinks: bool) -> None:
    if thinks:
        told.insert(0, Thinking("hm"))
    # Neighbours of one kind are one block on the wire, which has no borders.
    told = [
        block
        for i, block in enumerate(told)
        if i == 0 or type(block) is not type(told[i - 1]) or isinstance(block, (ToolCall, Media))
    ]
    reason = "tool_calls" if any(isinstance(b, ToolCall) for b in told) else "stop"
    answer = ChatResponse(
        "c1", "m", tuple(told), reason, reason, usage=usage, created=7, service_tier="flex"
    )
    stream = b"".join(FORMAT.encode_events(replay(answer), ASKED))
    assert collect(FORMAT.decode_events(frames([stream]))) == answer
