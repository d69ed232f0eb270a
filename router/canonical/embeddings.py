"""This module holds a request for embeddings, and its answer."""

from __future__ import annotations

from dataclasses import dataclass

from router.canonical.usage import Usage


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Texts to embed.

    Attributes
    ----------
    encoding_format : str, optional
        ``float`` or ``base64`` (little-endian float32), as OpenAI has it.
    """

    model: str | None
    inputs: tuple[str, ...]
    dimensions: int | None = None
    encoding_format: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingResponse:
    """One vector per input, in order."""

    model: str
    vectors: tuple[tuple[float, ...], ...]
    usage: Usage | None = None
