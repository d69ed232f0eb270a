"""This module reads a provider's whole answer: items, usage, status.

Providers are read leniently: what does not fit is passed over, as their servers differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from router.canonical.messages import (
    Block,
    Citation,
    Native,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from router.canonical.response import ChatResponse, StopReason
from router.canonical.signature import Signature, is_sealed, unseal
from router.canonical.usage import Usage
from router.errors import ProtocolViolation, StreamInterrupted
from router.formats.openai_responses.content import decode_citation
from router.formats.openai_responses.errors import in_band
from router.formats.openai_responses.vocabulary import NAME, JsonObject, joined


def decode_response(body: JsonObject) -> ChatResponse:
    """Return the answer; see `router.formats.base.Upstream.decode_response`."""
    if not isinstance(body, Mapping):
        raise ProtocolViolation("the provider's answer is not an object")
    if body.get("error"):
        raise in_band(body["error"])
    output = body.get("output")
    if not isinstance(output, list):
        raise ProtocolViolation('the provider\'s answer has no "output"')
    blocks = tuple(
        block
        for position, item in enumerate(output)
        if isinstance(item, Mapping)
        for block in decode_item(item, position)
    )
    reason, detail = stop_reason(body, any(isinstance(block, ToolCall) for block in blocks))
    return ChatResponse(
        id=text_of(body.get("id")),
        model=text_of(body.get("model")),
        blocks=blocks,
        stop_reason=reason,
        stop_detail=detail,
        usage=decode_usage(body.get("usage")),
        created=seconds_of(body.get("created_at")),
        service_tier=text_of(body.get("service_tier")) or None,
    )


def stop_reason(response: JsonObject, has_calls: bool) -> tuple[StopReason, str]:
    """Return why the answer ended, in our terms and in the provider's.

    Raises
    ------
    UpstreamError
        It did not end: it failed, was cancelled or still runs.
    """
    status = response.get("status") or "completed"
    match status:
        case "completed":
            return ("tool_calls" if has_calls else "stop"), "completed"
        case "incomplete":
            details = response.get("incomplete_details")
            detail = text_of(details.get("reason")) if isinstance(details, Mapping) else ""
            return _INCOMPLETE.get(detail, "length"), detail or "incomplete"
        case "failed":
            raise in_band(response.get("error"))
        case "cancelled":
            raise StreamInterrupted("the answer was cancelled at the provider")
        case _:
            raise ProtocolViolation("the provider answered before its answer was complete")


_INCOMPLETE: Mapping[str, StopReason] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}


def decode_usage(usage: object) -> Usage | None:
    """Return token counts that do not overlap; None where none are told.

    Examples
    --------
    >>> details = {"cached_tokens": 60, "cache_write_tokens": 10}
    >>> usage = decode_usage({"input_tokens": 100, "input_tokens_details": details})
    >>> usage.input_tokens, usage.prompt_tokens
    (30, 100)
    """
    if not isinstance(usage, Mapping):
        return None
    prompt = _tokens(usage.get("input_tokens"))
    read = min(_detail(usage, "input_tokens_details", "cached_tokens"), prompt)
    written = min(_detail(usage, "input_tokens_details", "cache_write_tokens"), prompt - read)
    output = _tokens(usage.get("output_tokens"))
    reasoning = min(_detail(usage, "output_tokens_details", "reasoning_tokens"), output)
    return Usage(prompt - read - written, read, written, output, reasoning)


def _detail(usage: JsonObject, details: str, key: str) -> int:
    """Return a count of a details object, which may be missing."""
    owner = usage.get(details)
    return _tokens(owner.get(key)) if isinstance(owner, Mapping) else 0


def _tokens(value: object) -> int:
    """Return a count; 0 where it is none."""
    return max(int(value), 0) if isinstance(value, int | float) else 0


def decode_item(item: JsonObject, position: int) -> Sequence[Block]:
    """Return the blocks of one output item; hosted tools' items stay as they are."""
    match item.get("type"):
        case "message":
            return [block for part in parts_of(item, "content") if (block := decode_part(part))]
        case "reasoning":
            return [Thinking(joined(reasoning_texts(item)), reasoning_signature(item))]
        case "function_call" | "custom_tool_call":
            return [decode_call(item, position)]
        case _:
            return [Native(NAME, item)]


def decode_part(part: JsonObject) -> Text | Refusal | None:
    """Return the block of a message's part."""
    match part.get("type"):
        case "output_text" | "text":
            return Text(text_of(part.get("text")), citations_of(part))
        case "refusal":
            return Refusal(text_of(part.get("refusal")))
        case _:
            return None


def citations_of(part: JsonObject) -> tuple[Citation, ...]:
    """Return the sources of a text part."""
    return tuple(map(decode_citation, parts_of(part, "annotations")))


def decode_call(item: JsonObject, position: int) -> ToolCall:
    """Return a call; ids that a server left out are made up, as results need them."""
    custom = item.get("type") == "custom_tool_call"
    arguments = text_of(item.get("input" if custom else "arguments"))
    call_id = text_of(item.get("call_id")) or text_of(item.get("id")) or f"call_{position}"
    return ToolCall(
        id=call_id,
        name=text_of(item.get("name")),
        arguments=arguments if custom else arguments or "{}",
        custom=custom,
        namespace=text_of(item.get("namespace")) or None,
    )


def reasoning_texts(item: JsonObject) -> list[str]:
    """Return the parts of a reasoning item: its summary, and its text where it is open."""
    return [
        text_of(part.get("text")) for key in ("summary", "content") for part in parts_of(item, key)
    ]


def reasoning_signature(item: JsonObject) -> Signature | None:
    """Return a reasoning item's encrypted content, which is bound to the item's id.

    A gateway before the provider may have sealed the true id with it. What it sealed for
    other formats stays as it is: only that gateway can use it.
    """
    encrypted = text_of(item.get("encrypted_content"))
    if not encrypted:
        return None
    if is_sealed(encrypted) and (sealed := unseal(encrypted, NAME)).origin == NAME:
        return sealed
    return Signature(encrypted, NAME, text_of(item.get("id")) or None)


def parts_of(owner: JsonObject, key: str) -> list[JsonObject]:
    """Return the objects of a list that may be missing, null or mixed."""
    parts = owner.get(key)
    if not isinstance(parts, list):
        return []
    return [cast(JsonObject, part) for part in parts if isinstance(part, Mapping)]


def text_of(value: object) -> str:
    """Return a string; empty where it is none."""
    return value if isinstance(value, str) else ""


def seconds_of(value: object) -> int | None:
    """Return a time in whole seconds, which some servers send as a float."""
    return int(value) if isinstance(value, int | float) and value else None
