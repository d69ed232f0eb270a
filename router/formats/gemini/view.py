"""This module glances at a request for routing, without converting or checking it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from router.canonical.prompt import PromptView
from router.formats.gemini.calls import json_text
from router.formats.gemini.fields import either
from router.formats.gemini.media import NAME, guess_type, kind_of

_MODES = {"AUTO": "auto", "VALIDATED": "auto", "ANY": "required", "NONE": "none"}


@dataclass(slots=True)
class _Seen:
    """What the turns hold."""

    turns: deque[str] = field(default_factory=lambda: deque(maxlen=8))
    turn_count: int = 0
    first_user: str = ""
    kinds: set[str] = field(default_factory=set)
    last_turn_kinds: set[str] = field(default_factory=set)
    in_tool_loop: bool = False
    chars: int = 0
    user_chars: int = 0


def view(body: Mapping[str, Any]) -> PromptView:
    """Return what routing looks at; never raises, whatever the body is."""
    seen = _Seen()
    contents = list(_listed(body.get("contents")))
    for content in contents:
        _look(content, seen)
    system = "\n".join(_texts(either(body, "systemInstruction")))
    tools = body.get("tools")
    config = _mapping(either(body, "generationConfig"))
    wants_json, wants_schema = _shape(config)
    limit = either(config, "maxOutputTokens")
    return PromptView(
        format=NAME,
        user_turns=tuple(seen.turns),
        turn_count=seen.turn_count,
        system=system,
        first_user=seen.first_user,
        has_image="image" in seen.kinds,
        image_in_last_turn="image" in seen.last_turn_kinds,
        has_audio="audio" in seen.kinds,
        has_document="document" in seen.kinds,
        has_tools=bool(tools),
        tool_choice=_choice(body),
        in_tool_loop=seen.in_tool_loop,
        wants_json=wants_json,
        wants_schema=wants_schema,
        reasoning_effort=_effort(config),
        stream=body.get("stream") is True,
        messages_count=len(contents),
        input_chars=seen.chars + len(system) + (len(json_text(tools) or "") if tools else 0),
        user_chars=seen.user_chars,
        max_output_tokens=limit if type(limit) is int and limit > 0 else None,
    )


def _look(content: Any, seen: _Seen) -> None:
    """Note what a turn holds."""
    parts = list(_parts(content))
    is_model = isinstance(content, dict) and content.get("role") in ("model", "assistant")
    text = "\n".join(_texts(content))
    answers = [part for part in parts if either(part, "functionResponse") is not None]
    calls = [part for part in parts if either(part, "functionCall") is not None]
    kinds = {kind for part in parts if (kind := _kind(part)) is not None}
    seen.kinds |= kinds
    seen.chars += len(text) + sum(len(json_text(part) or "") for part in (*answers, *calls))
    seen.in_tool_loop = bool(answers)
    if is_model or (answers and not text and not kinds):
        return
    seen.turn_count += 1
    seen.last_turn_kinds = kinds
    seen.user_chars += len(text)
    seen.first_user = seen.first_user or text
    if text:
        seen.turns.append(text)


def _listed(value: Any) -> Iterator[Any]:
    """Yield the items of a list; a lone string or object is one."""
    if isinstance(value, list):
        yield from value
    elif isinstance(value, str | dict):
        yield value


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return an object, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def _parts(content: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of a turn or of the system instruction."""
    if isinstance(content, str):
        yield {"text": content}
        return
    parts = content.get("parts", content) if isinstance(content, dict) else content
    for part in _listed(parts):
        yield {"text": part} if isinstance(part, str) else _mapping(part)


def _texts(content: Any) -> Iterator[str]:
    """Yield the texts of a turn, thoughts left out."""
    for part in _parts(content):
        text = part.get("text")
        if isinstance(text, str) and text and not part.get("thought"):
            yield text


def _kind(part: Mapping[str, Any]) -> str | None:
    """Return what kind of media a part holds; None where it holds none."""
    for name in ("inlineData", "fileData"):
        blob = either(part, name)
        if not isinstance(blob, Mapping):
            continue
        media_type, uri = either(blob, "mimeType"), either(blob, "fileUri")
        if not isinstance(media_type, str) and isinstance(uri, str):
            media_type = guess_type(uri)
        return kind_of(media_type if isinstance(media_type, str) else None)
    return None


def _choice(body: Mapping[str, Any]) -> str | None:
    """Return the tool choice in our words."""
    calling = _mapping(either(_mapping(either(body, "toolConfig")), "functionCallingConfig"))
    mode = calling.get("mode")
    choice = _MODES.get(mode.upper()) if isinstance(mode, str) else None
    return "named" if choice == "required" and either(calling, "allowedFunctionNames") else choice


def _shape(config: Mapping[str, Any]) -> tuple[bool, bool]:
    """Tell whether JSON, and whether a schema is asked for."""
    has_schema = any(either(config, name) for name in ("responseJsonSchema", "responseSchema"))
    return has_schema or either(config, "responseMimeType") == "application/json", has_schema


def _effort(config: Mapping[str, Any]) -> str | None:
    """Return how much thinking is asked for."""
    thinking = _mapping(either(config, "thinkingConfig"))
    level, budget_tokens = either(thinking, "thinkingLevel"), either(thinking, "thinkingBudget")
    if isinstance(level, str):
        return level.lower()
    if budget_tokens is None:
        return None
    return "none" if budget_tokens == 0 else "budget"
