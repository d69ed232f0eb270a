"""This module reads ``contents`` and ``systemInstruction`` of a client's request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from router.canonical.messages import (
    Block,
    Media,
    Message,
    Native,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from router.canonical.signature import Signature, unseal
from router.errors import InvalidRequest
from router.formats.gemini.calls import json_text
from router.formats.gemini.fields import Fields, wrong
from router.formats.gemini.media import NAME, decode_media
from router.formats.gemini.models import SKIP_SIGNATURE
from router.formats.gemini.pairing import Pairing
from router.formats.gemini.parts import thinking_block

_MODEL_ROLES = frozenset({"model", "assistant"})
_USER_ROLES = frozenset({"user", "function", "tool"})
# What stands beside a part's content and says nothing that another model could use.
_ASIDE = frozenset(
    {"thought", "thoughtSignature", "thought_signature", "mediaResolution", "media_resolution"}
)
# Of these a part holds one: https://ai.google.dev/api/caching#Part
_CONTENT = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
)


def decode_system(body: Fields) -> tuple[Message, ...]:
    """Return the system instruction as a message; none where it is absent or empty.

    Raises
    ------
    InvalidRequest
        It holds anything but text.
    """
    instruction = body.raw("systemInstruction")
    path = body.at("systemInstruction")
    if instruction is None:
        return ()
    texts: list[Text] = []
    for item, where in _parts(instruction, path):
        part = Fields.of(item, where)
        text = part.text("text")
        if text is None:
            raise InvalidRequest("a system instruction is text only", param=where)
        if text:
            texts.append(Text(text))
    return (Message("system", tuple(texts)),) if texts else ()


def decode_contents(body: Fields) -> tuple[Message, ...]:
    """Return the turns; a lone string or content counts as one turn of the user.

    Raises
    ------
    InvalidRequest
        There is none, or one is malformed; `param` is its path.
    """
    raw = body.raw("contents")
    turns = [(raw, "contents")] if isinstance(raw, str) else body.list("contents")
    pairing = Pairing()
    messages: list[Message] = []
    said_by = ""
    for turn, path in turns:
        said_before, (said_by, parts) = said_by, _turn(turn, path)
        if said_by == "model":
            if said_before == "user":
                pairing.begin_step()
            blocks = _joined(_model_block(part, pairing) for part in parts)
        else:
            blocks = [block for part in parts if not _is_empty(block := _user_block(part, pairing))]
        if blocks:
            messages.append(Message("assistant" if said_by == "model" else "user", tuple(blocks)))
    if not messages:
        raise InvalidRequest("contents must hold at least one message", param="contents")
    return tuple(messages)


def _turn(turn: Any, path: str) -> tuple[str, list[Fields]]:
    """Return who speaks, and the parts."""
    if isinstance(turn, str):
        return "user", [Fields({"text": turn}, path)]
    content = Fields.of(turn, path)
    role = content.text("role") or "user"
    if role not in _MODEL_ROLES | _USER_ROLES:
        raise wrong(content.at("role"), "user or model")
    is_model = role in _MODEL_ROLES
    if not is_model and content.raw("parts") is None:
        raise InvalidRequest(f"{content.at('parts')} is missing", param=content.at("parts"))
    parts = [_checked(item, where) for item, where in _parts(turn, path)]
    return "model" if is_model else "user", parts


def _parts(content: Any, path: str) -> Iterable[tuple[Any, str]]:
    """Return the parts of a content with their paths; a lone string is one part."""
    if isinstance(content, str):
        return (({"text": content}, path),)
    if isinstance(content, list):
        return tuple((_as_part(item), f"{path}[{i}]") for i, item in enumerate(content))
    fields = Fields.of(content, path)
    if fields.raw("parts") is None and fields.raw("text") is not None:
        return ((content, path),)
    return tuple((_as_part(item), where) for item, where in fields.list("parts"))


def _as_part(item: Any) -> Any:
    """Return a part; the SDKs take strings for parts of text."""
    return {"text": item} if isinstance(item, str) else item


def _model_block(part: Fields, pairing: Pairing) -> Block:
    """Return the block of a part that the model said."""
    call = part.object("functionCall")
    signature = _signature(part)
    if call is not None:
        return _call(call, signature, pairing)
    if part.raw("functionResponse") is not None:
        raise InvalidRequest(
            "a functionResponse belongs into a turn of the user", param=part.at("functionResponse")
        )
    text = part.text("text")
    if text is not None and part.boolean("thought"):
        return thinking_block(text, signature)
    if text is not None:
        return Text(text, signature=signature)
    block = _other(part)
    return replace(block, signature=signature) if isinstance(block, Media) else block


def _user_block(part: Fields, pairing: Pairing) -> Block:
    """Return the block of a part that the user, or a tool, said."""
    response = part.object("functionResponse")
    if response is not None:
        return _result(response, pairing)
    if part.raw("functionCall") is not None:
        raise InvalidRequest(
            "a functionCall belongs into a turn of the model", param=part.at("functionCall")
        )
    text = part.text("text")
    return Text(text) if text is not None else _other(part)


def _checked(item: Any, path: str) -> Fields:
    """Return a part, which holds one thing only."""
    part = Fields.of(item, path)
    held = [name for name in _CONTENT if part.raw(name) is not None]
    if len(held) > 1:
        raise InvalidRequest(f"{path} holds both {held[0]} and {held[1]}", param=path)
    return part


def _other(part: Fields) -> Media | Native:
    """Return media, or a part that only Gemini knows (a cut of a video, for one)."""
    content = set(part.value) - _ASIDE
    if not content:
        raise InvalidRequest(f"{part.path} is empty", param=part.path)
    if part.raw("videoMetadata") is None:
        media = decode_media(part)
        if media is not None:
            return media
    return Native(NAME, part.value)


def _call(call: Fields, signature: Signature | None, pairing: Pairing) -> ToolCall:
    """Return a function call; its arguments may be missing."""
    name = _name(call)
    args = call.object("args")
    arguments = json_text(args.value if args is not None else {})
    if arguments is None:
        raise InvalidRequest(f"{call.at('args')} is nested too deeply", param=call.at("args"))
    return ToolCall(pairing.call(call.text("id"), name), name, arguments, signature)


def _result(response: Fields, pairing: Pairing) -> ToolResult:
    """Return a function's result."""
    name = _name(response)
    call_id = pairing.result(response.text("id"), name)
    if call_id is None:
        raise InvalidRequest(
            f"the functionResponse of {name!r} answers no functionCall", param=response.path
        )
    text, is_error = _said(response)
    content: list[Text | Media] = [Text(text)] if text else []
    for item, path in response.list("parts"):
        media = decode_media(Fields.of(item, path))
        if media is None:
            raise wrong(path, "inlineData or fileData")
        content.append(media)
    return ToolResult(call_id, tuple(content), is_error, name)


def _said(response: Fields) -> tuple[str, bool]:
    """Return a result's text, and whether it tells an error.

    ``output``, ``result`` and ``error`` are the keys that Google's documentation names
    for results that are no objects.
    """
    said = response.object("response")
    if said is None or not said.value:
        return "", False
    if len(said.value) == 1:
        key, value = next(iter(said.value.items()))
        if key in ("output", "result", "error") and isinstance(value, str):
            return value, key == "error"
    text = json_text(said.value)
    if text is None:
        raise InvalidRequest(f"{said.path} is nested too deeply", param=said.path)
    return text, set(said.value) == {"error"}


def _name(function: Fields) -> str:
    """Return a function's name."""
    name = function.text("name")
    if not name:
        raise InvalidRequest(f"{function.at('name')} is missing", param=function.at("name"))
    return name


def _signature(part: Fields) -> Signature | None:
    """Return a part's signature; the word that stands for none is none."""
    value = part.text("thoughtSignature")
    return unseal(value, NAME) if value and value != SKIP_SIGNATURE else None


def _is_empty(block: Block) -> bool:
    """Tell whether a block says nothing; other formats refuse such."""
    match block:
        case Text(text="") | Thinking(text="", signature=None):
            return True
        case _:
            return False


def _joined(blocks: Iterable[Block]) -> list[Block]:
    """Return a model's blocks, put together again where a stream had cut them.

    Clients keep the chunks of a stream as parts. A signature ends what it signs.
    """
    joined: list[Block] = []
    for block in blocks:
        last = joined[-1] if joined else None
        match last, block:
            case Text(signature=None), Text():
                joined[-1] = Text(last.text + block.text, signature=block.signature)
            case Thinking(signature=None), Thinking():
                joined[-1] = Thinking(last.text + block.text, block.signature)
            case _:
                joined.append(block)
    return [block for block in joined if not _is_empty(block)]
