"""This module is the building block of what outlives a request: a small map that forgets.

Everything in ``router.state`` lives in one worker's memory. No locks are needed, as no
method does I/O between a read and a write, and greenlets switch only on I/O.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TtlMap(Generic[K, V]):
    """A map with a limit on entries and on their age.

    Names may come from clients (wildcard models, conversation ids), so every map that
    lives longer than a request has both limits. The entry written longest ago goes first.

    Parameters
    ----------
    max_entries : int
        At least 1.
    ttl_s : float
        Age, since the entry was last put, from which it counts as gone.

    Examples
    --------
    >>> seen = TtlMap[str, int](max_entries=2, ttl_s=10.0)
    >>> seen.put("a", 1, now_s=0.0)
    >>> seen.get("a", now_s=9.0), seen.get("a", now_s=10.0)
    (1, None)
    """

    def __init__(self, max_entries: int, ttl_s: float) -> None:
        if max_entries < 1:
            raise ValueError(f"max_entries must be at least 1, not {max_entries}")
        self._max_entries = max_entries
        self._ttl_s = ttl_s
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K, now_s: float) -> V | None:
        """Return the value, or None where there is none or it is too old."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        put_at_s, value = entry
        if now_s - put_at_s >= self._ttl_s:
            del self._entries[key]
            return None
        return value

    def put(self, key: K, value: V, now_s: float) -> None:
        """Store a value, as the youngest entry."""
        self._entries[key] = (now_s, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def discard(self, key: K) -> None:
        """Forget a key, where it is known."""
        self._entries.pop(key, None)

    def items(self, now_s: float) -> Iterator[tuple[K, V]]:
        """Yield what is not too old, oldest first; the map may change meanwhile."""
        for key, (put_at_s, value) in list(self._entries.items()):
            if now_s - put_at_s < self._ttl_s:
                yield key, value

    def __len__(self) -> int:
        return len(self._entries)
