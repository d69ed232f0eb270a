"""This module remembers which targets asked to be left alone (429), and until when."""

from __future__ import annotations

from router.state.store import TtlMap

MAX_COOLDOWN_S = 3600.0
"""A provider may name tomorrow; an operator who tops up an account should not wait so long."""


class Cooldowns:
    """Targets put aside, by `Target.name`."""

    def __init__(self, max_targets: int = 4096) -> None:
        self._until_s: TtlMap[str, float] = TtlMap(max_targets, MAX_COOLDOWN_S)

    def put_aside(self, name: str, wait_s: float, now_s: float) -> float:
        """Leave a target alone for `wait_s`; a longer wait that already runs is kept.

        Returns
        -------
        float
            Seconds from now until the target is used again, at most `MAX_COOLDOWN_S`.

        Examples
        --------
        >>> cooldowns = Cooldowns()
        >>> cooldowns.put_aside("eu:gpt", 30.0, now_s=100.0)
        30.0
        >>> cooldowns.wait_s("eu:gpt", now_s=110.0)
        20.0
        """
        until_s = now_s + min(max(wait_s, 0.0), MAX_COOLDOWN_S)
        until_s = max(until_s, self._until_s.get(name, now_s) or 0.0)
        self._until_s.put(name, until_s, now_s)
        return until_s - now_s

    def wait_s(self, name: str, now_s: float) -> float | None:
        """Return the seconds left, or None where the target may be used."""
        until_s = self._until_s.get(name, now_s)
        if until_s is None or until_s <= now_s:
            return None
        return until_s - now_s

    def waits(self, now_s: float) -> dict[str, float]:
        """Return every target put aside, and its seconds left: for status and metrics."""
        return {
            name: until_s - now_s for name, until_s in self._until_s.items(now_s) if until_s > now_s
        }

    def lift(self, name: str) -> None:
        """Use a target again at once."""
        self._until_s.discard(name)
