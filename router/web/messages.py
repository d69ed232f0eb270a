"""This module serves Anthropic's ``/v1/messages/count_tokens``."""

from __future__ import annotations

from flask import Blueprint, Response

from router.formats.anthropic_messages.count import encode_count
from router.formats.registry import INGRESS
from router.web.admin.answers import json_answer
from router.web.call import read_call
from router.web.counting import count
from router.web.gateway import Gateway


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the route."""
    views = Blueprint("messages", __name__)
    ingress = INGRESS["anthropic_messages"]

    @views.post("/v1/messages/count_tokens")
    def count_tokens() -> Response:
        counted = count(gateway, read_call(gateway, ingress.view), ingress)
        return counted.mark(json_answer(encode_count(counted.tokens, counted.is_estimated)))

    return views
