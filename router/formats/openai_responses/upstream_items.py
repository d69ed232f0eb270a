"""This module turns messages into the items of ``input``, for a provider."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from router.canonical.messages import (
    Block,
    Media,
    Message,
    Native,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from router.canonical.signature import Signature
from router.errors import UnsupportedFeature
from router.formats.openai_responses.content import encode_input_part
from router.formats.openai_responses.vocabulary import NAME

_MAX_CALL_ID_CHARS = 64
"""OpenAI refuses longer ids; other providers' may be longer."""


def split_instructions(messages: tuple[Message, ...]) -> tuple[str | None, tuple[Message, ...]]:
    """Return the text of the leading system messages, and the messages after them.

    Developer messages, and system messages further on, stay items at their place.

    Raises
    ------
    UnsupportedFeature
        A leading system message holds something other than text.
    """
    texts: list[str] = []
    for position, message in enumerate(messages):
        if message.role != "system":
            return "\n\n".join(texts) if texts else None, messages[position:]
        texts.append(_system_text(message, f"messages[{position}]"))
    return "\n\n".join(texts) if texts else None, ()


def _system_text(message: Message, path: str) -> str:
    """Return a system message's text."""
    texts: list[str] = []
    for position, block in enumerate(message.content):
        if not isinstance(block, Text):
            raise _unsaid(block, f"{path}.content[{position}]")
        texts.append(block.text)
    return "\n".join(texts)


def encode_items(messages: Iterable[Message], first: int) -> list[dict[str, Any]]:
    """Return the items of messages, the first of which stands at `first` in the request.

    Raises
    ------
    UnsupportedFeature
        A block that this format cannot say; ``param`` is its path.
    """
    return [
        item
        for position, message in enumerate(messages, first)
        for item in _encode_message(message, f"messages[{position}]")
    ]


def _encode_message(message: Message, path: str) -> Iterator[dict[str, Any]]:
    """Yield one message's items; texts and media between two of its calls share one."""
    parts: list[dict[str, Any]] = []
    for position, block in enumerate(message.content):
        where = f"{path}.content[{position}]"
        if isinstance(block, Text | Media | Refusal):
            parts.append(_encode_part(block, message, where))
            continue
        items = _encode_item(block, where)
        if items and parts:
            yield _message_item(message, parts)
            parts = []
        yield from items
    if parts:
        yield _message_item(message, parts)


def _message_item(message: Message, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a message item."""
    return {"type": "message", "role": message.role, "content": parts}


def _encode_part(block: Text | Media | Refusal, message: Message, path: str) -> dict[str, Any]:
    """Return a content part; the assistant's have types of their own."""
    if message.role != "assistant":
        if isinstance(block, Refusal):
            return {"type": "input_text", "text": block.text}
        return encode_input_part(block, path)
    match block:
        case Text(text=text):
            return {"type": "output_text", "text": text, "annotations": []}
        case Refusal(text=text):
            return {"type": "refusal", "refusal": text}
        case _:
            raise _unsaid(block, path)


def _encode_item(block: Block, path: str) -> list[dict[str, Any]]:
    """Return the items of a block that is no message content."""
    match block:
        case ToolCall():
            return [_encode_call(block)]
        case ToolResult():
            return [_encode_result(block, path)]
        case Thinking(text=text, signature=signature) if signature is not None:
            return _encode_reasoning(text, signature)
        case RedactedThinking(signature=signature):
            return _encode_reasoning("", signature)
        case Thinking():
            return []  # nothing proves it, so the provider would not take it
        case Native(origin=origin, data=native) if origin == NAME:
            return [dict(native)]
        case _:
            raise _unsaid(block, path)


def _encode_call(call: ToolCall) -> dict[str, Any]:
    """Return a call's item."""
    said = "input" if call.custom else "arguments"
    item = {
        "type": "custom_tool_call" if call.custom else "function_call",
        "call_id": _call_id(call.id),
        "name": call.name,
        said: call.arguments,
    }
    return item if call.namespace is None else {**item, "namespace": call.namespace}


def _encode_result(result: ToolResult, path: str) -> dict[str, Any]:
    """Return a result's item; a single text as a string, which every server takes."""
    output: str | list[dict[str, Any]]
    match result.content:
        case ():
            output = ""
        case (Text(text=text),):
            output = text
        case blocks:
            output = [
                encode_input_part(block, f"{path}.content[{at}]") for at, block in enumerate(blocks)
            ]
    kind = "custom_tool_call_output" if result.custom else "function_call_output"
    return {"type": kind, "call_id": _call_id(result.call_id), "output": output}


def _encode_reasoning(text: str, signature: Signature) -> list[dict[str, Any]]:
    """Return a reasoning item; nothing for other providers' thoughts, which mean nothing here."""
    if signature.origin != NAME:
        return []
    item: dict[str, Any] = {"type": "reasoning"}
    if signature.item_id is not None:
        item["id"] = signature.item_id
    item["summary"] = [{"type": "summary_text", "text": text}] if text else []
    item["encrypted_content"] = signature.value
    return [item]


def _call_id(call_id: str) -> str:
    """Return the id, or a digest of one that is too long; alike for call and result."""
    if len(call_id) <= _MAX_CALL_ID_CHARS:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode()).hexdigest()[:48]


def _unsaid(block: Block, path: str) -> UnsupportedFeature:
    """Return the error for content that this format has no words for."""
    kind = block.kind if isinstance(block, Media) else type(block).__name__.lower()
    return UnsupportedFeature(f'"{path}": the target\'s format cannot say {kind} here', param=path)
