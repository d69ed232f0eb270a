"""This module is ``open-llm-router classify``: judge prompts or requests, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import orjson

from router.canonical.prompt import PromptView
from router.errors import InvalidRequest
from router.formats.anthropic_messages import FORMAT as ANTHROPIC_MESSAGES
from router.formats.gemini import FORMAT as GEMINI
from router.formats.openai_chat import FORMAT as OPENAI_CHAT
from router.formats.openai_responses import FORMAT as OPENAI_RESPONSES
from router.routing.classify import Judge

_ANTHROPIC_FIELDS = frozenset({"system", "stop_sequences", "anthropic_version", "thinking"})
_ANTHROPIC_BLOCKS = frozenset({"tool_result", "tool_use", "image", "document", "thinking"})


class Output(Protocol):
    """Where the answers go, as standard output."""

    def write(self, text: str, /) -> object:
        """Write a text."""
        ...

    def flush(self) -> object:
        """Let what was written out."""
        ...


def classify_lines(lines: Iterable[str], out: Output) -> None:
    """Judge each line and write one line of JSON each, in order.

    Parameters
    ----------
    lines : iterable of str
        JSON objects: ``{"prompt": …}``, or a whole request of one of the four formats;
        ``headers`` beside either (names in any case) are used to recognise errands.
        Blank lines are left out.

    Raises
    ------
    InvalidRequest
        A line is no JSON object, or none of these; the message names its number.
    """
    judge = Judge.from_file()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        body = _object(line, number)
        judgement = judge.judge(_view(body, number), _headers(body))
        told = {
            "task": judgement.task,
            "complexity": judgement.complexity,
            "score": judgement.score,
            "signals": dict(judgement.signals),
        }
        out.write(orjson.dumps(told).decode() + "\n")
        out.flush()


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        raise InvalidRequest(f"line {number}: not JSON: {exc}") from exc
    if not isinstance(body, dict):
        raise InvalidRequest(f"line {number}: must be a JSON object")
    return body


def _view(body: Mapping[str, Any], number: int) -> PromptView:
    """Return the view of a request, its format guessed from its keys."""
    if "messages" in body:
        return (ANTHROPIC_MESSAGES if _is_anthropic(body) else OPENAI_CHAT).view(body)
    if "input" in body:
        return OPENAI_RESPONSES.view(body)
    if "contents" in body:
        return GEMINI.view(body)
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise InvalidRequest(f'line {number}: needs "prompt", "messages", "input" or "contents"')
    return PromptView(
        "openai_chat",
        user_turns=(prompt,) if prompt else (),
        turn_count=1,
        first_user=prompt,
        messages_count=1,
        input_chars=len(prompt),
        user_chars=len(prompt),
    )


def _is_anthropic(body: Mapping[str, Any]) -> bool:
    """Tell Anthropic's messages from OpenAI's by fields and blocks that only they have."""
    if not _ANTHROPIC_FIELDS.isdisjoint(body):
        return True
    messages = body["messages"] if isinstance(body["messages"], list) else []
    contents = [m.get("content") for m in messages if isinstance(m, Mapping)]
    blocks = [b for content in contents if isinstance(content, list) for b in content]
    return any(isinstance(b, Mapping) and b.get("type") in _ANTHROPIC_BLOCKS for b in blocks)


def _headers(body: Mapping[str, Any]) -> dict[str, str]:
    headers = body.get("headers")
    if not isinstance(headers, Mapping):
        return {}
    return {str(name).lower(): str(value) for name, value in headers.items()}
