"""This module serves Anthropic's ``/v1/messages/count_tokens``."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response

from router.errors import RouterError, UnsupportedFeature
from router.formats.anthropic_messages.count import (
    count_tokens_body,
    encode_count,
    estimate_tokens,
)
from router.formats.registry import INGRESS
from router.providers.base import Operation, Target
from router.upstream.dispatch import Exhausted, Order
from router.upstream.prepare import RawPreparer
from router.upstream.reply import Whole
from router.web import raw
from router.web.admin.answers import json_answer
from router.web.call import Call, read_call
from router.web.gateway import Gateway
from router.web.routing import decide_call, plan_call
from router.web.story import Story

_COUNT = Operation("count_tokens")


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the route."""
    views = Blueprint("messages", __name__)

    @views.post("/v1/messages/count_tokens")
    def count_tokens() -> Response:
        call = read_call(gateway, INGRESS["anthropic_messages"].view)
        counted = _ask_provider(gateway, call)
        if counted is not None:
            return json_answer(encode_count(counted, estimated=False))
        response = json_answer(encode_count(estimate_tokens(call.view), estimated=True))
        response.headers["x-router-estimated"] = "true"
        return response

    return views


def _ask_provider(gateway: Gateway, call: Call) -> int | None:
    """Return the provider's own count; None where it cannot count or does not answer."""
    decision, prefer, _, _ = decide_call(gateway, call)

    def body_for(target: Target) -> bytes:
        return orjson.dumps(count_tokens_body(call.body, target.traits))

    try:
        plan = plan_call(gateway, call, decision, prefer, raw.serves(_COUNT))
        order = Order(
            plan,
            RawPreparer(_COUNT, body_for, call.headers),
            call.snapshot.retry,
            call.snapshot.timeouts,
            streaming=False,
            caller=call.caller,
        )
        story = Story(
            gateway.audit(call.snapshot),
            gateway.clock,
            call.facts,
            call.controls.requested,
            call.snapshot.retry.max_attempts,
        )
        reply, _ = gateway.dispatcher.run(order, story)
    except (Exhausted, UnsupportedFeature, RouterError):
        return None
    assert isinstance(reply.answer, Whole)
    counted = (reply.answer.json or {}).get("input_tokens")
    return counted if isinstance(counted, int) else None
