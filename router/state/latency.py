"""This module knows how fast and how reliable each target has lately been."""

from __future__ import annotations

from dataclasses import dataclass, replace

from router.state.store import TtlMap

ALPHA = 0.2
"""Weight of the newest sample in the moving averages."""

FAILURE_HALF_LIFE_S = 300.0
"""A target that is no longer called must not be judged by its failures for ever."""

STALE_S = 1800.0
"""A target not called for so long is unknown again, and gets another chance."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Moving averages of one target; None is not yet known.

    Attributes
    ----------
    ttft_ms : float, optional
        To the first content of a stream.
    latency_ms : float, optional
        To the end of the answer.
    tokens_per_s : float, optional
        Output tokens a second, from the first content on.
    failure_rate : float
        Share of calls that failed, 0 to 1.
    samples : int
        Calls seen.
    """

    ttft_ms: float | None = None
    latency_ms: float | None = None
    tokens_per_s: float | None = None
    failure_rate: float = 0.0
    samples: int = 0
    updated_at_s: float = 0.0


class LatencyBook:
    """Pace and calls in flight, by `Target.name`."""

    def __init__(self, max_targets: int = 4096) -> None:
        self._paces: TtlMap[str, Pace] = TtlMap(max_targets, STALE_S)
        self._in_flight: dict[str, int] = {}

    def started(self, name: str) -> None:
        """Count a call as in flight; `ended` must follow, in a ``finally``."""
        self._in_flight[name] = self._in_flight.get(name, 0) + 1

    def ended(self, name: str) -> None:
        """Count a call as no longer in flight."""
        left = self._in_flight.get(name, 0) - 1
        if left > 0:
            self._in_flight[name] = left
        else:
            self._in_flight.pop(name, None)

    def in_flight(self, name: str) -> int:
        """Return the calls under way."""
        return self._in_flight.get(name, 0)

    def record_success(
        self,
        name: str,
        now_s: float,
        *,
        latency_ms: float,
        ttft_ms: float | None = None,
        output_tokens: int | None = None,
    ) -> None:
        """Take in a finished answer.

        Parameters
        ----------
        ttft_ms : float, optional
            For streams only.
        output_tokens : int, optional
            Where the provider told its usage.
        """
        old = self._paces.get(name, now_s) or Pace()
        pace = replace(
            old,
            latency_ms=_mean(old.latency_ms, latency_ms),
            ttft_ms=_mean(old.ttft_ms, ttft_ms),
            tokens_per_s=_mean(
                old.tokens_per_s, _tokens_per_s(output_tokens, latency_ms - (ttft_ms or 0.0))
            ),
            failure_rate=_decayed(old, now_s) * (1 - ALPHA),
            samples=old.samples + 1,
            updated_at_s=now_s,
        )
        self._paces.put(name, pace, now_s)

    def record_failure(self, name: str, now_s: float) -> None:
        """Take in a call that failed through the target's own fault."""
        old = self._paces.get(name, now_s) or Pace()
        rate = _decayed(old, now_s) * (1 - ALPHA) + ALPHA
        pace = replace(old, failure_rate=rate, samples=old.samples + 1, updated_at_s=now_s)
        self._paces.put(name, pace, now_s)

    def pace(self, name: str, now_s: float) -> Pace | None:
        """Return what is known of a target now, or None."""
        pace = self._paces.get(name, now_s)
        return None if pace is None else replace(pace, failure_rate=_decayed(pace, now_s))

    def paces(self, now_s: float) -> dict[str, Pace]:
        """Return every known target's pace, for status and metrics."""
        return {
            name: replace(pace, failure_rate=_decayed(pace, now_s))
            for name, pace in self._paces.items(now_s)
        }


def _mean(old: float | None, sample: float | None) -> float | None:
    """Move an average towards a sample, where there is one."""
    if sample is None or old is None:
        return old if sample is None else sample
    return old + ALPHA * (sample - old)


def _tokens_per_s(output_tokens: int | None, generating_ms: float) -> float | None:
    """Return the speed of an answer; too short ones say nothing about speed."""
    if not output_tokens or generating_ms < 1.0:
        return None
    return output_tokens / generating_ms * 1000


def _decayed(pace: Pace, now_s: float) -> float:
    """Return the failure rate, halved for each half-life without news."""
    idle_s = max(0.0, now_s - pace.updated_at_s)
    return float(pace.failure_rate * 0.5 ** (idle_s / FAILURE_HALF_LIFE_S))
