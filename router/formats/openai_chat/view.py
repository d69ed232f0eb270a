"""This module glances at a chat request for routing, without converting or judging it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from router.canonical.prompt import PromptView
from router.formats.openai_chat.parts import NAME

_MAX_TURNS = 8


@dataclass(slots=True)
class _Glance:
    """What the messages so far have shown."""

    turns: deque[str] = field(default_factory=lambda: deque(maxlen=_MAX_TURNS))
    turn_count: int = 0
    system: list[str] = field(default_factory=list)
    first_user: str = ""
    has_image: bool = False
    image_in_last_turn: bool = False
    has_audio: bool = False
    has_document: bool = False
    last_role: str = ""
    chars: int = 0
    user_chars: int = 0

    def add(self, message: Mapping[str, Any]) -> None:
        """Look at one message."""
        role = message.get("role")
        self.last_role = role if isinstance(role, str) else ""
        texts, has_image = self._content(message.get("content"))
        text = "\n".join(texts)
        self.chars += len(text) + _call_chars(message)
        if role == "user":
            self.turn_count += 1
            self.user_chars += len(text)
            self.image_in_last_turn = has_image
            if text:
                self.first_user = self.first_user or text
                self.turns.append(text)
        elif role in ("system", "developer") and text:
            self.system.append(text)

    def _content(self, content: Any) -> tuple[list[str], bool]:
        """Return the texts of a message, and whether it shows an image."""
        if isinstance(content, str):
            return [content], False
        texts: list[str] = []
        has_image = False
        for part in content if isinstance(content, list) else ():
            if not isinstance(part, Mapping):
                continue
            match part.get("type"):
                case "text":
                    text = part.get("text")
                    if isinstance(text, str) and text:
                        texts.append(text)
                case "image_url":
                    has_image = self.has_image = True
                case "input_audio":
                    self.has_audio = True
                case "file":
                    self.has_document = True
        return texts, has_image


def view(body: Mapping[str, Any]) -> PromptView:
    """Return what routing looks at; wrong fields count as absent.

    Examples
    --------
    >>> view({"messages": [{"role": "user", "content": "Hi"}], "n": [[]]}).last_turn
    'Hi'
    """
    messages = body.get("messages")
    messages = messages if isinstance(messages, list) else []
    glance = _Glance()
    for message in messages:
        if isinstance(message, Mapping):
            glance.add(message)
    form = body.get("response_format")
    kind = form.get("type") if isinstance(form, Mapping) else None
    tools = [body[key] for key in ("tools", "functions") if body.get(key)]
    return PromptView(
        format=NAME,
        user_turns=tuple(glance.turns),
        turn_count=glance.turn_count,
        system="\n".join(glance.system),
        first_user=glance.first_user,
        has_image=glance.has_image,
        image_in_last_turn=glance.image_in_last_turn,
        has_audio=glance.has_audio,
        has_document=glance.has_document,
        has_tools=bool(tools),
        tool_choice=_choice(body),
        in_tool_loop=glance.last_role in ("tool", "function"),
        wants_json=kind in ("json_object", "json_schema"),
        wants_schema=kind == "json_schema",
        reasoning_effort=_effort(body),
        stream=body.get("stream") is True,
        messages_count=len(messages),
        input_chars=glance.chars + _json_chars(tools),
        user_chars=glance.user_chars,
        max_output_tokens=output_limit(body),
    )


def output_limit(body: Mapping[str, Any]) -> int | None:
    """Return the most tokens that the caller wants, under either name."""
    for key in ("max_completion_tokens", "max_tokens"):
        value = body.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None


def _choice(body: Mapping[str, Any]) -> str | None:
    """Return the mode of the tool choice."""
    choice = body.get("tool_choice") or body.get("function_call")
    if isinstance(choice, str):
        return choice
    if not isinstance(choice, Mapping):
        return None
    allowed = choice.get("allowed_tools")
    mode = allowed.get("mode") if isinstance(allowed, Mapping) else None
    return mode if isinstance(mode, str) else "named"


def _effort(body: Mapping[str, Any]) -> str | None:
    """Return how much the model is to think, as the caller names it."""
    reasoning = body.get("reasoning")
    options = reasoning if isinstance(reasoning, Mapping) else {}
    for effort in (body.get("reasoning_effort"), options.get("effort")):
        if isinstance(effort, str) and effort:
            return effort
    thinking = body.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    return "budget" if options.get("max_tokens") or budget else None


def _call_chars(message: Mapping[str, Any]) -> int:
    """Return the characters of a message's tool calls."""
    calls = message.get("tool_calls")
    if not calls:
        return 0
    return sum(len(text) for text in _arguments(calls))


def _arguments(calls: Any) -> Iterator[str]:
    """Yield names and arguments of calls."""
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            for key in ("name", "arguments"):
                if isinstance(value := function.get(key), str):
                    yield value


def _json_chars(tools: list[Any]) -> int:
    """Return about how many characters the tools' definitions have."""
    try:
        return sum(len(orjson.dumps(tool)) for tool in tools)
    except orjson.JSONEncodeError:
        return 0
