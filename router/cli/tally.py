"""This module counts what another configuration would change."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(slots=True)
class Change:
    """Requests that go from one model to another.

    Attributes
    ----------
    before_usd, after_usd : Decimal
        Sums over the `priced` requests, whose cost is known on both sides.
    """

    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    priced: int = 0
    before_usd: Decimal = Decimal(0)
    after_usd: Decimal = Decimal(0)

    def add(self, kind: str, before_usd: Decimal | None, after_usd: Decimal | None) -> None:
        """Count one request of a kind (``task/complexity``)."""
        self.count += 1
        self.kinds[kind] += 1
        if before_usd is not None and after_usd is not None:
            self.priced += 1
            self.before_usd += before_usd
            self.after_usd += after_usd


@dataclass(slots=True)
class Tally:
    """What a replay found.

    Attributes
    ----------
    routes : dict of (str, str) to Change
        From model, to model; equal where nothing changes.
    not_replayed : Counter
        Why -> how many.
    first_ms, last_ms : int, optional
        When the first and the last decision were made, since the epoch.
    """

    routes: dict[tuple[str, str], Change] = field(default_factory=dict)
    not_replayed: Counter[str] = field(default_factory=Counter)
    first_ms: int | None = None
    last_ms: int | None = None

    @property
    def replayed(self) -> int:
        """Requests that were decided again."""
        return sum(change.count for change in self.routes.values())

    @property
    def changed(self) -> int:
        """Requests that would go elsewhere."""
        return sum(change.count for (old, new), change in self.routes.items() if old != new)

    @property
    def total(self) -> Change:
        """All requests together."""
        total = Change()
        for change in self.routes.values():
            total.count += change.count
            total.priced += change.priced
            total.before_usd += change.before_usd
            total.after_usd += change.after_usd
        return total
