"""This module reads and writes whole answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from router.canonical.messages import (
    Block,
    Native,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from router.canonical.request import ChatRequest
from router.canonical.response import ChatResponse, StopReason
from router.canonical.signature import Signature, attach_to_id, seal
from router.errors import ProtocolViolation, UpstreamFacts
from router.formats.anthropic_messages.citations import decode_citations, encode_citation
from router.formats.anthropic_messages.errors import error_detail
from router.formats.anthropic_messages.usage import decode_usage, encode_usage
from router.formats.anthropic_messages.vocabulary import (
    ANSWER_TOOL,
    NAME,
    STOP_REASONS,
    json_text,
    tool_input,
    wire_reason,
)
from router.formats.classify import classify

Wire = dict[str, Any]

KEPT_EXTRAS = ("stop_details", "container", "context_management")
"""Fields beside the answer that a client of this same format may read."""


def decode_response(body: Mapping[str, Any]) -> ChatResponse:
    """Return the answer of a message.

    Raises
    ------
    UpstreamError
        The body tells an error, or is no message.
    """
    if body.get("type") == "error" or ("error" in body and "content" not in body):
        raise classify(UpstreamFacts(detail=error_detail(body)))
    content = body.get("content")
    if not isinstance(content, list):
        raise ProtocolViolation("the provider's answer has no content")
    message_id = str(body.get("id") or "")
    whole = [block for block in content if isinstance(block, Mapping)]
    blocks = tuple(decode_block(block, f"{message_id}_{i}") for i, block in enumerate(whole))
    detail = body.get("stop_reason")
    usage = body.get("usage")
    return ChatResponse(
        id=message_id,
        model=str(body.get("model") or ""),
        blocks=blocks,
        stop_reason=stop_reason(detail, blocks),
        stop_detail=text_or_none(detail),
        stop_sequence=text_or_none(body.get("stop_sequence")),
        usage=decode_usage(usage),
        service_tier=text_or_none(usage.get("service_tier"))
        if isinstance(usage, Mapping)
        else None,
        extras={key: body[key] for key in KEPT_EXTRAS if body.get(key) is not None},
    )


def text_or_none(value: Any) -> str | None:
    """Return a string; None for anything else."""
    return value if isinstance(value, str) else None


def decode_block(block: Mapping[str, Any], fallback_id: str) -> Block:
    """Return a block of an answer; what only Anthropic knows is kept as it is.

    Parameters
    ----------
    fallback_id : str
        For a tool call without an id, as some servers that speak the format send it.
    """
    match block.get("type"):
        case "text":
            return Text(str(block.get("text") or ""), decode_citations(block.get("citations")))
        case "thinking":
            signature = block.get("signature")
            signed = (
                Signature(signature, NAME) if isinstance(signature, str) and signature else None
            )
            return Thinking(str(block.get("thinking") or ""), signed)
        case "redacted_thinking":
            return RedactedThinking(Signature(str(block.get("data") or ""), NAME))
        case "tool_use":
            arguments = json_text(block.get("input") or {})
            if block.get("name") == ANSWER_TOOL:
                return Text(arguments)
            return ToolCall(
                str(block.get("id") or f"toolu_{fallback_id}"),
                str(block.get("name") or ""),
                arguments,
            )
        case _:
            return Native(NAME, block)


def stop_reason(detail: Any, blocks: Iterable[Block]) -> StopReason:
    """Return why the answer ended; without a known word, what its blocks suggest.

    The tool that stands in for a JSON answer is no call of the caller's.
    """
    reason = STOP_REASONS.get(detail) if isinstance(detail, str) else None
    calls = any(isinstance(block, ToolCall) for block in blocks)
    if reason is None:
        return "tool_calls" if calls else "stop"
    return "stop" if reason == "tool_calls" and not calls else reason


def encode_response(
    response: ChatResponse, request: ChatRequest, new_id: Callable[[], str]
) -> Wire:
    """Return an answer as a message."""
    content = [wire for block in response.blocks if (wire := encode_block(block)) is not None]
    refused = any(isinstance(block, Refusal) for block in response.blocks)
    reason: StopReason = "content_filter" if refused else response.stop_reason
    message = {
        "id": response.id or new_id(),
        "type": "message",
        "role": "assistant",
        "model": response.model or request.model or "",
        "content": content,
        "stop_reason": wire_reason(reason, response.stop_detail),
        "stop_sequence": response.stop_sequence,
        "usage": encode_usage(response.usage, response.service_tier),
    }
    kept = {key: response.extras[key] for key in KEPT_EXTRAS if key in response.extras}
    return message | stop_details(response.stop_reason, response.stop_detail) | kept


def stop_details(reason: StopReason, detail: str | None) -> Wire:
    """Return why another provider's filter ended the answer, in its own word.

    Examples
    --------
    >>> stop_details("content_filter", "SAFETY")["stop_details"]["explanation"]
    'SAFETY'
    >>> stop_details("stop", "STOP")
    {}
    """
    if reason != "content_filter" or detail is None or detail in STOP_REASONS:
        return {}
    return {"stop_details": {"type": "refusal", "category": None, "explanation": detail}}


def encode_block(block: Block) -> Wire | None:
    """Return a block of an answer; None for what the format cannot say."""
    match block:
        case Text(text=text, citations=citations):
            wire: Wire = {"type": "text", "text": text}
            sources = [encode_citation(citation) for citation in citations]
            if found := [source for source in sources if source is not None]:
                wire["citations"] = found
            return wire
        case Refusal(text=text):
            return {"type": "text", "text": text}
        case Thinking(text=text, signature=signature):
            sealed = "" if signature is None else seal(signature, NAME)
            return {"type": "thinking", "thinking": text, "signature": sealed}
        case RedactedThinking(signature=signature):
            return {"type": "redacted_thinking", "data": seal(signature, NAME)}
        case ToolCall(id=call_id, signature=signature):
            return {
                "type": "tool_use",
                "id": attach_to_id(call_id, signature),
                "name": block.name,  # callers of this format can offer no namespaces
                "input": tool_input(block.arguments, block.custom),
            }
        case Native(origin=origin, data=data) if origin == NAME:
            return dict(data)
        case _:
            return None
