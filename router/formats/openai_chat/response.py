"""This module reads a provider's whole answer, and writes one for a chat client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from router.canonical.messages import (
    Block,
    Citation,
    Media,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from router.canonical.request import ChatRequest
from router.canonical.response import ChatResponse
from router.canonical.signature import attach_to_id, seal
from router.errors import ErrorDetail, ProtocolViolation, UpstreamFacts
from router.formats.classify import classify
from router.formats.openai_chat.answer import (
    arguments_of,
    citations_of,
    content_of,
    images_of,
    made_up_id,
    position,
    reasoning_of,
    stop_reason,
    text_of,
)
from router.formats.openai_chat.custom_tools import custom_names, free_text
from router.formats.openai_chat.errors import detail_of
from router.formats.openai_chat.messages import call_signature
from router.formats.openai_chat.parts import SIGNER
from router.formats.openai_chat.tools import LEGACY
from router.formats.openai_chat.usage import decode_usage, encode_usage

SERVICE_TIERS = frozenset({"auto", "default", "flex", "scale", "priority"})
"""What OpenAI's SDKs accept as ``service_tier``; other providers' words are not told."""

THOUGHT_BREAK = "\n\n"
"""Between one block of reasoning and the next, as ``reasoning_content`` is one string."""


def decode_response(body: Mapping[str, Any]) -> ChatResponse:
    """Return the first choice of an answer.

    Raises
    ------
    UpstreamError
        `body` is an error told under status 200, or no chat completion.
    """
    if not isinstance(body, Mapping):
        raise ProtocolViolation("the answer is not a JSON object")
    if body.get("error") or body.get("object") == "error":
        raise classify(UpstreamFacts(detail=detail_of(body)))
    choice = first_choice(body)
    message = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(message, Mapping):
        raise ProtocolViolation("the answer holds no message")
    word = choice.get("finish_reason")
    if word == "error":
        raise classify(UpstreamFacts(detail=ErrorDetail("", code="server_error")))
    id_, created = text_of(body, "id"), position(body.get("created"))
    calls = _calls(message, id_, created)
    return ChatResponse(
        id=id_,
        model=text_of(body, "model"),
        blocks=(*_blocks(message), *calls),
        stop_reason=stop_reason(word, has_calls=bool(calls)),
        stop_detail=word if isinstance(word, str) else None,
        usage=decode_usage(body.get("usage")),
        created=created,
        service_tier=text_of(body, "service_tier") or None,
    )


def first_choice(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the choice of index 0; servers that know one choice may leave its index out."""
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, Mapping) and not choice.get("index"):
            return choice
    return None


def _blocks(message: Mapping[str, Any]) -> list[Block]:
    """Return everything but the calls, in the order in which streams tell it."""
    pieces = list(content_of(message))
    if reasoning := reasoning_of(message):
        pieces.insert(0, ("thinking", reasoning))
    blocks: list[Block] = []
    for kind, text in pieces:
        match kind, blocks[-1] if blocks else None:
            case "text", Text(text=earlier):
                blocks[-1] = Text(earlier + text)
            case "thinking", Thinking(text=earlier):
                blocks[-1] = Thinking(earlier + text)
            case "text", _:
                blocks.append(Text(text))
            case _:
                blocks.append(Thinking(text))
    citations = tuple(citations_of(message))
    if citations and blocks and isinstance(blocks[-1], Text):
        blocks[-1] = Text(blocks[-1].text, citations)
    blocks.extend(images_of(message))
    if refusal := text_of(message, "refusal"):
        blocks.append(Refusal(refusal))
    return blocks


def _calls(message: Mapping[str, Any], id_: str, created: int | None) -> list[ToolCall]:
    """Return the tool calls, the deprecated single one among them."""
    told = message.get("tool_calls")
    calls = [call for call in told if isinstance(call, Mapping)] if isinstance(told, list) else []
    if not calls and isinstance(message.get("function_call"), Mapping):
        calls = [{"function": message["function_call"]}]
    return [_call(call, id_, created, number) for number, call in enumerate(calls)]


def _call(call: Mapping[str, Any], id_: str, created: int | None, number: int) -> ToolCall:
    """Return one tool call."""
    custom = call.get("type") == "custom"
    function = call.get("custom" if custom else "function")
    function = function if isinstance(function, Mapping) else {}
    arguments = arguments_of(function)
    return ToolCall(
        text_of(call, "id") or made_up_id(id_, created, number),
        text_of(function, "name"),
        arguments if arguments or custom else "{}",
        signature=call_signature(call),
        custom=custom,
    )


def encode_response(
    response: ChatResponse,
    request: ChatRequest,
    clock: Callable[[], float],
    new_id: Callable[[], str],
) -> dict[str, Any]:
    """Return an answer for a chat client.

    Parameters
    ----------
    clock : callable
        Seconds since the epoch, for answers whose provider does not tell the time.
    new_id : callable
        Makes the end of an id, for answers whose provider gives none.
    """
    choice: dict[str, Any] = {
        "index": 0,
        "message": _message(response.blocks, request),
        "logprobs": None,
        "finish_reason": finish_reason(response.stop_reason, legacy=is_legacy(request)),
    }
    if response.stop_detail is not None:
        choice["native_finish_reason"] = response.stop_detail
    body: dict[str, Any] = {
        "id": response.id or f"chatcmpl-{new_id()}",
        "object": "chat.completion",
        "created": int(clock()) if response.created is None else response.created,
        "model": response.model or request.model or "",
        "choices": [choice],
    }
    if response.service_tier in SERVICE_TIERS:
        body["service_tier"] = response.service_tier
    if response.usage is not None:
        body["usage"] = encode_usage(response.usage)
    return body


def finish_reason(reason: str, *, legacy: bool) -> str:
    """Return OpenAI's word for why an answer ended.

    Examples
    --------
    >>> finish_reason("stop_sequence", legacy=False), finish_reason("tool_calls", legacy=True)
    ('stop', 'function_call')
    """
    if reason == "tool_calls":
        return "function_call" if legacy else "tool_calls"
    return reason if reason in ("length", "content_filter") else "stop"


def is_legacy(request: ChatRequest) -> bool:
    """Tell whether the caller offered deprecated ``functions``, and reads no ``tool_calls``."""
    return any(tool.origin == LEGACY for tool in request.tools)


def _message(blocks: Iterable[Block], request: ChatRequest) -> dict[str, Any]:
    """Return the assistant's message; blocks that only other formats know are left out."""
    blocks = tuple(blocks)
    texts = [block for block in blocks if isinstance(block, Text)]
    calls = [block for block in blocks if isinstance(block, ToolCall)]
    refusal = "".join(block.text for block in blocks if isinstance(block, Refusal))
    content = "".join(block.text for block in texts)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": content or (None if calls or refusal else ""),
        "refusal": refusal or None,
    }
    thoughts = [block.text for block in blocks if isinstance(block, Thinking) and block.text]
    if thoughts:
        message["reasoning_content"] = THOUGHT_BREAK.join(thoughts)
    if thinking_blocks := [told for block in blocks if (told := thinking_block(block))]:
        message["thinking_blocks"] = thinking_blocks
    if annotations := _annotations(texts):
        message["annotations"] = annotations
    pictures = (image for block in blocks if (image := image_part(block)))
    if images := [{**image, "index": index} for index, image in enumerate(pictures)]:
        message["images"] = images
    if calls and is_legacy(request):
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments or "{}"}
    elif calls:
        custom = custom_names(request)
        message["tool_calls"] = [_tool_call(call, custom) for call in calls]
    return message


def _tool_call(call: ToolCall, custom: frozenset[str]) -> dict[str, Any]:
    """Return one tool call.

    Its namespace is none of the caller's, who can offer none: Responses puts the tools that
    a search has found into one of its own making.
    """
    id_ = attach_to_id(call.id, call.signature)
    if call.custom or call.name in custom:
        text = call.arguments if call.custom else free_text(call.arguments)
        return {"id": id_, "type": "custom", "custom": {"name": call.name, "input": text}}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": id_, "type": "function", "function": function}


def thinking_block(block: Block) -> dict[str, Any] | None:
    """Return reasoning that its provider wants back, as LiteLLM's clients echo it."""
    match block:
        case Thinking(text=text, signature=signature) if signature is not None:
            return {"type": "thinking", "thinking": text, "signature": seal(signature, SIGNER)}
        case RedactedThinking(signature=signature):
            return {"type": "redacted_thinking", "data": seal(signature, SIGNER)}
        case _:
            return None


def image_part(block: Block) -> dict[str, Any] | None:
    """Return a generated image, as OpenRouter tells it."""
    if not isinstance(block, Media) or block.kind != "image":
        return None
    url = block.url
    if block.data is not None:
        url = f"data:{block.media_type or 'image/png'};base64,{block.data}"
    return {"type": "image_url", "image_url": {"url": url}} if url else None


def _annotations(texts: Iterable[Text]) -> list[dict[str, Any]]:
    """Return the sources of all texts, their positions counted in the joined text."""
    annotations: list[dict[str, Any]] = []
    offset = 0
    for block in texts:
        end = offset + len(block.text)
        told = (annotation(citation, offset, end) for citation in block.citations)
        annotations.extend(one for one in told if one is not None)
        offset = end
    return annotations


def annotation(citation: Citation, offset: int, end: int) -> dict[str, Any] | None:
    """Return a source, or None where it has no address.

    Parameters
    ----------
    offset, end : int
        Where the citation's block starts, and ends so far, in the whole text.
    """
    if not citation.url:
        return None
    cited = {
        "url": citation.url,
        "title": citation.title or "",
        "start_index": offset if citation.start is None else offset + citation.start,
        "end_index": end if citation.end is None else offset + citation.end,
    }
    return {"type": "url_citation", "url_citation": cited}
