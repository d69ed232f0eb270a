"""The upstream side: answers and streams of the Messages format are read."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Event,
    Failed,
    Frame,
    MessageStart,
    MessageStop,
    Opaque,
    UsageSeen,
    collect,
    is_content,
)
from router.canonical.messages import Native, RedactedThinking, Text, Thinking, ToolCall
from router.canonical.response import ChatResponse
from router.canonical.signature import Signature
from router.canonical.usage import Usage
from router.errors import (
    ContextTooLong,
    ProtocolViolation,
    StreamInterrupted,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from router.formats.anthropic_messages import FORMAT
from router.formats.sse import encode, frames

GOLDEN = Path(__file__).parent.parent / "golden" / "anthropic_messages"
NAMES = ("text", "tools", "thinking", "search", "refusal")
STREAMS = {name: (GOLDEN / f"{name}.sse").read_bytes() for name in NAMES}


def body_of(name: str) -> dict[str, object]:
    return json.loads((GOLDEN / f"{name}.json").read_bytes())


def events_of(*chunks: bytes) -> list[Event]:
    return list(FORMAT.decode_events(frames(chunks)))


def told(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Opaque)]


def stream_of(*events: dict[str, object]) -> bytes:
    return b"".join(encode(json.dumps(event).encode(), str(event["type"])) for event in events)


def normal(response: ChatResponse) -> ChatResponse:
    """The two halves may space the JSON of arguments differently."""
    blocks = tuple(
        replace(block, arguments=json.dumps(json.loads(block.arguments)))
        if isinstance(block, ToolCall)
        else block
        for block in response.blocks
    )
    return replace(response, blocks=blocks)


START = {"type": "message_start", "message": {"id": "m", "model": "x", "usage": {}}}
STOP = {"type": "message_stop"}


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_adds_up_to_the_whole_answer(name: str) -> None:
    streamed = collect(events_of(STREAMS[name]))
    assert normal(streamed) == normal(FORMAT.decode_response(body_of(name)))


@given(
    name=st.sampled_from(NAMES), cuts=st.lists(st.integers(0, 4000), max_size=6), crlf=st.booleans()
)
def test_any_split_of_the_bytes_gives_the_same_events(
    name: str, cuts: list[int], crlf: bool
) -> None:
    data = STREAMS[name]
    whole = told(events_of(data))
    if crlf:
        data = data.replace(b"\n", b"\r\n")
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(places)]
    assert told(events_of(*pieces)) == whole


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_cut_after_any_frame_has_failed(name: str) -> None:
    whole = list(frames([STREAMS[name]]))
    for count in range(len(whole)):
        events = list(FORMAT.decode_events(whole[:count]))
        assert isinstance(events[-1], Failed)
        assert isinstance(events[-1].error, StreamInterrupted)
        assert not any(isinstance(event, MessageStop) for event in events)


@pytest.mark.parametrize("name", NAMES)
def test_each_frame_gives_an_event_before_the_next_is_pulled(name: str) -> None:
    pulled = 0

    def source() -> Iterator[Frame]:
        nonlocal pulled
        for frame in frames([STREAMS[name]]):
            pulled += 1
            yield frame

    seen: set[int] = set()
    for _ in FORMAT.decode_events(source()):
        seen.add(pulled)
    assert seen == set(range(1, pulled + 1))


@pytest.mark.parametrize("name", NAMES)
def test_blocks_are_opened_before_deltas_and_closed_before_the_end(name: str) -> None:
    open_: set[int] = set()
    ended = 0
    for event in told(events_of(STREAMS[name])):
        assert not ended
        match event:
            case BlockStart(index, _):
                assert index not in open_
                open_.add(index)
            case BlockDelta(index=index):
                assert index in open_
            case BlockStop(index):
                open_.remove(index)
            case MessageStop():
                assert not open_
                ended += 1
    assert ended == 1


def test_closing_the_decoder_closes_its_source() -> None:
    closed = []

    def source() -> Iterator[Frame]:
        try:
            yield from frames([STREAMS["text"]])
        finally:
            closed.append(True)

    events = FORMAT.decode_events(source())
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert closed == [True]


def test_usage_is_cumulative_and_counts_each_token_once() -> None:
    start = told(events_of(STREAMS["tools"]))[0]
    answer = collect(events_of(STREAMS["tools"]))
    assert isinstance(start, MessageStart)
    assert start.usage == Usage(30, 1000, 400, 2)
    assert answer.usage == Usage(30, 1000, 400, 61)
    assert answer.usage.prompt_tokens == 1430
    assert collect(events_of(STREAMS["thinking"])).usage == Usage(40, 0, 0, 25, 20)
    assert any(isinstance(event, UsageSeen) for event in events_of(STREAMS["tools"]))


def test_a_tool_without_arguments_gets_an_empty_object() -> None:
    calls = [b for b in collect(events_of(STREAMS["tools"])).blocks if isinstance(b, ToolCall)]
    assert [call.arguments for call in calls] == ['{"city":"Lyon","days":3}', "{}"]
    assert [call.id for call in calls] == ["toolu_g1", "toolu_g2"]


def test_thoughts_keep_their_signatures() -> None:
    assert collect(events_of(STREAMS["thinking"])).blocks == (
        RedactedThinking(Signature("UmVkYWN0ZWQ=", "anthropic_messages")),
        Thinking("Six times seven.", Signature("U2lnbmVk", "anthropic_messages")),
        Text("42"),
    )


def test_server_tools_are_no_calls_of_the_client() -> None:
    answer = collect(events_of(STREAMS["search"]))
    call, result, text = answer.blocks
    assert isinstance(call, Native)
    assert call.data["input"] == {"query": "rain today"}
    assert isinstance(result, Native)
    assert isinstance(text, Text)
    assert [(c.url, c.title, c.quote) for c in text.citations] == [
        ("https://news.example/a", "A", "It rained."),
        (None, "Log", "dry"),
    ]
    assert (answer.stop_reason, answer.stop_detail) == ("pause", "pause_turn")


@pytest.mark.parametrize(
    ("wire", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop_sequence"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause"),
        ("compaction", "stop"),
        ("word_of_the_future", "stop"),
        (None, "stop"),
    ],
)
def test_stop_reasons_have_one_meaning_and_keep_their_word(wire: str | None, ours: str) -> None:
    body = {"id": "m", "content": [{"type": "text", "text": "a"}], "stop_reason": wire}
    answer = FORMAT.decode_response(body)
    assert (answer.stop_reason, answer.stop_detail) == (ours, wire)


def test_the_tool_that_stands_in_for_json_becomes_text() -> None:
    block = {"type": "tool_use", "id": "t", "name": "final_json_answer", "input": {"a": 1}}
    whole = FORMAT.decode_response({"id": "m", "content": [block], "stop_reason": "tool_use"})
    streamed = collect(
        events_of(
            stream_of(
                START,
                {
                    "type": "content_block_start",
                    "index": 0,
                    "content_block": {**block, "input": {}},
                },
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'},
                },
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}},
                STOP,
            )
        )
    )
    assert whole.blocks == streamed.blocks == (Text('{"a":1}'),)
    assert whole.stop_reason == streamed.stop_reason == "stop"


def test_starts_that_other_servers_fill_are_not_lost() -> None:
    call = {"type": "tool_use", "name": "f", "input": {"a": 1}}
    answer = collect(
        events_of(
            stream_of(
                START,
                {
                    "type": "content_block_start",
                    "index": 0,
                    "content_block": {"type": "text", "text": "Hi"},
                },
                {"type": "content_block_stop", "index": 0},
                {"type": "content_block_start", "index": 1, "content_block": call},
                {"type": "content_block_stop", "index": 1},
                {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}},
                STOP,
            )
        )
    )
    assert answer.blocks == (Text("Hi"), ToolCall("toolu_m_1", "f", '{"a":1}'))


def test_an_error_as_first_event_is_told_before_any_content() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    events = events_of(stream_of(error))
    assert len(events) == 1
    assert isinstance(events[0], Failed)
    assert isinstance(events[0].error, UpstreamUnavailable)
    assert not is_content(events[0])


def test_nothing_but_opaque_follows_a_failure() -> None:
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down"}}
    events = events_of(stream_of(START, error) + STREAMS["text"])
    assert isinstance(events[1], Failed)
    assert isinstance(events[1].error, UpstreamRateLimited)
    assert all(isinstance(event, Opaque) for event in events[2:])
    assert len(events) > 3


def test_pings_comments_and_the_unknown_are_opaque() -> None:
    data = b": hello\n\n" + stream_of(
        START,
        {"type": "ping"},
        {"type": "news", "index": 3},
        {"type": "content_block_delta", "index": 7, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_delta", "index": [], "delta": {}},
        STOP,
    )
    kinds = [type(event) for event in events_of(data)]
    assert kinds == [Opaque, MessageStart, Opaque, Opaque, Opaque, Opaque, MessageStop]


def test_an_answer_begins_even_where_the_provider_forgot_to_say_so() -> None:
    ending = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"x": 1}}
    kinds = [type(event) for event in events_of(stream_of(ending, STOP))]
    assert kinds == [MessageStart, UsageSeen, MessageStop]


def test_an_event_that_is_no_json_fails_the_stream() -> None:
    events = events_of(stream_of(START) + b"event: ping\ndata: {nope\n\n")
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, ProtocolViolation)


@given(st.binary(max_size=300))
def test_no_bytes_make_the_decoder_raise(noise: bytes) -> None:
    events = events_of(noise)
    assert isinstance(events[-1], Failed)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "delta", "index", "text", "usage"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from(
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
        ]
    ),
)
def test_no_json_of_a_known_event_makes_the_decoder_raise(value: object, kind: str) -> None:
    fields = ("message", "content_block", "delta", "index", "usage")
    event: dict[str, object] = dict.fromkeys(fields, value)
    first = {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}}
    events = events_of(
        stream_of(START, first, {"type": kind, **event, "index": 0}, event | {"type": kind})
    )
    assert isinstance(events[-1], Failed)


def test_an_error_under_status_200_is_raised() -> None:
    body = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "prompt is too long"},
    }
    with pytest.raises(ContextTooLong):
        FORMAT.decode_response(body)
    with pytest.raises(ProtocolViolation):
        FORMAT.decode_response({"choices": []})


@pytest.mark.parametrize(
    ("body", "message", "kind"),
    [
        (
            b'{"type":"error","error":{"type":"overloaded_error","message":"Busy"},"request_id":"r"}',
            "Busy",
            "overloaded_error",
        ),
        (b'{"error":"plain"}', "plain", None),
        (b'{"detail":"Not Found"}', "Not Found", None),
        (b'[{"error":{"message":"listed","type":"x"}}]', "listed", "x"),
        (b"<html><body>502</body></html>", "", None),
        (b"upstream connect error", "upstream connect error", None),
        (b"", "", None),
        (b"\xff\xfe", "\ufffd\ufffd", None),
        (b"null", "", None),
        (b'{"error":{"message":{"a":1},"code":529}}', "", None),
    ],
)
def test_errors_of_any_shape_are_read(body: bytes, message: str, kind: str | None) -> None:
    detail = FORMAT.decode_error(500, body)
    assert (detail.message, detail.type) == (message, kind)


@given(st.binary(max_size=200))
def test_no_error_body_makes_decoding_raise(body: bytes) -> None:
    assert isinstance(FORMAT.decode_error(500, body).message, str)


@pytest.mark.parametrize("data", [b"7", b"null", b'[{"error": {}}]', b'{"object": "error"}'])
def test_what_is_no_event_of_ours_ends_the_stream_unread(data: bytes) -> None:
    events = events_of(b"data: " + data + b"\n\n")
    assert [type(event) for event in events] == [Failed]
