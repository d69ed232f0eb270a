"""This module writes the headers that tell what the router did."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from router.config.snapshot import Snapshot
from router.providers.base import Target
from router.routing.decision import RouteDecision

_SANE_ID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")
_MAX_VALUE_CHARS = 512


def request_id(*sent: str | None) -> str:
    """Return the first of the caller's ids of a request that is sane, else a new one."""
    for candidate in sent:
        if candidate and _SANE_ID.fullmatch(candidate):
            return candidate
    return str(uuid.uuid4())


def decision_headers(decision: RouteDecision, snapshot: Snapshot) -> dict[str, str]:
    """Return what is known before any provider was called."""
    return {
        "x-router-task": decision.judgement.task,
        "x-router-complexity": decision.judgement.complexity,
        "x-router-source": decision.source,
        "x-router-config": snapshot.digest,
    }


def target_headers(target: Target, attempts: int, dropped: Sequence[str]) -> dict[str, str]:
    """Return what is known once a target answered."""
    headers = {
        "x-router-model": safe(target.model),
        "x-router-provider": safe(target.account.provider),
        "x-router-account": safe(target.account.name),
        "x-router-attempts": str(attempts),
    }
    if dropped:
        headers["x-router-dropped"] = safe(",".join(dropped))
    return headers


def debug_headers(
    request_id: str,
    decision: RouteDecision,
    target: Target,
    attempted: Sequence[str],
    latency_ms: float,
) -> dict[str, str]:
    """Return the rest of system A's set and our reasons, for ``x-router-debug: true``."""
    headers = {
        "x-router-request-id": request_id,
        "x-router-auth-mode": target.account.auth_mode,
        "x-router-attempted-targets": safe(",".join(attempted)),
        "x-router-ranked-models": safe(",".join(decision.candidates)),
        "x-router-upstream-model": safe(target.upstream_model),
        "x-router-request-latency-ms": str(round(latency_ms)),
        "x-router-reasons": safe("; ".join(decision.reasons)),
    }
    if decision.rule is not None:
        headers["x-router-rule"] = safe(decision.rule)
    utility = _top_utility(decision.scores)
    if utility is not None:
        headers["x-router-top-utility"] = utility
    return headers


def _top_utility(scores: Sequence[Mapping[str, Any]]) -> str | None:
    value = scores[0].get("utility") if scores else None
    return f"{value:.6f}" if isinstance(value, int | float) else None


def safe(value: str) -> str:
    r"""Return a header value without control characters, ASCII only, bounded.

    Examples
    --------
    >>> safe("modèle\r\nx: y")
    'mod\\xe8lex: y'
    """
    printable = "".join(char for char in value if char.isprintable())
    return printable.encode("ascii", "backslashreplace").decode()[:_MAX_VALUE_CHARS]
