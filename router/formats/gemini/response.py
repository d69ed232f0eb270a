"""This module decodes and encodes whole answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from router.canonical.events import Event, Failed, collect
from router.canonical.messages import Citation, Text
from router.canonical.response import ChatResponse, StopReason
from router.canonical.usage import Usage
from router.errors import ProtocolViolation
from router.formats.gemini.answer import Answer
from router.formats.gemini.grounding import grounding_metadata
from router.formats.gemini.parts import block_part
from router.formats.gemini.reasons import finish_word
from router.formats.gemini.usage import encode_usage


def decode_response(body: Mapping[str, Any] | Sequence[Any]) -> ChatResponse:
    """Return the answer of a body: one response, or the array of a stream's chunks.

    Raises
    ------
    UpstreamError
        The body tells an error, is not of this format, or is an array that was cut.
    """
    if isinstance(body, Mapping):
        return collect(_events([body], "STOP"))
    return collect(_events([chunk for chunk in body if isinstance(chunk, Mapping)], None))


def _events(chunks: Sequence[Mapping[str, Any]], default_finish: str | None) -> Iterator[Event]:
    """Yield the events of an answer's chunks."""
    if not any(
        chunk.get("candidates") or chunk.get("promptFeedback") or "error" in chunk
        for chunk in chunks
    ):
        yield Failed(ProtocolViolation("the provider's answer has no candidates"))
        return
    answer = Answer()
    for chunk in chunks:
        yield from answer.read(chunk)
    yield from answer.end(default_finish)


def encode_response(response: ChatResponse) -> dict[str, Any]:
    """Return the body of an answer."""
    parts = [part for block in response.blocks if (part := block_part(block)) is not None]
    cited = [(block.text, block.citations) for block in response.blocks if isinstance(block, Text)]
    body: dict[str, Any] = {
        "candidates": [
            finished(parts, response.stop_reason, response.stop_detail, response.extras, cited)
        ]
    }
    return {**body, **trailer(response.model, response.id, response.usage)}


def finished(
    parts: list[dict[str, Any]],
    reason: StopReason,
    detail: str | None,
    extras: Mapping[str, Any],
    cited: Sequence[tuple[str, Sequence[Citation]]],
) -> dict[str, Any]:
    """Return the candidate that ends an answer; Google's own grounding wins over ours."""
    candidate: dict[str, Any] = {
        "content": {"parts": parts, "role": "model"},
        "finishReason": finish_word(reason, detail),
        "index": 0,
    }
    grounding = extras.get("groundingMetadata") or grounding_metadata(cited)
    if grounding:
        candidate["groundingMetadata"] = grounding
    if extras.get("urlContextMetadata"):
        candidate["urlContextMetadata"] = extras["urlContextMetadata"]
    return candidate


def trailer(model: str, response_id: str, usage: Usage | None = None) -> dict[str, Any]:
    """Return what stands beside the candidates."""
    told: dict[str, Any] = {}
    if usage is not None:
        told["usageMetadata"] = encode_usage(usage)
    told["modelVersion"] = model
    told["responseId"] = response_id
    return told
