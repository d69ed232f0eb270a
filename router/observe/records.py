"""This module builds the audit events of a request: how it was routed, how it ended.

No event carries words of the prompt, unless a preview is asked for. `docs/audit.md` tells
every event and field: keep it true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from router.canonical.prompt import PromptView
from router.observe.fields import (
    Record,
    RequestFacts,
    clip,
    clip_optional,
    cost_text,
    full_target_fields,
    milliseconds,
    start,
    usage_fields,
)
from router.routing.decision import AttemptPlan, Outcome, RouteDecision

_PREVIEW_CHARS = 500
_MAX_TARGETS = 32
_ITEM_FORMATS = frozenset({"openai_responses"})
"""Formats that call their messages input items."""


_NO_ROUTE: Mapping[str, Any] = {
    "requested_model": None,
    "selected_model": None,
    "source": None,
    "task": None,
    "complexity": None,
    "fallback_models": [],
}
_NO_TARGET: Mapping[str, Any] = dict.fromkeys(
    ("target", "account", "provider", "model", "upstream_model")
)


def route_decision(
    facts: RequestFacts,
    decision: RouteDecision,
    view: PromptView,
    content: Literal["none", "preview"] = "none",
    replay: Mapping[str, Any] | None = None,
) -> Record:
    """Return what routing decided and saw.

    Parameters
    ----------
    content : str
        ``preview`` adds the first 500 characters of the latest user turn.
    replay : mapping, optional
        What deciding again needs: `router.observe.replay_fields.replay_fields`.
    """
    record = {
        **start("route_decision", facts),
        "path": clip(facts.path),
        **_route(decision),
        "ranked_models": [clip(model) for model in decision.candidates],
        "rule": decision.rule,
        "score": decision.judgement.score,
        "signals": dict(decision.judgement.signals),
        "reasons": list(decision.reasons),
        "decision_trace": dict(decision.trace),
        "candidate_scores": [dict(score) for score in decision.scores],
        "payload_summary": _payload_summary(view),
        "left_out": {clip(model): why for model, why in decision.left_out.items()},
        "principal": _principal_id(facts),
        "config_digest": facts.config_digest,
        "replay": replay,
    }
    if content == "preview":
        record["text_preview"] = view.last_turn[:_PREVIEW_CHARS]
    return record


def proxy_start(facts: RequestFacts, decision: RouteDecision, plan: AttemptPlan) -> Record:
    """Return that attempts begin."""
    return {
        **start("proxy_start", facts),
        "path": clip(facts.path),
        **_route(decision),
        "stream": facts.stream,
        "candidate_targets": len(plan.targets),
        "targets": [clip(target.name) for target in plan.targets[:_MAX_TARGETS]],
        "left_out": [
            {
                "target": clip(left.target.name),
                "reason": left.reason,
                "detail": clip(left.detail) or None,
            }
            for left in plan.skipped[:_MAX_TARGETS]
        ],
    }


def proxy_no_target(facts: RequestFacts, decision: RouteDecision, plan: AttemptPlan) -> Record:
    """Return that no target may be called, and why each was left out."""
    return {
        **start("proxy_no_target", facts),
        "selected_model": _selected(decision),
        "fallback_models": _fallbacks(decision),
        "skipped": [
            {"target": clip(skipped.target.name), "reason": skipped.reason}
            for skipped in plan.skipped
        ],
    }


def proxy_response(facts: RequestFacts, outcome: Outcome) -> Record:
    """Return which target's answer the caller gets; ``outcome.target`` must be known."""
    assert outcome.target is not None
    return {
        **start("proxy_response", facts),
        **full_target_fields(outcome.target),
        "status": outcome.status,
        "attempts": len(outcome.attempts),
        "attempted_targets": _attempted(outcome),
        "attempted_upstream_models": [
            clip(attempt.target.upstream_model) for attempt in outcome.attempts
        ],
        "request_latency_ms": milliseconds(outcome.duration_ms),
    }


def proxy_exhausted(facts: RequestFacts, outcome: Outcome, plan: AttemptPlan) -> Record:
    """Return that every target that could be tried has failed."""
    reasons = [skipped.reason for skipped in plan.skipped]
    return {
        **start("proxy_exhausted", facts),
        "attempted_targets": _attempted(outcome),
        "attempts": len(outcome.attempts),
        "skipped_rate_limited": reasons.count("cooling_down"),
        "skipped_circuit_open": reasons.count("breaker_open"),
        "skipped_targets": len(reasons),
    }


def proxy_terminal(
    facts: RequestFacts,
    decision: RouteDecision | None,
    outcome: Outcome,
    *,
    requested_model: str | None = None,
    note: str | None = None,
    dropped: Iterable[str] = (),
) -> Record:
    """Return the one event that every request ends with.

    Parameters
    ----------
    decision : RouteDecision, optional
        None where the request failed before routing; `requested_model` is told then.
    note : str, optional
        As ``idempotency_replay``.
    dropped : iterable of str
        Parameters that the target's format could not say.
    """
    named = clip_optional(requested_model)
    route = _route(decision) if decision else {**_NO_ROUTE, "requested_model": named}
    route.pop("fallback_models")
    target = full_target_fields(outcome.target) if outcome.target else _NO_TARGET
    return {
        **start("proxy_terminal", facts),
        "path": clip(facts.path),
        "stream": facts.stream,
        "status": outcome.status,
        "outcome": outcome.outcome,
        **route,
        "error_type": outcome.error_type,
        "note": note,
        "attempts": len(outcome.attempts),
        "attempted_targets": _attempted(outcome),
        "ttft_ms": milliseconds(outcome.ttft_ms),
        "duration_ms": milliseconds(outcome.duration_ms),
        "usage": usage_fields(outcome.usage) if outcome.usage else None,
        "cost_usd": cost_text(outcome.cost_usd),
        **target,
        "dropped": list(dropped),
        "principal": _principal_id(facts),
        "auth_method": facts.principal.method if facts.principal else None,
        "config_digest": facts.config_digest,
    }


def _route(decision: RouteDecision) -> Record:
    """The decision, as most events tell it."""
    return {
        "requested_model": clip_optional(decision.requested_model),
        "selected_model": _selected(decision),
        "source": decision.source,
        "task": decision.judgement.task,
        "complexity": decision.judgement.complexity,
        "fallback_models": _fallbacks(decision),
    }


def _selected(decision: RouteDecision) -> str | None:
    """The model tried first; None where constraints left none."""
    return clip(decision.candidates[0]) if decision.candidates else None


def _fallbacks(decision: RouteDecision) -> list[str]:
    """The models tried after it."""
    return [clip(model) for model in decision.candidates[1:]]


def _attempted(outcome: Outcome) -> list[str]:
    """Names of the targets called, in order."""
    return [clip(attempt.target.name) for attempt in outcome.attempts]


def _payload_summary(view: PromptView) -> Record:
    """Counts and switches of the request."""
    has_items = view.format in _ITEM_FORMATS
    return {
        "format": view.format,
        "stream": view.stream,
        "has_tools": view.has_tools,
        "tool_choice_type": clip_optional(view.tool_choice),
        "reasoning_effort": clip_optional(view.reasoning_effort),
        "messages_count": 0 if has_items else view.messages_count,
        "input_count": view.messages_count if has_items else 0,
        "input_chars": view.input_chars,
        "max_tokens": None if has_items else view.max_output_tokens,
        "max_output_tokens": view.max_output_tokens if has_items else None,
    }


def _principal_id(facts: RequestFacts) -> str | None:
    """Who called, once known."""
    return facts.principal.id if facts.principal else None
