"""This module holds what routing decides, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from router.canonical.usage import Usage
from router.providers.base import Target

Complexity = Literal["low", "medium", "high", "xhigh", "n/a"]
Skip = Literal[
    "breaker_open",
    "cooling_down",
    "format",
    "capability",
    "context_window",
    "max_output_tokens",
    "allowed_models",
    "provider_preferences",
    "require_parameters",
    "account",
    "not_permitted",
]


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
    reserve : tuple of str
        Models of other routes, tried only where the candidates cannot do what the
        request needs.
    rule : str, optional
        Name of the operator's rule that fired.
    account : str, optional
        The only account to use, where that rule names one.
    left_out : mapping of str to str
        Model -> why it is not a candidate.
    judged : Judgement, optional
        What the judge said, before any rule; None where it was not asked.
    """

    requested_model: str | None
    source: Literal["auto", "request"]
    judgement: Judgement
    candidates: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    trace: Mapping[str, Any] = field(default_factory=dict)
    scores: tuple[Mapping[str, Any], ...] = ()
    reserve: tuple[str, ...] = ()
    rule: str | None = None
    account: str | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    judged: Judgement | None = None

    @property
    def model(self) -> str:
        """The model tried first."""
        return self.candidates[0]


@dataclass(frozen=True, slots=True)
class SkippedTarget:
    """A target left out of a plan, and for how much longer (seconds, where known).

    `detail` says what was missing, as ``vision``.
    """

    target: Target
    reason: Skip
    wait_s: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AttemptPlan:
    """Targets to try, in order.

    Attributes
    ----------
    forced : bool
        No target's breaker is closed: call all the same, as nothing better is left.
    on_context_window, on_content_policy : tuple of Target
        Tried only after a target refused the prompt for its length, or its content.
    """

    targets: tuple[Target, ...]
    skipped: tuple[SkippedTarget, ...] = ()
    forced: bool = False
    on_context_window: tuple[Target, ...] = ()
    on_content_policy: tuple[Target, ...] = ()


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
    retry_after_s : float, optional
        How long the provider asked us to wait.
    """

    target: Target
    number: int
    started_at_s: float
    duration_ms: float
    status: int | None = None
    error: str | None = None
    message: str | None = None
    connect_ms: float | None = None
    retry_after_s: float | None = None


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
