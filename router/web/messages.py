"""This module serves Anthropic's ``/v1/messages/count_tokens``."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, g

from router.errors import RouterError
from router.formats.anthropic_messages.count import (
    count_tokens_body,
    encode_count,
    estimate_tokens,
)
from router.formats.registry import INGRESS
from router.observe import records
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
        story = Story.begin(gateway, call.snapshot, call.facts, call.controls.requested)
        g.story_begun = True
        try:
            counted = _ask_provider(gateway, call, story)
        except RouterError as error:
            story.failed(error)
            raise
        is_estimated = counted is None
        story.end("success", 200, note="estimated" if is_estimated else None)
        tokens = estimate_tokens(call.view) if counted is None else counted
        response = json_answer(encode_count(tokens, estimated=is_estimated))
        if is_estimated:
            response.headers["x-router-estimated"] = "true"
        return response

    return views


def _ask_provider(gateway: Gateway, call: Call, story: Story) -> int | None:
    """Return the provider's own count; None where it cannot count or does not answer.

    Raises
    ------
    RouterError
        The model is not served here, or not the caller's to use.
    """
    decision, prefer, _, _ = decide_call(gateway, call)
    story.decided(decision, records.route_decision(call.facts, decision, call.view))

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
        reply, story.attempts = gateway.dispatcher.run(order, story)
    except (Exhausted, RouterError):
        return None
    story.answered(reply.target, reply.prepared.dropped)
    assert isinstance(reply.answer, Whole)
    counted = (reply.answer.json or {}).get("input_tokens")
    return counted if isinstance(counted, int) else None
