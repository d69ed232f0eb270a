"""This module routes the chat endpoints, one per client format."""

from __future__ import annotations

from flask import Blueprint, Response

from router.errors import UnsupportedFeature
from router.formats.openai_responses.stateless import require_stateless
from router.formats.registry import INGRESS
from router.web import exchange
from router.web.cost import ask_for_it
from router.web.gateway import Gateway


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the routes of OpenAI Chat, OpenAI Responses and Anthropic Messages."""
    views = Blueprint("chat", __name__)

    @views.post("/v1/chat/completions")
    def chat() -> Response:
        return exchange.run(gateway, INGRESS["openai_chat"], amend=ask_for_it)

    @views.post("/v1/responses")
    def responses() -> Response:
        return exchange.run(gateway, INGRESS["openai_responses"], check_bridge=require_stateless)

    @views.post("/v1/messages")
    def messages() -> Response:
        return exchange.run(gateway, INGRESS["anthropic_messages"])

    @views.route("/v1/responses/<path:rest>", methods=["GET", "DELETE", "POST"])
    def stored_responses(rest: str) -> Response:
        raise UnsupportedFeature(
            f'stored responses ("{rest[:80]}") are kept by the provider, and the router does'
            " not know by which; send the conversation's items in `input` instead"
        )

    return views
