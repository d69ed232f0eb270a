"""This module shares conversations' seats among workers: memory first, then what all can read.

Turns of one conversation come one after the other, so of two seats the one used later is
the true one; nothing needs to be locked, and a store that fails is only a store less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from router.state.affinity import LONGEST_TTL_S, MAX_CONVERSATIONS, Seat
from router.state.store import TtlMap

FRESH_S = 1.0
"""How long memory is believed without asking: another worker may move a conversation."""
WRITE_EVERY_S = 60.0
"""A seat that only grows older is written so often at most."""


class SeatStore(Protocol):
    """A place that several workers read and write; never raises, whatever happens to it.

    Seats here are dated in seconds since the epoch: monotonic clocks differ by host.
    """

    def read(self, key: str, epoch_s: float) -> Seat | None:
        """Return a seat; None where there is none, or the store cannot say at once."""
        ...

    def write(self, key: str, seat: Seat, epoch_s: float) -> None:
        """Keep a seat; where the store cannot at once, it is not kept."""
        ...

    @property
    def failures(self) -> int:
        """Reads and writes that failed so far."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    """A seat in memory; times are on the caller's clock."""

    seat: Seat
    checked_at_s: float
    written_at_s: float


class SharedAffinities:
    """Seats by conversation key, in this worker's memory and in shared stores.

    Parameters
    ----------
    stores : sequence of SeatStore
        Asked where memory has no seat, or none of the last second.
    epoch : callable
        Seconds since the epoch.
    """

    def __init__(
        self,
        stores: Sequence[SeatStore],
        epoch: Callable[[], float],
        max_conversations: int = MAX_CONVERSATIONS,
    ) -> None:
        self._stores = stores
        self._epoch = epoch
        self._held: TtlMap[str, _Held] = TtlMap(max_conversations, LONGEST_TTL_S)

    def seat(self, key: str, now_s: float) -> Seat | None:
        """Return where a conversation sits, or None."""
        held = self._held.get(key, now_s)
        if held is not None and now_s - held.checked_at_s < FRESH_S:
            return held.seat
        found = self._newest(key, now_s)
        if found is None or (held is not None and held.seat.used_at_s >= found.used_at_s):
            return None if held is None else held.seat
        # Put under its own age, not under now: reading must not keep a seat alive.
        self._held.put(key, _Held(found, now_s, found.used_at_s), found.used_at_s)
        return found

    def sit(self, key: str, seat: Seat) -> None:
        """Remember a conversation's model, after it answered."""
        now_s = seat.used_at_s
        held = self._held.get(key, now_s)
        written_at_s = now_s
        if (
            held is not None
            and held.seat.same_place(seat)
            and now_s - held.written_at_s < WRITE_EVERY_S
        ):
            written_at_s = held.written_at_s
        else:
            epoch_s = self._epoch()
            for store in self._stores:
                store.write(key, replace(seat, used_at_s=epoch_s), epoch_s)
        self._held.put(key, _Held(seat, now_s, written_at_s), now_s)

    @property
    def failures(self) -> int:
        """Reads and writes of stores that failed so far."""
        return sum(store.failures for store in self._stores)

    def __len__(self) -> int:
        return len(self._held)

    def _newest(self, key: str, now_s: float) -> Seat | None:
        """Return the youngest seat that any store has, dated on the caller's clock."""
        epoch_s = self._epoch()
        found = [seat for store in self._stores if (seat := store.read(key, epoch_s)) is not None]
        if not found:
            return None
        youngest = max(found, key=lambda seat: seat.used_at_s)
        # Another host's clock may be ahead of ours.
        age_s = max(epoch_s - youngest.used_at_s, 0.0)
        return None if age_s >= LONGEST_TTL_S else replace(youngest, used_at_s=now_s - age_s)
