"""This module tells errors in OpenAI's form, and reads the forms that its imitators use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from router.errors import ErrorDetail, RouterError
from router.formats.sse import encode

# An error page may be megabytes; nobody reads more than this of it.
_MAX_MESSAGE_CHARS = 4000


def encode_error(error: RouterError) -> dict[str, Any]:
    """Return the body of an error: always the same four keys, `metadata` where there is any."""
    told: dict[str, Any] = {
        "message": error.message,
        "type": error.wire_type,
        "param": error.param,
        "code": error.code,
    }
    if error.metadata:
        told["metadata"] = dict(error.metadata)
    return {"error": told}


def encode_stream_error(error: RouterError) -> bytes:
    """Return the chunk at which OpenAI's SDKs raise ``APIError``; no ``[DONE]`` follows it."""
    return encode(orjson.dumps(encode_error(error), default=str))


def decode_error(status: int, body: bytes) -> ErrorDetail:  # noqa: ARG001
    """Return what an error body says, be it JSON of any known shape, text or HTML.

    Examples
    --------
    >>> decode_error(422, b'{"detail": [{"loc": ["body", "n"], "msg": "too big"}]}')
    ErrorDetail(message='body.n: too big', type=None, code=None, param=None)
    >>> decode_error(502, b"<html>Bad gateway</html>").message
    ''
    """
    try:
        return detail_of(orjson.loads(body))
    except orjson.JSONDecodeError:
        text = body[: 4 * _MAX_MESSAGE_CHARS].decode("utf-8", "replace").strip()
        # A page for people: a proxy's, not the provider's words.
        return ErrorDetail("" if text.startswith("<") else text[:_MAX_MESSAGE_CHARS])


def detail_of(payload: Any) -> ErrorDetail:
    """Return what a decoded error body, or the ``error`` of a chunk, says.

    Examples
    --------
    >>> detail_of([{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}])
    ErrorDetail(message='no', type='INVALID_ARGUMENT', code='400', param=None)
    """
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if isinstance(payload, Mapping) and payload.get("error"):
        payload = payload["error"]
    if not isinstance(payload, Mapping):
        return ErrorDetail(_sentence(payload))
    said = next((payload[k] for k in ("message", "detail", "msg", "errors") if payload.get(k)), "")
    return ErrorDetail(
        _sentence(said),
        _word(payload.get("type")) or _word(payload.get("status")),
        _word(payload.get("code")),
        _word(payload.get("param")),
    )


def _sentence(said: Any, depth: int = 0) -> str:
    """Return the words of a message, which may be a list of complaints (FastAPI, Mistral)."""
    if isinstance(said, str):
        return said.strip()[:_MAX_MESSAGE_CHARS]
    if depth > 3:
        return ""
    if isinstance(said, Mapping):
        words = _sentence(said.get("message") or said.get("msg") or said.get("detail"), depth + 1)
        where = said.get("loc")
        at = ".".join(str(step)[:64] for step in where[:8]) if isinstance(where, list) else ""
        return f"{at}: {words}" if at and words else words
    if isinstance(said, list):
        parts = (_sentence(item, depth + 1) for item in said[:8])
        return "; ".join(part for part in parts if part)[:_MAX_MESSAGE_CHARS]
    return ""


def _word(value: Any) -> str | None:
    """Return a type or code, which some servers give as a number."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value)[:200] or None
