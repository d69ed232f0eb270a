"""The upstream side: answers and streams of chat completions are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
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
    Frame,
    MessageStart,
    MessageStop,
    Opaque,
    UsageSeen,
    collect,
)
from router.canonical.messages import Text, Thinking, ToolCall
from router.canonical.signature import Signature
from router.canonical.usage import Usage
from router.errors import (
    ProtocolViolation,
    StreamInterrupted,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from router.formats.openai_chat import FORMAT
from router.formats.sse import encode, frames

GOLDEN = Path(__file__).parent.parent / "golden" / "openai_chat"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.sse"))
DONE = b"data: [DONE]\n\n"


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.sse").read_bytes()


def decode(stream: bytes) -> list[Event]:
    return list(FORMAT.decode_events(frames([stream])))


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **top: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {"id": "c1", "created": 1, "model": "m"}
    return encode(orjson.dumps({**head, "choices": choices, **top}))


def call(index: int | None = None, **fields: Any) -> dict[str, Any]:
    name, arguments = fields.pop("name", None), fields.pop("arguments", None)
    function = {"name": name, "arguments": arguments}
    told = {"index": index, **fields, "function": {k: v for k, v in function.items() if v}}
    return {"tool_calls": [{key: value for key, value in told.items() if value is not None}]}


def told(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Opaque)]


def assert_well_formed(events: list[Event]) -> None:
    """Assert the decoder contract for a complete stream."""
    said = told(events)
    assert isinstance(said[0], MessageStart)
    assert isinstance(said[-1], MessageStop)
    open_blocks: set[int] = set()
    opened = 0
    for event in said[1:-1]:
        match event:
            case BlockStart(index):
                assert index == opened
                opened += 1
                open_blocks.add(index)
            case BlockDelta(index=index):
                assert index in open_blocks
            case BlockStop(index):
                open_blocks.remove(index)
            case _:
                assert isinstance(event, UsageSeen)
    assert not open_blocks


@pytest.mark.parametrize("name", NAMES)
def test_the_stream_adds_up_to_the_whole_answer(name: str) -> None:
    events = decode(golden(name))
    body = orjson.loads((GOLDEN / f"{name}.json").read_bytes())
    assert_well_formed(events)
    assert collect(events) == FORMAT.decode_response(body)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_any_split_of_the_bytes_gives_the_same_events(name: str, data: st.DataObject) -> None:
    stream = golden(name)
    if data.draw(st.booleans(), label="CRLF"):
        stream = stream.replace(b"\n", b"\r\n")
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=12)))
    bounds = zip([0, *cuts], [*cuts, len(stream)], strict=True)
    pieces = [stream[start:end] for start, end in bounds]
    whole = list(frames([stream]))
    assert list(FORMAT.decode_events(frames(pieces))) == list(FORMAT.decode_events(whole))


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_yields_before_the_next_is_pulled(name: str) -> None:
    pulled = 0

    def source() -> Iterator[Frame]:
        nonlocal pulled
        for frame in frames([golden(name)]):
            pulled += 1
            yield frame

    seen = 0
    for _ in FORMAT.decode_events(source()):
        assert pulled <= seen + 1
        seen = pulled
    assert seen == pulled > 3


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_cut_before_its_finish_reason_has_failed(name: str) -> None:
    stream = golden(name)
    finish = next(
        position
        for reason in (b'"finish_reason": "', b'"finish_reason":"')
        if (position := stream.find(reason)) >= 0
    )
    for cut in range(0, finish, 7):
        events = decode(stream[:cut])
        last = events[-1]
        assert isinstance(last, Failed)
        assert isinstance(last.error, StreamInterrupted)
        assert not any(isinstance(event, MessageStop) for event in events)


def test_closing_the_events_closes_their_source() -> None:
    closed: list[bool] = []

    def source() -> Iterator[Frame]:
        try:
            yield from frames([golden("text")])
        finally:
            closed.append(True)

    events = FORMAT.decode_events(source())
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert closed == [True]


def test_message_stop_waits_for_usage_and_the_end_marker() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    stream = chunk({"content": "Hi"}) + chunk({}, "stop") + chunk(usage=usage) + DONE
    counted = Usage(input_tokens=3, output_tokens=1)
    assert decode(stream) == [
        MessageStart("c1", "m", 1),
        BlockStart(0, Text("")),
        BlockDelta(0, "Hi"),
        BlockStop(0),
        UsageSeen(counted),
        MessageStop("stop", counted, "stop"),
    ]


def test_a_stream_with_a_finish_reason_needs_no_end_marker() -> None:
    events = decode(chunk({"content": "Hi"}) + chunk({}, "length"))
    assert events[-1] == MessageStop("length", None, "length")


def test_an_end_marker_needs_no_finish_reason() -> None:
    assert decode(chunk({"content": "Hi"}) + DONE)[-1] == MessageStop("stop")


def test_an_end_marker_cut_short_after_the_finish_reason_is_an_end() -> None:
    assert decode(chunk({"content": "Hi"}, "stop") + DONE[:9])[-1] == MessageStop(
        "stop", None, "stop"
    )


def test_an_end_marker_alone_is_no_answer() -> None:
    (failed,) = decode(DONE)
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, ProtocolViolation)


def test_nothing_but_opaque_follows_the_end() -> None:
    events = decode(chunk({"content": "Hi"}, "stop") + DONE + chunk({"content": "more"}) + DONE)
    stop = next(i for i, event in enumerate(events) if isinstance(event, MessageStop))
    assert [type(event) for event in events[stop + 1 :]] == [Opaque, Opaque]


def test_only_the_first_choice_counts() -> None:
    both = [{"index": i, "delta": {"content": "ab"[i]}, "finish_reason": None} for i in (1, 0)]
    other = [{"index": 1, "delta": {"content": "b"}, "finish_reason": "length"}]
    stream = chunk(choices=both) + chunk(choices=other) + chunk({}, "stop") + DONE
    answer = collect(decode(stream))
    assert (answer.blocks, answer.stop_reason) == ((Text("a"),), "stop")


@pytest.mark.parametrize(
    ("error", "leaf"),
    [
        ({"message": "slow down", "code": 429}, UpstreamRateLimited),
        ({"message": "boom", "type": "server_error"}, UpstreamUnavailable),
        ("boom", UpstreamUnavailable),
    ],
)
def test_an_error_in_the_stream_is_a_failure(error: Any, leaf: type[Exception]) -> None:
    stream = chunk({"content": "Hi"}) + encode(orjson.dumps({"error": error})) + DONE
    events = decode(stream)
    failed = events[-2]
    assert isinstance(failed, Failed)
    assert type(failed.error) is leaf
    assert failed.error.facts.detail is not None
    assert failed.error.facts.detail.message in ("slow down", "boom")
    assert isinstance(events[-1], Opaque)


def test_an_error_event_without_error_key_is_a_failure() -> None:
    (failed,) = decode(b'event: error\ndata: {"message": "boom"}\n\n')
    assert isinstance(failed, Failed)


def test_a_finish_reason_of_error_is_a_failure() -> None:
    assert isinstance(decode(chunk({"content": "Hi"}) + chunk({}, "error"))[-1], Failed)


def test_a_whole_frame_of_broken_json_is_a_protocol_violation() -> None:
    failed = decode(chunk({"content": "Hi"}) + b"data: {oops\n\n" + DONE)[-2]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, ProtocolViolation)


def test_not_a_number_and_half_characters_do_not_end_the_stream() -> None:
    odd = b'data: {"choices":[{"index":0,"delta":{"content":"a\\ud83d"},"x":NaN}]}\n\n'
    assert collect(decode(odd + chunk({}, "stop") + DONE)).blocks == (Text("a?"),)


def test_nothing_is_said_twice_where_reasoning_has_two_names() -> None:
    delta = {"reasoning": "hm", "reasoning_content": "hm", "reasoning_details": [{"text": "hm"}]}
    assert collect(decode(chunk(delta, "stop") + DONE)).blocks == (Thinking("hm"),)


def test_reasoning_is_read_from_its_details_alone() -> None:
    delta = {"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]}
    assert collect(decode(chunk(delta, "stop") + DONE)).blocks == (Thinking("hm"),)


def calls_of(*deltas: dict[str, Any]) -> list[tuple[str, str, str]]:
    stream = b"".join(chunk(delta) for delta in deltas) + chunk({}, "stop") + DONE
    events = decode(stream)
    assert_well_formed(events)
    answer = collect(events)
    assert answer.stop_reason == "tool_calls"
    return [(b.id, b.name, b.arguments) for b in answer.blocks if isinstance(b, ToolCall)]


def test_calls_with_one_index_and_two_ids_are_two() -> None:
    first = call(0, id="a", name="f", arguments="{}")
    second = call(0, id="b", name="g", arguments="{}")
    assert calls_of(first, second) == [("a", "f", "{}"), ("b", "g", "{}")]


def test_id_and_name_repeated_with_each_piece_are_one_call() -> None:
    pieces = [call(0, id="a", name="f", arguments=text) for text in ('{"x"', ":1}")]
    assert calls_of(*pieces) == [("a", "f", '{"x":1}')]


def test_another_id_without_a_name_is_the_same_call() -> None:
    pieces = call(0, id="a", name="f", arguments='{"x"'), call(0, id="b", arguments=":1}")
    assert calls_of(*pieces) == [("a", "f", '{"x":1}')]


def test_pieces_without_index_belong_to_the_last_call() -> None:
    pieces = (
        call(id="a", name="f", arguments='{"x"'),
        call(arguments=":1}"),
        call(id="b", name="g"),
        call(arguments="{}"),
    )
    assert calls_of(*pieces) == [("a", "f", '{"x":1}'), ("b", "g", "{}")]


def test_interleaved_calls_keep_their_pieces() -> None:
    pieces = (
        call(0, id="a", name="f", arguments='{"x"'),
        call(1, id="b", name="g", arguments='{"y"'),
        call(0, arguments=":1}"),
        call(1, arguments=":2}"),
    )
    assert calls_of(*pieces) == [("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')]


def test_a_complete_call_is_closed_when_the_next_begins() -> None:
    first = call(0, id="a", name="f", arguments="{}")
    second = call(1, id="b", name="g", arguments="{}")
    events = told(decode(chunk(first) + chunk(second) + chunk({}, "tool_calls") + DONE))
    kinds = [(type(e), e.index) for e in events if isinstance(e, (BlockStart, BlockStop))]
    assert kinds == [(BlockStart, 0), (BlockStop, 0), (BlockStart, 1), (BlockStop, 1)]


def test_a_name_that_comes_after_the_arguments_is_waited_for() -> None:
    pieces = call(0, id="a", arguments='{"x"'), call(0, name="f", arguments=":1}")
    assert calls_of(*pieces) == [("a", "f", '{"x":1}')]


def test_the_deprecated_function_call_is_a_call() -> None:
    stream = (
        chunk({"function_call": {"name": "f", "arguments": ""}})
        + chunk({"function_call": {"arguments": '{"x":1}'}})
        + chunk({}, "function_call")
        + DONE
    )
    answer = collect(decode(stream))
    (block,) = answer.blocks
    assert isinstance(block, ToolCall)
    assert (block.name, block.arguments, answer.stop_reason) == ("f", '{"x":1}', "tool_calls")
    assert block.id.startswith("call_")


def test_geminis_signature_of_a_call_is_kept() -> None:
    piece = call(0, id="a", name="f", extra_content={"google": {"thought_signature": "c2ln"}})
    (block,) = collect(decode(chunk(piece) + chunk({}, "stop") + DONE)).blocks
    assert isinstance(block, ToolCall)
    assert block.signature == Signature("c2ln", "gemini")


def test_log_probabilities_and_audio_are_opaque() -> None:
    stream = chunk({"content": "Hi"}) + chunk({"audio": {"data": "AAAA"}}) + chunk({}, "stop")
    events = decode(stream + DONE)
    assert sum(isinstance(event, Opaque) for event in events) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    *("choices", "delta", "index", "content", "tool_calls", "function", "id"),
                    *("text", "finish_reason", "usage", "prompt_tokens", "annotations"),
                    *("images", "error"),
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(json_values, max_size=3))
def test_no_json_makes_the_decoder_raise(values: list[Any]) -> None:
    told = [{"choices": [{"index": 0, "delta": value}]} for value in values] + values
    stream = b"".join(encode(orjson.dumps(v, default=str)) for v in told if _writable(v))
    events = decode(stream + DONE)
    ends = [event for event in events if isinstance(event, (MessageStop, Failed))]
    assert len(ends) == 1


def _writable(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def test_an_error_told_flat_fails_the_stream() -> None:
    flat = b'data: {"object": "error", "message": "out of memory", "code": 500}\n\n'
    failed = decode(chunk({"content": "a"}) + flat)[-1]
    assert isinstance(failed, Failed)
    assert failed.error.facts.detail is not None
    assert failed.error.facts.detail.message == "out of memory"
