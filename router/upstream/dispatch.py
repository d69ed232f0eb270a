"""This module tries a plan's targets until one answers, or none is left.

It decides nothing about routing (``plan``, `RetryBudget` and the breakers do) and writes
nothing down: what happens is told to a `Journal`, and the attempts come back as values.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Protocol

from router.canonical.secret import Secret
from router.config.snapshot import RetryPolicy
from router.errors import (
    AuthenticationFailed,
    CallerCredentialRefused,
    NoTargetAvailable,
    RouterError,
    UnsupportedFeature,
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamRateLimited,
)
from router.providers.base import Target, Timeouts
from router.providers.kinds import KINDS
from router.routing.decision import Attempt, AttemptPlan
from router.routing.retry import RetryBudget, Step, breaker_policy, repeat_gate
from router.state.breaker import Blocked, Ticket
from router.upstream.credentials import Credentials
from router.upstream.pace import Pace
from router.upstream.prepare import Prepared, Preparer
from router.upstream.reply import Reply, Whole, read_reply
from router.upstream.transport import Send
from router.upstream.trial import Books, Trial


class Journal(Protocol):
    """Told what happens, as it happens."""

    def attempt_started(self, target: Target, number: int) -> None:
        """Tell that a target is called."""
        ...

    def connected(self, attempt: Attempt) -> None:
        """Tell that a provider's headers came; `attempt` is still under way."""
        ...

    def attempt_failed(self, attempt: Attempt, error: UpstreamError, step: Step) -> None:
        """Tell that an attempt failed, and what follows."""
        ...

    def put_aside(self, attempt: Attempt, wait_s: float) -> None:
        """Tell that a 429 puts account and model aside."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be dispatched.

    Attributes
    ----------
    caller : Secret, optional
        The provider credential that the caller passed through.
    timeouts : Timeouts
        Of the configuration; accounts and targets may have their own.
    """

    plan: AttemptPlan
    preparer: Preparer
    retry: RetryPolicy
    timeouts: Timeouts
    streaming: bool
    caller: Secret | None = None


class Exhausted(Exception):
    """No target answered: the last error, and every attempt."""

    def __init__(self, last: UpstreamError, attempts: tuple[Attempt, ...]) -> None:
        super().__init__(last.message)
        self.last = last
        self.attempts = attempts


@dataclass(slots=True)
class _Run:
    """One order on its way."""

    order: Order
    journal: Journal
    books: Books
    budget: RetryBudget
    attempts: list[Attempt] = field(default_factory=list)
    refusal: RouterError | None = None
    last: UpstreamError | None = None


class Dispatcher:
    """Calls targets; shared by all requests of a worker."""

    def __init__(
        self, send: Send, credentials: Credentials, books: Books, rng: random.Random
    ) -> None:
        self._send = send
        self._credentials = credentials
        self._books = books
        self._rng = rng

    def run(self, order: Order, journal: Journal) -> tuple[Reply, tuple[Attempt, ...]]:
        """Return the first reply that holds, and all attempts.

        Raises
        ------
        Exhausted
            Every attempt failed.
        RequestError
            No target's format can say the request (the first target's reason), or a
            passthrough account came without the caller's credential.
        NoTargetAvailable
            No target could be called.
        """
        clocks = self._books.clocks
        totals = (_timeouts(order, target).total_s for target in order.plan.targets)
        total_s = max((order.timeouts.total_s, *totals))
        budget = RetryBudget.start(order.retry, clocks.monotonic(), total_s)
        books = replace(self._books, breaker=breaker_policy(order.retry))
        run = _Run(order, journal, books, budget)
        left, repeated = order.plan.targets, False
        while left:
            target, left = left[0], left[1:]
            opened = self._open(run, target, is_last=not left)
            if opened is None:
                continue
            ticket, prepared = opened
            number = len(run.attempts) + 1
            trial = Trial(target, number, ticket, books, repeated=repeated)
            try:
                return self._call(run, trial, prepared), tuple(run.attempts)
            except UpstreamError as error:
                run.last = error
                step = self._failed(run, trial, error, left)
                if step.wait_s:
                    clocks.sleep(step.wait_s)
                left, repeated = step.targets, step.repeats_provider
        if run.last is not None:
            raise Exhausted(run.last, tuple(run.attempts)) from run.last
        raise run.refusal or NoTargetAvailable("no target is left to try")

    def _open(self, run: _Run, target: Target, *, is_last: bool) -> tuple[Ticket, Prepared] | None:
        """Make a target's call and ask its breaker; None where it cannot be called.

        A breaker that opened since the plan was made keeps its target out, unless nothing
        was called yet and nothing else is left: the least bad one is tried all the same.
        """
        try:
            credential = self._credentials.find(target.account, run.order.caller)
            prepared = run.order.preparer.prepare(target, credential)
        except (UnsupportedFeature, AuthenticationFailed) as refusal:
            run.refusal = run.refusal or refusal
            return None
        except UpstreamAuthFailed as error:
            run.refusal = run.refusal or NoTargetAvailable(
                error.message, code="oauth_credentials_unavailable"
            )
            return None
        now_s = self._books.clocks.monotonic()
        breakers = self._books.health.breakers
        force = run.order.plan.forced or (is_last and not run.attempts)
        ticket = breakers.allow(target.name, now_s, force=force)
        return None if isinstance(ticket, Blocked) else (ticket, prepared)

    def _call(self, run: _Run, trial: Trial, prepared: Prepared) -> Reply:
        """Call a target and read up to the commit; whatever else happens, abandon it."""
        committed = False
        try:
            reply = self._answered(run, trial, prepared)
            committed = True
        except UpstreamError:
            committed = True  # the caller of this function settles it
            raise
        finally:
            if not committed:
                trial.abandon()
        run.attempts.append(trial.record())
        if isinstance(reply.answer, Whole):
            trial.succeed()
        return reply

    def _answered(self, run: _Run, trial: Trial, prepared: Prepared) -> Reply:
        """Send the call and read its answer, an error's too."""
        run.journal.attempt_started(trial.target, trial.number)
        account = trial.target.account
        timeouts, clock = _timeouts(run.order, trial.target), self._books.clocks.monotonic
        until_s = min(run.budget.deadline_s, clock() + timeouts.total_s)
        pace = Pace(timeouts, clock, until_s, run.order.streaming)
        answer = self._send(prepared.call, account, pace)
        trial.connected(answer)
        run.journal.connected(trial.record())
        if not 200 <= answer.status < 300 or answer.status == 204:
            headers = dated(answer.headers, self._books.clocks.now())
            raise _classified(trial.target, answer.status, headers, answer.error_body())
        read = read_reply(answer, prepared)
        trial.committed()
        return Reply(trial.target, prepared, read, answer.status, trial)

    def _failed(
        self, run: _Run, trial: Trial, error: UpstreamError, left: tuple[Target, ...]
    ) -> Step:
        """Enter what failed in the books, and decide what follows."""
        attempt = trial.record(error)
        run.attempts.append(attempt)
        trial.fail(error.error_class)
        now_s = self._books.clocks.monotonic()
        books = self._books
        may_repeat = repeat_gate(books.health.breakers, books.tokens, now_s)
        step, run.budget = run.budget.next_step(
            error, trial.target, left, now_s, run.order.plan, may_repeat, self._rng.random()
        )
        self._cool_down(run, attempt, error, step, now_s)
        run.journal.attempt_failed(attempt, error, step)
        return step

    def _cool_down(
        self, run: _Run, attempt: Attempt, error: UpstreamError, step: Step, now_s: float
    ) -> None:
        """Put account and model aside after a 429 that is not waited for."""
        policy = run.order.retry
        is_waited_for = step.action == "retry"
        if not isinstance(error, UpstreamRateLimited) or is_waited_for or not policy.cooldowns:
            return
        asked_s = error.facts.retry_after_s
        wait_s = policy.cooldown_s if asked_s is None else asked_s
        kept_s = self._books.health.cooldowns.put_aside(attempt.target.name, wait_s, now_s)
        run.journal.put_aside(attempt, kept_s)


def _timeouts(order: Order, target: Target) -> Timeouts:
    """Return the deadlines of a call to a target: the nearest that are configured."""
    return target.timeouts or target.account.timeouts or order.timeouts


def dated(headers: Mapping[str, str], now_s: float) -> Mapping[str, str]:
    """Return headers with a ``Date``: where it lacks, when they came (RFC 9110, 6.6.1).

    A ``Retry-After`` that is a date is measured against it.

    Examples
    --------
    >>> dated({"Retry-After": "5"}, now_s=0.0)
    {'retry-after': '5', 'date': 'Thu, 01 Jan 1970 00:00:00 GMT'}
    """
    if "date" in headers:
        return headers
    lower = {name.lower(): value for name, value in headers.items()}
    return {**lower, "date": formatdate(now_s, usegmt=True)}


def _classified(
    target: Target, status: int, headers: Mapping[str, str], body: bytes
) -> UpstreamError:
    """Return the error of a status; a refused credential is the caller's if it sent it."""
    error = KINDS[target.account.kind].classify(status, headers, body)
    if isinstance(error, UpstreamAuthFailed) and target.account.auth_mode == "passthrough":
        return CallerCredentialRefused(error.message, error.facts)
    return error
