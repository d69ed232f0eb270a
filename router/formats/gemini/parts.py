"""This module writes an answer's blocks as the parts that a Gemini client reads."""

from __future__ import annotations

from typing import Any

from router.canonical.messages import (
    Block,
    Media,
    Native,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from router.canonical.signature import Signature, seal, unseal
from router.errors import UnsupportedFeature
from router.formats.gemini.calls import arguments_object
from router.formats.gemini.media import NAME, encode_media

_REDACTED = "redacted_thinking"


def text_part(text: str, signature: Signature | None = None) -> dict[str, Any]:
    """Return a part of text."""
    return {"text": text, **_signed(signature)}


def thought_part(text: str, signature: Signature | None = None) -> dict[str, Any]:
    """Return a part of reasoning."""
    return {"text": text, "thought": True, **_signed(signature)}


def call_part(call: ToolCall) -> dict[str, Any]:
    """Return a function call; callers of this format can offer no namespaces."""
    function = {"id": call.id, "name": call.name, "args": arguments_object(call)}
    return {"functionCall": function, **_signed(call.signature)}


def block_part(block: Block) -> dict[str, Any] | None:
    """Return the part for a whole block; None for what a Gemini client has no part for.

    Those are empty texts and other providers' own blocks (their searches, for one),
    which tell of the way to the answer, not the answer.
    """
    match block:
        case Text(text=text, signature=signature):
            return text_part(text, signature) if text or signature else None
        case Refusal(text=text):
            return text_part(text) if text else None
        case Thinking(text=text, signature=signature):
            return thought_part(text, signature) if text or signature else None
        case RedactedThinking(signature):
            return thought_part("", Signature(seal(signature, NAME), _REDACTED))
        case ToolCall():
            return call_part(block)
        case Media():
            return _media_part(block)
        case Native(origin=origin, data=data):
            return dict(data) if origin == NAME else None
        case ToolResult():
            return None


def thinking_block(text: str, signature: Signature | None) -> Thinking | RedactedThinking:
    """Return the block of a thought part that a client sent back.

    Examples
    --------
    >>> part = block_part(RedactedThinking(Signature("x", "anthropic_messages")))
    >>> thinking_block("", unseal(part["thoughtSignature"], "gemini"))
    RedactedThinking(signature=Signature(value='x', origin='anthropic_messages', item_id=None))
    """
    if signature is not None and signature.origin == _REDACTED:
        return RedactedThinking(unseal(signature.value, NAME))
    return Thinking(text, signature)


def _media_part(media: Media) -> dict[str, Any] | None:
    """Return generated media; None where another provider keeps them."""
    try:
        return {**encode_media(media, "content"), **_signed(media.signature)}
    except UnsupportedFeature:
        return None


def _signed(signature: Signature | None) -> dict[str, str]:
    """Return the field that carries a signature; a foreign one is sealed."""
    return {} if signature is None else {"thoughtSignature": seal(signature, NAME)}
