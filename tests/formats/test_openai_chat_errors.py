"""Errors in OpenAI's form: told to clients, read from providers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import ErrorDetail, InvalidRequest, RateLimited, UnknownModel
from router.formats.openai_chat import FORMAT


def test_an_error_has_the_four_keys() -> None:
    assert FORMAT.encode_error(InvalidRequest("stop is odd", param="stop")) == {
        "error": {
            "message": "stop is odd",
            "type": "invalid_request_error",
            "param": "stop",
            "code": None,
        }
    }
    assert FORMAT.encode_error(UnknownModel("no"))["error"]["code"] == "model_not_found"


def test_metadata_is_told_where_there_is_any() -> None:
    error = RateLimited("wait", metadata={"attempts": []})
    assert FORMAT.encode_error(error)["error"]["metadata"] == {"attempts": []}


def test_an_error_in_a_stream_is_one_chunk() -> None:
    frame = FORMAT.encode_stream_error(InvalidRequest("no"))
    assert frame.startswith(b"data: ")
    assert frame.endswith(b"\n\n")
    assert orjson.loads(frame[6:]) == FORMAT.encode_error(InvalidRequest("no"))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c", "param": "p"}},
         ErrorDetail("m", "t", "c", "p")),
        ({"error": {"message": "m", "code": 429, "metadata": {}}}, ErrorDetail("m", None, "429")),
        ({"error": "m"}, ErrorDetail("m")),
        ({"error": {"message": None}}, ErrorDetail("")),
        ({"detail": "m"}, ErrorDetail("m")),
        ({"detail": [{"loc": ["body", "n"], "msg": "m"}, {"msg": "k"}]},
         ErrorDetail("body.n: m; k")),
        ({"message": "m", "type": "t", "code": 1}, ErrorDetail("m", "t", "1")),
        ({"object": "error", "message": {"detail": [{"msg": "m", "loc": []}]}}, ErrorDetail("m")),
        ([{"error": {"code": 400, "message": "m", "status": "S"}}], ErrorDetail("m", "S", "400")),
        ("m", ErrorDetail("m")),
        ([], ErrorDetail("")),
        (None, ErrorDetail("")),
        (17, ErrorDetail("")),
        ({}, ErrorDetail("")),
    ],
)  # fmt: skip
def test_every_known_shape_is_read(body: Any, wanted: ErrorDetail) -> None:
    assert FORMAT.decode_error(400, orjson.dumps(body)) == wanted


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"  no such model\n", "no such model"),
        (b"<html><body>502</body></html>", ""),
        (b"\n<!DOCTYPE html>", ""),
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_text_is_read_and_pages_are_not(body: bytes, message: str) -> None:
    assert FORMAT.decode_error(502, body) == ErrorDetail(message)


def test_long_messages_are_cut() -> None:
    assert len(FORMAT.decode_error(500, b"x" * 1_000_000).message) == 4000
    assert len(FORMAT.decode_error(500, orjson.dumps({"error": "x" * 9000})).message) == 4000


@given(st.binary() | st.recursive(st.text() | st.integers(0, 9) | st.none(), st.lists).map(
    lambda value: orjson.dumps({"error": value, "detail": value})
))  # fmt: skip
def test_no_body_makes_it_raise(body: bytes) -> None:
    assert isinstance(FORMAT.decode_error(500, body), ErrorDetail)
