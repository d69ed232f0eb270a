"""This module is the view of all state that routing reads: it asks, and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from router.state.breaker import Breakers
from router.state.cooldown import Cooldowns
from router.state.latency import LatencyBook, Pace


@dataclass(frozen=True, slots=True)
class Block:
    """Why a target is not to be called now, and for how much longer."""

    reason: Literal["breaker_open", "cooling_down"]
    wait_s: float


@dataclass(frozen=True, slots=True)
class Health:
    """How targets are, by `Target.name`; with no argument, everything is well.

    Attributes
    ----------
    loaded : dict of str to bool
        For targets of local servers that are asked now and then: whether the model is
        in memory.
    """

    breakers: Breakers = field(default_factory=Breakers)
    cooldowns: Cooldowns = field(default_factory=Cooldowns)
    latency: LatencyBook = field(default_factory=LatencyBook)
    loaded: dict[str, bool] = field(default_factory=dict)

    def block(self, name: str, now_s: float) -> Block | None:
        """Return why a target is left out now, or None; takes no probe slot."""
        wait_s = self.cooldowns.wait_s(name, now_s)
        if wait_s is not None:
            return Block("cooling_down", wait_s)
        wait_s = self.breakers.wait_s(name, now_s)
        return None if wait_s is None else Block("breaker_open", wait_s)

    def is_trusted(self, name: str, now_s: float) -> bool:
        """Tell whether a target's breaker is closed, so that any number may call it."""
        return self.breakers.is_closed(name, now_s)

    def pace(self, name: str, now_s: float) -> Pace | None:
        """Return how fast and reliable a target has been, where known."""
        return self.latency.pace(name, now_s)

    def in_flight(self, name: str) -> int:
        """Return the calls under way at a target."""
        return self.latency.in_flight(name)
