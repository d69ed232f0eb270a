"""This module keeps a call's four deadlines."""

from __future__ import annotations

from collections.abc import Callable

from router.errors import UpstreamTimeout
from router.providers.base import Timeouts

_WIND_DOWN_S = 1.0
_ERROR_BODY_S = 2.0


class Pace:
    """How long the next wait may take, and which deadline says so.

    Parameters
    ----------
    timeouts : Timeouts
        Of the target.
    clock : callable
        Monotonic seconds.
    total_until_s : float
        When the whole request must have ended, all attempts together.
    streaming : bool
        First content is a deadline of streams only: a whole answer comes when it is done.
    """

    def __init__(
        self,
        timeouts: Timeouts,
        clock: Callable[[], float],
        total_until_s: float,
        streaming: bool,
    ) -> None:
        self.clock = clock
        self.connect_s = timeouts.connect_s
        self.keep_alive_s = timeouts.keep_alive_s
        self._idle_s = timeouts.idle_s
        self._total_until_s = total_until_s
        self._first_until_s = clock() + timeouts.first_content_s if streaming else None
        self._first_s = timeouts.first_content_s
        self._heard_s = clock()

    def heard(self) -> None:
        """Note that something arrived: idleness counts from now."""
        self._heard_s = self.clock()

    def commit(self) -> None:
        """Note that the first content is out: its deadline is met."""
        self._first_until_s = None

    def wind_down(self) -> None:
        """Allow a second more: the answer is complete, only its connection's end is awaited."""
        self._hurry(_WIND_DOWN_S)

    def read_error(self) -> None:
        """Allow two seconds more: the status is known, and only its reason still to come."""
        self._hurry(_ERROR_BODY_S)

    def _hurry(self, seconds: float) -> None:
        self._idle_s = min(self._idle_s, seconds)
        self._total_until_s = min(self._total_until_s, self.clock() + seconds)

    @property
    def committed(self) -> bool:
        """Whether the first content is out."""
        return self._first_until_s is None

    def answer_left_s(self) -> float:
        """Return how long headers may still take: connecting included, idleness not counted.

        A whole answer's headers come when the model is done, so only the total counts.
        """
        return max(0.001, min(self._until_s()) - self.clock())

    def left_s(self) -> float:
        """Return how long the next read may take.

        Raises
        ------
        UpstreamTimeout
            A deadline has passed.
        """
        left = min(*self._until_s(), self._heard_s + self._idle_s) - self.clock()
        if left <= 0:
            raise self.expired()
        return left

    def expired(self) -> UpstreamTimeout:
        """Return the error of the deadline that passed first."""
        now = self.clock()
        if now >= self._total_until_s - 0.01:
            return UpstreamTimeout("the request's total time is used up")
        if self._first_until_s is not None and now >= self._first_until_s - 0.01:
            return UpstreamTimeout(f"no content within {self._first_s:g} s")
        return UpstreamTimeout(f"silent for {self._idle_s:g} s")

    def _until_s(self) -> tuple[float, ...]:
        if self._first_until_s is None:
            return (self._total_until_s,)
        return (self._total_until_s, self._first_until_s)
