"""This module reads the errors of Responses providers, and writes ours for clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from router.errors import (
    ContextTooLong,
    ErrorDetail,
    RouterError,
    UpstreamError,
    UpstreamFacts,
    UpstreamRateLimited,
    UpstreamRejected,
)
from router.formats.classify import classify
from router.formats.openai_responses.vocabulary import JsonObject
from router.formats.sse import encode

_MAX_TEXT_CHARS = 500

# Codes of `response.error` that speak of the request; the event tells no type or status.
_REQUEST_CODE_WORDS = ("invalid_", "image_", "empty_image", "unsupported_", "context_length")


def decode_error(body: bytes) -> ErrorDetail:
    """Return what an error body says, be it JSON of any known shape, HTML or nothing.

    Examples
    --------
    >>> decode_error(b'{"error": {"message": "no", "code": 7}}')
    ErrorDetail(message='no', type=None, code='7', param=None)
    >>> decode_error(b"Bad Gateway").message
    'Bad Gateway'
    """
    try:
        said: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ErrorDetail(_shortened(body.decode("utf-8", "replace")))
    return error_detail(said)


def error_detail(said: object) -> ErrorDetail:
    """Return the detail of a decoded error: ``{"error": …}``, its inside, or a bare text."""
    if isinstance(said, str):
        return ErrorDetail(_shortened(said))
    if not isinstance(said, Mapping):
        return ErrorDetail("")
    inner = said.get("error")
    if isinstance(inner, str):
        return ErrorDetail(_shortened(inner), code=_word(said.get("code")))
    if isinstance(inner, Mapping):
        said = inner
    message = next((said[key] for key in ("message", "detail") if said.get(key)), "")
    if not isinstance(message, str):
        message = orjson.dumps(message, default=str).decode()
    kind = _word(said.get("type"))
    return ErrorDetail(
        message=_shortened(message),
        type=None if kind == "error" else kind,
        code=_word(said.get("code")),
        param=_word(said.get("param")),
    )


def in_band(said: object) -> UpstreamError:
    """Return the error that a ``response.failed`` or ``error`` event tells."""
    detail = error_detail(said)
    if detail.type is None and (detail.code or "").startswith(_REQUEST_CODE_WORDS):
        detail = ErrorDetail(detail.message, "invalid_request_error", detail.code, detail.param)
    return classify(UpstreamFacts(detail=detail))


def encode_error(error: RouterError) -> dict[str, Any]:
    """Return an error's body."""
    body: dict[str, Any] = {
        "message": error.message,
        "type": error.wire_type,
        "param": error.param,
        "code": error.code,
    }
    if error.metadata:
        body["metadata"] = dict(error.metadata)
    return {"error": body}


def encode_stream_error(error: RouterError) -> bytes:
    """Return the ``error`` event.

    Its fields stand at the top, as the API's reference has them, and under ``error``,
    which is where OpenAI's SDKs look before they raise.
    """
    body = encode_error(error)
    told = body["error"]
    event = {
        "type": "error",
        "sequence_number": 0,
        "code": told["code"],
        "message": told["message"],
        "param": told["param"],
        **body,
    }
    return encode(orjson.dumps(event), "error")


def response_error(error: UpstreamError) -> JsonObject:
    """Return ``response.error`` of a failed response; its codes are a closed list.

    ``context_length_exceeded`` is not in the SDKs' list, but the API sends it, and
    Codex shortens its history on seeing it.
    """
    match error:
        case ContextTooLong():
            code = "context_length_exceeded"
        case UpstreamRateLimited():
            code = "rate_limit_exceeded"
        case UpstreamRejected():
            code = "invalid_prompt"
        case _:
            code = "server_error"
    return {"code": code, "message": error.message}


def _word(value: object) -> str | None:
    """Return a code as text; some servers send numbers."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _shortened(text: str) -> str:
    """Return the beginning of a text that may be a whole page."""
    return text.strip()[:_MAX_TEXT_CHARS]
