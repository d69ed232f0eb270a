"""This module routes Gemini's endpoints: the model and the method stand in the path."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from router.errors import NotFound
from router.formats.gemini.stream_encode import json_array
from router.formats.registry import INGRESS
from router.web import exchange
from router.web.gateway import Gateway

_GENERATE, _STREAM = "generateContent", "streamGenerateContent"


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the routes, under ``/v1beta`` and ``/v1``."""
    views = Blueprint("gemini", __name__)

    @views.post("/v1beta/models/<path:call>")
    @views.post("/v1/models/<path:call>")
    def generate(call: str) -> Response:
        model, _, method = call.rpartition(":")
        if method not in (_GENERATE, _STREAM) or not model:
            raise NotFound(f'no such method: "{call[:120]}"; known are {_GENERATE} and {_STREAM}')

        def amend(body: dict[str, Any]) -> None:
            body["model"] = model
            body["stream"] = method == _STREAM

        if method == _STREAM and request.args.get("alt") != "sse":
            return exchange.run(
                gateway,
                INGRESS["gemini"],
                amend=amend,
                frames=json_array,
                stream_type="application/json",
            )
        return exchange.run(gateway, INGRESS["gemini"], amend=amend)

    return views
