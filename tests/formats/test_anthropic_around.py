"""Errors, the glance of routing, passthrough and token counts of the Messages format."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from router.canonical.prompt import PromptView
from router.canonical.request import ModelTraits
from router.canonical.signature import Signature, attach_to_id, seal
from router.errors import (
    AttemptsExhausted,
    AttemptSummary,
    AuthenticationFailed,
    InvalidRequest,
    NoTargetAvailable,
    PermissionDenied,
    RateLimited,
    RequestTooLarge,
    RouterError,
    UnknownModel,
    UnsupportedMediaType,
    UpstreamFacts,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from router.formats.anthropic_messages import (
    FORMAT,
    count_tokens_body,
    encode_count,
    estimate_tokens,
)
from router.formats.sse import frames, parse

CLAUDE = ModelTraits("claude-sonnet-4-5")
FOREIGN = Signature("abc", "gemini")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("no"), "invalid_request_error"),
        (AuthenticationFailed("no"), "authentication_error"),
        (PermissionDenied("no"), "permission_error"),
        (UnknownModel("no"), "not_found_error"),
        (RequestTooLarge("no"), "request_too_large"),
        (UnsupportedMediaType("no"), "invalid_request_error"),
        (RateLimited("no"), "rate_limit_error"),
        (NoTargetAvailable("no"), "overloaded_error"),
        (UpstreamTimeout("no"), "timeout_error"),
        (UpstreamUnavailable("no", UpstreamFacts(status=529)), "overloaded_error"),
        (UpstreamUnavailable("no", UpstreamFacts(status=500)), "api_error"),
        (RouterError("no"), "api_error"),
    ],
)
def test_errors_have_anthropics_types(error: RouterError, kind: str) -> None:
    body = FORMAT.encode_error(error)
    assert body == {"type": "error", "error": {"type": kind, "message": "no"}}
    (frame,) = frames([FORMAT.encode_stream_error(error)])
    assert (frame.event, json.loads(frame.data)) == ("error", body)


def test_an_errors_path_attempts_and_request_id_are_told() -> None:
    error = InvalidRequest("must be a list", param="messages", metadata={"request_id": "r1"})
    assert FORMAT.encode_error(error) == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "messages: must be a list"},
        "request_id": "r1",
    }
    attempts = [AttemptSummary("a", "m", 500, "server_error", 12)]
    told = FORMAT.encode_error(AttemptsExhausted(UpstreamUnavailable("x"), "all failed", attempts))
    assert told["error"]["metadata"]["attempts"][0]["account"] == "a"


def test_routing_sees_the_conversation_without_reading_it_all() -> None:
    body = {
        "system": [{"type": "text", "text": "Rules"}],
        "messages": [
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": [{"type": "text", "text": "ok"}]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "see"},
                    {"type": "text", "text": "this"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "i", "data": "QQ" * 99},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "document"}]}
                ],
            },
        ],
        "tools": [{"name": "f", "input_schema": {}}],
        "tool_choice": {"type": "any"},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "output_config": {"format": {"type": "json_schema"}},
        "stream": True,
        "max_tokens": 9,
    }
    seen = FORMAT.view(body)
    assert seen.user_turns == ("first", "see\nthis")
    assert (seen.turn_count, seen.messages_count) == (2, 5)
    assert (seen.system, seen.first_user, seen.last_turn) == ("Rules", "first", "see\nthis")
    assert seen.has_image
    assert not seen.image_in_last_turn
    assert seen.has_document
    assert seen.in_tool_loop
    assert (seen.has_tools, seen.tool_choice) == (True, "required")
    assert seen.wants_json
    assert seen.wants_schema
    assert seen.reasoning_effort == "budget"
    assert seen.stream
    assert seen.max_output_tokens == 9
    assert seen.user_chars == len("first") + len("see\nthis")
    assert 20 < seen.input_chars < 150


def test_an_image_in_the_last_turn_is_noticed() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://i.example"}}
    seen = FORMAT.view({"messages": [{"role": "user", "content": [image]}]})
    assert seen.image_in_last_turn
    assert seen.turn_count == 1


@pytest.mark.parametrize(
    ("body", "effort"),
    [
        ({"output_config": {"effort": "max"}}, "max"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "low"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "disabled"}}, "none"),
        ({}, None),
    ],
)
def test_the_wish_for_reasoning_is_seen(body: dict[str, Any], effort: str | None) -> None:
    assert FORMAT.view(body).reasoning_effort == effort


@pytest.mark.parametrize(
    "body", [[], None, "x", {"messages": {"a": 1}}, {"messages": [None, 3, {}]}]
)
def test_a_glance_at_anything_is_harmless(body: Any) -> None:
    assert FORMAT.view(body).format == "anthropic_messages"


def test_passthrough_changes_nothing_but_the_model() -> None:
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], "new_field": {"a": 1}}
    kept = copy.deepcopy(body)
    sent = FORMAT.passthrough_body(body, CLAUDE)
    assert sent == {**kept, "model": "claude-sonnet-4-5"}
    assert sent["messages"] is body["messages"]
    assert body == kept


def test_passthrough_takes_out_what_other_formats_left() -> None:
    call_id = attach_to_id("call_1", FOREIGN)
    made_up = {"type": "web_search_result_location", "encrypted_index": seal(FOREIGN, "x")}
    real = {"type": "char_location", "cited_text": "q"}
    body = {
        "messages": [
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": [{"type": "redacted_thinking", "data": seal(FOREIGN, "x")}],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "a", "signature": seal(FOREIGN, "x")},
                    {"type": "thinking", "thinking": "b", "signature": ""},
                    {"type": "thinking", "thinking": "c", "signature": "own"},
                    {"type": "text", "text": "t", "citations": [made_up, real]},
                    {"type": "text", "text": "u", "citations": [made_up]},
                    {"type": "tool_use", "id": call_id, "name": "f", "input": {}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call_id}]},
        ],
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    }
    kept = copy.deepcopy(body)
    sent = FORMAT.passthrough_body(body, CLAUDE)
    assert body == kept
    assert sent["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "c", "signature": "own"},
        {"type": "text", "text": "t", "citations": [real]},
        {"type": "text", "text": "u"},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {}},
    ]
    assert sent["messages"][2]["content"][0]["tool_use_id"] == "call_1"
    assert sent["thinking"] == body["thinking"]


def test_passthrough_leaves_unsigned_thoughts_to_services_that_do_not_sign() -> None:
    thought = {"type": "thinking", "thinking": "b", "signature": ""}
    body = {"messages": [{"role": "assistant", "content": [thought]}]}
    assert (
        FORMAT.passthrough_body(body, ModelTraits("deepseek-chat"))["messages"] == body["messages"]
    )


def test_passthrough_stops_thinking_in_a_tool_loop_of_another_provider() -> None:
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    body = {
        "messages": [
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "a", "signature": seal(FOREIGN, "x")},
                    call,
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]},
        ],
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "context_management": {
            "edits": [{"type": "clear_thinking_20251015"}, {"type": "clear_tool_uses_20250919"}]
        },
    }
    sent = FORMAT.passthrough_body(body, CLAUDE)
    assert "thinking" not in sent
    assert sent["context_management"] == {"edits": [{"type": "clear_tool_uses_20250919"}]}
    adaptive = FORMAT.passthrough_body({**body, "thinking": {"type": "adaptive"}}, CLAUDE)
    assert adaptive["thinking"] == {"type": "adaptive"}


def test_no_frame_is_withheld() -> None:
    assert not FORMAT.withholds(parse(b"event: ping\ndata: {}\n\n"), {})


def test_counting_sends_only_what_counts() -> None:
    body = {"model": "auto", "messages": [], "max_tokens": 5, "stream": True, "tools": [], "x": 1}
    assert count_tokens_body(body) == {"model": "auto", "messages": [], "tools": []}
    assert count_tokens_body(body, CLAUDE)["model"] == "claude-sonnet-4-5"
    assert encode_count(12, estimated=True) == {"input_tokens": 12}


def test_an_estimate_grows_with_text_and_images() -> None:
    short = PromptView("anthropic_messages", input_chars=100)
    longer = PromptView("anthropic_messages", input_chars=1000)
    seen = PromptView("anthropic_messages", input_chars=1000, has_image=True)
    assert 1 <= estimate_tokens(short) < estimate_tokens(longer) < estimate_tokens(seen)
    assert estimate_tokens(PromptView("anthropic_messages")) == 1
