"""The ingress side: answers and streams are written as Anthropic writes them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import replace
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
    MessageStart,
    MessageStop,
    Opaque,
    UsageSeen,
    collect,
    replay,
)
from router.canonical.messages import (
    Block,
    Citation,
    Media,
    Native,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from router.canonical.request import ChatRequest
from router.canonical.response import ChatResponse
from router.canonical.signature import Signature
from router.canonical.usage import Usage
from router.errors import StreamInterrupted
from router.formats.anthropic_messages import FORMAT, AnthropicMessages
from router.formats.sse import frames

NAME = "anthropic_messages"
GOLDEN = Path(__file__).parent.parent / "golden" / "anthropic_messages"
NAMES = ("text", "tools", "thinking", "search", "refusal")
ASKED = ChatRequest("asked-model", ())
FIXED = AnthropicMessages(new_id=lambda: "msg_made_up")


def written(events: Iterable[Event]) -> list[dict[str, Any]]:
    data = b"".join(FIXED.encode_events(events, ASKED))
    found = list(frames([data]))
    payloads = [json.loads(frame.data) for frame in found]
    assert [frame.event for frame in found] == [payload["type"] for payload in payloads]
    return payloads


def kinds(payloads: Iterable[dict[str, Any]]) -> list[tuple[str, int | None]]:
    return [(payload["type"], payload.get("index")) for payload in payloads]


def told(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Opaque)]


def answer(*blocks: Block, **fields: Any) -> ChatResponse:
    return ChatResponse("msg_1", "m", blocks, fields.pop("reason", "stop"), **fields)


@pytest.mark.parametrize("name", NAMES)
def test_what_anthropic_sent_survives_both_ways(name: str) -> None:
    stream = (GOLDEN / f"{name}.sse").read_bytes()
    events = told(FORMAT.decode_events(frames([stream])))
    again = b"".join(FORMAT.encode_events(events, ASKED))
    assert told(FORMAT.decode_events(frames([again]))) == events
    body = json.loads((GOLDEN / f"{name}.json").read_bytes())
    whole = FORMAT.decode_response(body)
    assert FORMAT.decode_response(FORMAT.encode_response(whole, ASKED)) == whole
    assert FORMAT.encode_response(whole, ASKED)["content"] == body["content"]


def test_a_stream_has_anthropics_order_and_shapes() -> None:
    payloads = written(
        [
            MessageStart("", "", usage=Usage(5, 2, 1, 1), service_tier="standard"),
            Opaque(),
            BlockStart(0, Text("")),
            BlockDelta(0, "Hi"),
            UsageSeen(Usage(5, 2, 1, 3)),
            BlockStop(0),
            BlockStart(1, ToolCall("t", "f", "")),
            BlockDelta(1, '{"a":'),
            BlockDelta(1, "1}"),
            BlockStop(1),
            MessageStop("tool_calls", Usage(5, 2, 1, 9, 4)),
        ]
    )
    counts = {"input_tokens": 5, "cache_creation_input_tokens": 1, "cache_read_input_tokens": 2}
    assert payloads == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_made_up",
                "type": "message",
                "role": "assistant",
                "model": "asked-model",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {**counts, "output_tokens": 1, "service_tier": "standard"},
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": '{"a":'},
        },
        {
            "type": "content_block_delta",
            "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": "1}"},
        },
        {"type": "content_block_stop", "index": 1},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {
                **counts,
                "output_tokens": 9,
                "output_tokens_details": {"thinking_tokens": 4},
            },
        },
        {"type": "message_stop"},
    ]


def test_overlapping_blocks_are_written_one_after_another() -> None:
    payloads = written(
        [
            MessageStart("m", "x"),
            BlockStart(0, Text("")),
            BlockStart(1, ToolCall("t", "f", "")),
            BlockDelta(1, "{"),
            BlockStart(2, Thinking("")),
            BlockDelta(0, "a"),
            BlockDelta(2, "hm"),
            BlockStop(1),
            BlockDelta(1, "}"),
            BlockDelta(0, "b"),
            BlockStop(0),
            BlockDelta(2, "m"),
            MessageStop("stop"),
        ]
    )
    assert kinds(payloads)[1:-2] == [
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("content_block_delta", 2),
        ("content_block_stop", 2),
    ]


@st.composite
def tangled(draw: st.DrawFn) -> list[Event]:
    """Blocks opened, filled and closed in any interleaving."""
    count = draw(st.integers(1, 4))
    blocks: list[Block] = [
        draw(st.sampled_from([Text(""), Thinking(""), ToolCall(f"t{i}", "f", "")]))
        for i in range(count)
    ]
    scripts: list[list[Event]] = []
    for index, block in enumerate(blocks):
        texts = (
            ["{", "}"]
            if isinstance(block, ToolCall)
            else draw(st.lists(st.text(max_size=3), max_size=3))
        )
        deltas = [BlockDelta(index, text) for text in texts]
        scripts.append([BlockStart(index, block), *deltas, BlockStop(index)])
    events: list[Event] = [MessageStart("m", "x")]
    opened = 0
    while any(scripts):
        ready = [i for i, script in enumerate(scripts) if script and i <= opened]
        index = draw(st.sampled_from(ready))
        events.append(scripts[index].pop(0))
        opened = max(opened, index + 1)
    return [*events, MessageStop("stop", Usage(1, 0, 0, 1), "end_turn")]


@given(tangled())
def test_any_interleaving_adds_up_to_the_same_answer(events: list[Event]) -> None:
    items = list(FORMAT.encode_events(events, ASKED))
    assert len(items) == len(events)
    again = told(FORMAT.decode_events(frames(items)))
    expected = collect(events)
    assert collect(again).blocks == expected.blocks
    wire = [
        (e["type"], e["index"])
        for e in map(json.loads, (f.data for f in frames(items)))
        if "index" in e
    ]
    runs = [index for index, _ in itertools.groupby(index for _, index in wire)]
    assert runs == list(range(len(expected.blocks)))


texts = st.text(max_size=8)
objects = st.dictionaries(
    st.text(max_size=3), st.integers(0, 9) | st.none() | st.text(max_size=3), max_size=3
)
own = st.text(min_size=1, max_size=5).map(lambda value: Signature(value, NAME))
arguments = objects.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False))
expressible = (
    st.builds(Text, texts)
    | st.builds(Thinking, texts, st.none() | own)
    | st.builds(RedactedThinking, own)
    | st.builds(ToolCall, st.uuids().map(str), st.text(min_size=1, max_size=5), arguments)
    | st.builds(
        lambda value: Native(NAME, {"type": "server_tool_use", "id": "s", "input": value}), objects
    )
)


@given(st.lists(expressible, max_size=4), st.sampled_from(["end_turn", "max_tokens", "pause_turn"]))
def test_what_the_format_can_say_survives_both_halves(blocks: list[Block], detail: str) -> None:
    reason = FORMAT.decode_response({"id": "m", "content": [], "stop_reason": detail}).stop_reason
    said = answer(*blocks, reason=reason, stop_detail=detail, usage=Usage(1, 2, 3, 4, 1))
    assert FORMAT.decode_response(FORMAT.encode_response(said, ASKED)) == said
    stream = FORMAT.encode_events(replay(said), ASKED)
    assert collect(FORMAT.decode_events(frames(stream))) == said


def test_foreign_signatures_travel_sealed() -> None:
    foreign = Signature("abc", "gemini")
    said = answer(
        Thinking("hm", foreign), RedactedThinking(foreign), ToolCall("c1", "f", "{}", foreign)
    )
    body = FORMAT.encode_response(said, ASKED)
    history = [{"role": "assistant", "content": body["content"]}]
    assert FORMAT.decode_request({"messages": history}).messages[0].content == said.blocks
    streamed = written(replay(said))
    starts = [p["content_block"] for p in streamed if p["type"] == "content_block_start"]
    assert starts[2]["id"] == body["content"][2]["id"] != "c1"
    signatures = [p["delta"]["signature"] for p in streamed if "signature" in p.get("delta", {})]
    assert signatures == [body["content"][0]["signature"]]


def test_a_refusal_is_text_that_ends_in_refusal() -> None:
    said = answer(Refusal("No."), reason="stop", stop_detail="stop")
    body = FORMAT.encode_response(said, ASKED)
    assert body["content"] == [{"type": "text", "text": "No."}]
    assert body["stop_reason"] == "refusal"
    assert written(replay(said))[-2]["delta"]["stop_reason"] == "refusal"


@pytest.mark.parametrize(
    ("reason", "detail", "wire"),
    [
        ("stop", "STOP", "end_turn"),
        ("stop", "end_turn", "end_turn"),
        ("stop", "tool_use", "end_turn"),
        ("stop_sequence", None, "stop_sequence"),
        ("length", "length", "max_tokens"),
        ("length", "model_context_window_exceeded", "model_context_window_exceeded"),
        ("tool_calls", "tool_calls", "tool_use"),
        ("content_filter", "SAFETY", "refusal"),
        ("pause", None, "pause_turn"),
    ],
)
def test_stop_reasons_go_back_in_anthropics_words(
    reason: Any, detail: str | None, wire: str
) -> None:
    said = answer(Text("a"), reason=reason, stop_detail=detail)
    assert FORMAT.encode_response(said, ASKED)["stop_reason"] == wire
    assert written(replay(said))[-2]["delta"]["stop_reason"] == wire


def test_what_only_other_formats_know_is_left_out_without_a_gap() -> None:
    said = answer(
        Native("gemini", {"executableCode": {}}),
        Text("a"),
        Media("image", "image/png", "QQ=="),
        Text("b"),
    )
    assert [block["text"] for block in FORMAT.encode_response(said, ASKED)["content"]] == ["a", "b"]
    indexes = [p["index"] for p in written(replay(said)) if p["type"] == "content_block_start"]
    assert indexes == [0, 1]


def test_another_providers_filter_is_told_in_its_own_word() -> None:
    said = replace(answer(reason="content_filter"), stop_detail="PROHIBITED_CONTENT")
    want = {"type": "refusal", "category": None, "explanation": "PROHIBITED_CONTENT"}
    body = FORMAT.encode_response(said, ASKED)
    assert (body["stop_reason"], body["stop_details"]) == ("refusal", want)
    (ending,) = [p for p in written(replay(said)) if p["type"] == "message_delta"]
    assert ending["delta"]["stop_details"] == want


def test_custom_tools_give_an_object_and_namespaces_stay_behind() -> None:
    said = answer(
        ToolCall("t", "patch", 'say "hi"', custom=True, namespace="edit"), reason="tool_calls"
    )
    (call,) = FORMAT.encode_response(said, ASKED)["content"]
    assert (call["name"], call["input"]) == ("patch", {"input": 'say "hi"'})
    deltas = [
        p["delta"]["partial_json"]
        for p in written(replay(said))
        if "partial_json" in p.get("delta", {})
    ]
    assert json.loads("".join(deltas)) == {"input": 'say "hi"'}


def test_citations_of_other_formats_are_web_sources_or_nothing() -> None:
    text = Text("a", (Citation(url="https://a.example", title="A"), Citation(quote="no address")))
    (block,) = FORMAT.encode_response(answer(text), ASKED)["content"]
    (source,) = block["citations"]
    assert (source["type"], source["url"]) == ("web_search_result_location", "https://a.example")
    streamed = [
        p["delta"]["citation"]
        for p in written(replay(answer(text)))
        if "citation" in p.get("delta", {})
    ]
    assert streamed == [source]


def test_a_failure_is_told_and_nothing_follows() -> None:
    events = [
        MessageStart("m", "x"),
        BlockStart(0, Text("")),
        BlockDelta(0, "a"),
        Failed(StreamInterrupted("cut off")),
        BlockStop(0),
        MessageStop("stop"),
    ]
    items = list(FORMAT.encode_events(events, ASKED))
    assert len(items) == len(events)
    assert items[4:] == [b"", b""]
    (frame,) = frames([items[3]])
    assert frame.event == "error"
    assert json.loads(frame.data) == {
        "type": "error",
        "error": {"type": "api_error", "message": "cut off"},
    }


def test_missing_ids_and_usage_are_made_up_as_clients_want_them() -> None:
    body = FIXED.encode_response(ChatResponse("", "", (), "stop"), ASKED)
    assert body["id"] == "msg_made_up"
    assert body["model"] == "asked-model"
    assert body["usage"]["output_tokens"] == 0
    made_up = FORMAT.encode_response(ChatResponse("", "", (), "stop"), ASKED)["id"]
    assert made_up.startswith("msg_")
    assert written([MessageStop("stop")])[0]["message"]["id"] == "msg_made_up"


def test_closing_the_encoder_closes_the_events() -> None:
    closed = []

    def source() -> Iterable[Event]:
        try:
            yield from replay(answer(Text("a")))
        finally:
            closed.append(True)

    stream = FORMAT.encode_events(source(), ASKED)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert closed == [True]
