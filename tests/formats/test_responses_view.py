"""What routing sees of a Responses request, and what a provider of the format gets."""

from __future__ import annotations

from typing import Any

from router.canonical.events import Frame
from router.canonical.request import ModelTraits
from router.canonical.signature import Signature, attach_to_id, seal
from router.formats.openai_responses import FORMAT

NAME = "openai_responses"
TRAITS = ModelTraits("upstream-model")


def test_a_string_is_the_only_turn() -> None:
    view = FORMAT.view({"input": "hello", "instructions": "be kind", "stream": True})
    assert view.user_turns == ("hello",)
    assert (view.turn_count, view.messages_count, view.stream) == (1, 1, True)
    assert (view.system, view.first_user, view.last_turn) == ("be kind", "hello", "hello")
    assert (view.input_chars, view.user_chars) == (12, 5)


def test_turns_media_and_tools_are_seen() -> None:
    view = FORMAT.view(
        {
            "input": [
                {"role": "developer", "content": "rules"},
                {
                    "type": "message",
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "look"},
                        {"type": "input_text", "text": "here"},
                        {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 999},
                        {"type": "input_file", "file_data": "A" * 999},
                    ],
                },
                {"role": "assistant", "content": [{"type": "output_text", "text": "yes"}]},
                {"role": "user", "content": "go on"},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "four"},
            ],
            "tools": [{"type": "function", "name": "f"}],
            "tool_choice": {"type": "function", "name": "f"},
            "text": {"format": {"type": "json_schema"}},
            "reasoning": {"effort": "low"},
            "max_output_tokens": 9,
        }
    )
    assert view.user_turns == ("look\nhere", "go on")
    assert (view.system, view.turn_count, view.messages_count) == ("rules", 2, 6)
    assert (view.has_image, view.image_in_last_turn, view.has_document) == (True, False, True)
    assert (view.has_tools, view.tool_choice, view.in_tool_loop) == (True, "f", True)
    assert (view.wants_json, view.wants_schema) == (True, True)
    assert (view.reasoning_effort, view.max_output_tokens) == ("low", 9)
    assert view.input_chars < 100


def test_only_the_last_eight_turns_are_told_and_the_first_is_remembered() -> None:
    view = FORMAT.view({"input": [{"role": "user", "content": str(n)} for n in range(12)]})
    assert view.user_turns == tuple(str(n) for n in range(4, 12))
    assert (view.first_user, view.turn_count) == ("0", 12)


def test_an_image_in_the_last_turn_is_noticed() -> None:
    content = [{"type": "input_image", "image_url": "https://a.example/x.png"}]
    assert FORMAT.view({"input": [{"role": "user", "content": content}]}).image_in_last_turn


def test_deep_tools_do_not_exhaust_the_stack() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = {"k": deep}
    assert FORMAT.view({"input": "hi", "tools": [deep]}).input_chars == 5000 + 1 + 2


def test_passthrough_changes_the_model_and_nothing_else() -> None:
    body = {
        "model": "auto",
        "input": [{"role": "user", "content": "hi", "unknown": 1}],
        "previous_response_id": "resp_1",
        "brand_new": {"a": 1},
    }
    assert FORMAT.passthrough_body(body, TRAITS) == {**body, "model": "upstream-model"}
    assert body["model"] == "auto"


def test_passthrough_takes_out_what_other_providers_signed() -> None:
    gemini = Signature("s", "gemini")
    own = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    carried = attach_to_id("c1", gemini)
    call = {"type": "function_call", "call_id": carried, "name": "f", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": carried, "output": "x"}
    sealed = {**own, "id": "rs_2", "encrypted_content": seal(gemini, NAME)}
    resealed = {
        **own,
        "id": "rs_3",
        "encrypted_content": seal(Signature("gBBB", NAME, "rs_true"), NAME),
    }
    body = {"model": "auto", "input": [own, sealed, resealed, call, result]}
    assert FORMAT.passthrough_body(body, TRAITS)["input"] == [
        own,
        {**own, "id": "rs_true", "encrypted_content": "gBBB"},
        {**call, "call_id": "c1"},
        {**result, "call_id": "c1"},
    ]
    assert body["input"][3]["call_id"] == carried


def test_odd_items_pass_through_untouched() -> None:
    items: list[Any] = [None, "x", {"call_id": 3}, {"type": 1, "encrypted_content": []}]
    assert FORMAT.passthrough_body({"input": items}, TRAITS)["input"] == items


def test_no_frame_is_withheld() -> None:
    assert not FORMAT.withholds(Frame("response.created", b"{}", b""), {})
