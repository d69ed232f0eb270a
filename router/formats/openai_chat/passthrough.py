"""This module relays a client's own body to a provider of the same format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from router.canonical.events import Frame
from router.canonical.request import ModelTraits
from router.canonical.signature import ID_MARK, is_sealed, split_id

# Fields of an assistant message in which clients' libraries keep what they do not know.
_HOLDERS = ("provider_specific_fields", "extra_content", "reasoning_details")

# Far deeper than any real message; it bounds the recursion.
_MAX_DEPTH = 16

_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')


def passthrough_body(body: Mapping[str, Any], traits: ModelTraits) -> dict[str, Any]:
    """Return the client's body for a provider of this format.

    Taken out are what the provider could not read: ``thinking_blocks``, and signatures of
    other formats wherever they travel (see `router.canonical.signature`).
    """
    relayed = dict(body)
    relayed["model"] = traits.name
    ask_usage(relayed)
    messages = body.get("messages")
    if isinstance(messages, list):
        clean = [_clean(message) for message in messages]
        if any(new is not old for new, old in zip(clean, messages, strict=True)):
            relayed["messages"] = clean
    return relayed


def ask_usage(body: dict[str, Any]) -> None:
    """Ask for usage, if the body asks for a stream."""
    if body.get("stream") is not True:
        return
    options = body.get("stream_options")
    kept = options if isinstance(options, Mapping) else {}
    body["stream_options"] = {**kept, "include_usage": True}


def withholds(frame: Frame, body: Mapping[str, Any]) -> bool:
    """Tell whether a frame holds nothing but usage, and the caller did not ask for it."""
    if _NO_CHOICES.search(frame.data) is None or b'"usage"' not in frame.data:
        return False
    options = body.get("stream_options")
    if isinstance(options, Mapping) and options.get("include_usage") is True:
        return False
    try:
        chunk = orjson.loads(frame.data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(chunk, Mapping) and chunk.get("choices") == [] and bool(chunk.get("usage"))


def _clean(message: Any) -> Any:
    """Return a message without foreign signatures: itself, if it has none."""
    if not isinstance(message, dict):
        return message
    clean: dict[str, Any] = {}
    call_id = message.get("tool_call_id")
    if isinstance(call_id, str) and ID_MARK in call_id:
        clean["tool_call_id"] = split_id(call_id)[0]
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        kept = [_clean_call(call) for call in calls]
        if any(new is not old for new, old in zip(kept, calls, strict=True)):
            clean["tool_calls"] = kept
    _clean_holders(message, clean)
    if not clean and "thinking_blocks" not in message:
        return message
    clean = {**message, **clean}
    clean.pop("thinking_blocks", None)
    return clean


def _clean_call(call: Any) -> Any:
    """Return a tool call without foreign signatures: itself, if it has none."""
    if not isinstance(call, dict):
        return call
    clean: dict[str, Any] = {}
    call_id = call.get("id")
    if isinstance(call_id, str) and ID_MARK in call_id:
        clean["id"] = split_id(call_id)[0]
    _clean_holders(call, clean)
    return {**call, **clean} if clean else call


def _clean_holders(holder: Mapping[str, Any], clean: dict[str, Any]) -> None:
    """Put into `clean` what changes of the fields that libraries fill."""
    for key in _HOLDERS:
        value = holder.get(key)
        if value and (kept := _unsealed(value, _MAX_DEPTH)) is not value:
            clean[key] = kept


def _unsealed(value: Any, depth: int) -> Any:
    """Return a JSON value without sealed strings: itself, if it has none."""
    if depth == 0:
        return value
    if isinstance(value, dict):
        kept = {
            key: _unsealed(item, depth - 1)
            for key, item in value.items()
            if not _is_seal(item) and key != "thinking_blocks"
        }
        same = len(kept) == len(value) and all(kept[key] is value[key] for key in kept)
        return value if same else kept
    if isinstance(value, list):
        items = [_unsealed(item, depth - 1) for item in value if not _is_seal(item)]
        same = len(items) == len(value) and all(
            new is old for new, old in zip(items, value, strict=True)
        )
        return value if same else items
    return value


def _is_seal(value: Any) -> bool:
    """Tell whether a JSON value is a sealed signature."""
    return isinstance(value, str) and is_sealed(value)
