"""Bodies: what is a JSON object, and what is refused how."""

import io

import pytest
from flask import Flask, Request, request

from router.config.snapshot import Limits
from router.errors import InvalidRequest, RequestTooLarge, UnsupportedMediaType
from router.web.body import parse_object, read_bytes, require_json
from router.worker import read_body

LIMITS = Limits(max_body_bytes=100)


def read(data: bytes, **headers: str) -> bytes:
    with Flask("t").test_request_context("/", method="POST", data=data, headers=headers):
        return read_bytes(request, LIMITS, read_body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"[1,2]", "an array"),
        (b'"text"', "a string"),
        (b"3", "a number"),
        (b"true", "a boolean"),
        (b"null", "null"),
        (b'{"model": ', "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": "\\ud800"}', "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        ('{"a": 1}'.encode("utf-16"), "not valid JSON"),
    ],
)
def test_what_is_no_json_object_is_refused_with_the_reason(body: bytes, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        parse_object(body)


def test_a_body_at_the_limit_passes_and_one_byte_more_does_not() -> None:
    assert len(read(b"x" * 100)) == 100
    with pytest.raises(RequestTooLarge):
        read(b"x" * 101)


def test_a_chunked_body_is_counted_too() -> None:
    environ = {"wsgi.input": io.BytesIO(b"x" * 101), "wsgi.input_terminated": True}
    chunked = Request({**environ, "REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked"})
    with pytest.raises(RequestTooLarge):
        read_bytes(chunked, LIMITS, read_body)


def test_a_body_shorter_than_announced_is_refused() -> None:
    short = Request(
        {"wsgi.input": io.BytesIO(b"{}"), "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "50"}
    )
    with pytest.raises(InvalidRequest, match="shorter"):
        read_bytes(short, LIMITS, read_body)


def test_compressed_bodies_are_not_taken() -> None:
    with pytest.raises(UnsupportedMediaType, match="gzip"):
        read(b"\x1f\x8b", **{"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("application/vnd.api+json", True),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("", False),
    ],
)
def test_only_json_is_taken_so_that_a_browsers_form_cannot_call(
    content_type: str, taken: bool
) -> None:
    with Flask("t").test_request_context("/", method="POST", content_type=content_type):
        if taken:
            require_json(request)
            return
        with pytest.raises(UnsupportedMediaType):
            require_json(request)
