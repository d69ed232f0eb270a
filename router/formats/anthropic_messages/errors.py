"""This module reads and writes errors as Anthropic tells them.

https://platform.claude.com/docs/en/api/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from router.errors import ErrorDetail, RouterError
from router.formats import sse

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MAX_MESSAGE_CHARS = 2000


def decode_error(status: int, body: bytes) -> ErrorDetail:  # noqa: ARG001
    """Return what an error body says; a page of HTML says nothing.

    Examples
    --------
    >>> decode_error(529, b'{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}')
    ErrorDetail(message='Busy', type='overloaded_error', code=None, param=None)
    """
    try:
        return error_detail(orjson.loads(body))
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "replace").strip()
        return ErrorDetail("" if text.startswith("<") else text[:_MAX_MESSAGE_CHARS])


def error_detail(value: Any) -> ErrorDetail:
    """Return what a parsed error says, Anthropic's shape or any other common one.

    Examples
    --------
    >>> error_detail({"detail": "Not Found"}).message
    'Not Found'
    """
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return ErrorDetail(value[:_MAX_MESSAGE_CHARS])
    if not isinstance(value, Mapping):
        return ErrorDetail("")
    error = value.get("error", value)
    if not isinstance(error, Mapping):
        return error_detail(error) if isinstance(error, str) else ErrorDetail("")
    message = error.get("message") or error.get("detail")
    return ErrorDetail(
        message[:_MAX_MESSAGE_CHARS] if isinstance(message, str) else "",
        type=_word(error.get("type")),
        code=_word(error.get("code")),
        param=_word(error.get("param")),
    )


def _word(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def encode_error(error: RouterError) -> dict[str, Any]:
    """Return an error's body.

    Anthropic has no field for the parameter at fault: its path opens the message, as in
    Anthropic's own.

    Examples
    --------
    >>> encode_error(RouterError("it failed"))
    {'type': 'error', 'error': {'type': 'api_error', 'message': 'it failed'}}
    """
    status = error.http_status
    fallback = "invalid_request_error" if 400 <= status < 500 else "api_error"
    message = error.message
    if error.param and error.param not in message:
        message = f"{error.param}: {message}"
    told: dict[str, Any] = {"type": _TYPES.get(status, fallback), "message": message}
    metadata = dict(error.metadata)
    request_id = metadata.pop("request_id", None)
    if metadata:
        told["metadata"] = metadata
    body: dict[str, Any] = {"type": "error", "error": told}
    if request_id is not None:
        body["request_id"] = request_id
    return body


def encode_stream_error(error: RouterError) -> bytes:
    """Return the frame that tells an error inside a stream; nothing may follow it."""
    return sse.encode(orjson.dumps(encode_error(error)), "error")
