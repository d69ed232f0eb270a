"""This module follows one call to one target, from its breaker's leave to its settlement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from router.errors import UpstreamError
from router.providers.base import Target
from router.routing.decision import Attempt
from router.state.breaker import COUNTED, BreakerPolicy, Ticket
from router.state.health import Health
from router.state.retry_tokens import RetryTokens, provider_key
from router.upstream.answer import Answer


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds since the epoch, seconds that never jump, and a wait."""

    now: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Books:
    """Where the end of every call is entered."""

    health: Health
    tokens: RetryTokens
    clocks: Clocks
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)


class Trial:
    """One call. Exactly one of `succeed`, `fail` and `abandon` takes effect.

    Parameters
    ----------
    repeated : bool
        The call took a retry token, which a success gives back.
    """

    def __init__(
        self, target: Target, number: int, ticket: Ticket, books: Books, *, repeated: bool
    ) -> None:
        self.target = target
        self.number = number
        self.answer: Answer | None = None
        self._ticket = ticket
        self._books = books
        self._repeated = repeated
        self._started_s = books.clocks.monotonic()
        self._started_at_s = books.clocks.now()
        self._connect_ms: float | None = None
        self._first_ms: float | None = None
        self._is_open = True
        books.health.latency.started(target.name)

    def connected(self, answer: Answer) -> None:
        """Note that headers came."""
        self.answer = answer
        self._connect_ms = self._elapsed_ms()

    def committed(self) -> None:
        """Note that the first content came."""
        self._first_ms = self._elapsed_ms()

    def wind_down(self) -> None:
        """Wait only a moment longer: the answer is complete, its connection's end is not read."""
        if self.answer is not None:
            self.answer.pace.wind_down()

    def record(self, error: UpstreamError | None = None) -> Attempt:
        """Return the attempt as it stands."""
        return Attempt(
            target=self.target,
            number=self.number,
            started_at_s=self._started_at_s,
            duration_ms=self._elapsed_ms(),
            status=self.answer.status if self.answer else None,
            error=error.error_class if error else None,
            message=error.message if error else None,
            connect_ms=self._connect_ms,
            retry_after_s=error.facts.retry_after_s if error else None,
        )

    def succeed(self) -> None:
        """Enter a success, and give the connection back."""
        if not self._close():
            return
        health, now_s = self._books.health, self._books.clocks.monotonic()
        health.breakers.record_success(self._ticket, now_s)
        key = provider_key(self.target.account)
        self._books.tokens.record_success(key, now_s, repeated=self._repeated)
        health.latency.record_success(
            self.target.name, now_s, latency_ms=self._elapsed_ms(), ttft_ms=self._first_ms
        )

    def fail(self, error_class: str) -> None:
        """Enter a failure of an error class (`UpstreamError.error_class`)."""
        if not self._close():
            return
        health, now_s = self._books.health, self._books.clocks.monotonic()
        health.breakers.record_failure(self._ticket, error_class, now_s, self._books.breaker)
        if error_class in COUNTED:
            health.latency.record_failure(self.target.name, now_s)

    def abandon(self) -> None:
        """Give everything back without a verdict: the caller left."""
        if self._close():
            now_s = self._books.clocks.monotonic()
            self._books.health.breakers.release(self._ticket, now_s)

    def _close(self) -> bool:
        """Close the call once; tell whether it was open."""
        if not self._is_open:
            return False
        self._is_open = False
        if self.answer is not None:
            self.answer.close()
        self._books.health.latency.ended(self.target.name)
        return True

    def _elapsed_ms(self) -> float:
        return (self._books.clocks.monotonic() - self._started_s) * 1000
