"""This module reads request bodies: bounded, in time, and as JSON objects only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson
from flask import Request
from werkzeug.datastructures import Headers

from router.config.snapshot import Limits
from router.errors import InvalidRequest, RequestTooLarge, UnsupportedMediaType

ReadBody = Callable[[Any, int, float], bytes]
"""Read at most so many bytes of a stream within so many seconds; made by ``router.app``."""

MAX_LEVELS = 128
"""Nesting beyond this is no request: converters recurse, and orjson writes 254 levels."""

_NO_BODY = "Expected a JSON object as the request's body"


def read_bytes(request: Request, limits: Limits, read: ReadBody) -> bytes:
    """Return the raw body.

    Flask's own limit cuts chunked bodies silently, so one byte more than the limit is
    asked for, and getting it is the proof.

    Raises
    ------
    RequestTooLarge, UnsupportedMediaType, RequestTimeout, InvalidRequest
        Too long; compressed; too slow; broken chunks.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(f'Content-Encoding "{encoding}" is not taken; send it plain')
    announced = request.content_length
    if announced is not None and announced > limits.max_body_bytes:
        raise _too_large(limits)
    data = read(request.environ["wsgi.input"], limits.max_body_bytes + 1, limits.body_timeout_s)
    if len(data) > limits.max_body_bytes:
        raise _too_large(limits)
    if announced is not None and len(data) < announced:
        raise InvalidRequest("the request's body is shorter than its Content-Length")
    return data


def _too_large(limits: Limits) -> RequestTooLarge:
    return RequestTooLarge(f"the request's body exceeds {limits.max_body_bytes} bytes")


def require_json(request: Request) -> None:
    """Refuse content types that a browser's form can send without asking (CSRF).

    Raises
    ------
    UnsupportedMediaType
    """
    media_type = request.mimetype
    if media_type == "application/json" or media_type.endswith("+json"):
        return
    said = f'"{media_type}"' if media_type else "none"
    raise UnsupportedMediaType(f"Content-Type must be application/json; it is {said}")


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the body as a JSON object.

    orjson refuses what RFC 8259 does: NaN, lone surrogates, invalid UTF-8, and more than
    1,024 levels.

    Raises
    ------
    InvalidRequest
        Empty, not JSON, not an object, or nested deeper than `MAX_LEVELS`.
    """
    if not data.strip():
        raise InvalidRequest(f"{_NO_BODY}; it is empty")
    try:
        value = orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError) as exc:
        reason = exc.msg if isinstance(exc, orjson.JSONDecodeError) else "too deeply nested"
        raise InvalidRequest(f"{_NO_BODY}; it is not valid JSON: {reason}") from exc
    if not isinstance(value, dict):
        raise InvalidRequest(f"{_NO_BODY}; it is {_kind(value)}")
    if data.count(b"[") + data.count(b"{") > MAX_LEVELS:
        _refuse_deep(value)
    return value


def _refuse_deep(body: dict[str, Any]) -> None:
    """Refuse a field that is nested too deeply; level by level, so without recursion."""
    for name, field in body.items():
        level, depth = _containers((field,)), 0
        while level:
            depth += 1
            if depth > MAX_LEVELS:
                raise InvalidRequest(f"{name}: nested deeper than {MAX_LEVELS} levels", param=name)
            level = [
                inner
                for outer in level
                for inner in _containers(outer.values() if isinstance(outer, dict) else outer)
            ]


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


def _kind(value: object) -> str:
    """Name a JSON value's type."""
    if isinstance(value, list):
        return "an array"
    if value is None:
        return "null"
    return {str: "a string", bool: "a boolean"}.get(type(value), "a number")


def lower_headers(headers: Headers) -> dict[str, str]:
    """Return headers by lower-case name, so that nothing below needs Flask's type."""
    return {name.lower(): value for name, value in headers.items()}
