"""This module puts routing's decisions together for one call: decide, settle, plan."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from router.canonical.prompt import PromptView
from router.providers.base import Target
from router.routing import affinity
from router.routing.constraints import needs_of
from router.routing.decide import decide
from router.routing.decision import AttemptPlan, Judgement, RouteDecision
from router.routing.plan import PlanOptions, plan
from router.routing.rules import Circumstances
from router.state.affinity import Seat
from router.web.call import Call
from router.web.gateway import Gateway

Serves = Callable[[Target], bool]


@dataclass(frozen=True, slots=True)
class Routed:
    """Where a call may go.

    Attributes
    ----------
    conversation : str, optional
        Key of the conversation, where it keeps a seat.
    seat : Seat, optional
        Where it sat before this call.
    """

    decision: RouteDecision
    plan: AttemptPlan
    conversation: str | None = None
    seat: Seat | None = None


def circumstances_of(call: Call) -> Circumstances:
    """Return what rules may ask about a call besides its prompt."""
    return Circumstances(
        endpoint=call.path,
        key=call.principal.key_name or call.principal.id,
        user=str(call.body.get("user") or ""),
        headers=call.headers,
    )


def decide_call(
    gateway: Gateway, call: Call
) -> tuple[RouteDecision, str | None, str | None, Seat | None]:
    """Return the decision, the target to prefer, the conversation's key and its seat."""

    def judge(view: PromptView) -> Judgement:
        return gateway.judge(view, call.headers, call.snapshot)

    now_s = gateway.clock.monotonic()
    decision = decide(
        call.snapshot,
        call.view,
        call.controls,
        judge,
        call.may_use,
        circumstances_of(call),
        gateway.health,
        now_s,
    )
    settings = call.snapshot.affinity
    if not settings.enabled or not affinity.keeps_seat(decision):
        return decision, None, None, None
    cache_key = call.body.get("prompt_cache_key")
    conversation = affinity.conversation_key(
        call.principal.id,
        call.headers,
        cache_key if isinstance(cache_key, str) else None,
        call.view.first_user,
        gateway.affinity_secret,
    )
    seat = gateway.affinities.seat(conversation, now_s) if conversation else None
    if seat is not None and now_s - seat.used_at_s >= settings.ttl_s:
        seat = None
    settled, prefer = affinity.settle(decision, seat, call.view, now_s, settings.cold_after_s)
    return settled, prefer, conversation, seat


def plan_call(
    gateway: Gateway,
    call: Call,
    decision: RouteDecision,
    prefer: str | None,
    serves: Serves,
    cannot_say: Callable[[Target], Collection[str]] = lambda _: (),
) -> AttemptPlan:
    """Return the targets to try.

    Raises
    ------
    RouterError
        As `router.routing.plan.plan`.
    """
    return plan(
        call.snapshot,
        decision,
        call.controls,
        needs_of(call.view, call.body),
        gateway.health,
        gateway.rng,
        gateway.clock.monotonic(),
        PlanOptions(call.may_use, serves, cannot_say, prefer),
    )


def remember_seat(gateway: Gateway, routed: Routed, target: Target) -> None:
    """Let the conversation sit with the target that answered."""
    if routed.conversation is None:
        return
    seat = affinity.next_seat(
        routed.decision, routed.seat, target.model, target.name, gateway.clock.monotonic()
    )
    gateway.affinities.sit(routed.conversation, seat)
