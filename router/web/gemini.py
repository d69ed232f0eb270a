"""This module routes Gemini's endpoints: the model and the method stand in the path."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from router.errors import NotFound
from router.formats.gemini.stream_encode import json_array
from router.formats.registry import INGRESS
from router.web import exchange
from router.web.admin.answers import json_answer
from router.web.call import Amend, read_call
from router.web.counting import count
from router.web.gateway import Gateway

_GENERATE, _STREAM, _COUNT = "generateContent", "streamGenerateContent", "countTokens"


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the routes, under ``/v1beta`` and ``/v1``."""
    views = Blueprint("gemini", __name__)

    @views.post("/v1beta/models/<path:call>")
    @views.post("/v1/models/<path:call>")
    def method_of_model(call: str) -> Response:
        model, _, method = call.rpartition(":")
        if model and method == _COUNT:
            return _count(gateway, model)
        if model and method in (_GENERATE, _STREAM):
            return _generate(gateway, model, is_stream=method == _STREAM)
        known = f"{_GENERATE}, {_STREAM} and {_COUNT}"
        raise NotFound(f'no such method: "{call[:120]}"; known are {known}')

    return views


def _amended(model: str, *, is_stream: bool) -> Amend:
    """Return what writes into the body that the URL says."""

    def amend(body: dict[str, Any]) -> None:
        body["model"] = model
        body["stream"] = is_stream

    return amend


def _generate(gateway: Gateway, model: str, *, is_stream: bool) -> Response:
    """Answer, as events or, without ``alt=sse``, as one JSON array."""
    amend = _amended(model, is_stream=is_stream)
    if is_stream and request.args.get("alt") != "sse":
        return exchange.run(
            gateway,
            INGRESS["gemini"],
            amend=amend,
            frames=json_array,
            stream_type="application/json",
        )
    return exchange.run(gateway, INGRESS["gemini"], amend=amend)


def _count(gateway: Gateway, model: str) -> Response:
    """Count a prompt's tokens; the request may be nested, as the SDKs send it."""

    def amend(body: dict[str, Any]) -> None:
        nested = body.pop("generateContentRequest", None)
        if isinstance(nested, dict):
            body.update(nested)
        body["model"] = model

    ingress = INGRESS["gemini"]
    counted = count(gateway, read_call(gateway, ingress.view, amend), ingress)
    return counted.mark(json_answer({"totalTokens": counted.tokens}))
