"""This module writes and reads tool calls as ``functionCall`` parts hold them."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson

from router.canonical.messages import ToolCall

_SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,28}")


def wire_name(name: str, namespace: str | None) -> str:
    """Return a tool's name for a format without namespaces."""
    return f"{namespace}__{name}" if namespace else name


def arguments_object(call: ToolCall) -> dict[str, Any]:
    """Return a call's arguments as the object that ``args`` must be.

    Free text, and what a model wrote that is no JSON object, stands under a key of its
    own: nothing is lost, and the conversation can go on.

    Examples
    --------
    >>> arguments_object(ToolCall("c", "f", '{"a": 1}'))
    {'a': 1}
    >>> arguments_object(ToolCall("c", "f", "ls -l", custom=True))
    {'input': 'ls -l'}
    """
    if call.custom:
        return {"input": call.arguments}
    if not call.arguments.strip():
        return {}
    parsed = json_object(call.arguments)
    return {"arguments": call.arguments} if parsed is None else parsed


def json_object(text: str) -> dict[str, Any] | None:
    """Return the object that a text is the JSON of, or None."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def json_text(value: Any) -> str | None:
    """Return the JSON of a decoded value; None where it is nested too deeply to write."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return None


def made_id(response_id: str, number: int, facts: str) -> str:
    """Return an id for a call that came without one.

    Parameters
    ----------
    response_id : str
        The answer's id, which makes the call's id unique in the conversation; where it
        is empty or has characters that other formats refuse in ids, a digest of
        it and of `facts` stands in.
    number : int
        The call's place among the calls of the answer.
    facts : str
        What else is known of the call.

    Examples
    --------
    >>> made_id("QUVVadTSNJ6_qtsP", 0, "")
    'call_QUVVadTSNJ6_qtsP_0'
    """
    stem = response_id
    if not _SAFE_ID.fullmatch(stem):
        stem = hashlib.sha256(f"{response_id}\x1f{facts}".encode()).hexdigest()[:20]
    return f"call_{stem}_{number}"
