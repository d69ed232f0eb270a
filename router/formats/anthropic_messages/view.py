"""This module glances at a Messages request for routing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from router.canonical.prompt import PromptView
from router.formats.anthropic_messages.vocabulary import NAME

_TURNS_KEPT = 8
_CHOICES = {"auto": "auto", "none": "none", "any": "required", "tool": "named"}


def view(body: Mapping[str, Any]) -> PromptView:
    """Return what routing looks at; never raises, whatever the body is.

    Examples
    --------
    >>> view({"messages": [{"role": "user", "content": "Hi"}]}).last_turn
    'Hi'
    """
    if not isinstance(body, Mapping):
        return PromptView(NAME)
    messages = [message for message in _list(body.get("messages")) if isinstance(message, Mapping)]
    users = [_list_of_blocks(m.get("content")) for m in messages if m.get("role") == "user"]
    turns = [text for blocks in users if (text := _text(blocks))]
    last = _list_of_blocks(messages[-1].get("content")) if messages else []
    kinds = {kind for message in messages for kind in _kinds(message.get("content"))}
    config = _mapping(body.get("output_config"))
    wants_json = bool(config.get("format") or body.get("output_format"))
    tools = body.get("tools")
    max_tokens = body.get("max_tokens")
    return PromptView(
        format=NAME,
        user_turns=tuple(turns[-_TURNS_KEPT:]),
        turn_count=sum(1 for blocks in users if _is_said(blocks)),
        system=_system(body.get("system"), messages),
        first_user=turns[0] if turns else "",
        has_image="image" in kinds,
        image_in_last_turn=bool(users) and "image" in _kinds(users[-1]),
        has_document="document" in kinds,
        has_tools=isinstance(tools, list) and bool(tools),
        tool_choice=_choice(body.get("tool_choice")),
        in_tool_loop=any(block.get("type") == "tool_result" for block in last),
        wants_json=wants_json,
        wants_schema=wants_json,
        reasoning_effort=_effort(config, _mapping(body.get("thinking"))),
        stream=body.get("stream") is True,
        messages_count=len(messages),
        input_chars=_chars([body.get("system"), tools, [m.get("content") for m in messages]]),
        user_chars=sum(map(len, turns)),
        max_output_tokens=max_tokens if type(max_tokens) is int else None,
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list_of_blocks(content: Any) -> list[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in _list(content) if isinstance(block, Mapping)]


def _text(blocks: Iterable[Mapping[str, Any]]) -> str:
    """Join the text parts, without what tools returned."""
    texts = (block.get("text") for block in blocks if block.get("type") == "text")
    return "\n".join(text for text in texts if isinstance(text, str))


def _is_said(blocks: list[Mapping[str, Any]]) -> bool:
    """Tell whether a user turn holds more than results of tools."""
    return not blocks or any(block.get("type") != "tool_result" for block in blocks)


def _kinds(content: Any) -> set[str]:
    """Return the types of the blocks, those within tool results included."""
    kinds: set[str] = set()
    for block in _list_of_blocks(content):
        kinds.add(str(block.get("type")))
        if block.get("type") == "tool_result":
            kinds |= {str(part.get("type")) for part in _list_of_blocks(block.get("content"))}
    return kinds


def _system(system: Any, messages: Iterable[Mapping[str, Any]]) -> str:
    later = (m.get("content") for m in messages if m.get("role") == "system")
    texts = [_text(_list_of_blocks(content)) for content in (system, *later)]
    return "\n".join(text for text in texts if text)


def _choice(value: Any) -> str | None:
    kind = _mapping(value).get("type")
    return _CHOICES.get(kind) if isinstance(kind, str) else None


def _effort(config: Mapping[str, Any], thinking: Mapping[str, Any]) -> str | None:
    """Return the effort as named, or ``budget`` where there is a number."""
    if thinking.get("type") == "disabled":
        return "none"
    effort = config.get("effort")
    if isinstance(effort, str):
        return effort
    return "budget" if thinking.get("type") == "enabled" else None


def _chars(value: Any) -> int:
    """Count the characters of all text; base64 of images and files is no text."""
    total = 0
    open_ = [value]
    while open_:
        item = open_.pop()
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, list):
            open_ += item
        elif isinstance(item, Mapping) and item.get("type") != "base64":
            open_ += item.values()
    return total
