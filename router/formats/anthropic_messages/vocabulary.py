"""This module holds the words of Anthropic's Messages format that several modules share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from router.canonical.response import StopReason
from router.canonical.signature import Signature, is_sealed, seal

NAME = "anthropic_messages"

ANSWER_TOOL = "final_json_answer"
"""Tool that stands in for a JSON answer on models without structured outputs.

Its call is turned back into text, so a caller never sees it.
"""

STOP_REASONS: Mapping[str, StopReason] = {
    "end_turn": "stop",
    "compaction": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "pause",
}

WIRE_REASONS: Mapping[StopReason, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
}

# Citations of other formats have no `encrypted_index`, which Anthropic's shape requires
# and its API checks when it comes back. This one says that the citation is ours to drop.
FOREIGN_INDEX = seal(Signature("", "citation"), NAME)


def is_foreign_citation(citation: Any) -> bool:
    """Tell whether a citation on the wire is one that this gateway made up."""
    if not isinstance(citation, Mapping):
        return False
    index = citation.get("encrypted_index")
    return isinstance(index, str) and is_sealed(index)


def wire_reason(reason: StopReason, detail: str | None) -> str:
    """Return `stop_reason`; Anthropic's own word is kept where it means the same.

    Examples
    --------
    >>> wire_reason("length", "model_context_window_exceeded")
    'model_context_window_exceeded'
    >>> wire_reason("length", "MAX_TOKENS")
    'max_tokens'
    """
    if detail is not None and STOP_REASONS.get(detail) == reason:
        return detail
    return WIRE_REASONS[reason]


def tool_input(arguments: str, custom: bool) -> dict[str, Any]:
    """Return the `input` object of a tool call; text that is no object is kept in `input`.

    Examples
    --------
    >>> tool_input('{"a": 1}', False), tool_input("", False), tool_input("ls -l", True)
    ({'a': 1}, {}, {'input': 'ls -l'})
    """
    if custom:
        return {"input": arguments}
    if not arguments.strip():
        return {}
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return {"input": arguments}
    if isinstance(value, dict):
        return value
    return {} if value is None else {"input": value}


def qualified(name: str, namespace: str | None) -> str:
    """Return a tool's name with its namespace, which this format lacks."""
    return f"{namespace}__{name}" if namespace else name


def json_text(value: Any) -> str:
    """Return compact JSON."""
    return orjson.dumps(value).decode()
