"""This module reads the content blocks of a client's messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.messages import (
    Block,
    Media,
    MediaKind,
    Native,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from router.canonical.signature import split_id, unseal
from router.errors import InvalidRequest
from router.formats.anthropic_messages.checks import (
    list_at,
    mapping_at,
    optional_bool,
    optional_mapping,
    optional_text,
    text_at,
)
from router.formats.anthropic_messages.citations import decode_citations
from router.formats.anthropic_messages.vocabulary import NAME, json_text

Wire = Mapping[str, Any]


def decode_content(value: Any, role: str, path: str) -> tuple[Block, ...]:
    """Return a message's blocks.

    Raises
    ------
    InvalidRequest
        The content is neither text nor a list of blocks, or a block is malformed.
    """
    if isinstance(value, str):
        return (Text(value),)
    if not isinstance(value, list):
        raise InvalidRequest(f"{path} must be a string or a list of blocks", param=path)
    blocks: list[Block] = []
    for index, raw in enumerate(value):
        where = f"{path}[{index}]"
        blocks += _block(mapping_at(raw, where), role, where)
    return tuple(blocks)


def decode_texts(value: Any, path: str) -> tuple[Text, ...]:
    """Return the blocks of a system prompt: text only."""
    if isinstance(value, str):
        return (Text(value),)
    if not isinstance(value, list):
        raise InvalidRequest(f"{path} must be a string or a list of text blocks", param=path)
    texts: list[Text] = []
    for index, raw in enumerate(value):
        where = f"{path}[{index}]"
        block = mapping_at(raw, where)
        if block.get("type") != "text":
            raise InvalidRequest(f'{where}.type must be "text"', param=f"{where}.type")
        texts.append(_text(block, where))
    return tuple(texts)


def _block(block: Wire, role: str, path: str) -> tuple[Block, ...]:
    """Read one block; a document of several parts becomes several blocks."""
    kind = text_at(block.get("type"), f"{path}.type")
    if kind in {"tool_use", "thinking", "redacted_thinking"} and role != "assistant":
        raise InvalidRequest(f"{path}: {kind} belongs in an assistant message", param=path)
    if kind == "tool_result" and role != "user":
        raise InvalidRequest(f"{path}: tool_result belongs in a user message", param=path)
    match kind:
        case "text":
            return (_text(block, path),)
        case "image":
            return (_media("image", block, path),)
        case "document":
            return _document(block, path)
        case "tool_use":
            return (_tool_use(block, path),)
        case "tool_result":
            return (_tool_result(block, path),)
        case "thinking":
            text = text_at(block.get("thinking"), f"{path}.thinking")
            sealed = optional_text(block.get("signature"), f"{path}.signature")
            return (Thinking(text, unseal(sealed, NAME) if sealed else None),)
        case "redacted_thinking":
            return (RedactedThinking(unseal(text_at(block.get("data"), f"{path}.data"), NAME)),)
        case _:
            return (Native(NAME, block),)


def _text(block: Wire, path: str) -> Text:
    return Text(
        text_at(block.get("text"), f"{path}.text"),
        decode_citations(block.get("citations")),
        cache_control=_marker(block, path),
    )


def _marker(block: Wire, path: str) -> Mapping[str, Any] | None:
    return optional_mapping(block.get("cache_control"), f"{path}.cache_control")


def _media(kind: MediaKind, block: Wire, path: str) -> Media:
    """Read an image, or a document whose source is one file."""
    where = f"{path}.source"
    source = mapping_at(block.get("source"), where)
    filename = optional_text(block.get("title"), f"{path}.title")
    marker = _marker(block, path)
    match source.get("type"):
        case "base64" | "text":
            return Media(
                kind,
                media_type=text_at(source.get("media_type"), f"{where}.media_type"),
                data=text_at(source.get("data"), f"{where}.data"),
                filename=filename,
                cache_control=marker,
            )
        case "url":
            url = text_at(source.get("url"), f"{where}.url")
            return Media(kind, url=url, filename=filename, cache_control=marker)
        case "file":
            file_id = text_at(source.get("file_id"), f"{where}.file_id")
            return Media(
                kind, file_id=file_id, filename=filename, cache_control=marker, origin=NAME
            )
        case _:
            raise InvalidRequest(
                f'{where}.type must be "base64", "url", "file" or "text"', param=f"{where}.type"
            )


def _document(block: Wire, path: str) -> tuple[Block, ...]:
    """Read a document; one made of text blocks is a text, else its parts stand alone."""
    source = block.get("source")
    if not isinstance(source, Mapping) or source.get("type") != "content":
        return (_media("document", block, path),)
    parts = decode_content(source.get("content"), "user", f"{path}.source.content")
    if not all(isinstance(part, Text) for part in parts):
        return parts
    text = "\n\n".join(part.text for part in parts if isinstance(part, Text))
    title = optional_text(block.get("title"), f"{path}.title")
    marker = _marker(block, path)
    return (Media("document", "text/plain", text, filename=title, cache_control=marker),)


def _tool_use(block: Wire, path: str) -> ToolCall:
    call_id, signature = split_id(text_at(block.get("id"), f"{path}.id"))
    arguments = mapping_at(block.get("input"), f"{path}.input")
    return ToolCall(
        call_id,
        text_at(block.get("name"), f"{path}.name"),
        json_text(arguments),
        signature,
        cache_control=_marker(block, path),
    )


def _tool_result(block: Wire, path: str) -> ToolResult:
    call_id, _ = split_id(text_at(block.get("tool_use_id"), f"{path}.tool_use_id"))
    content = block.get("content")
    parts: list[Text | Media] = []
    if isinstance(content, str):
        parts.append(Text(content))
    elif content is not None:
        for index, raw in enumerate(list_at(content, f"{path}.content")):
            where = f"{path}.content[{index}]"
            parts += _result_part(mapping_at(raw, where), where)
    return ToolResult(
        call_id,
        tuple(parts),
        is_error=optional_bool(block.get("is_error"), f"{path}.is_error") or False,
        cache_control=_marker(block, path),
    )


def _result_part(block: Wire, path: str) -> tuple[Text | Media, ...]:
    """Read a part of a tool's result; what only Anthropic knows is kept as its JSON."""
    if text_at(block.get("type"), f"{path}.type") in {"text", "image", "document"}:
        parts = _block(block, "user", path)
        return tuple(part for part in parts if isinstance(part, (Text, Media)))
    return (Text(json_text(block)),)
