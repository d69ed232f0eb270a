"""Reading a provider's answers, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
    collect,
)
from router.canonical.messages import Native, Refusal, Text, Thinking, ToolCall
from router.canonical.signature import Signature, seal
from router.canonical.usage import Usage
from router.errors import (
    ContextTooLong,
    ProtocolViolation,
    StreamInterrupted,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnavailable,
)
from router.formats.openai_responses import FORMAT
from router.formats.sse import encode, frames

NAME = "openai_responses"
GOLDEN = Path(__file__).parent.parent / "golden" / NAME
STREAMS = {path.stem: path.read_bytes() for path in sorted(GOLDEN.glob("*.sse"))}
COMPLETE = sorted(STREAMS.keys() - {"failed"})


def decode(*chunks: bytes) -> list[Event]:
    return list(FORMAT.decode_events(frames(chunks)))


def bodies(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(frame.data) for frame in frames([stream])]


def stream_of(*events: dict[str, Any]) -> bytes:
    return b"".join(encode(json.dumps(event).encode(), event.get("type", "")) for event in events)


def final(stream: bytes) -> dict[str, Any]:
    response: dict[str, Any] = bodies(stream)[-1]["response"]
    return response


@pytest.mark.parametrize("name", COMPLETE)
def test_the_stream_adds_up_to_the_whole_answer(name: str) -> None:
    whole = FORMAT.decode_response(final(STREAMS[name]))
    assert whole.blocks
    assert collect(decode(STREAMS[name])) == whole


@pytest.mark.parametrize("name", COMPLETE)
@given(data=st.data())
def test_any_split_of_the_bytes_gives_the_same_events(name: str, data: st.DataObject) -> None:
    stream = STREAMS[name].replace(b"\n", b"\r\n") if data.draw(st.booleans()) else STREAMS[name]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert decoded(*chunks) == decoded(STREAMS[name])


def decoded(*chunks: bytes) -> list[Event]:
    """Events without the frames of the opaque ones, whose line ends may differ."""
    return [Opaque() if isinstance(event, Opaque) else event for event in decode(*chunks)]


@pytest.mark.parametrize("name", COMPLETE)
def test_a_stream_cut_after_any_event_has_failed(name: str) -> None:
    pieces = [frame.raw for frame in frames([STREAMS[name]])]
    for count in range(len(pieces)):
        *_, last = decode(*pieces[:count])
        assert isinstance(last, Failed)
        assert isinstance(last.error, StreamInterrupted)


@pytest.mark.parametrize("name", COMPLETE)
def test_blocks_open_fill_and_close_in_order(name: str) -> None:
    events = [event for event in decode(STREAMS[name]) if not isinstance(event, Opaque)]
    assert isinstance(events[0], MessageStart)
    assert isinstance(events[-1], MessageStop)
    opened: list[int] = []
    closed: list[int] = []
    for event in events[1:-1]:
        match event:
            case BlockStart(index):
                assert index == len(opened)
                opened.append(index)
            case BlockDelta(index):
                assert index in opened
                assert index not in closed
            case BlockStop(index):
                assert index not in closed
                closed.append(index)
            case _:
                pytest.fail(f"{event} within the message")
    assert sorted(closed) == opened


def test_every_frame_gives_an_event_before_the_next_is_pulled() -> None:
    pulled = 0

    def source() -> Iterator[Frame]:
        nonlocal pulled
        for frame in frames([STREAMS["web_search"]]):
            pulled += 1
            yield frame

    seen = set()
    for _ in FORMAT.decode_events(source()):
        seen.add(pulled)
    assert seen == set(range(1, len(bodies(STREAMS["web_search"])) + 1))


def test_closing_the_decoder_closes_its_source() -> None:
    closed = False

    def source() -> Iterator[Frame]:
        nonlocal closed
        try:
            yield from frames([STREAMS["text"]])
        finally:
            closed = True

    feed = source()
    events = FORMAT.decode_events(feed)
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert closed


def test_thoughts_calls_and_usage_are_read() -> None:
    answer = collect(decode(STREAMS["reasoning_and_calls"]))
    assert answer.blocks == (
        Thinking(
            "**Plan**\n\nTwo cities.\n\n**Next**\n\nAsk for both.",
            Signature("gAAAAAB_signed==", NAME, "rs_01"),
        ),
        Text("I will look both up."),
        ToolCall("call_a", "get_weather", '{"city":"Oslo"}'),
        ToolCall("call_b", "close", "{}", namespace="agents"),
        ToolCall("call_c", "apply_patch", "*** Begin\n*** End", custom=True),
    )
    assert (answer.stop_reason, answer.stop_detail) == ("tool_calls", "completed")
    assert answer.usage == Usage(56, 64, 0, 48, 20)
    assert (answer.id, answer.created, answer.service_tier) == ("resp_6f01", 1760000000, "default")


def test_hosted_tools_stay_whole_and_sources_are_kept() -> None:
    answer = collect(decode(STREAMS["web_search"]))
    search, text, more = answer.blocks
    assert isinstance(search, Native)
    assert search.data["action"] == {"type": "search", "query": "oslo weather"}
    assert isinstance(text, Text)
    first, second = text.citations
    assert (first.url, first.start, first.end) == ("https://weather.example/oslo", 0, 16)
    assert second.title == "a.txt"
    assert more == Text("Still.")


def test_refusals_and_cut_answers_are_told() -> None:
    assert collect(decode(STREAMS["refusal"])).blocks == (Refusal("I can't help with that."),)
    cut = collect(decode(STREAMS["incomplete"]))
    assert (cut.stop_reason, cut.stop_detail) == ("length", "max_output_tokens")


def test_a_failed_response_fails_the_stream() -> None:
    last = decode(STREAMS["failed"])[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, UpstreamUnavailable)
    with pytest.raises(UpstreamUnavailable):
        FORMAT.decode_response(final(STREAMS["failed"]))


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize(
    "missing",
    [
        (".delta", "annotation.added"),
        (".delta", "_text.done", "arguments.done", "input.done", "annotation.added"),
        (".delta", ".done", "annotation.added"),
        (".done",),
        ("_part.added", "_part.done"),
        (".added",),
        ("created", "in_progress"),
        ("response.output", "response.content", "response.reasoning", "response.refusal", "_call"),
    ],
)
def test_what_a_server_leaves_out_is_made_up_for_and_nothing_comes_twice(
    name: str, missing: tuple[str, ...]
) -> None:
    kept = [
        event
        for event in bodies(STREAMS[name])
        if not any(word in event["type"] for word in missing)
    ]
    whole = FORMAT.decode_response(final(STREAMS[name]))
    answer = collect(decode(stream_of(*kept)))
    # Hosted tools' items open when they are complete, which may be at the very end.
    assert sorted(map(repr, answer.blocks)) == sorted(map(repr, whole.blocks))
    assert (answer.stop_reason, answer.usage) == (whole.stop_reason, whole.usage)


def test_a_final_response_without_output_keeps_what_was_streamed() -> None:
    *events, last = bodies(STREAMS["reasoning_and_calls"])
    last["response"]["output"] = []
    whole = FORMAT.decode_response(final(STREAMS["reasoning_and_calls"]))
    assert collect(decode(stream_of(*events, last))) == whole


def test_items_all_numbered_zero_are_still_told_apart() -> None:
    events = bodies(STREAMS["reasoning_and_calls"])
    for event in events:
        if "output_index" in event:
            event["output_index"] = 0
    whole = FORMAT.decode_response(final(STREAMS["reasoning_and_calls"]))
    assert collect(decode(stream_of(*events))) == whole


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"type": "error", "code": "server_error", "message": "x"}, UpstreamUnavailable),
        (
            {"type": "error", "error": {"type": "rate_limit_error", "message": "x"}},
            UpstreamRateLimited,
        ),
        ({"error": {"code": "rate_limit_exceeded", "message": "x"}}, UpstreamRateLimited),
        (
            {"type": "response.failed", "response": {"error": {"code": "invalid_prompt"}}},
            UpstreamRejected,
        ),
        (
            {
                "type": "response.failed",
                "response": {"error": {"code": "context_length_exceeded", "message": "x"}},
            },
            ContextTooLong,
        ),
        ({"type": "response.cancelled", "response": {}}, StreamInterrupted),
        ({"type": "response.completed"}, ProtocolViolation),
        (
            {"type": "response.completed", "response": {"status": "failed", "error": {}}},
            UpstreamError,
        ),
    ],
)
def test_errors_told_in_band_are_classified_and_final(
    event: dict[str, Any], error: type[UpstreamError]
) -> None:
    if event == {"type": "response.completed"}:
        event = {"type": "response.completed", "response": {"status": "queued"}}
    events = decode(stream_of(event, {"type": "response.completed", "response": {"output": []}}))
    failed = [at for at in events if isinstance(at, Failed)]
    assert len(failed) == 1
    assert isinstance(failed[0].error, error)
    assert isinstance(events[-1], Opaque)
    assert not any(isinstance(at, MessageStop) for at in events)


@pytest.mark.parametrize("data", [b"{oops", b"[1]", b"<html>"])
def test_broken_json_is_a_protocol_violation(data: bytes) -> None:
    last = decode(encode(data))[-1]
    assert isinstance(last, Failed)
    assert isinstance(last.error, ProtocolViolation)


def test_comments_unknown_events_and_done_marks_are_opaque() -> None:
    stream = b": ping\n\n" + stream_of({"type": "response.brand_new"}) + STREAMS["text"]
    events = decode(stream + b"data: [DONE]\n\n")
    assert [isinstance(event, Opaque) for event in (*events[:2], events[-1])] == [True] * 3
    assert collect(events) == collect(decode(STREAMS["text"]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "item",
                    "part",
                    "output_index",
                    "delta",
                    "text",
                    "content",
                    "name",
                    "error",
                ]
            ),
            inner,
        )
    ),
    max_leaves=6,
)


@given(st.data())
def test_no_event_crashes_the_decoder(data: st.DataObject) -> None:
    events = bodies(STREAMS["reasoning_and_calls"]) + bodies(STREAMS["web_search"])
    picked = data.draw(st.lists(st.sampled_from(events), max_size=12))
    spoiled = [{**event, **data.draw(st.dictionaries(FIELD, JSON))} for event in picked]
    for event in decode(stream_of(*spoiled))[:-1]:
        assert event is not None


FIELD = st.sampled_from(
    ["item", "part", "output_index", "content_index", "summary_index", "delta", "text", "response"]
)


@given(st.dictionaries(st.sampled_from(["output", "status", "error", "usage", "id"]), JSON))
def test_no_body_crashes_the_reader_of_whole_answers(body: dict[str, Any]) -> None:
    try:
        told = FORMAT.decode_response(body).stop_reason
    except UpstreamError as error:
        told = error.message
    assert told


@pytest.mark.parametrize("body", [{}, {"output": None}, [], {"output": [], "status": "queued"}])
def test_what_is_no_answer_is_a_protocol_violation(body: Any) -> None:
    with pytest.raises(ProtocolViolation):
        FORMAT.decode_response(body)


def test_calls_without_ids_or_arguments_get_them() -> None:
    body = {"output": [{"type": "function_call", "name": "f", "arguments": None}]}
    assert FORMAT.decode_response(body).blocks == (ToolCall("call_0", "f", "{}"),)


def test_open_reasoning_and_sealed_ids_are_read() -> None:
    open_text = {"type": "reasoning", "summary": [], "content": [{"text": "we need"}]}
    true = Signature("gAAA", NAME, "rs_true")
    sealed = {"type": "reasoning", "id": "rs_x", "encrypted_content": seal(true, NAME)}
    blocks = FORMAT.decode_response({"output": [open_text, sealed]}).blocks
    assert blocks == (Thinking("we need"), Thinking("", true))


def test_more_cached_than_sent_is_clamped() -> None:
    usage = {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 30}, "output_tokens": 1}
    answer = FORMAT.decode_response({"output": [], "usage": usage})
    assert answer.usage == Usage(0, 10, 0, 1)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error":{"message":"no","type":"t","code":"c","param":"p"}}', "no", "c"),
        (b'{"error":"plain"}', "plain", None),
        (b'{"detail":"not here"}', "not here", None),
        (b'{"detail":[{"msg":"x"}]}', '[{"msg":"x"}]', None),
        (b'{"message":"m","code":400}', "m", "400"),
        (b'"bare"', "bare", None),
        (b"<html>bad gateway</html>", "<html>bad gateway</html>", None),
        (b"", "", None),
        (b"\xff\xfe", "\ufffd\ufffd", None),
        (b"[1,2]", "", None),
    ],
)
def test_error_bodies_of_any_shape_are_read(body: bytes, message: str, code: str | None) -> None:
    detail = FORMAT.decode_error(400, body)
    assert (detail.message, detail.code) == (message, code)
