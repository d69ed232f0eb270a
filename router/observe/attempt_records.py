"""This module builds the audit events of attempts: targets skipped, called, and given up.

No event carries provider text or a URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.observe.fields import (
    MAX_CHARS,
    Record,
    RequestFacts,
    full_target_fields,
    milliseconds,
    start,
    target_fields,
)
from router.observe.redact import redact
from router.providers.base import Target
from router.routing.decision import Attempt, AttemptPlan, SkippedTarget


def proxy_skip_rate_limited(facts: RequestFacts, skipped: SkippedTarget) -> Record:
    """Return that a target cools down after a 429."""
    return {
        **start("proxy_skip_rate_limited", facts),
        **target_fields(skipped.target),
        "wait_seconds": skipped.wait_s,
    }


def proxy_skip_circuit_open(
    facts: RequestFacts, skipped: SkippedTarget, breaker: Mapping[str, Any] | None = None
) -> Record:
    """Return that a target's breaker is open; `breaker` may tell its state in full."""
    return {
        **start("proxy_skip_circuit_open", facts),
        **target_fields(skipped.target),
        "breaker": {"state": "open", **(breaker or {})},
        "wait_seconds": skipped.wait_s,
    }


def skip_records(facts: RequestFacts, plan: AttemptPlan) -> tuple[Record, ...]:
    """Return an event for each target that its health keeps out of the plan."""
    builders = {"cooling_down": proxy_skip_rate_limited, "breaker_open": proxy_skip_circuit_open}
    return tuple(
        builders[skipped.reason](facts, skipped)
        for skipped in plan.skipped
        if skipped.reason in builders
    )


def proxy_attempt(facts: RequestFacts, target: Target, number: int, total_attempts: int) -> Record:
    """Return that a target is called: attempt `number` of at most `total_attempts`."""
    return {
        **start("proxy_attempt", facts),
        "attempt": number,
        "total_attempts": total_attempts,
        **full_target_fields(target),
        "auth_mode": target.account.auth_mode,
    }


def proxy_upstream_connected(facts: RequestFacts, attempt: Attempt) -> Record:
    """Return that the provider answered, with whatever status."""
    return {
        **start("proxy_upstream_connected", facts),
        **full_target_fields(attempt.target),
        "connect_ms": milliseconds(attempt.connect_ms),
        "status": attempt.status,
    }


def proxy_request_error(facts: RequestFacts, attempt: Attempt, total_attempts: int) -> Record:
    """Return that a call failed without a status, or in the middle of its answer."""
    return {
        **start("proxy_request_error", facts),
        **full_target_fields(attempt.target),
        "attempt": attempt.number,
        "total_attempts": total_attempts,
        "attempt_latency_ms": milliseconds(attempt.duration_ms),
        "error": redact(attempt.message or attempt.error or "", ())[:MAX_CHARS],
        "error_type": attempt.error,
        "is_timeout": attempt.error == "timeout",
        "status_code": attempt.status,
    }


def proxy_rate_limited(facts: RequestFacts, attempt: Attempt, wait_s: float) -> Record:
    """Return that a 429 puts account and model aside for `wait_s`."""
    ended_at_s = attempt.started_at_s + attempt.duration_ms / 1000
    return {
        **start("proxy_rate_limited", facts),
        **target_fields(attempt.target),
        "retry_after_seconds": wait_s,
        "until_epoch": int(ended_at_s + wait_s),
    }


def proxy_retry(facts: RequestFacts, attempt: Attempt) -> Record:
    """Return that another attempt follows this one."""
    return {
        **start("proxy_retry", facts),
        **target_fields(attempt.target),
        "status": attempt.status,
        "error_type": attempt.error,
    }


def attempt_records(
    facts: RequestFacts, attempts: tuple[Attempt, ...], total_attempts: int, cooldown_s: float
) -> tuple[Record, ...]:
    """Return the events of ended attempts, in order.

    Parameters
    ----------
    total_attempts : int
        As many as were allowed.
    cooldown_s : float
        How long a 429 that names no time puts a target aside.
    """
    records: list[Record] = []
    for position, attempt in enumerate(attempts, start=1):
        records.append(proxy_attempt(facts, attempt.target, attempt.number, total_attempts))
        if attempt.status is not None:
            records.append(proxy_upstream_connected(facts, attempt))
        if attempt.error is not None and (attempt.status is None or attempt.status < 400):
            records.append(proxy_request_error(facts, attempt, total_attempts))
        if attempt.status == 429:
            asked_s = attempt.retry_after_s
            wait_s = cooldown_s if asked_s is None else asked_s
            records.append(proxy_rate_limited(facts, attempt, wait_s))
        if position < len(attempts):
            records.append(proxy_retry(facts, attempt))
    return tuple(records)
