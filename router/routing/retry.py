"""This module decides what follows a failed attempt: wait and repeat, go on, or stop.

Nothing here waits or calls; the dispatcher does as the `Step` says. It is asked only
about failures before the first content: after it nothing is ever tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from router.config.snapshot import RetryPolicy
from router.errors import (
    ContentRefused,
    ContextTooLong,
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamRateLimited,
)
from router.providers.base import Target
from router.routing.decision import AttemptPlan
from router.state.breaker import BreakerPolicy, Breakers
from router.state.retry_tokens import RetryTokens, provider_key

MAX_WAIT_S = 5.0
"""The longest ``Retry-After`` that is waited for here; longer ones are the client's."""

BACKOFF_S = 0.25
_MAX_OPEN_S = 30.0

Reason = Literal[
    "next_target",
    "other_credential",
    "larger_model",
    "content_policy_fallback",
    "repeat",
    "callers_fault",
    "attempts_used_up",
    "deadline",
    "no_target_left",
    "retry_budget",
]


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next.

    Attributes
    ----------
    action : str
        ``retry`` (the same target, after `wait_s`), ``failover`` (the next one) or ``stop``.
    targets : tuple of Target
        Still to be tried, the next one first; empty for ``stop``.
    repeats_provider : bool
        The next call took a token: give it back when it succeeds.
    """

    action: Literal["retry", "failover", "stop"]
    reason: Reason
    targets: tuple[Target, ...] = ()
    wait_s: float = 0.0
    repeats_provider: bool = False


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """What a request may still spend on attempts.

    Attributes
    ----------
    attempts_left : int
        Calls, the one under way included.
    deadline_s : float
        On the clock of `now_s`: the total deadline of the request.
    called : frozenset of str
        Providers (`provider_key`) that were called for this request.
    """

    policy: RetryPolicy
    attempts_left: int
    deadline_s: float
    called: frozenset[str] = frozenset()
    repeats: int = 0

    @classmethod
    def start(cls, policy: RetryPolicy, now_s: float, deadline_s: float) -> RetryBudget:
        """Return the budget of a new request.

        Parameters
        ----------
        deadline_s : float
            Seconds that the whole request may take from `now_s` on.
        """
        return cls(policy, max(1, policy.max_attempts), now_s + deadline_s)

    def next_step(
        self,
        error: UpstreamError,
        failed: Target,
        left: Sequence[Target],
        now_s: float,
        plan: AttemptPlan | None = None,
        may_repeat: Callable[[Target], bool] = lambda _: True,
        jitter: float = 0.5,
    ) -> tuple[Step, RetryBudget]:
        """Return what follows a failed attempt, and the budget after it.

        Parameters
        ----------
        failed : Target
            What was called.
        left : sequence of Target
            Targets not yet tried, in order.
        plan : AttemptPlan, optional
            Holds back targets for prompts that are too long or refused.
        may_repeat : callable
            Takes a token for calling this target's provider again; asked at most once for
            each target that would be next.
        jitter : float
            0 to 1: spreads the back-off before a repeat.
        """
        spent = replace(
            self,
            attempts_left=self.attempts_left - 1,
            called=self.called | {provider_key(failed.account)},
        )
        step = spent._step(error, failed, tuple(left), now_s, plan, may_repeat, jitter)
        return step, replace(spent, repeats=spent.repeats + (step.action == "retry"))

    def _step(
        self,
        error: UpstreamError,
        failed: Target,
        left: tuple[Target, ...],
        now_s: float,
        plan: AttemptPlan | None,
        may_repeat: Callable[[Target], bool],
        jitter: float,
    ) -> Step:
        """Go through the rules, those that forbid everything first."""
        if self.attempts_left < 1:
            return Step("stop", "attempts_used_up")
        if now_s >= self.deadline_s:
            return Step("stop", "deadline")
        if isinstance(error, ContextTooLong):
            held_back = plan.on_context_window if plan is not None else ()
            return _on_refusal("larger_model", _larger(failed, left, held_back))
        if isinstance(error, ContentRefused):
            held_back = plan.on_content_policy if plan is not None else ()
            return _on_refusal("content_policy_fallback", _untried(failed, left, held_back))
        if not self._leads_on(error):
            return Step("stop", "callers_fault")
        onwards = self._failover(error, failed, left, may_repeat)
        if onwards is not None:
            return onwards
        return self._repeat(error, failed, now_s, may_repeat, jitter, had_others=bool(left))

    def _leads_on(self, error: UpstreamError) -> bool:
        """Tell whether an error may be answered by another attempt at all."""
        status = error.facts.status
        if isinstance(error, UpstreamAuthFailed):
            return True
        if status is not None and status >= 400:
            return status in self.policy.statuses
        return error.disposition != "surface"

    def _failover(
        self,
        error: UpstreamError,
        failed: Target,
        left: tuple[Target, ...],
        may_repeat: Callable[[Target], bool],
    ) -> Step | None:
        """Return the step to the next target whose provider may be called, or None."""
        for index, target in enumerate(left):
            if provider_key(target.account) not in self.called:
                return Step("failover", "next_target", left[index:])
            if _is_other_credential(error, failed, target):
                return Step("failover", "other_credential", left[index:])
            if may_repeat(target):
                return Step("failover", "next_target", left[index:], repeats_provider=True)
        return None

    def _repeat(
        self,
        error: UpstreamError,
        failed: Target,
        now_s: float,
        may_repeat: Callable[[Target], bool],
        jitter: float,
        *,
        had_others: bool,
    ) -> Step:
        """Return the step back to the same target, where that may help, or the end."""
        wait_s = self._wait_s(error, jitter)
        if wait_s is None:
            return Step("stop", "no_target_left")
        if now_s + wait_s >= self.deadline_s:
            return Step("stop", "deadline")
        if had_others or not may_repeat(failed):
            return Step("stop", "retry_budget")
        return Step("retry", "repeat", (failed,), wait_s, repeats_provider=True)

    def _wait_s(self, error: UpstreamError, jitter: float) -> float | None:
        """Return how long to wait before the same target, None where that is no use."""
        if isinstance(error, UpstreamAuthFailed):
            return None
        asked_s = error.facts.retry_after_s
        if asked_s is not None:
            return asked_s if asked_s <= MAX_WAIT_S else None
        if isinstance(error, UpstreamRateLimited):
            return None
        return float(BACKOFF_S * 2**self.repeats * (0.5 + jitter))


def breaker_policy(retry: RetryPolicy) -> BreakerPolicy:
    """Return when breakers open, LiteLLM's ``allowed_fails`` and ``cooldown_time`` minded.

    Examples
    --------
    >>> breaker_policy(RetryPolicy(allowed_fails=2)).consecutive
    3
    """
    default = BreakerPolicy()
    if retry.allowed_fails is None:
        return default
    return replace(
        default,
        consecutive=max(1, retry.allowed_fails + 1),
        open_s=min(max(retry.cooldown_s, 0.0), _MAX_OPEN_S),
    )


def repeat_gate(breakers: Breakers, tokens: RetryTokens, now_s: float) -> Callable[[Target], bool]:
    """Return the usual `may_repeat`: no repeat at a target that is given up on, or without token.

    So an outage costs a few repeats until the breaker opens, and none after.
    """
    return lambda target: (
        breakers.wait_s(target.name, now_s) is None
        and tokens.take(provider_key(target.account), now_s)
    )


def _on_refusal(
    reason: Literal["larger_model", "content_policy_fallback"], targets: tuple[Target, ...]
) -> Step:
    """Go to targets that may take what was refused; without any it is the caller's to know."""
    return Step("failover", reason, targets) if targets else Step("stop", "callers_fault")


def _untried(
    failed: Target, left: tuple[Target, ...], held_back: tuple[Target, ...]
) -> tuple[Target, ...]:
    """Return the targets held back for a refusal; once one of them refused too, the rest."""
    names = [target.name for target in held_back]
    if failed.name not in names:
        return held_back
    return tuple(target for target in left if target.name in names)


def _larger(
    failed: Target, left: tuple[Target, ...], held_back: tuple[Target, ...]
) -> tuple[Target, ...]:
    """Return targets for a prompt that is too long: those held back, then larger ones."""
    fitting = tuple(target for target in left if _is_larger(target, failed))
    untried = _untried(failed, left, held_back)
    return tuple({target.name: target for target in (*untried, *fitting)}.values())


def _is_larger(target: Target, failed: Target) -> bool:
    """Tell whether another model's window may be larger; unknown counts as able."""
    if target.upstream_model == failed.upstream_model:
        return False
    window, tried = target.traits.context_window_tokens, failed.traits.context_window_tokens
    return window is None or tried is None or window > tried


def _is_other_credential(error: UpstreamError, failed: Target, target: Target) -> bool:
    """Tell whether an error that is about one credential leaves another one free to try."""
    is_about_credential = isinstance(error, (UpstreamAuthFailed, UpstreamRateLimited))
    return is_about_credential and target.account.name != failed.account.name
