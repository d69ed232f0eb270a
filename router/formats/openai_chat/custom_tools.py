"""This module turns free-text tools' calls back into free text.

Formats without such tools offer them as functions of one string, ``input``.
"""

from __future__ import annotations

from router.canonical.request import ChatRequest
from router.formats.openai_chat.answer import parse_json


def custom_names(request: ChatRequest) -> frozenset[str]:
    """Return the names of the caller's free-text tools."""
    return frozenset(tool.name for tool in request.tools if tool.kind == "custom")


def free_text(arguments: str) -> str:
    """Return the text inside a call's arguments, or these as they are.

    Examples
    --------
    >>> free_text('{"input": "ls -l"}'), free_text("ls")
    ('ls -l', 'ls')
    """
    match parse_json(arguments.encode("utf-8", "replace")):
        case {"input": str(text)}:
            return text
        case _:
            return arguments
