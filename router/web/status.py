"""This module tells what the router knows and would do: state, and explained decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, g

from router.canonical.prompt import PromptView
from router.config.snapshot import Snapshot
from router.errors import InvalidRequest, RouterError
from router.formats.base import Ingress
from router.formats.registry import INGRESS
from router.routing.constraints import needs_of
from router.routing.decision import AttemptPlan, RouteDecision
from router.routing.explain import Seen, explain
from router.web.admin.answers import json_answer
from router.web.call import Call, read_call
from router.web.gateway import Gateway
from router.web.routing import circumstances_of, decide_call, plan_call

ENDPOINTS: Mapping[str, str] = {
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "anthropic_messages": "/v1/messages",
    "gemini": "/v1beta/models",
}
"""Where a request of a format is sent."""


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the routes."""
    views = Blueprint("status", __name__)

    @views.get("/v1/router/status")
    def status() -> Response:
        return json_answer(_status(gateway, g.snapshot))

    @views.post("/v1/router/explain")
    def explain_request() -> Response:
        call = read_call(gateway, _view)
        return json_answer(explained(gateway, call))

    return views


def _view(body: Any) -> PromptView:
    return ingress_of(body).view(body)


def ingress_of(body: Any) -> Ingress:
    """Return the format of a body, by the field that holds its conversation.

    Raises
    ------
    InvalidRequest
        None of them is there.
    """
    if "contents" in body:
        return INGRESS["gemini"]
    if "input" in body:
        return INGRESS["openai_responses"]
    if "messages" in body:
        return INGRESS["anthropic_messages" if "system" in body else "openai_chat"]
    raise InvalidRequest(
        "send a request as you would send it to its endpoint, with messages, input or contents",
        param="messages",
    )


def explained(gateway: Gateway, call: Call) -> dict[str, Any]:
    """Return the decision and the plan for a request, or why there is none."""
    # Rules on endpoints are to see the one that the request is meant for.
    call = replace(call, path=ENDPOINTS[call.view.format])
    decision: RouteDecision | None = None
    plan: AttemptPlan | None = None
    refused: RouterError | None = None
    try:
        decision, prefer, _, _ = decide_call(gateway, call)
        plan = plan_call(gateway, call, decision, prefer, lambda _: True)
    except RouterError as error:
        refused = error
    return explain(
        call.snapshot,
        call.controls,
        needs_of(call.view, call.body),
        decision,
        plan,
        gateway.health,
        gateway.clock.monotonic(),
        refused,
        gateway.judge(call.view, call.headers, call.snapshot),
        Seen(call.view, circumstances_of(call)),
        gateway.explain_judgement(call.view, call.headers),
    )


def _status(gateway: Gateway, snapshot: Snapshot) -> dict[str, Any]:
    """Return breakers, cooldowns and paces of this worker."""
    now_s = gateway.clock.monotonic()
    health = gateway.health
    return {
        "config": snapshot.digest,
        "source": snapshot.source.kind,
        "breakers": [
            {
                "target": status.name,
                "state": status.state,
                "error_class": status.error_class,
                "failures": status.failures,
                "retry_in_s": round(status.retry_in_s, 1),
            }
            for status in health.breakers.statuses(now_s)
        ],
        "cooldowns": {
            name: round(wait_s, 1) for name, wait_s in health.cooldowns.waits(now_s).items()
        },
        "targets": {
            name: {
                "ttft_ms": _rounded(pace.ttft_ms),
                "latency_ms": _rounded(pace.latency_ms),
                "failure_rate": round(pace.failure_rate, 4),
                "calls": pace.samples,
                "in_flight": health.in_flight(name),
            }
            for name, pace in health.latency.paces(now_s).items()
        },
        "affinity": {
            "conversations": len(gateway.affinities),
            "store_failures": gateway.affinities.failures,
        },
        "disabled_accounts": dict(snapshot.disabled),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
