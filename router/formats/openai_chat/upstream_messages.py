"""This module writes the conversation for an OpenAI-compatible provider."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, assert_never

import orjson

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

# OpenAI refuses longer ids; other formats make longer ones.
_MAX_ID_CHARS = 40

# Files of OpenAI's file store, which both of its chat formats name.
_OWN_FILES = (None, "openai_chat", "openai_responses")

_AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}

JsonObject = dict[str, Any]


def encode_messages(
    messages: Iterable[Message], *, developer: bool, thinks_on: bool = False
) -> list[JsonObject]:
    """Return the conversation in OpenAI's chat form.

    Reasoning of earlier turns is left out: OpenAI has no place for it. Prompt-cache markers
    are left out too; these providers cache by themselves.

    Parameters
    ----------
    developer : bool
        The model knows the role ``developer``; others are told it is ``system``.
    thinks_on : bool
        The model thinks between its calls and wants the reasoning that led to a call back
        with it, in ``reasoning_content``, even if it is empty; without calls it is not read.

    Raises
    ------
    UnsupportedFeature
        A block that chat messages cannot hold; `param` is its path.
    """
    encoded: list[JsonObject] = []
    for index, message in enumerate(messages):
        at = f"messages[{index}]"
        match message.role:
            case "assistant":
                encoded.extend(_assistant(message, at, thinks_on=thinks_on))
            case "user":
                encoded.extend(_user(message, at))
            case "system" | "developer" as role:
                kept = role if developer else "system"
                content = "\n\n".join(_text(block, at) for block in message.content)
                encoded.append(_named({"role": kept, "content": content}, message))
            case other:
                assert_never(other)
    return encoded


def wire_id(call_id: str) -> str:
    """Return a tool call's id, shortened the same way each time where it is too long.

    Examples
    --------
    >>> wire_id("call_1"), len(wire_id("c" * 100))
    ('call_1', 37)
    """
    if len(call_id) <= _MAX_ID_CHARS:
        return call_id
    digest = hashlib.blake2s(call_id.encode("utf-8", "replace"), digest_size=16)
    return f"call_{digest.hexdigest()}"


def wire_name(name: str, namespace: str | None) -> str:
    """Return a tool's name in a format without namespaces.

    Examples
    --------
    >>> wire_name("search", "docs"), wire_name("search", None)
    ('docs__search', 'search')
    """
    return f"{namespace}__{name}" if namespace else name


def _assistant(message: Message, at: str, *, thinks_on: bool) -> Iterator[JsonObject]:
    """Yield the model's turn, or nothing where only its reasoning is in it."""
    texts: list[str] = []
    refusals: list[str] = []
    calls: list[JsonObject] = []
    for index, block in enumerate(message.content):
        match block:
            case Text(text=text):
                texts.append(text)
            case Refusal(text=text):
                refusals.append(text)
            case ToolCall():
                calls.append(_call(block))
            case Thinking() | RedactedThinking():
                pass
            case Media() | ToolResult() | Native():
                raise _unsupported(block, f"{at}.content[{index}]")
            case other:
                assert_never(other)
    encoded: JsonObject = {"role": "assistant", "content": "".join(texts) or None}
    if refusals:
        encoded["refusal"] = "".join(refusals)
    if calls:
        encoded["tool_calls"] = calls
        thoughts = [block.text for block in message.content if isinstance(block, Thinking)]
        if thinks_on:
            encoded["reasoning_content"] = "\n\n".join(filter(None, thoughts))
    if len(encoded) > 2 or encoded["content"] is not None:
        yield _named(encoded, message)


def _call(block: ToolCall) -> JsonObject:
    """Return a tool call; free text is told as the one argument of a function."""
    arguments = block.arguments
    if block.custom:
        arguments = orjson.dumps({"input": arguments}).decode()
    return {
        "id": wire_id(block.id),
        "type": "function",
        "function": {
            "name": wire_name(block.name, block.namespace),
            "arguments": arguments if arguments.strip() else "{}",
        },
    }


def _user(message: Message, at: str) -> Iterator[JsonObject]:
    """Yield a message for each tool result, then one with what the user said.

    Tool messages hold text only: what else a tool returned goes into the user's message.
    """
    shown: list[JsonObject] = []
    said: list[JsonObject] = []
    has_results = False
    for index, block in enumerate(message.content):
        path = f"{at}.content[{index}]"
        if isinstance(block, ToolResult):
            has_results = True
            texts = [part.text for part in block.content if isinstance(part, Text)]
            media = [part for part in block.content if isinstance(part, Media)]
            shown.extend(_media(part, path) for part in media)
            yield {
                "role": "tool",
                "tool_call_id": wire_id(block.call_id),
                "content": "\n".join(texts),
            }
        else:
            said.append(_part(block, path))
    if shown or said or not has_results:
        yield _named({"role": "user", "content": _content(shown + said)}, message)


def _content(parts: list[JsonObject]) -> str | list[JsonObject]:
    """Return parts as one string if they are text only: some servers take no lists."""
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def _part(block: Block, path: str) -> JsonObject:
    """Return one thing that the user said."""
    match block:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Media():
            return _media(block, path)
        case _:
            raise _unsupported(block, path)


def _media(media: Media, path: str) -> JsonObject:
    """Return an image, document or audio as a content part."""
    match media:
        case Media(kind="image", url=str(url)):
            return _image(url, media.detail)
        case Media(kind="image", data=str(data)):
            return _image(f"data:{media.media_type or 'image/png'};base64,{data}", media.detail)
        case Media(kind="audio", data=str(data)):
            family = (media.media_type or "audio/wav").lower()
            form = _AUDIO_FORMATS.get(family, family.rpartition("/")[2])
            return {"type": "input_audio", "input_audio": {"data": data, "format": form}}
        case Media(kind="document", media_type="text/plain", data=str(text)):
            return {"type": "text", "text": text}
        case Media(kind="document", data=str(data)):
            media_type = media.media_type or "application/pdf"
            name = media.filename or f"document.{media_type.rpartition('/')[2]}"
            url = f"data:{media_type};base64,{data}"
            return {"type": "file", "file": {"filename": name, "file_data": url}}
        case Media(kind="document", file_id=str(file_id)) if media.origin in _OWN_FILES:
            return {"type": "file", "file": {"file_id": file_id}}
        case _:
            raise _unsupported(media, path)


def _image(url: str, detail: str | None) -> JsonObject:
    """Return an image part."""
    image = {"url": url} if detail is None else {"url": url, "detail": detail}
    return {"type": "image_url", "image_url": image}


def _text(block: Block, at: str) -> str:
    """Return the text of a system message's block."""
    if isinstance(block, Text):
        return block.text
    raise _unsupported(block, f"{at}.content")


def _named(encoded: JsonObject, message: Message) -> JsonObject:
    """Return the message with its speaker's name, if it has one."""
    if message.name:
        encoded["name"] = message.name
    return encoded


def _unsupported(block: Block, path: str) -> UnsupportedFeature:
    """Return the error for a block that chat messages cannot hold."""
    return UnsupportedFeature(
        f"{path}: the chosen model's interface cannot take {_what(block)} here", param=path
    )


def _what(block: Block) -> str:
    """Name a block as people do."""
    match block:
        case Media(file_id=str()):
            return f"{block.kind} content stored at another provider"
        case Media(kind="document" | "audio", url=str()):
            return f"{block.kind} content by its URL"
        case Media():
            return f"{block.kind} content"
        case Native():
            return f"a block that only {block.origin} knows"
        case _:
            return f"a block of type {type(block).__name__}"
