"""This module keeps callers away from targets that fail, and lets one probe see if they mend.

A breaker stands before each target (account and model) and counts each error class on its
own: five timeouts in a row open it, two timeouts and three refused connections do not.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from router.state.store import TtlMap

State = Literal["closed", "open", "half_open"]

COUNTED = frozenset({"connect", "timeout", "server_error", "protocol", "interrupted", "auth"})
"""Error classes (`UpstreamError.error_class`) that speak against the target."""

ANSWERED = frozenset({"rejected", "context_length", "content_policy", "caller_auth"})
"""Refusals of the caller's own making: never counted, and a sign that the target lives."""

_KEPT_OUTCOMES = 200
_FORGET_S = 3600.0


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens, and for how long.

    Attributes
    ----------
    consecutive : int
        Failures of one class without a success between them.
    window_calls, window_s, ratio : number
        Or: of at least so many calls in so many seconds, this share failed.
    open_s : float
        How long nobody is let through.
    probe_lease_s : float
        A probe that has not come back after so long no longer holds the slot.
    """

    consecutive: int = 5
    window_calls: int = 20
    window_s: float = 30.0
    ratio: float = 0.5
    open_s: float = 30.0
    probe_lease_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to call a target; give it back by exactly one ``record_…`` or `release`.

    Attributes
    ----------
    kind : str
        ``normal``; ``probe``: the one call that tests a target that failed; ``forced``:
        let through an open breaker because nothing better was left.
    """

    name: str
    kind: Literal["normal", "probe", "forced"] = "normal"
    serial: int = 0


@dataclass(frozen=True, slots=True)
class Blocked:
    """No leave; worth asking again after `wait_s`."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """A breaker as an operator sees it.

    Attributes
    ----------
    error_class : str, optional
        What opened it.
    failures : mapping of str to int
        Failures in a row, by error class.
    retry_in_s : float
        Until the next probe; 0 where it is not open.
    """

    name: str
    state: State
    error_class: str | None
    failures: dict[str, int]
    retry_in_s: float
    is_probing: bool


@dataclass(slots=True)
class _Breaker:
    """One target's record; `opened_at_s` None is closed."""

    policy: BreakerPolicy = BreakerPolicy()
    in_a_row: dict[str, int] = field(default_factory=dict)
    outcomes: deque[tuple[float, str | None]] = field(
        default_factory=lambda: deque(maxlen=_KEPT_OUTCOMES)
    )
    opened_at_s: float | None = None
    opened_by: str | None = None
    probe: int | None = None
    probe_at_s: float = 0.0

    def wait_s(self, now_s: float) -> float | None:
        """Return how long to stay away; None where a call may go."""
        if self.opened_at_s is None:
            return None
        open_left_s = self.opened_at_s + self.policy.open_s - now_s
        if open_left_s > 0:
            return open_left_s
        if self.probe is None:
            return None
        lease_left_s = self.probe_at_s + self.policy.probe_lease_s - now_s
        return lease_left_s if lease_left_s > 0 else None

    def state(self, now_s: float) -> State:
        """Return the state at a moment: an open breaker turns half open by itself."""
        if self.opened_at_s is None:
            return "closed"
        return "open" if now_s < self.opened_at_s + self.policy.open_s else "half_open"

    def must_open(self, error_class: str, now_s: float) -> bool:
        """Tell whether the failures of one class are too many."""
        if self.in_a_row[error_class] >= self.policy.consecutive:
            return True
        since_s = now_s - self.policy.window_s
        recent = [outcome for at_s, outcome in self.outcomes if at_s > since_s]
        failed = recent.count(error_class)
        return len(recent) >= self.policy.window_calls and failed >= self.policy.ratio * len(recent)

    def open(self, error_class: str, now_s: float) -> None:
        """Let nobody through from now on."""
        self.opened_at_s, self.opened_by, self.probe = now_s, error_class, None

    def close(self) -> None:
        """Let everybody through, with a clean record."""
        self.opened_at_s = self.opened_by = self.probe = None
        self.in_a_row.clear()
        self.outcomes.clear()


class Breakers:
    """All breakers of a worker, by `Target.name`; they survive a reload."""

    def __init__(self, max_targets: int = 4096) -> None:
        self._breakers: TtlMap[str, _Breaker] = TtlMap(max_targets, _FORGET_S)
        self._serial = 0

    def wait_s(self, name: str, now_s: float) -> float | None:
        """Return how long a target is to be left alone, or None; takes no probe slot."""
        breaker = self._breakers.get(name, now_s)
        return None if breaker is None else breaker.wait_s(now_s)

    def is_closed(self, name: str, now_s: float) -> bool:
        """Tell whether a target is trusted: neither given up on nor being tested."""
        breaker = self._breakers.get(name, now_s)
        return breaker is None or breaker.opened_at_s is None

    def allow(self, name: str, now_s: float, *, force: bool = False) -> Ticket | Blocked:
        """Ask leave to call a target.

        Parameters
        ----------
        force : bool
            Go through an open breaker: no better target is left.

        Examples
        --------
        >>> breakers = Breakers()
        >>> breakers.allow("eu:gpt", now_s=0.0)
        Ticket(name='eu:gpt', kind='normal', serial=0)
        """
        breaker = self._breakers.get(name, now_s)
        if breaker is None or breaker.opened_at_s is None:
            return Ticket(name)
        wait_s = breaker.wait_s(now_s)
        if wait_s is not None:
            return Ticket(name, "forced") if force else Blocked(wait_s)
        self._serial += 1
        breaker.probe, breaker.probe_at_s = self._serial, now_s
        return Ticket(name, "probe", self._serial)

    def record_success(self, ticket: Ticket, now_s: float) -> None:
        """The target did its work. A probe or forced call that succeeds closes the breaker.

        A normal call that ends after the breaker opened was sent before it: no news.
        """
        breaker = self._breakers.get(ticket.name, now_s)
        if breaker is None:
            return
        if breaker.opened_at_s is None:
            breaker.in_a_row.clear()
            breaker.outcomes.append((now_s, None))
        elif ticket.kind != "normal":
            breaker.close()
        self._breakers.put(ticket.name, breaker, now_s)

    def record_failure(
        self,
        ticket: Ticket,
        error_class: str,
        now_s: float,
        policy: BreakerPolicy | None = None,
    ) -> None:
        """The call failed with an error class; what is not `COUNTED` only gives the slot back.

        Parameters
        ----------
        policy : BreakerPolicy, optional
            Of the configuration that the request holds; it replaces the one before.
        """
        if error_class not in COUNTED:
            self._record_uncounted(ticket, error_class, now_s)
            return
        breaker = self._breakers.get(ticket.name, now_s) or _Breaker()
        breaker.policy = policy or breaker.policy
        self._breakers.put(ticket.name, breaker, now_s)
        if breaker.opened_at_s is not None:
            # Only the probe's word counts now: late failures of calls sent before, and
            # forced ones, must not keep the breaker open for ever.
            if self._holds_probe(ticket, breaker):
                breaker.open(error_class, now_s)
            return
        breaker.in_a_row[error_class] = breaker.in_a_row.get(error_class, 0) + 1
        breaker.outcomes.append((now_s, error_class))
        if breaker.must_open(error_class, now_s):
            breaker.open(error_class, now_s)

    def release(self, ticket: Ticket, now_s: float) -> None:
        """Give a ticket back without a verdict: the client left, or nothing was sent."""
        breaker = self._breakers.get(ticket.name, now_s)
        if breaker is not None and self._holds_probe(ticket, breaker):
            breaker.probe = None

    def statuses(self, now_s: float) -> tuple[BreakerStatus, ...]:
        """Return every breaker that has something to tell, for status and metrics."""
        return tuple(
            BreakerStatus(
                name=name,
                state=breaker.state(now_s),
                error_class=breaker.opened_by,
                failures=dict(breaker.in_a_row),
                retry_in_s=breaker.wait_s(now_s) or 0.0,
                is_probing=breaker.probe is not None,
            )
            for name, breaker in self._breakers.items(now_s)
        )

    def _record_uncounted(self, ticket: Ticket, error_class: str, now_s: float) -> None:
        """Take a caller's error for a sign of life from a probe, and anything else for none."""
        if error_class in ANSWERED and ticket.kind != "normal":
            self.record_success(ticket, now_s)
        else:
            self.release(ticket, now_s)

    @staticmethod
    def _holds_probe(ticket: Ticket, breaker: _Breaker) -> bool:
        """Tell whether a ticket is the probe that is out now, not one given up on."""
        return ticket.kind == "probe" and breaker.probe == ticket.serial
