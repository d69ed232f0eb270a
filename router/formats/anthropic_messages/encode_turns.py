"""This module writes a conversation as Anthropic's ``system`` and ``messages``.

Turns of one role are joined; the results of tools come first in the user's turn, as the
API wants every call of the turn before answered there. Text without any letter is left
out, as the API refuses it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from router.errors import UnsupportedFeature
from router.formats.anthropic_messages.vocabulary import NAME, qualified, tool_input

Wire = dict[str, Any]

_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
# First characters of base64 that tell an image's type when the caller did not.
_IMAGE_STARTS = {
    "/9j/": "image/jpeg",
    "iVBOR": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
_ID_REFUSED = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation on the wire.

    Attributes
    ----------
    system : tuple of dict
        Text blocks, from system and developer messages wherever they stood.
    turns : list of dict
        Messages; roles alternate, `content` is a list and never empty.
    dropped : tuple of str
        Names of participants, which the format lacks.
    """

    system: tuple[Wire, ...]
    turns: list[Wire]
    dropped: tuple[str, ...]


def encode_conversation(messages: Sequence[Message]) -> Conversation:
    """Return the conversation.

    Raises
    ------
    UnsupportedFeature
        A block that the format cannot say, or nothing that the model could answer.
    """
    system: list[Wire] = []
    turns: list[Wire] = []
    dropped: list[str] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}].content"
        if message.name is not None:
            dropped.append(f"messages[{index}].name")
        if message.role in {"system", "developer"}:
            system += _blocks(message, path)
            continue
        blocks = _blocks(message, path)
        if message.role == "assistant":
            blocks = _thinking_first(blocks)
        if blocks and turns and turns[-1]["role"] == message.role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": message.role, "content": blocks})
    for turn in turns:
        if turn["role"] == "user":
            turn["content"] = _results_first(turn["content"])
    _trim_prefill(turns)
    if not turns:
        raise UnsupportedFeature("this model needs a message with text to answer", param="messages")
    return Conversation(tuple(system), turns, tuple(dropped))


def wire_id(call_id: str) -> str:
    """Return a tool call's id in the alphabet that the API takes.

    A hash keeps ids apart that would differ in a replaced character only.

    Examples
    --------
    >>> wire_id("call_1"), wire_id("functions.get:0")
    ('call_1', 'functions_get_0_019a016c')
    """
    clean = _ID_REFUSED.sub("_", call_id)
    if clean == call_id and call_id:
        return call_id
    return f"{clean}_{hashlib.sha256(call_id.encode()).hexdigest()[:8]}"


def _blocks(message: Message, path: str) -> list[Wire]:
    """Write the blocks of one message."""
    encoded = (
        _block(block, message.role, f"{path}[{index}]")
        for index, block in enumerate(message.content)
    )
    return [block for block in encoded if block is not None]


def _block(block: Block, role: str, path: str) -> Wire | None:
    """Write one block; None where there is nothing to say."""
    match block:
        case Text():
            return _text(block)
        case Refusal(text=text):
            return _text(Text(text))
        case Media() if role == "user":
            return encode_media(block, path)
        case ToolCall():
            return _tool_use(block)
        case ToolResult():
            return _tool_result(block, path)
        case Thinking(text=text, signature=signature):
            if signature is None or signature.origin != NAME:
                return None  # the API takes thoughts with its own signature only
            return {"type": "thinking", "thinking": text, "signature": signature.value}
        case RedactedThinking(signature=signature):
            if signature.origin != NAME:
                return None
            return {"type": "redacted_thinking", "data": signature.value}
        case Native(origin=origin, data=data) if origin == NAME:
            return dict(data)
        case Native(data=data):
            kind = data.get("type", "block")
            raise UnsupportedFeature(f"this model cannot take a {kind}", param=path)
        case Media(kind=kind):
            raise UnsupportedFeature(f"this model takes no {kind} in a {role} message", param=path)


def _text(block: Text) -> Wire | None:
    if not block.text.strip():
        return None
    citations = [dict(c.native) for c in block.citations if c.native and c.origin == NAME]
    wire: Wire = {"type": "text", "text": block.text}
    if citations:
        wire["citations"] = citations
    return _marked(wire, block.cache_control)


def _tool_use(call: ToolCall) -> Wire:
    wire = {
        "type": "tool_use",
        "id": wire_id(call.id),
        "name": qualified(call.name, call.namespace),
        "input": tool_input(call.arguments, call.custom),
    }
    return _marked(wire, call.cache_control)


def _tool_result(result: ToolResult, path: str) -> Wire:
    content: list[Wire] = []
    for index, part in enumerate(result.content):
        if isinstance(part, Media):
            content.append(encode_media(part, f"{path}.content[{index}]"))
        elif (text := _text(part)) is not None:
            content.append(text)
    wire: Wire = {"type": "tool_result", "tool_use_id": wire_id(result.call_id)}
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        wire["content"] = content[0]["text"]
    elif content:
        wire["content"] = content
    if result.is_error:
        wire["is_error"] = True
    return _marked(wire, result.cache_control)


def encode_media(media: Media, path: str) -> Wire:
    """Return an image or document block.

    Raises
    ------
    UnsupportedFeature
        Audio, video, or a type or file that Anthropic does not know.
    """
    match media.kind:
        case "image":
            wire: Wire = {"type": "image", "source": _image_source(media, path)}
        case "document":
            wire = {"type": "document", "source": _document_source(media, path)}
            if media.filename:
                wire["title"] = media.filename
        case kind:
            raise UnsupportedFeature(f"this model takes no {kind}", param=path)
    return _marked(wire, media.cache_control)


def _image_source(media: Media, path: str) -> Wire:
    if media.data is None:
        return _remote_source(media, path)
    media_type = media.media_type or next(
        (kind for start, kind in _IMAGE_STARTS.items() if media.data.startswith(start)), "image/png"
    )
    media_type = "image/jpeg" if media_type == "image/jpg" else media_type
    if media_type not in _IMAGE_TYPES:
        raise UnsupportedFeature(f"this model takes no {media_type}", param=path)
    return {"type": "base64", "media_type": media_type, "data": media.data}


def _document_source(media: Media, path: str) -> Wire:
    if media.data is None:
        return _remote_source(media, path)
    media_type = media.media_type or "application/pdf"
    if media_type == "application/pdf":
        return {"type": "base64", "media_type": media_type, "data": media.data}
    if media_type == "text/plain":
        return {"type": "text", "media_type": "text/plain", "data": media.data}
    if media_type.startswith("text/") or media_type == "application/json":
        return {"type": "text", "media_type": "text/plain", "data": _decoded(media.data, path)}
    raise UnsupportedFeature(f"this model takes no {media_type}", param=path)


def _decoded(data: str, path: str) -> str:
    """Return the text of a base64 document."""
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise UnsupportedFeature("the document is not base64 of UTF-8 text", param=path) from exc


def _remote_source(media: Media, path: str) -> Wire:
    if media.url is not None:
        return {"type": "url", "url": media.url}
    if media.file_id is not None and media.origin == NAME:
        return {"type": "file", "file_id": media.file_id}
    raise UnsupportedFeature("the file is stored at another provider", param=path)


def _marked(wire: Wire, cache_control: Mapping[str, Any] | None) -> Wire:
    """Add a prompt-cache marker, as the caller wrote it."""
    if cache_control is not None:
        wire["cache_control"] = dict(cache_control)
    return wire


def _is(blocks: Iterable[Wire], *kinds: str) -> list[Wire]:
    return [block for block in blocks if block["type"] in kinds]


def _thinking_first(blocks: list[Wire]) -> list[Wire]:
    """Put thoughts first, as the API wants them.

    Beside blocks that only Anthropic writes the order is its own and stays.
    """
    thoughts = _is(blocks, "thinking", "redacted_thinking")
    said = _is(blocks, "text", "tool_use")
    if not thoughts or blocks[0] in thoughts or len(thoughts) + len(said) < len(blocks):
        return blocks
    return thoughts + said


def _results_first(blocks: list[Wire]) -> list[Wire]:
    results = _is(blocks, "tool_result")
    return results + [block for block in blocks if block["type"] != "tool_result"]


def _trim_prefill(turns: list[Wire]) -> None:
    """Cut blanks at the end of an answer that the model is to continue: the API refuses them."""
    if turns and turns[-1]["role"] == "assistant":
        last = turns[-1]["content"][-1]
        if last["type"] == "text":
            last["text"] = last["text"].rstrip()
