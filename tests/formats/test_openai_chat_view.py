"""Routing's glance at a chat request."""

from __future__ import annotations

from typing import Any

import pytest

from router.canonical.prompt import PromptView
from router.formats.openai_chat import FORMAT

IMAGE = {"type": "image_url", "image_url": {"url": "https://e.org/a.png"}}


def view(*messages: Any, **fields: Any) -> PromptView:
    return FORMAT.view({"model": "m", "messages": list(messages), **fields})


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def test_turns_system_and_characters_are_seen() -> None:
    seen = view(
        {"role": "system", "content": "Be"},
        {"role": "developer", "content": [{"type": "text", "text": "kind"}]},
        user("one"),
        {"role": "assistant", "content": "four"},
        user([{"type": "text", "text": "two"}, IMAGE, {"type": "text", "text": "three"}]),
    )
    assert seen.user_turns == ("one", "two\nthree")
    assert (seen.last_turn, seen.first_user) == ("two\nthree", "one")
    assert (seen.turn_count, seen.messages_count) == (2, 5)
    assert seen.system == "Be\nkind"
    assert (seen.user_chars, seen.input_chars) == (12, 22)
    assert (seen.has_image, seen.image_in_last_turn) == (True, True)
    assert not seen.in_tool_loop


def test_an_old_image_is_not_in_the_last_turn() -> None:
    seen = view(user([IMAGE]), user("and now?"))
    assert (seen.has_image, seen.image_in_last_turn) == (True, False)
    assert seen.user_turns == ("and now?",)
    assert seen.turn_count == 2


def test_only_the_last_turns_are_kept_but_the_first_is_remembered() -> None:
    seen = view(*(user(str(number)) for number in range(20)))
    assert seen.user_turns == tuple(str(number) for number in range(12, 20))
    assert (seen.first_user, seen.turn_count) == ("0", 20)


def test_tools_and_the_tool_loop_are_seen() -> None:
    call = {"id": "a", "function": {"name": "ff", "arguments": "{}"}}
    seen = view(
        user("x"),
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "result"},
        tools=[{"type": "function"}],
        tool_choice="required",
    )
    assert (seen.has_tools, seen.in_tool_loop, seen.tool_choice) == (True, True, "required")
    assert seen.input_chars == len("x") + len("ff{}") + len("result") + len('[{"type":"function"}]')
    assert (seen.turn_count, seen.user_chars) == (1, 1)


def test_audio_and_documents_are_seen() -> None:
    seen = view(user([{"type": "input_audio"}, {"type": "file"}]))
    assert (seen.has_audio, seen.has_document) == (True, True)


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"response_format": {"type": "json_object"}}, "wants_json", True),
        ({"response_format": {"type": "json_object"}}, "wants_schema", False),
        ({"response_format": {"type": "json_schema"}}, "wants_schema", True),
        ({"reasoning_effort": "high"}, "reasoning_effort", "high"),
        ({"reasoning": {"effort": "low"}}, "reasoning_effort", "low"),
        ({"reasoning": {"max_tokens": 5}}, "reasoning_effort", "budget"),
        ({"thinking": {"budget_tokens": 5}}, "reasoning_effort", "budget"),
        ({"stream": True}, "stream", True),
        ({"max_tokens": 5, "max_completion_tokens": 7}, "max_output_tokens", 7),
        ({"max_tokens": "5"}, "max_output_tokens", None),
        ({"tool_choice": {"type": "function"}}, "tool_choice", "named"),
        ({"tool_choice": {"allowed_tools": {"mode": "auto"}}}, "tool_choice", "auto"),
        ({"functions": [{"name": "f"}]}, "has_tools", True),
    ],
)
def test_fields_are_seen(fields: dict[str, Any], name: str, value: Any) -> None:
    assert getattr(view(user("x"), **fields), name) == value


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": None},
        {"messages": {"role": "user"}},
        {"messages": [None, 1, "x", [], {}, {"role": ["user"], "content": {}}]},
        {"messages": [{"role": "user", "content": [None, {"type": {}}, {"type": "text"}]}]},
        {"messages": [{"role": "assistant", "tool_calls": {"a": 1}}]},
        {"tools": 5, "tool_choice": 5, "reasoning": 5, "response_format": 5, "max_tokens": []},
    ],
)
def test_nonsense_is_seen_as_nothing(body: dict[str, Any]) -> None:
    seen = FORMAT.view(body)
    assert (seen.format, seen.user_turns, seen.has_image) == ("openai_chat", (), False)
