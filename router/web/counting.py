"""This module counts a prompt's tokens: by the provider where it can, else by estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from flask import Response, g

from router.canonical.secret import Secret
from router.errors import RouterError
from router.formats.anthropic_messages.count import count_tokens_body, estimate_tokens
from router.formats.base import Ingress
from router.formats.registry import UPSTREAM
from router.observe import records
from router.providers.base import Operation, Target
from router.upstream.dispatch import Exhausted, Order
from router.upstream.prepare import Prepared, RawPreparer
from router.upstream.reply import Whole
from router.web import raw
from router.web.call import Call
from router.web.gateway import Gateway
from router.web.routing import decide_call, plan_call
from router.web.story import Story

_ANTHROPIC = Operation("count_tokens")
_GEMINI = Operation("gemini_count_tokens")
_counts_as_anthropic = raw.serves(_ANTHROPIC)
_counts_as_gemini = raw.serves(_GEMINI)


@dataclass(frozen=True, slots=True)
class Counted:
    """A prompt's tokens; `is_estimated` where no provider counted them."""

    tokens: int
    is_estimated: bool

    def mark(self, response: Response) -> Response:
        """Say in a header that a count is an estimate: the formats have no field for it."""
        if self.is_estimated:
            response.headers["x-router-estimated"] = "true"
        return response


def count(gateway: Gateway, call: Call, ingress: Ingress) -> Counted:
    """Return how many tokens a prompt has.

    Raises
    ------
    RouterError
        The model is not served here, or not the caller's to use.
    """
    story = Story.begin(gateway, call.snapshot, call.facts, call.controls.requested)
    g.story_begun = True
    try:
        counted = _ask_provider(gateway, call, ingress, story)
    except RouterError as error:
        story.failed(error)
        raise
    story.end("success", 200, note="estimated" if counted is None else None)
    if counted is None:
        return Counted(estimate_tokens(call.view), is_estimated=True)
    return Counted(counted, is_estimated=False)


def _ask_provider(gateway: Gateway, call: Call, ingress: Ingress, story: Story) -> int | None:
    """Return the provider's own count; None where it cannot count or does not answer."""
    decision, prefer, _, _ = decide_call(gateway, call)
    story.decided(decision, records.route_decision(call.facts, decision, call.view))
    try:
        plan = plan_call(gateway, call, decision, prefer, _can_count)
        order = Order(
            plan,
            _CountPreparer(call, ingress),
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
    told = reply.answer.json or {}
    counted = told.get("input_tokens", told.get("totalTokens"))
    return counted if isinstance(counted, int) else None


def _can_count(target: Target) -> bool:
    return _counts_as_anthropic(target) or _counts_as_gemini(target)


class _CountPreparer:
    """Asks each provider for a count in its own way."""

    def __init__(self, call: Call, ingress: Ingress) -> None:
        self._call = call
        self._ingress = ingress
        self._anthropic = RawPreparer(_ANTHROPIC, self._anthropic_body, call.headers)
        self._gemini = RawPreparer(_GEMINI, self._gemini_body, call.headers)

    def prepare(self, target: Target, credential: Secret | None) -> Prepared:
        """Return the call for a target."""
        preparer = self._gemini if _counts_as_gemini(target) else self._anthropic
        return preparer.prepare(target, credential)

    def _body_in(self, name: str, target: Target) -> dict[str, Any]:
        """Return the request that would be sent to be answered."""
        if self._ingress.name == name:
            return self._ingress.passthrough_body(self._call.body, target.traits)
        request = self._ingress.decode_request({"max_tokens": 1, **self._call.body})
        return UPSTREAM[name].encode_request(request, target.traits).body

    def _anthropic_body(self, target: Target) -> bytes:
        return orjson.dumps(count_tokens_body(self._body_in("anthropic_messages", target)))

    def _gemini_body(self, target: Target) -> bytes:
        # https://ai.google.dev/api/tokens: with system instruction and tools it must be nested.
        body = self._body_in("gemini", target)
        nested = {"model": f"models/{target.upstream_model}", **body}
        return orjson.dumps({"generateContentRequest": nested})
