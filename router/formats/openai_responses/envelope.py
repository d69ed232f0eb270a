"""This module builds the Response object around the output items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from router.canonical.messages import Text
from router.canonical.request import ChatRequest, Reasoning
from router.canonical.response import ChatResponse, StopReason
from router.canonical.usage import Usage
from router.errors import UpstreamError
from router.formats.openai_responses.errors import response_error
from router.formats.openai_responses.output import (
    CUT_SHORT,
    JsonItem,
    NewId,
    Offered,
    output_items,
)
from router.formats.openai_responses.tools import encode_tool_choice, encode_tools
from router.formats.openai_responses.vocabulary import EFFORTS, JsonObject

Clock = Callable[[], float]
"""Seconds since the epoch."""

# The tiers that OpenAI's SDKs know; other providers have names of their own.
_TIERS = frozenset({"auto", "default", "flex", "scale", "priority"})


def response_id(upstream_id: str, new_id: NewId) -> str:
    """Return the response's id: the provider's, where it is one of this format."""
    return upstream_id if upstream_id.startswith("resp_") else new_id("resp_")


def opened(
    request: ChatRequest, response_id: str, model: str, created: int, tier: str | None = None
) -> dict[str, Any]:
    """Return a response that has just begun; it repeats what the caller asked for.

    ``store`` is false whatever the caller asked: nobody can read the response back.
    """
    extras = request.extras
    return {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": _instructions(request),
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": extras.get("max_tool_calls"),
        "metadata": _metadata(request),
        "model": model or request.model or "",
        "output": [],
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": None,
        "prompt_cache_key": request.prompt_cache_key,
        "reasoning": _reasoning(request.reasoning),
        "safety_identifier": extras.get("safety_identifier"),
        "service_tier": known_tier(tier),
        "store": False,
        "temperature": request.sampling.temperature,
        "text": _text(request),
        "tool_choice": (
            "auto"
            if request.tool_choice is None
            else encode_tool_choice(request.tool_choice, request.tools)
        ),
        "tools": encode_tools(request.tools),
        "top_logprobs": request.sampling.top_logprobs or 0,
        "top_p": request.sampling.top_p,
        "truncation": "auto" if extras.get("truncation") == "auto" else "disabled",
        "usage": None,
        "user": request.user,
    }


def closed(
    response: JsonObject,
    output: Sequence[JsonItem],
    reason: StopReason,
    usage: Usage | None,
    completed_at: int,
    detail: str | None = None,
) -> dict[str, Any]:
    """Return the response at its end.

    Parameters
    ----------
    detail : str, optional
        The provider's own word for why the answer ended; told beside the format's where a
        filter cut it off, as the format has one word for them all.
    """
    cut = reason in CUT_SHORT
    why = {"reason": "max_output_tokens"}
    if reason == "content_filter":
        told = {} if detail in (None, "content_filter") else {"detail": detail}
        why = {"reason": "content_filter", **told}
    return {
        **response,
        "status": "incomplete" if cut else "completed",
        "completed_at": None if cut else completed_at,
        "incomplete_details": why if cut else None,
        "output": list(output),
        "usage": None if usage is None else encode_usage(usage),
    }


def failed(
    response: JsonObject, output: Sequence[JsonItem], error: UpstreamError
) -> dict[str, Any]:
    """Return the response that broke off, with what there is of it."""
    return {
        **response,
        "status": "failed",
        "error": response_error(error),
        "output": list(output),
    }


def encode_response(
    response: ChatResponse, request: ChatRequest, new_id: NewId, clock: Clock
) -> dict[str, Any]:
    """Return the body of an answer; see `router.formats.base.Ingress.encode_response`."""
    now = int(clock())
    begun = opened(
        request,
        response_id(response.id, new_id),
        response.model,
        response.created or now,
        response.service_tier,
    )
    reason = response.stop_reason
    output = output_items(response.blocks, reason, Offered(request.tools), new_id)
    return closed(begun, output, reason, response.usage, now, response.stop_detail)


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Return token counts as this format has them; the details are always there.

    Examples
    --------
    >>> encode_usage(Usage(30, 60, 10, 5))["input_tokens"]
    100
    """
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }


def _instructions(request: ChatRequest) -> str | None:
    """Return the text of the leading system message."""
    if not request.messages or request.messages[0].role != "system":
        return None
    texts = [block.text for block in request.messages[0].content if isinstance(block, Text)]
    return "\n".join(texts)


def _metadata(request: ChatRequest) -> dict[str, str]:
    """Return the caller's metadata; the format has strings only."""
    metadata = request.metadata or {}
    return {key: value for key, value in metadata.items() if isinstance(value, str)}


def _reasoning(reasoning: Reasoning | None) -> dict[str, Any]:
    """Return how much thinking was asked for."""
    if reasoning is None:
        return {"effort": None, "summary": None}
    # Groq's "default" and other vendors' words are no efforts that SDKs of this format take.
    effort = reasoning.effort if reasoning.effort in EFFORTS else None
    return {"effort": effort, "summary": reasoning.summary}


def _text(request: ChatRequest) -> dict[str, Any]:
    """Return the shape asked for."""
    form = request.response_format
    told: dict[str, Any] = {"type": "text"}
    if form is not None:
        told = {"type": form.kind}
        if form.kind == "json_schema":
            told |= {
                "name": form.name or "answer",
                "description": form.description,
                "schema": form.schema or {},
                "strict": form.strict or False,
            }
    verbosity = request.extras.get("verbosity")
    return {"format": told} if verbosity is None else {"format": told, "verbosity": verbosity}


def known_tier(tier: str | None) -> str | None:
    """Return the service tier, where the format knows it."""
    return tier if tier in _TIERS else None
