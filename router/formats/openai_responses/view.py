"""This module reads what routing looks at, without converting the request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from router.canonical.prompt import PromptView
from router.formats.openai_responses.vocabulary import NAME, JsonObject

_MAX_TURNS = 8
_TEXT_TYPES = frozenset({"input_text", "output_text", "text", "summary_text", "reasoning_text"})


@dataclass(slots=True)
class _Glance:
    """What the items show, gathered in one pass."""

    system: list[str] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)
    turn_count: int = 0
    messages_count: int = 0
    chars: int = 0
    user_chars: int = 0
    image: bool = False
    image_in_last_turn: bool = False
    audio: bool = False
    document: bool = False
    in_tool_loop: bool = False


def view(body: JsonObject) -> PromptView:
    """Return what routing looks at; see `router.formats.base.Ingress.view`."""
    glance = _Glance()
    if instructions := _text(body.get("instructions")):
        glance.system.append(instructions)
        glance.chars += len(instructions)
    items = body.get("input")
    if isinstance(items, str):
        _see_item({"role": "user", "content": items}, glance)
    elif isinstance(items, list | tuple):
        for item in items:
            if isinstance(item, Mapping):
                _see_item(item, glance)
    tools, limit = body.get("tools"), body.get("max_output_tokens")
    form = _object(_object(body.get("text")).get("format")).get("type")
    return PromptView(
        format=NAME,
        user_turns=tuple(glance.turns[-_MAX_TURNS:]),
        turn_count=glance.turn_count,
        system="\n".join(glance.system),
        first_user=glance.turns[0] if glance.turns else "",
        has_image=glance.image,
        image_in_last_turn=glance.image_in_last_turn,
        has_audio=glance.audio,
        has_document=glance.document,
        has_tools=bool(tools) and isinstance(tools, list),
        tool_choice=_choice(body.get("tool_choice")),
        in_tool_loop=glance.in_tool_loop,
        wants_json=form in ("json_object", "json_schema"),
        wants_schema=form == "json_schema",
        reasoning_effort=_text(_object(body.get("reasoning")).get("effort")) or None,
        stream=body.get("stream") is True,
        messages_count=glance.messages_count,
        input_chars=glance.chars + _chars(tools),
        user_chars=glance.user_chars,
        max_output_tokens=limit if type(limit) is int else None,
    )


def _see_item(item: JsonObject, glance: _Glance) -> None:
    """Take in one item."""
    glance.messages_count += 1
    kind, role = item.get("type"), item.get("role")
    glance.in_tool_loop = isinstance(kind, str) and kind.endswith("_output")
    if role is None:
        glance.chars += sum(len(_text(item.get(key))) for key in ("arguments", "input", "output"))
    parts = list(_parts(item, glance))
    text = "\n".join(parts)
    glance.chars += len(text)
    match role:
        case "user":
            glance.turn_count += 1
            glance.user_chars += len(text)
            if text:
                glance.turns.append(text)
        case "system" | "developer" if text:
            glance.system.append(text)


def _parts(item: JsonObject, glance: _Glance) -> Iterator[str]:
    """Yield an item's texts; note the media on the way."""
    content = item.get("content", item.get("summary"))
    if item.get("role") == "user":
        glance.image_in_last_turn = False
    if isinstance(content, str):
        yield content
    for parts in (content, item.get("output")):
        if not isinstance(parts, list | tuple):
            continue
        for part in parts:
            if not isinstance(part, Mapping):
                continue
            kind = part.get("type")
            if kind in _TEXT_TYPES and (text := _text(part.get("text"))):
                yield text
            else:
                _see_media(kind, item.get("role") == "user", glance)


def _see_media(kind: object, is_user: bool, glance: _Glance) -> None:
    """Note what a part is that is no text."""
    match kind:
        case "input_image":
            glance.image = True
            glance.image_in_last_turn = glance.image_in_last_turn or is_user
        case "input_audio":
            glance.audio = True
        case "input_file":
            glance.document = True


def _choice(choice: object) -> str | None:
    """Return the tool choice in a word: itself, or the name of the tool or its type."""
    if isinstance(choice, Mapping):
        return _text(choice.get("name")) or _text(choice.get("type")) or None
    return _text(choice) or None


def _chars(value: object) -> int:
    """Return the characters of all text in a JSON value; not recursive, as it may be deep."""
    total, stack = 0, [value]
    while stack:
        match stack.pop():
            case str() as text:
                total += len(text)
            case Mapping() as entries:
                stack += entries.keys()
                stack += entries.values()
            case list() as entries:
                stack += entries
    return total


def _object(value: object) -> JsonObject:
    """Return an object; empty where it is none."""
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    """Return a string; empty where it is none."""
    return value if isinstance(value, str) else ""
