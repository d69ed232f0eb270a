"""Embeddings: requests read, vectors written."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.embeddings import EmbeddingRequest, EmbeddingResponse
from router.canonical.request import ModelTraits
from router.canonical.usage import Usage
from router.errors import InvalidRequest, UnsupportedFeature
from router.formats import openai_embeddings as embeddings

REQUEST = EmbeddingRequest("m", ("a", "b"))


def test_a_request_is_read() -> None:
    body = {"model": "m", "input": "a", "dimensions": 3, "encoding_format": "base64", "user": "u"}
    assert embeddings.decode_request(body) == EmbeddingRequest("m", ("a",), 3, "base64", "u")
    assert embeddings.decode_request({"model": "m", "input": ["a", "b"]}) == REQUEST


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": {"a": 1}}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", None]}, "input[1]"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"model": 1}, "model"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        embeddings.decode_request({"model": "m", "input": "a", **fields})
    assert caught.value.param == param


@pytest.mark.parametrize("tokens", [[1, 2], [[1, 2], [3]]])
def test_tokens_are_refused(tokens: Any) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        embeddings.decode_request({"model": "m", "input": tokens})
    assert caught.value.param == "input"


def test_vectors_are_written_in_order() -> None:
    answer = EmbeddingResponse("up", ((0.5, -1.0), (2.0, 0.0)), Usage(4, 1))
    assert embeddings.encode_response(answer, REQUEST) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [2.0, 0.0]},
        ],
        "model": "up",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=9))
def test_base64_is_of_little_endian_32_bit_floats(vector: list[float]) -> None:
    packed = base64.b64decode(embeddings.pack(vector))
    assert list(struct.unpack(f"<{len(vector)}f", packed)) == vector


def test_base64_is_written_if_asked_for() -> None:
    request = EmbeddingRequest("m", ("a",), encoding_format="base64")
    body = embeddings.encode_response(EmbeddingResponse("", ((1.0,),)), request)
    assert body["data"][0]["embedding"] == "AACAPw=="
    assert (body["model"], body["usage"]["total_tokens"]) == ("m", 0)


def test_a_body_is_relayed_with_another_model() -> None:
    body = {"model": "m", "input": [[1, 2]], "x": 1}
    assert embeddings.passthrough_body(body, ModelTraits("up")) == {**body, "model": "up"}


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        ({"usage": {"prompt_tokens": 3, "total_tokens": 3}}, Usage(3)),
        ({"usage": {"total_tokens": 3}}, Usage(3)),
        ({}, None),
    ],
)
def test_usage_of_a_relayed_answer_is_read(body: dict[str, Any], usage: Usage | None) -> None:
    assert embeddings.usage_of(body) == usage


def test_the_view_counts_characters() -> None:
    assert embeddings.view({"input": ["ab", "c", 1]}).input_chars == 3
    assert embeddings.view({"input": {"a": 1}}).format == "openai_embeddings"
