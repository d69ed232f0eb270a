"""This module holds what routing decides, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from router.canonical.usage import Usage
from router.providers.base import Target

Complexity = Literal["low", "medium", "high", "xhigh", "n/a"]
Skip = Literal["breaker_open", "cooling_down", "format", "capability", "context_window"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge thinks of a request.

    Attributes
    ----------
    task : str
        coding, thinking, instruction_following, general, image; ``explicit`` where the
        caller named a model.
    score : float
        Difficulty, 0 to 1.
    signals : mapping
        Counts and names of features; never words of the prompt.
    """

    task: str
    complexity: Complexity
    score: float = 0.0
    signals: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """Which models to try, and why.

    Attributes
    ----------
    requested_model : str, optional
        As the caller named it.
    source : str
        ``auto`` or ``request``.
    candidates : tuple of str
        Model ids, best first.
    trace : mapping
        System A's ``decision_trace``: route task and tier, chain, why selected.
    scores : tuple of mapping
        One per ranked candidate where learned routing is on.
    """

    requested_model: str | None
    source: Literal["auto", "request"]
    judgement: Judgement
    candidates: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    trace: Mapping[str, Any] = field(default_factory=dict)
    scores: tuple[Mapping[str, Any], ...] = ()

    @property
    def model(self) -> str:
        """The model tried first."""
        return self.candidates[0]


@dataclass(frozen=True, slots=True)
class SkippedTarget:
    """A target left out of a plan, and for how much longer (seconds, where known)."""

    target: Target
    reason: Skip
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class AttemptPlan:
    """Targets to try, in order."""

    targets: tuple[Target, ...]
    skipped: tuple[SkippedTarget, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to one target, ended.

    Attributes
    ----------
    status : int, optional
        The provider's HTTP status; None where none came.
    error : str, optional
        ``UpstreamError.error_class``; None for a success.
    connect_ms : float, optional
        From sending to the answer's headers.
    """

    target: Target
    number: int
    started_at_s: float
    duration_ms: float
    status: int | None = None
    error: str | None = None
    message: str | None = None
    connect_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: the terminal audit record.

    Attributes
    ----------
    outcome : str
        ``success``, ``error``, ``interrupted`` (after the first content) or
        ``client_closed``.
    """

    status: int
    outcome: Literal["success", "error", "interrupted", "client_closed"]
    attempts: tuple[Attempt, ...] = ()
    target: Target | None = None
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    ttft_ms: float | None = None
    duration_ms: float = 0.0
    error_type: str | None = None
