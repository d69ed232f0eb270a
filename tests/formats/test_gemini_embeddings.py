"""Embeddings by ``batchEmbedContents``."""

from __future__ import annotations

from typing import Any

import pytest

from router.canonical.embeddings import EmbeddingRequest, EmbeddingResponse
from router.canonical.request import ModelTraits
from router.canonical.usage import Usage
from router.errors import ProtocolViolation, UpstreamRejected
from router.formats.gemini.embeddings import decode_embedding_response, encode_embedding_request

TRAITS = ModelTraits("gemini-embedding-001")


def test_one_request_per_text() -> None:
    encoded = encode_embedding_request(EmbeddingRequest("e", ("a", "b"), 64, user="u"), TRAITS)
    assert encoded.body == {
        "requests": [
            {
                "model": "models/gemini-embedding-001",
                "content": {"parts": [{"text": text}]},
                "outputDimensionality": 64,
            }
            for text in ("a", "b")
        ]
    }
    assert encoded.dropped == ("user",)


def test_without_dimensions_the_model_chooses() -> None:
    body = encode_embedding_request(EmbeddingRequest("e", ("a",)), TRAITS).body
    assert "outputDimensionality" not in body["requests"][0]


def test_vectors_and_usage() -> None:
    body = {
        "embeddings": [{"values": [0.5, 1]}, {"values": [-0.25, 0.0]}],
        "usageMetadata": {"promptTokenCount": 4},
    }
    assert decode_embedding_response(body, "e") == EmbeddingResponse(
        "e", ((0.5, 1), (-0.25, 0.0)), Usage(input_tokens=4)
    )


def test_a_single_embedding_is_one_vector() -> None:
    assert decode_embedding_response({"embedding": {"values": [1.5]}}, "e").vectors == ((1.5,),)


@pytest.mark.parametrize("body", [{}, {"embeddings": []}, {"embeddings": [{"values": ["a"]}]}])
def test_an_answer_without_vectors_is_a_protocol_violation(body: dict[str, Any]) -> None:
    with pytest.raises(ProtocolViolation):
        decode_embedding_response(body, "e")


def test_an_error_under_status_200_is_raised() -> None:
    with pytest.raises(UpstreamRejected):
        decode_embedding_response({"error": {"code": 404, "status": "NOT_FOUND"}}, "e")
