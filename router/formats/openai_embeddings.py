"""This module serves OpenAI's Embeddings to clients.

Errors, usage and field checks are Chat Completions': both are faces of one API.
"""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from router.canonical.embeddings import EmbeddingRequest, EmbeddingResponse
from router.canonical.prompt import PromptView
from router.canonical.request import ModelTraits
from router.canonical.usage import Usage
from router.errors import InvalidRequest, UnsupportedFeature
from router.formats.openai_chat.fields import missing, opt_int, opt_str, wrong
from router.formats.openai_chat.usage import decode_usage

NAME = "openai_embeddings"


def decode_request(body: Mapping[str, Any]) -> EmbeddingRequest:
    """Return the texts to embed.

    Raises
    ------
    InvalidRequest
        A field has the wrong type or value; `param` is its path.
    UnsupportedFeature
        The input is tokens, which only the model that they were made for can read.
    """
    encoding = opt_str(body, "encoding_format")
    if encoding not in (None, "float", "base64"):
        raise InvalidRequest("encoding_format must be float or base64", param="encoding_format")
    return EmbeddingRequest(
        model=opt_str(body, "model"),
        inputs=_inputs(body.get("input")),
        dimensions=opt_int(body, "dimensions", minimum=1),
        encoding_format=encoding,
        user=opt_str(body, "user"),
    )


def encode_response(response: EmbeddingResponse, request: EmbeddingRequest) -> dict[str, Any]:
    """Return the vectors, in base64 where the caller asked for it."""
    packed = request.encoding_format == "base64"
    usage = response.usage or Usage()
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": pack(vector) if packed else list(vector),
            }
            for index, vector in enumerate(response.vectors)
        ],
        "model": response.model or request.model or "",
        "usage": {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens},
    }


def passthrough_body(body: Mapping[str, Any], traits: ModelTraits) -> dict[str, Any]:
    """Return the client's body for a provider of this format: another model, nothing else."""
    return {**body, "model": traits.name}


def usage_of(body: Mapping[str, Any]) -> Usage | None:
    """Return the usage that a provider's answer of this format reports, if any."""
    return decode_usage(body.get("usage"))


def view(body: Mapping[str, Any]) -> PromptView:
    """Return what routing looks at; wrong fields count as absent."""
    value = body.get("input")
    texts = value if isinstance(value, list) else [value]
    chars = sum(len(text) for text in texts if isinstance(text, str))
    return PromptView(format=NAME, messages_count=len(texts), input_chars=chars, user_chars=chars)


def pack(vector: Sequence[float]) -> str:
    """Return a vector as base64 of little-endian 32-bit floats.

    Examples
    --------
    >>> pack((1.0, -2.0))
    'AACAPwAAAMA='
    """
    floats = array("f", vector)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode()


def _inputs(value: Any) -> tuple[str, ...]:
    """Return the texts, given as one string or a list of them."""
    if value is None:
        raise missing("input")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)):
        raise wrong("input", "a string or a list of strings", value)
    if not texts:
        raise InvalidRequest("input must hold at least one text", param="input")
    for index, text in enumerate(texts):
        path = "input" if isinstance(value, str) else f"input[{index}]"
        if isinstance(text, (int, list)) and not isinstance(text, bool):
            raise UnsupportedFeature(
                "input: the chosen model cannot read another model's tokens; send text",
                param="input",
            )
        if not isinstance(text, str):
            raise wrong(path, "a string", text)
        if not text:
            raise InvalidRequest(f"{path} must not be empty", param=path)
    return tuple(texts)
