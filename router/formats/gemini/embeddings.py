"""This module speaks ``batchEmbedContents``.

Source: https://ai.google.dev/api/embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.embeddings import EmbeddingRequest, EmbeddingResponse
from router.canonical.request import ModelTraits
from router.errors import ProtocolViolation
from router.formats.base import Encoded
from router.formats.gemini.errors import in_band
from router.formats.gemini.usage import decode_usage


def encode_embedding_request(request: EmbeddingRequest, traits: ModelTraits) -> Encoded:
    """Return the body: one request per text, each naming the model.

    Vectors come as numbers; `EmbeddingRequest.encoding_format` is the answer's matter.
    """
    model = f"models/{traits.name.removeprefix('models/')}"
    requests: list[dict[str, Any]] = []
    for text in request.inputs:
        entry: dict[str, Any] = {"model": model, "content": {"parts": [{"text": text}]}}
        if request.dimensions is not None:
            entry["outputDimensionality"] = request.dimensions
        requests.append(entry)
    return Encoded({"requests": requests}, ("user",) if request.user else ())


def decode_embedding_response(body: Mapping[str, Any], model: str) -> EmbeddingResponse:
    """Return the vectors of an answer; Google's does not name the model.

    Raises
    ------
    UpstreamError
        The body tells an error, or has no vectors.
    """
    if "error" in body:
        raise in_band(body["error"])
    found = body.get("embeddings")
    if found is None and "embedding" in body:
        found = [body["embedding"]]
    if not isinstance(found, list) or not found:
        raise ProtocolViolation("the provider's answer has no embeddings")
    metadata = body.get("usageMetadata")
    usage = decode_usage(metadata) if isinstance(metadata, dict) else None
    return EmbeddingResponse(model, tuple(_vector(entry) for entry in found), usage)


def _vector(entry: Any) -> tuple[float, ...]:
    """Return one vector."""
    values = entry.get("values") if isinstance(entry, dict) else None
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        raise ProtocolViolation("the provider's answer has an embedding without values")
    return tuple(values)
