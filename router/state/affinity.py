"""This module remembers which model a conversation talks to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from router.state.store import TtlMap

AFFINITY_TTL_S = 3600.0
LONGEST_TTL_S = 86_400.0
"""More than a configuration may ask for; what is shared is kept so long at most."""
MAX_CONVERSATIONS = 20_000


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a conversation sits.

    Attributes
    ----------
    target : str
        `Target.name` that answered last: its prompt cache is warm.
    complexity : str
        Of the turn that chose the model.
    used_at_s : float
        When an answer last came, on the clock the caller passes in.
    """

    model: str
    target: str
    complexity: str
    used_at_s: float

    def same_place(self, other: Seat) -> bool:
        """Tell whether two seats differ in nothing but their age."""
        mine = (self.model, self.target, self.complexity)
        return mine == (other.model, other.target, other.complexity)


class Seats(Protocol):
    """Where conversations' seats are looked up."""

    def seat(self, key: str, now_s: float) -> Seat | None:
        """Return where a conversation sits, or None."""
        ...

    def sit(self, key: str, seat: Seat) -> None:
        """Remember a conversation's model, after it answered."""
        ...

    @property
    def failures(self) -> int:
        """Reads and writes of shared stores that failed so far."""
        ...

    def __len__(self) -> int: ...


class Affinities:
    """Seats by conversation key; bounded, and forgotten after `ttl_s` of silence."""

    failures = 0

    def __init__(
        self, max_conversations: int = MAX_CONVERSATIONS, ttl_s: float = AFFINITY_TTL_S
    ) -> None:
        self._seats: TtlMap[str, Seat] = TtlMap(max_conversations, ttl_s)

    def seat(self, key: str, now_s: float) -> Seat | None:
        """Return where a conversation sits, or None."""
        return self._seats.get(key, now_s)

    def sit(self, key: str, seat: Seat) -> None:
        """Remember a conversation's model, after it answered."""
        self._seats.put(key, seat, seat.used_at_s)

    def forget(self, key: str) -> None:
        """Forget a conversation."""
        self._seats.discard(key)

    def __len__(self) -> int:
        return len(self._seats)
