"""This module remembers which model a conversation talks to."""

from __future__ import annotations

from dataclasses import dataclass

from router.state.store import TtlMap

AFFINITY_TTL_S = 3600.0
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


class Affinities:
    """Seats by conversation key; bounded, and forgotten after `ttl_s` of silence."""

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
