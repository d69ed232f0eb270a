"""This module renders a decision and its plan for people: JSON-ready, nobody is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any

from router.canonical.prompt import PromptView
from router.config.snapshot import Snapshot
from router.errors import RouterError
from router.providers.base import Target
from router.routing.constraints import Needs
from router.routing.controls import RequestControls
from router.routing.decision import AttemptPlan, Judgement, RouteDecision, SkippedTarget
from router.routing.match import targets_for
from router.routing.rank import estimated_cost_usd
from router.routing.rules import Circumstances, unmet
from router.state.health import Health


@dataclass(frozen=True, slots=True)
class Seen:
    """What rules look at besides the judgement."""

    view: PromptView
    circumstances: Circumstances


def explain(
    snapshot: Snapshot,
    controls: RequestControls,
    needs: Needs,
    decision: RouteDecision | None,
    plan: AttemptPlan | None,
    health: Health,
    now_s: float,
    error: RouterError | None = None,
    judged: Judgement | None = None,
    seen: Seen | None = None,
    weighed: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return everything about a decision, ready for JSON.

    Parameters
    ----------
    decision, plan : optional
        None where routing ended in `error` before it had one.
    judged : Judgement, optional
        What the judge says of the request where `decision` does not (explicit models).
    seen : Seen, optional
        Lets each rule tell which of its conditions did not hold.
    weighed : mapping, optional
        `Judge.explain`: words of the prompt that weighed most, for the caller's eyes.

    Returns
    -------
    dict
        ``request``, ``judgement``, ``needs``, ``rules``, ``candidates``, ``plan`` and,
        where there is one, ``error``. Never a secret; no word of the prompt but those in
        `weighed`.
    """
    judgement = judged or (decision.judgement if decision is not None else None)
    told: dict[str, Any] = {
        "config": snapshot.digest,
        "request": _request(controls, decision),
        "judgement": None if judgement is None else _judgement(judgement, weighed or {}),
        "needs": {
            "capabilities": sorted(needs.capabilities),
            "input_tokens": needs.input_tokens,
            "max_output_tokens": needs.max_output_tokens,
        },
        "rules": _rules(snapshot, controls, decision, judgement, seen),
        "reasons": list(decision.reasons) if decision is not None else [],
        "trace": json_ready(decision.trace) if decision is not None else {},
        "candidates": _candidates(snapshot, decision, plan, needs, health, now_s),
        "plan": None if plan is None else _plan(plan, health, now_s),
    }
    if error is not None:
        told["error"] = {
            "status": error.http_status,
            "code": error.code,
            "message": error.message,
            "param": error.param,
            "metadata": json_ready(error.metadata),
        }
    return told


def json_ready(value: Any) -> Any:
    """Return a value of plain JSON types: tuples as lists, sets sorted, decimals as numbers.

    Examples
    --------
    >>> json_ready({"a": (1, frozenset({"y", "x"})), "b": Decimal("0.5")})
    {'a': [1, ['x', 'y']], 'b': 0.5}
    """
    match value:
        case Mapping():
            return {str(key): json_ready(item) for key, item in value.items()}
        case list() | tuple():
            return [json_ready(item) for item in value]
        case set() | frozenset():
            return sorted(json_ready(item) for item in value)
        case Decimal():
            return float(value)
        case str() | bool() | int() | float() | None:
            return value
        case _:
            return str(value)


def _request(controls: RequestControls, decision: RouteDecision | None) -> dict[str, Any]:
    """Return what the caller asked of the router."""
    wishes = controls.provider
    preferences = {
        "order": list(wishes.order),
        "only": list(wishes.only),
        "ignore": list(wishes.ignore),
        "sort": controls.sort,
        "allow_fallbacks": wishes.allow_fallbacks,
        "require_parameters": wishes.require_parameters,
    }
    return {
        "requested_model": controls.requested,
        "source": decision.source if decision is not None else None,
        "models": list(controls.models),
        "allowed_models": list(controls.allowed_models),
        "provider": preferences,
    }


def _judgement(judgement: Judgement, weighed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the judge thinks, and what weighed."""
    told = {
        "task": judgement.task,
        "complexity": judgement.complexity,
        "score": judgement.score,
        "signals": json_ready(judgement.signals),
    }
    if weighed.get("words"):
        told["weighed_for"] = weighed.get("weighed_for")
        told["words"] = json_ready(weighed["words"])
    return told


def _rules(
    snapshot: Snapshot,
    controls: RequestControls,
    decision: RouteDecision | None,
    judgement: Judgement | None,
    seen: Seen | None,
) -> list[dict[str, Any]]:
    """Return the operator's rules in order: which one fired, and what kept the others back."""
    fired = decision.rule if decision is not None else None
    told: list[dict[str, Any]] = []
    is_decided = False
    for rule in snapshot.rules:
        entry: dict[str, Any] = {"name": rule.name, "fired": rule.name == fired}
        if is_decided:
            entry["unmet"] = "not reached: an earlier rule fired"
        elif not entry["fired"] and seen is not None and judgement is not None:
            entry["unmet"] = unmet(
                rule.when, controls.model, seen.view, judgement, seen.circumstances
            )
        is_decided = is_decided or entry["fired"]
        told.append(entry)
    return told


def _candidates(
    snapshot: Snapshot,
    decision: RouteDecision | None,
    plan: AttemptPlan | None,
    needs: Needs,
    health: Health,
    now_s: float,
) -> list[dict[str, Any]]:
    """Return every candidate with its score and targets, and those left out with the reason."""
    if decision is None:
        return []
    scores = {str(score["model"]): json_ready(score) for score in decision.scores}
    planned = None if plan is None else {target.name for target in plan.targets}
    skipped = {left.target.name: left for left in plan.skipped} if plan is not None else {}
    reserved = {left.target.model for left in skipped.values()}
    reserved |= {target.model for target in plan.targets} if plan is not None else set()
    spare = [model for model in decision.reserve if model in reserved]
    told = [
        {
            "model": model,
            "score": scores.get(model),
            "targets": [
                {
                    **_target(target, planned, skipped.get(target.name), health, now_s),
                    "estimated_cost_usd": _estimated(target, needs),
                }
                for target in targets_for(snapshot, model)
            ],
        }
        for model in (*decision.candidates, *spare)
    ]
    told += [
        {"model": model, "score": scores.get(model), "targets": [], "left_out": reason}
        for model, reason in decision.left_out.items()
        if model not in decision.candidates
    ]
    return told


def _target(
    target: Target,
    planned: set[str] | None,
    skipped: SkippedTarget | None,
    health: Health,
    now_s: float,
) -> dict[str, Any]:
    """Return one target, whether it is in the plan (None: there is none), and else why not."""
    is_planned = planned is not None and target.name in planned
    told: dict[str, Any] = {**_identity(target), "planned": is_planned}
    if skipped is not None:
        told["left_out"] = skipped.reason
        told["detail"] = skipped.detail or None
        told["wait_s"] = None if skipped.wait_s is None else round(skipped.wait_s, 1)
    elif planned is not None and not is_planned:
        told["left_out"] = "not_chosen"  # its model stands in only where no candidate fits
    return told | _live(target, health, now_s)


def _estimated(target: Target, needs: Needs) -> float | None:
    """Return about what the request costs there; None where the price is not known."""
    usd = estimated_cost_usd(target, needs)
    return round(usd, 8) if isfinite(usd) else None


def _identity(target: Target) -> dict[str, Any]:
    """Return what a target is called: no URL, no credential."""
    return {
        "target": target.name,
        "account": target.account.name,
        "provider": target.account.provider,
        "upstream_model": target.upstream_model,
    }


def _live(target: Target, health: Health, now_s: float) -> dict[str, Any]:
    """Return live figures, where a target has been called."""
    pace = health.pace(target.name, now_s)
    if pace is None:
        return {}
    return {
        "live": {
            "latency_ms": pace.latency_ms,
            "ttft_ms": pace.ttft_ms,
            "tokens_per_s": pace.tokens_per_s,
            "failure_rate": round(pace.failure_rate, 4),
            "samples": pace.samples,
            "in_flight": health.in_flight(target.name),
        }
    }


def _plan(plan: AttemptPlan, health: Health, now_s: float) -> dict[str, Any]:
    """Return the attempt plan."""
    return {
        "targets": [
            {"position": number, **_identity(target), **_live(target, health, now_s)}
            for number, target in enumerate(plan.targets, start=1)
        ],
        "forced": plan.forced,
        "on_context_window": [target.name for target in plan.on_context_window],
        "on_content_policy": [target.name for target in plan.on_content_policy],
        "skipped": [
            {
                "target": left.target.name,
                "reason": left.reason,
                "detail": left.detail or None,
                "wait_s": None if left.wait_s is None else round(left.wait_s, 1),
            }
            for left in plan.skipped
        ],
    }
