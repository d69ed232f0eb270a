"""Whole answers: read from providers, written for clients."""

from __future__ import annotations

from typing import Any

import pytest

from router.canonical.events import collect
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
from router.errors import (
    ContextTooLong,
    ProtocolViolation,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from router.formats.openai_chat import OpenAIChat
from router.formats.openai_chat.tools import LEGACY
from router.formats.sse import frames

FORMAT = OpenAIChat(clock=lambda: 1234.9, new_id=lambda: "made-up")
REQUEST = ChatRequest("asked", ())


def decode(message: Any, finish: Any = "stop", **top: Any) -> ChatResponse:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return FORMAT.decode_response({"id": "c1", "choices": [choice], **top})


def encode(*blocks: Any, request: ChatRequest = REQUEST, **fields: Any) -> dict[str, Any]:
    answer = ChatResponse(
        **{"id": "c1", "model": "m", "stop_reason": "stop", **fields}, blocks=blocks
    )
    return FORMAT.encode_response(answer, request)


def message_of(*blocks: Any, request: ChatRequest = REQUEST, **fields: Any) -> dict[str, Any]:
    message: dict[str, Any] = encode(*blocks, request=request, **fields)["choices"][0]["message"]
    return message


@pytest.mark.parametrize(
    ("finish", "calls", "reason"),
    [
        ("stop", False, "stop"),
        ("stop", True, "tool_calls"),
        (None, True, "tool_calls"),
        (None, False, "stop"),
        ("eos", False, "stop"),
        ("length", True, "length"),
        ("model_length", False, "length"),
        ("content_filter", False, "content_filter"),
        ("function_call", True, "tool_calls"),
        (7, False, "stop"),
    ],
)
def test_stop_reasons_are_put_right(finish: Any, calls: bool, reason: str) -> None:
    made = [{"id": "a", "function": {"name": "f", "arguments": "{}"}}] if calls else None
    answer = decode({"content": "x", "tool_calls": made}, finish)
    assert answer.stop_reason == reason
    assert answer.stop_detail == (finish if isinstance(finish, str) else None)


def test_only_the_first_choice_counts() -> None:
    choices = [{"index": i, "message": {"content": "ab"[i]}} for i in (1, 0)]
    assert FORMAT.decode_response({"choices": choices}).blocks == (Text("a"),)


def test_made_up_ids_are_unique_and_stable() -> None:
    calls = [{"function": {"name": "f", "arguments": "{}"}}] * 2
    first, second = (decode({"tool_calls": calls}).blocks for _ in range(2))
    assert first == second
    ids = [block.id for block in first if isinstance(block, ToolCall)]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2,
          "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
          "completion_tokens_details": {"reasoning_tokens": 1}}, Usage(2, 4, 3, 2, 1)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 8},
         Usage(1, 8, 0, 2)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 16,
          "completion_tokens_details": {"reasoning_tokens": 5}}, Usage(9, 0, 0, 7, 5)),
        ({"prompt_tokens": None, "completion_tokens": "2", "prompt_tokens_details": None}, Usage()),
        ({"total_tokens": 3}, Usage(3)),
        ({}, None),
        (None, None),
        ([], None),
    ],
)  # fmt: skip
def test_usage_is_counted_once(usage: Any, wanted: Usage | None) -> None:
    assert decode({"content": "x"}, usage=usage).usage == wanted


@pytest.mark.parametrize(
    ("body", "leaf"),
    [
        ({"error": {"message": "slow", "code": 429}}, UpstreamRateLimited),
        ({"error": "boom"}, UpstreamUnavailable),
        ({"error": {"message": "m", "code": "context_length_exceeded",
                    "type": "invalid_request_error"}}, ContextTooLong),
        ({"object": "error", "message": "m", "code": 429}, UpstreamRateLimited),
        ({"choices": [{"message": {"content": ""}, "finish_reason": "error"}]},
         UpstreamUnavailable),
        ({}, ProtocolViolation),
        ({"choices": []}, ProtocolViolation),
        ({"choices": [{"index": 0}]}, ProtocolViolation),
        ([], ProtocolViolation),
    ],
)  # fmt: skip
def test_errors_under_status_200_are_raised(body: Any, leaf: type[UpstreamError]) -> None:
    with pytest.raises(UpstreamError) as caught:
        FORMAT.decode_response(body)
    assert type(caught.value) is leaf


def test_a_plain_answer_is_written() -> None:
    usage = Usage(5, 4, 0, 3, 2)
    assert encode(Text("Hi"), usage=usage, created=7, stop_detail="end_turn") == {
        "id": "c1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
                "native_finish_reason": "end_turn",
            }
        ],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 3,
            "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }


def test_cache_writes_are_told_where_there_are_any() -> None:
    details = encode(usage=Usage(1, 2, 3))["usage"]["prompt_tokens_details"]
    assert details == {"cached_tokens": 2, "cache_write_tokens": 3}


def test_id_time_and_model_are_made_up_only_where_missing() -> None:
    body = encode(id="", model="", created=None)
    assert (body["id"], body["created"], body["model"]) == ("chatcmpl-made-up", 1234, "asked")


def test_usage_and_service_tier_are_left_out_where_unknown() -> None:
    assert {"usage", "service_tier"}.isdisjoint(encode(Text("Hi"), service_tier="standard"))
    assert encode(Text("Hi"), service_tier="flex")["service_tier"] == "flex"


def test_calls_are_written_with_their_signatures_in_the_id() -> None:
    signature = Signature("c2ln", "gemini")
    message = message_of(ToolCall("a", "f", "", signature), stop_reason="tool_calls")
    assert message["content"] is None
    (call,) = message["tool_calls"]
    assert call == {
        "id": attach_to_id("a", signature),
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
    }


def test_deprecated_callers_get_a_function_call() -> None:
    request = ChatRequest("m", (), tools=(Tool("f", origin=LEGACY),))
    body = encode(ToolCall("a", "f", '{"x":1}'), request=request, stop_reason="tool_calls")
    (choice,) = body["choices"]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"x":1}'}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"


def test_free_text_tools_get_free_text() -> None:
    request = ChatRequest("m", (), tools=(Tool("sh", kind="custom"),))
    (call,) = message_of(ToolCall("a", "sh", '{"input":"ls"}'), request=request)["tool_calls"]
    assert call == {"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}}


def test_reasoning_is_told_as_text_and_with_its_signature() -> None:
    own, foreign = Signature("sig", "anthropic_messages"), Signature("x", "openai_responses", "rs")
    message = message_of(
        Thinking("one", own), Thinking("two"), RedactedThinking(foreign), Text("Hi")
    )
    assert message["reasoning_content"] == "one\n\ntwo"
    assert message["thinking_blocks"] == [
        {"type": "thinking", "thinking": "one", "signature": "sig"},
        {"type": "redacted_thinking", "data": seal(foreign, "anthropic_messages")},
    ]


def test_what_is_echoed_comes_back_unchanged() -> None:
    blocks = (
        Thinking("one", Signature("sig", "anthropic_messages")),
        RedactedThinking(Signature("x", "openai_responses", "rs")),
        Text("Hi"),
        ToolCall("a", "f", '{"x":1}', Signature("c2ln", "gemini")),
    )
    back = FORMAT.decode_request({"model": "m", "messages": [message_of(*blocks)]})
    assert back.messages[0].content == blocks


def test_refusals_sources_and_pictures_have_their_fields() -> None:
    message = message_of(
        Text("ab"),
        Text(
            "See", citations=(Citation("https://e.org", "E", start=1, end=2), Citation(title="t"))
        ),
        Media("image", "image/png", "AAAA"),
        Refusal("No."),
        Native("anthropic_messages", {"type": "server_tool_use"}),
    )
    cited = {"url": "https://e.org", "title": "E", "start_index": 3, "end_index": 4}
    assert message == {
        "role": "assistant",
        "content": "abSee",
        "refusal": "No.",
        "annotations": [{"type": "url_citation", "url_citation": cited}],
        "images": [
            {
                "type": "image_url",
                "image_url": {"url": "data:image/png;base64,AAAA"},
                "index": 0,
            }
        ],
    }


def test_an_answer_without_anything_is_an_empty_text() -> None:
    assert message_of()["content"] == ""


def test_what_is_written_is_read_back() -> None:
    answer = ChatResponse(
        id="c1",
        model="m",
        blocks=(Thinking("hm"), Text("Hi"), Refusal("No."), ToolCall("a", "f", '{"x":1}')),
        stop_reason="tool_calls",
        usage=Usage(1, 2, 3, 4, 1),
        created=7,
        service_tier="flex",
        stop_detail="tool_calls",
    )
    assert FORMAT.decode_response(FORMAT.encode_response(answer, REQUEST)) == answer


def test_a_decoded_stream_equals_the_decoded_answer_for_odd_calls() -> None:
    calls = [{"function": {"name": "f", "arguments": {"x": 1}}}, {"function": {"name": "g"}}]
    answer = decode({"tool_calls": calls}, None, model="m", created=3)
    delta = (
        b'{"tool_calls":[{"function":{"name":"f","arguments":{"x":1}}},{"function":{"name":"g"}}]}'
    )
    head = b'data: {"id":"c1","model":"m","created":3,"choices":[{"index":0,"delta":'
    stream = head + delta + b"}]}\n\ndata: [DONE]\n\n"
    assert collect(FORMAT.decode_events(frames([stream]))) == answer
