"""This module tells errors in the caller's own format; the only place that catches all."""

from __future__ import annotations

import logging

import orjson
from flask import Flask, Response, g, request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed

from router.errors import (
    AttemptsExhausted,
    MethodNotAllowed,
    NotFound,
    RequestTimeout,
    RequestTooLarge,
    RouterError,
    UnsupportedMediaType,
    UpstreamError,
)
from router.formats.base import Ingress
from router.formats.registry import INGRESS
from router.observe.fields import RequestFacts
from router.observe.redact import redact
from router.web.gateway import Gateway
from router.web.story import Story
from router.web.telemetry import telemetry

log = logging.getLogger(__name__)

_CLOSING = (RequestTooLarge, RequestTimeout)
"""After these the rest of the body is not wanted, so the connection must close."""


def format_of(path: str, headers: Headers) -> Ingress:
    """Return the format in which a path's caller reads errors."""
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return INGRESS["anthropic_messages"]
    if path.startswith("/v1beta") or ":generateContent" in path or ":streamGenerate" in path:
        return INGRESS["gemini"]
    if path.startswith("/v1/models") and "x-goog-api-key" in headers:
        return INGRESS["gemini"]
    return INGRESS["openai_chat"]


def told(error: UpstreamError, secrets: tuple[str, ...]) -> str:
    """Return what a client may read of a provider's failure.

    The provider's own words where it has any, without keys, addresses and markup.
    """
    detail = error.facts.detail
    words = redact(detail.message, secrets).strip() if detail else ""
    return words or error.message


def respond(error: RouterError, ingress: Ingress, request_id: str) -> Response:
    """Return the answer that tells an error."""
    body = ingress.encode_error(error)
    response = Response(orjson.dumps(body), error.http_status, mimetype="application/json")
    response.headers.update({"x-request-id": request_id, **error.headers})
    if isinstance(error, AttemptsExhausted):
        response.headers["x-router-attempts"] = str(len(error.attempts))
    if isinstance(error, _CLOSING):
        response.call_on_close(_close_connection)
    return response


def _close_connection() -> None:
    """Make gunicorn's worker close the connection.

    It drops a ``Connection: close`` of ours, and would read an unwanted body to its end;
    StopIteration out of ``close()`` is how its async workers are told.
    """
    raise StopIteration


def install(app: Flask, gateway: Gateway) -> None:
    """Register the handlers."""

    @app.errorhandler(RouterError)
    def router_error(error: RouterError) -> Response:
        _tell_refusal(gateway, error)
        return respond(error, _caller_format(), _request_id())

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return respond(_translated(error), _caller_format(), _request_id())

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.error("unexpected error", exc_info=error, extra={"request_id": _request_id()})
        hidden = RouterError("internal error; the log tells more under this request id")
        return respond(hidden, _caller_format(), _request_id())


def _tell_refusal(gateway: Gateway, error: RouterError) -> None:
    """Write the terminal record of a request that was refused before its story began."""
    if request.method != "POST" or g.get("story_begun"):
        return
    snapshot = gateway.holder.current
    admission = g.get("admission")
    facts = RequestFacts(
        _request_id(),
        request.path,
        principal=admission.principal if admission else None,
        config_digest=snapshot.digest,
    )
    Story.begin(gateway, snapshot, facts, None, telemetry(gateway, snapshot)).failed(error)


def _translated(error: HTTPException) -> RouterError:
    """Return our error for one of Flask's own."""
    if isinstance(error, WerkzeugMethodNotAllowed):
        return MethodNotAllowed(
            f"{request.method} is not allowed here", tuple(error.valid_methods or ())
        )
    known: dict[int, type[RouterError]] = {
        404: NotFound,
        413: RequestTooLarge,
        415: UnsupportedMediaType,
    }
    leaf = known.get(error.code or 500, RouterError)
    if leaf is NotFound:
        return NotFound(f"no such path: {request.method} {request.path[:200]}")
    return leaf(str(error.name))


def _caller_format() -> Ingress:
    return format_of(request.path, request.headers)


def _request_id() -> str:
    return str(g.get("request_id", ""))
