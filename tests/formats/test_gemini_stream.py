"""Decoding streams: the decoder contract, on golden samples and on single chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
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
from router.canonical.messages import Citation, Media, Native, Text, Thinking, ToolCall
from router.canonical.signature import Signature
from router.canonical.usage import Usage
from router.errors import StreamInterrupted, UpstreamRateLimited, UpstreamUnavailable
from router.formats.gemini import FORMAT
from router.formats.sse import frames

GOLDEN = Path(__file__).parent.parent / "golden" / "gemini"
SAMPLES = ("calls", "grounded", "code", "blocked")


def stream(name: str) -> bytes:
    return (GOLDEN / f"{name}.sse").read_bytes()


def whole(name: str) -> Any:
    return orjson.loads((GOLDEN / f"{name}.json").read_bytes())


def decode(*chunks: Mapping[str, Any]) -> list[Event]:
    raw = b"".join(b"data: " + orjson.dumps(chunk) + b"\r\n\r\n" for chunk in chunks)
    return list(FORMAT.decode_events(frames([raw])))


def said(*parts: Mapping[str, Any], **candidate: Any) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"role": "model", "parts": list(parts)}, **candidate}],
        "responseId": "r1",
        "modelVersion": "gemini-2.5-flash",
    }


STOP = said({"text": ""}, finishReason="STOP")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_stream_adds_up_to_the_whole_body(name: str) -> None:
    assert collect(FORMAT.decode_events(frames([stream(name)]))) == FORMAT.decode_response(
        whole(name)
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_an_array_of_the_chunks_is_the_same_answer(name: str) -> None:
    chunks = [orjson.loads(frame.data) for frame in frames([stream(name)])]
    assert FORMAT.decode_response(chunks) == FORMAT.decode_response(whole(name))


@given(name=st.sampled_from(SAMPLES), cuts=st.lists(st.integers(0, 4000), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_events(name: str, cuts: list[int]) -> None:
    raw = stream(name)
    at = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    pieces = [raw[start:end] for start, end in pairwise(at)]
    assert list(FORMAT.decode_events(frames(pieces))) == list(FORMAT.decode_events(frames([raw])))


@pytest.mark.parametrize("name", SAMPLES)
def test_line_ends_of_either_kind_give_the_same_answer(name: str) -> None:
    plain = stream(name).replace(b"\r\n", b"\n")
    assert collect(FORMAT.decode_events(frames([plain]))) == collect(
        FORMAT.decode_events(frames([stream(name)]))
    )


@given(name=st.sampled_from(["calls", "code"]), share=st.floats(0, 0.99))
def test_a_stream_cut_before_its_last_chunk_is_never_complete(name: str, share: float) -> None:
    raw = stream(name)
    last_chunk = raw.rindex(b"data: ")
    events = list(FORMAT.decode_events(frames([raw[: int(last_chunk * share)]])))
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, StreamInterrupted)
    assert not any(isinstance(event, MessageStop) for event in events)


@pytest.mark.parametrize("name", SAMPLES)
def test_blocks_are_opened_filled_closed_and_the_message_ends_once(name: str) -> None:
    open_blocks: set[int] = set()
    events = list(FORMAT.decode_events(frames([stream(name)])))
    assert isinstance(events[0], MessageStart)
    for event in events[1:-1]:
        match event:
            case BlockStart(index):
                assert index not in open_blocks
                open_blocks.add(index)
            case BlockDelta(index):
                assert index in open_blocks
            case BlockStop(index):
                open_blocks.remove(index)
            case _:
                assert isinstance(event, UsageSeen | Opaque)
    assert not open_blocks
    assert isinstance(events[-1], MessageStop)


@pytest.mark.parametrize("name", SAMPLES)
def test_each_frame_yields_before_the_next_is_pulled(name: str) -> None:
    pulled = 0

    def counted(source: Iterable[Frame]) -> Iterator[Frame]:
        nonlocal pulled
        for frame in source:
            pulled += 1
            yield frame

    seen: set[int] = set()
    for _ in FORMAT.decode_events(counted(frames([stream(name)]))):
        seen.add(pulled)
    assert seen == set(range(1, pulled + 1))


def test_closing_the_decoder_closes_its_source() -> None:
    closed = False

    def source() -> Iterator[Frame]:
        nonlocal closed
        try:
            yield from frames([stream("calls")])
        finally:
            closed = True

    events = FORMAT.decode_events(source())
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert closed


def test_thoughts_text_and_calls_with_their_signatures() -> None:
    answer = collect(FORMAT.decode_events(frames([stream("calls")])))
    assert answer.blocks == (
        Thinking("Two cities, two calls.\u2028"),
        Text("I will look both up."),
        ToolCall(
            "call_rEsp-tools_01_0",
            "forecast",
            '{"city":"Zürich","days":2}',
            Signature("c2lnbmVk+A==", "gemini"),
        ),
        ToolCall("call_rEsp-tools_01_1", "forecast", '{"city":"Graz","days":1}'),
        ToolCall("call_rEsp-tools_01_2", "clock", "{}"),
    )
    assert (answer.stop_reason, answer.stop_detail) == ("tool_calls", "STOP")
    assert answer.usage == Usage(
        input_tokens=24, cache_read_tokens=16, output_tokens=39, reasoning_tokens=9
    )


def test_a_trailing_signature_belongs_to_the_text_and_sources_are_cited() -> None:
    answer = collect(FORMAT.decode_events(frames([stream("grounded")])))
    (text,) = answer.blocks
    assert isinstance(text, Text)
    assert text.signature == Signature("bGFzdA==", "gemini")
    ranges = [(cited.url, text.text[cited.start : cited.end]) for cited in text.citations]
    assert ranges == [
        ("https://example.org/bruecke", "Die Brücke ist 68 m lang."),
        ("https://example.org/bruecke", "Sie wurde 1907 gebaut."),
        ("https://example.com/1907", "Sie wurde 1907 gebaut."),
    ]
    assert answer.extras["groundingMetadata"]["webSearchQueries"] == ["brücke länge"]
    assert answer.usage is not None
    assert answer.usage.input_tokens == 112  # what tools read counts as prompt


def test_sources_without_supports_are_cited_without_range() -> None:
    metadata = {"groundingChunks": [{"web": {"uri": "https://x.org", "title": "X"}}, "odd"]}
    answer = collect(decode(said({"text": "Hi"}, finishReason="STOP", groundingMetadata=metadata)))
    (text,) = answer.blocks
    assert isinstance(text, Text)
    native = {"web": {"uri": "https://x.org", "title": "X"}}
    assert text.citations[0] == Citation("https://x.org", "X", native=native, origin="gemini")


def test_code_execution_stays_native_and_media_are_media() -> None:
    answer = collect(FORMAT.decode_events(frames([stream("code")])))
    kinds = [type(block) for block in answer.blocks]
    assert kinds == [Text, Native, Native, Text, Media]
    assert answer.blocks[4] == Media("image", "image/png", "iVBORw0KGgo=")
    assert answer.stop_reason == "length"


def test_a_blocked_prompt_tells_the_reason_and_says_nothing() -> None:
    answer = collect(FORMAT.decode_events(frames([stream("blocked")])))
    assert answer.blocks == ()
    assert (answer.stop_reason, answer.stop_detail) == ("content_filter", "PROHIBITED_CONTENT")


def test_ids_of_the_provider_are_kept_and_doubles_replaced() -> None:
    call = {"functionCall": {"name": "f", "id": "own1", "args": {}}}
    answer = collect(decode(said(call), said(call), STOP))
    ids = [block.id for block in answer.blocks if isinstance(block, ToolCall)]
    assert ids == ["own1", "call_r1_1"]


def test_without_response_id_calls_of_different_turns_have_different_ids() -> None:
    def call_id(prompt_tokens: int) -> str:
        chunk = said({"functionCall": {"name": "f", "args": {}}}, finishReason="STOP")
        del chunk["responseId"]
        chunk["usageMetadata"] = {"promptTokenCount": prompt_tokens}
        (call,) = collect(decode(chunk)).blocks
        assert isinstance(call, ToolCall)
        return call.id

    assert call_id(5) == call_id(5)
    assert call_id(5) != call_id(9)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("UNEXPECTED_TOOL_CALL", "stop"),
        ("OTHER", "stop"),
        ("A_WORD_TO_COME", "stop"),
    ],
)
def test_finish_reasons(word: str, reason: str) -> None:
    stop = decode(said({"text": "x"}), said(finishReason=word))[-1]
    assert isinstance(stop, MessageStop)
    assert (stop.reason, stop.detail) == (reason, word)


def test_an_answer_used_up_by_thoughts_is_an_empty_one() -> None:
    chunk = {
        "candidates": [{"content": {}, "finishReason": "MAX_TOKENS"}],
        "usageMetadata": {"promptTokenCount": 9, "thoughtsTokenCount": 50},
    }
    answer = collect(decode(chunk))
    assert answer.blocks == ()
    assert answer.stop_reason == "length"
    assert answer.usage == Usage(input_tokens=9, output_tokens=50, reasoning_tokens=50)


def test_the_last_usage_counts_even_after_the_finish_reason() -> None:
    first = {**STOP, "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 90}}
    last = {"usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 2}}
    stop = decode(said({"text": "x"}), first, last)[-1]
    assert isinstance(stop, MessageStop)
    assert stop.usage == Usage(input_tokens=7, output_tokens=2)


def test_an_error_in_band_fails_with_its_leaf_and_only_opaque_follows() -> None:
    error = {
        "error": {
            "code": 429,
            "message": "slow",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}],
        }
    }
    events = decode(said({"text": "x"}), error, STOP)
    failed = next(event for event in events if isinstance(event, Failed))
    assert isinstance(failed.error, UpstreamRateLimited)
    assert failed.error.facts.retry_after_s == 7.0
    assert failed.error.facts.detail is not None
    assert failed.error.facts.detail.code == "RESOURCE_EXHAUSTED"
    assert [type(event) for event in events[-2:]] == [Failed, Opaque]


def test_an_error_first_commits_nothing() -> None:
    (failed,) = decode({"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}})
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, UpstreamUnavailable)


@pytest.mark.parametrize("data", [b"data: {broken\n\n", b": keep-alive\n\n", b"data: [1]\n\n"])
def test_what_is_no_chunk_is_opaque_and_harms_nothing(data: bytes) -> None:
    raw = stream("calls")
    middle = raw.index(b"data: ", 10)
    events = list(FORMAT.decode_events(frames([raw[:middle] + data + raw[middle:]])))
    assert sum(isinstance(event, Opaque) for event in events) == 1
    assert collect(events) == FORMAT.decode_response(whole("calls"))


def test_arguments_nested_too_deeply_fail_instead_of_crashing() -> None:
    nested = b'{"a":' * 300 + b"1" + b"}" * 300
    raw = (
        b'data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":'
        + nested
        + b'}},{"text":"later"}]},"finishReason":"STOP"}]}\n\n'
    )
    events = list(FORMAT.decode_events(frames([raw])))
    assert [type(event) for event in events] == [MessageStart, Failed]


def test_other_candidates_are_passed_over() -> None:
    second = said({"text": "other"}, index=1)
    answer = collect(decode(said({"text": "mine"}, index=0), second, STOP))
    assert answer.blocks == (Text("mine"),)


FIELDS = [
    "candidates",
    "content",
    "parts",
    "text",
    "thought",
    "functionCall",
    "name",
    "args",
    "id",
    "inlineData",
    "data",
    "mimeType",
    "finishReason",
    "index",
    "groundingMetadata",
    "groundingChunks",
    "groundingSupports",
    "segment",
    "web",
    "uri",
    "groundingChunkIndices",
    "startIndex",
    "endIndex",
    "error",
    "details",
    "usageMetadata",
    "promptTokenCount",
    "promptFeedback",
    "blockReason",
    "responseId",
    "createTime",
    "thoughtSignature",
    "serviceTier",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(chunks=st.lists(JSON, max_size=4))
def test_no_chunk_whatever_crashes_the_decoder(chunks: list[Any]) -> None:
    raw = b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks)
    events = list(FORMAT.decode_events(frames([raw])))
    assert sum(isinstance(event, Failed | MessageStop) for event in events) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"data: <html>gpu-7.internal.example.com</html>\n\n",
        b'data: [{"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}}]\n\n',
    ],
)
def test_a_page_and_a_wrapped_error_end_the_stream_at_once(data: bytes) -> None:
    events = list(
        FORMAT.decode_events(frames([stream("calls").partition(b"\n\n")[0], b"\n\n", data]))
    )
    assert isinstance(events[-1], Failed)
    assert not [e for e in events if isinstance(e, Opaque) and e.frame and e.frame.data]
