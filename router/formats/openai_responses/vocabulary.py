"""This module holds the words of the Responses format that several modules share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME = "openai_responses"
"""The format's name, and the origin of its signatures, tools and items."""

JsonObject = Mapping[str, Any]

CALL_TYPES = frozenset({"function_call", "custom_tool_call"})
RESULT_TYPES = frozenset({"function_call_output", "custom_tool_call_output"})

EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})

PARAGRAPH = "\n\n"
"""Between two parts of one reasoning item, which we hold as one text."""


def joined(texts: list[str]) -> str:
    r"""Return the parts of a reasoning item as one text.

    Examples
    --------
    >>> joined(["one", "", "two"])
    'one\n\ntwo'
    """
    return PARAGRAPH.join(text for text in texts if text)


def flat_name(namespace: str | None, name: str) -> str:
    """Return the name under which formats without namespaces offer a tool.

    Examples
    --------
    >>> flat_name("crm", "find"), flat_name(None, "find")
    ('crm__find', 'find')
    """
    return name if namespace is None else f"{namespace}__{name}"
