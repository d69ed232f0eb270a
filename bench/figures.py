"""This module holds what was measured, and its noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity of the gateway, measured several times; a bare proxy's beside it.

    Attributes
    ----------
    values, bare : sequence of float
        One for each round; the rounds alternate, so values of equal index belong together.
    """

    name: str
    unit: str
    values: Sequence[float]
    bare: Sequence[float] = ()

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def spread_percent(self) -> float | None:
        """Half the range of the rounds, in percent of their median: the machine's noise."""
        if len(self.values) < 2 or not self.value:
            return None
        return 50 * (max(self.values) - min(self.values)) / abs(self.value)

    @property
    def ratio(self) -> float | None:
        """Median of the rounds' ratios to the bare proxy, which noise moves less."""
        pairs = list(zip(self.values, self.bare, strict=False))
        return median(ours / theirs for ours, theirs in pairs if theirs) if pairs else None

    def to_json(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "value": self.value,
            "values": list(self.values),
            "bare": list(self.bare),
            "ratio": self.ratio,
        }
