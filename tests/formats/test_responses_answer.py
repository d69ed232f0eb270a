"""Writing answers for a client that speaks Responses, whole and streamed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
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
    Message,
    Native,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from router.canonical.request import (
    ChatRequest,
    Reasoning,
    ResponseFormat,
    Sampling,
    Tool,
    ToolChoice,
)
from router.canonical.response import ChatResponse, StopReason
from router.canonical.signature import Signature, attach_to_id, is_sealed
from router.canonical.usage import Usage
from router.errors import (
    AttemptsExhausted,
    AttemptSummary,
    ContextTooLong,
    InvalidRequest,
    StreamInterrupted,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from router.formats.openai_responses import ResponsesFormat
from router.formats.sse import frames

NAME = "openai_responses"
USAGE = Usage(10, 20, 5, 7, 3)
REQUEST = ChatRequest(
    "asked-model",
    (Message("system", (Text("Be brief."),)), Message("user", (Text("hi"),))),
    tools=(
        Tool("f", "does", {"type": "object", "properties": {}}),
        Tool("close", namespace="agents", data={"namespace_description": "All."}, origin=NAME),
        Tool("patch", kind="custom"),
    ),
    extras={"store": True},
)


def counting_ids() -> Callable[[str], str]:
    numbers = itertools.count(1)
    return lambda prefix: f"{prefix}{next(numbers)}"


def check_with_sdk(body: dict[str, Any]) -> None:
    """Validate a body against the official SDK's model, where the SDK is installed."""
    sdk = pytest.importorskip("openai.types.responses")
    sdk.Response.model_validate(body)


def fresh() -> ResponsesFormat:
    return ResponsesFormat(new_id=counting_ids(), clock=lambda: 1_760_000_000.5)


def answer(*blocks: Block, reason: StopReason = "stop", **fields: Any) -> ChatResponse:
    return ChatResponse("up-1", "up-model", blocks, reason, usage=USAGE, **fields)


def whole(response: ChatResponse, request: ChatRequest = REQUEST) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json.dumps(fresh().encode_response(response, request)))
    return body


def streamed(*events: Event, request: ChatRequest = REQUEST) -> list[dict[str, Any]]:
    stream = b"".join(fresh().encode_events(events, request))
    written = list(frames([stream]))
    told = [json.loads(frame.data) for frame in written]
    assert [frame.event for frame in written] == [event["type"] for event in told]
    return told


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_a_text_answer_is_a_complete_response_object() -> None:
    body = whole(answer(Text("Hello")))
    assert body["id"] == "resp_1"
    assert (body["object"], body["status"], body["model"]) == ("response", "completed", "up-model")
    assert (body["created_at"], body["completed_at"]) == (1760000000, 1760000000)
    assert (body["error"], body["incomplete_details"]) == (None, None)
    assert (body["instructions"], body["store"]) == ("Be brief.", False)
    assert body["output"] == [
        {
            "id": "msg_2",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
            ],
        }
    ]
    assert body["usage"] == {
        "input_tokens": 35,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 5},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 42,
    }


def test_the_response_repeats_what_was_asked() -> None:
    request = ChatRequest(
        "m",
        (Message("user", (Text("hi"),)),),
        tools=REQUEST.tools,
        tool_choice=ToolChoice("named", ("f",)),
        parallel_tool_calls=False,
        sampling=Sampling(temperature=0.2, top_p=0.9),
        max_output_tokens=50,
        response_format=ResponseFormat("json_schema", {"type": "object"}, "shape"),
        reasoning=Reasoning(effort="low", summary="auto"),
        metadata={"a": "b", "n": 3},
        user="u",
        extras={"verbosity": "low", "truncation": "auto"},
    )
    body = whole(answer(Text("x"), service_tier="standard"), request)
    assert body["instructions"] is None
    assert body["tool_choice"] == {"type": "function", "name": "f"}
    assert [tool["type"] for tool in body["tools"]] == ["function", "namespace", "custom"]
    assert body["parallel_tool_calls"] is False
    assert (body["temperature"], body["top_p"], body["max_output_tokens"]) == (0.2, 0.9, 50)
    assert body["text"]["format"]["name"] == "shape"
    assert (body["text"]["verbosity"], body["truncation"]) == ("low", "auto")
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}
    assert (body["metadata"], body["user"]) == ({"a": "b"}, "u")
    assert body["service_tier"] is None


@pytest.mark.parametrize(
    "response",
    [
        answer(Text("x", (Citation(url="https://a.example"),)), Refusal("no"), reason="length"),
        answer(Thinking("hm", Signature("s", "gemini")), ToolCall("c", "agents__close")),
        answer(ToolCall("c", "patch", "x", custom=True), Media("image", "image/png", "AAAA")),
    ],
)
def test_the_official_sdk_takes_every_answer(response: ChatResponse) -> None:
    check_with_sdk(whole(response))


@pytest.mark.parametrize(
    ("reason", "status", "detail"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("stop_sequence", "completed", None),
        ("pause", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_stop_reasons_become_statuses(reason: StopReason, status: str, detail: Any) -> None:
    body = whole(answer(Text("x"), reason=reason))
    assert (body["status"], body["incomplete_details"]) == (status, detail)
    assert body["output"][-1]["status"] == status


def test_calls_find_their_namespace_and_free_text_again() -> None:
    blocks = (
        ToolCall("c1", "agents__close", ""),
        ToolCall("c2", "patch", '{"input": "*** Begin"}'),
        ToolCall("c3", "patch", "as it is", custom=True),
        ToolCall("c4", "unknown", '{"a":1}', Signature("s", "gemini")),
    )
    close, wrapped, free, unknown = whole(answer(*blocks, reason="tool_calls"))["output"]
    assert (close["type"], close["name"], close["namespace"]) == (
        "function_call",
        "close",
        "agents",
    )
    assert close["arguments"] == "{}"
    assert (wrapped["type"], wrapped["input"]) == ("custom_tool_call", "*** Begin")
    assert (free["type"], free["input"]) == ("custom_tool_call", "as it is")
    assert unknown["call_id"] == attach_to_id("c4", Signature("s", "gemini"))
    assert "namespace" not in unknown


def test_thoughts_are_told_as_summaries_and_signatures_sealed() -> None:
    signature = Signature("s", "anthropic_messages")
    told, untold, redacted, unsigned = whole(
        answer(
            Thinking("hm", signature),
            Thinking("", signature),
            RedactedThinking(signature),
            Thinking("so"),
        )
    )["output"]
    assert told["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert is_sealed(told["encrypted_content"])
    assert untold["summary"] == [{"type": "summary_text", "text": ""}]
    assert redacted["summary"] == []
    assert "encrypted_content" not in unsigned
    assert not any("status" in item for item in (told, untold, redacted, unsigned))


@pytest.mark.parametrize(
    "block",
    [
        Thinking("hm", Signature("s", "anthropic_messages")),
        Thinking("", Signature("s", "anthropic_messages")),
        RedactedThinking(Signature("s", "anthropic_messages")),
        Thinking("own", Signature("gAAA", NAME, "rs_0")),
        Thinking("unsigned"),
        ToolCall("c", "f", "{}", Signature("s", "gemini")),
        ToolCall("c", "close", "{}", namespace="agents"),
    ],
)
def test_a_client_that_echoes_an_item_gives_the_block_back(block: Block) -> None:
    echoed = whole(answer(block))["output"]
    assert fresh().decode_request({"input": echoed}).messages[0].content == (block,)
    events = streamed(*replay(answer(block)))
    echoed = events[-1]["response"]["output"]
    assert fresh().decode_request({"input": echoed}).messages[0].content == (block,)


def test_texts_that_follow_share_a_message_and_sources_are_annotated() -> None:
    source = Citation(url="https://a.example", title="A")
    body = whole(
        answer(
            Text("One "),
            Text("two", citations=(source, Citation(quote="no url"))),
            Refusal("no"),
            Native("anthropic_messages", {"type": "server_tool_use"}),
            Text("three"),
        )
    )
    (message,) = body["output"]
    assert [part["type"] for part in message["content"]] == [
        "output_text",
        "output_text",
        "refusal",
        "output_text",
    ]
    assert message["content"][1]["annotations"] == [
        {
            "type": "url_citation",
            "url": "https://a.example",
            "title": "A",
            "start_index": 0,
            "end_index": 3,
        }
    ]


def test_images_and_own_items_have_items_of_their_own() -> None:
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
    blocks = (Media("image", "image/png", "AAAA"), Native(NAME, search))
    image, native = whole(answer(*blocks))["output"]
    assert (image["type"], image["result"]) == ("image_generation_call", "AAAA")
    assert native == search


def test_a_stream_opens_fills_and_closes() -> None:
    events = streamed(
        MessageStart("resp_up", "up-model"),
        BlockStart(0, Text("")),
        BlockDelta(0, "Hel"),
        UsageSeen(USAGE),
        BlockDelta(0, "lo"),
        BlockDelta(0, citation=Citation(url="https://a.example")),
        BlockStop(0),
        BlockStart(1, ToolCall("c1", "f", "")),
        BlockStop(1),
        MessageStop("tool_calls", USAGE),
        Opaque(),
    )
    assert types(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["response"]["id"] == events[-1]["response"]["id"] == "resp_up"
    assert events[0]["response"]["status"] == "in_progress"
    assert events[7]["text"] == "Hello"
    assert events[11]["delta"] == events[12]["arguments"] == "{}"


def test_thoughts_are_streamed_as_a_summary() -> None:
    events = streamed(
        MessageStart("", ""),
        BlockStart(0, Thinking("")),
        BlockDelta(0, "hm"),
        BlockDelta(0, signature=Signature("s", "gemini")),
        BlockStop(0),
        MessageStop("length"),
    )
    assert types(events)[2:] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "incomplete",
    ]
    assert "encrypted_content" not in events[2]["item"]
    assert is_sealed(events[7]["item"]["encrypted_content"])
    assert events[-1]["response"]["model"] == "asked-model"
    assert events[-1]["response"]["usage"] is None


def test_wrapped_free_text_is_told_once_it_is_whole() -> None:
    events = streamed(
        MessageStart("", ""),
        BlockStart(0, ToolCall("c1", "patch", "")),
        BlockDelta(0, '{"input": "*** Be'),
        BlockDelta(0, 'gin"}'),
        BlockStop(0),
        MessageStop("tool_calls"),
    )
    deltas = [event["delta"] for event in events if event["type"].endswith("input.delta")]
    assert deltas == ["*** Begin"]
    assert events[-1]["response"]["output"][0]["input"] == "*** Begin"


def test_blocks_may_overlap() -> None:
    events = streamed(
        MessageStart("", ""),
        BlockStart(0, Text("")),
        BlockStart(1, ToolCall("c1", "f", "")),
        BlockDelta(1, "{"),
        BlockDelta(0, "late"),
        BlockStart(2, Text("")),
        BlockDelta(2, "last"),
        BlockDelta(1, "}"),
        BlockStop(0),
        BlockStop(1),
        BlockStop(2),
        MessageStop("tool_calls"),
    )
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "message"]
    done = [event for event in events if event["type"] == "response.output_item.done"]
    assert {event["output_index"]: event["item"] for event in done} == dict(enumerate(output))


def test_each_event_gives_exactly_one_piece() -> None:
    events = (*replay(answer(Text("x"))), Opaque())
    pieces = list(fresh().encode_events(events, REQUEST))
    assert len(pieces) == len(events)
    assert pieces[-1] == b""


def test_closing_the_encoder_closes_its_source() -> None:
    closed = False

    def source() -> Any:
        nonlocal closed
        try:
            yield from replay(answer(Text("x")))
        finally:
            closed = True

    pieces = fresh().encode_events(source(), REQUEST)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert closed


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StreamInterrupted("broke off"), "server_error"),
        (UpstreamRateLimited("slow down"), "rate_limit_exceeded"),
        (ContextTooLong("too long"), "context_length_exceeded"),
    ],
)
def test_a_failure_ends_the_stream_in_band(error: UpstreamError, code: str) -> None:
    events = streamed(
        MessageStart("resp_up", ""),
        BlockStart(0, Text("")),
        BlockDelta(0, "half"),
        BlockStart(1, ToolCall("c", "f", "")),
        BlockDelta(1, '{"a"'),
        Failed(error),
        BlockStop(1),
        Opaque(),
    )
    last = events[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"] == {"code": code, "message": error.message}
    message, call = last["response"]["output"]
    assert (message["status"], message["content"][0]["text"]) == ("incomplete", "half")
    assert (call["status"], call["arguments"]) == ("incomplete", '{"a"')


def test_a_failure_before_the_start_is_told_too() -> None:
    (event,) = streamed(Failed(UpstreamTimeout("no answer")))
    assert event["type"] == "response.failed"
    assert event["response"]["id"] == "resp_1"


WORDS = st.text(max_size=10)
SIGNATURES = st.builds(Signature, WORDS, st.sampled_from(["gemini", "anthropic_messages"]))
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(
        Text, WORDS, st.lists(st.builds(Citation, url=st.just("https://a.example"))).map(tuple)
    ),
    st.builds(Refusal, WORDS),
    st.builds(Thinking, WORDS, st.none() | SIGNATURES),
    st.builds(RedactedThinking, SIGNATURES),
    st.builds(
        ToolCall,
        id=st.text("abc", min_size=1),
        name=st.sampled_from(["f", "agents__close", "patch", "other"]),
        arguments=st.sampled_from(["", "{}", '{"input": "x"}', "not json"]),
        custom=st.booleans(),
    ),
    st.just(Media("image", "image/png", "AAAA")),
    st.just(Native(NAME, {"id": "ws_1", "type": "web_search_call", "status": "completed"})),
    st.just(Native("gemini", {"executableCode": {}})),
)
ANSWERS = st.builds(
    ChatResponse,
    id=st.just("up"),
    model=st.just("m"),
    blocks=st.lists(BLOCKS, max_size=6).map(tuple),
    stop_reason=st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    usage=st.none() | st.just(USAGE),
)


@given(ANSWERS)
def test_the_stream_ends_in_the_same_object_as_the_whole_answer(response: ChatResponse) -> None:
    events = streamed(*replay(response))
    assert events[-1]["response"] == whole(response)


@given(ANSWERS)
def test_streamed_items_and_deltas_add_up_to_the_last_event(response: ChatResponse) -> None:
    events = streamed(*replay(response))
    output = events[-1]["response"]["output"]
    added = [event for event in events if event["type"] == "response.output_item.added"]
    done = [event for event in events if event["type"] == "response.output_item.done"]
    assert [event["item"] for event in done] == output
    assert [event["output_index"] for event in added] == list(range(len(output)))
    assert [event["item"].get("id") for event in added] == [item.get("id") for item in output]
    for event in events:
        if event["type"].endswith((".arguments.done", "_text.done", "refusal.done", "input.done")):
            stem = event["type"].removesuffix(".done")
            key = next(key for key in ("text", "refusal", "input", "arguments") if key in event)
            assert event[key] == "".join(
                other["delta"]
                for other in events
                if other["type"] == f"{stem}.delta"
                and other["output_index"] == event["output_index"]
                and other.get("content_index") == event.get("content_index")
            )


@given(
    st.lists(
        st.one_of(
            st.builds(Text, WORDS),
            st.builds(Refusal, WORDS),
            st.builds(Thinking, WORDS),
            st.builds(
                Thinking,
                WORDS,
                st.builds(Signature, WORDS.filter(bool), st.just(NAME), st.just("rs")),
            ),
            st.builds(ToolCall, id=st.text("ab", min_size=1), name=st.just("f")),
            st.builds(
                ToolCall, id=st.text("ab", min_size=1), name=st.just("patch"), custom=st.just(True)
            ),
        ),
        max_size=6,
    )
)
def test_decoding_what_was_encoded_gives_the_same_answer(blocks: list[Block]) -> None:
    response = answer(*blocks)
    stream = b"".join(fresh().encode_events(replay(response), REQUEST))
    again = collect(fresh().decode_events(frames([stream])))
    assert again.blocks == response.blocks
    assert again.usage == response.usage
    assert fresh().decode_response(whole(response)).blocks == response.blocks


def test_errors_have_openais_shape() -> None:
    error = InvalidRequest("bad", param="input[0]", code="c")
    assert fresh().encode_error(error) == {
        "error": {
            "message": "bad",
            "type": "invalid_request_error",
            "param": "input[0]",
            "code": "c",
        }
    }


def test_attempts_are_told_under_metadata() -> None:
    summary = AttemptSummary("a", "m", 500, "server_error", 3)
    error = AttemptsExhausted(UpstreamTimeout("late"), "late", [summary])
    told = fresh().encode_error(error)["error"]
    assert told["type"] == "timeout_error"
    assert told["metadata"]["attempts"][0]["account"] == "a"


def test_an_error_inside_a_stream_stands_where_sdks_look() -> None:
    (frame,) = frames([fresh().encode_stream_error(StreamInterrupted("broke off"))])
    told = json.loads(frame.data)
    assert frame.event == told["type"] == "error"
    assert told["message"] == told["error"]["message"] == "broke off"
    assert told["code"] == "stream_interrupted"


def test_default_ids_are_unguessable_and_prefixed() -> None:
    form = ResponsesFormat()
    first, second = form.new_id("msg_"), form.new_id("msg_")
    assert first != second
    assert first.startswith("msg_")
    assert len(first) >= 30
