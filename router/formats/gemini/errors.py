"""This module reads Google's errors and writes ours in their form.

Source: https://google.aip.dev/193.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from router.errors import ErrorDetail, RouterError, UpstreamError, UpstreamFacts
from router.formats.classify import classify

_STATUS_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_RPC = "type.googleapis.com/google.rpc."
_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")
_MAX_QUOTED_CHARS = 500


def decode_error(body: bytes) -> ErrorDetail:
    """Return what an error body says; also one wrapped in an array, or no JSON at all."""
    error = _error_of(body)
    if error is not None:
        return detail_of(error)
    text = body.decode(errors="replace").strip()
    if not text or text.startswith("<"):
        return ErrorDetail("the provider told no reason")
    return ErrorDetail(text[:_MAX_QUOTED_CHARS])


def detail_of(error: Any) -> ErrorDetail:
    """Return what an ``error`` object says.

    `code` is the reason of its ``ErrorInfo`` (as ``API_KEY_INVALID``) where there is
    one, else the status word; `type` is the status word (as ``RESOURCE_EXHAUSTED``).
    """
    if not isinstance(error, Mapping):
        return ErrorDetail(error if isinstance(error, str) else "the provider told no reason")
    message, status, number = error.get("message"), error.get("status"), error.get("code")
    word = status if isinstance(status, str) and status else None
    if word is None and isinstance(number, int | str):
        word = str(number)
    reason = _of_type(error, "ErrorInfo").get("reason")
    return ErrorDetail(
        message if isinstance(message, str) and message else "the provider told no reason",
        type=word,
        code=reason if isinstance(reason, str) and reason else word,
    )


def in_band(error: Any) -> UpstreamError:
    """Return the error that an ``error`` object inside a 200 answer stands for."""
    wait_s = _delay_s(error) if isinstance(error, Mapping) else None
    return classify(UpstreamFacts(detail=detail_of(error), retry_after_s=wait_s))


def retry_delay_s(body: bytes) -> float | None:
    """Return how long an error body's ``RetryInfo`` asks to wait; None where it has none.

    Examples
    --------
    >>> retry_delay_s(b'{"error": {"details": [{"@type": "type.googleapis.com/'
    ...               b'google.rpc.RetryInfo", "retryDelay": "7.5s"}]}}')
    7.5
    """
    error = _error_of(body)
    return None if error is None else _delay_s(error)


def _error_of(body: bytes) -> Mapping[str, Any] | None:
    """Return the ``error`` object of a body."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if isinstance(parsed, list) and parsed:
        parsed = parsed[-1]
    error = parsed.get("error") if isinstance(parsed, dict) else None
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else None


def _of_type(error: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the first detail of a type, or an empty one."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("@type") == _RPC + name:
            return detail
    return {}


def _delay_s(error: Mapping[str, Any]) -> float | None:
    """Return the wait that an error asks for; durations are written ``1.5s``."""
    delay = _of_type(error, "RetryInfo").get("retryDelay")
    found = _DURATION.fullmatch(delay) if isinstance(delay, str) else None
    return float(found[1]) if found else None


def encode_error(error: RouterError) -> dict[str, Any]:
    """Return an error's body in Google's form.

    What our errors know beyond message and status stands under ``details``: the field
    at fault, our code with its metadata (as strings, which the form wants), and how
    long to wait.
    """
    status = error.http_status
    body: dict[str, Any] = {
        "code": status,
        "message": error.message,
        "status": _STATUS_WORDS.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL"),
    }
    details = [*_error_info(error), *_bad_request(error), *_retry_info(error)]
    if details:
        body["details"] = details
    return {"error": body}


def encode_stream_error(error: RouterError) -> bytes:
    """Return the frame that tells an error inside a stream."""
    return b"data: " + orjson.dumps(encode_error(error)) + b"\r\n\r\n"


def _error_info(error: RouterError) -> list[dict[str, Any]]:
    """Return our code and metadata."""
    if not error.metadata:
        return []
    return [
        {
            "@type": _RPC + "ErrorInfo",
            "reason": (error.code or error.wire_type).upper(),
            "domain": "open-llm-router",
            "metadata": {
                str(name): value
                if isinstance(value, str)
                else orjson.dumps(value, default=str).decode()
                for name, value in error.metadata.items()
            },
        }
    ]


def _bad_request(error: RouterError) -> list[dict[str, Any]]:
    """Return the field at fault."""
    if not error.param or error.http_status >= 500:
        return []
    violation = {"field": error.param, "description": error.message}
    return [{"@type": _RPC + "BadRequest", "fieldViolations": [violation]}]


def _retry_info(error: RouterError) -> list[dict[str, Any]]:
    """Return how long to wait, as the ``Retry-After`` headers say it."""
    wait_ms = error.headers.get("retry-after-ms")
    if wait_ms is None:
        return []
    return [{"@type": _RPC + "RetryInfo", "retryDelay": f"{int(wait_ms) / 1000:g}s"}]
