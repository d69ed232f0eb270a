"""This module estimates percentiles of any number of values in a fixed space."""

from __future__ import annotations

import math

_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)
_LOWEST = 1e-3
_HIGHEST = 1e9


class Sketch:
    """A histogram whose buckets grow by 2 %, so that a percentile is off by at most 1 %.

    At most 1,400 buckets, whatever is added; values below 0.001 count as 0.001.

    Examples
    --------
    >>> sketch = Sketch()
    >>> for value in range(1, 1001):
    ...     sketch.add(value)
    >>> abs(sketch.quantile(0.5) - 500) <= 5, sketch.highest
    (True, 1000)
    """

    __slots__ = ("buckets", "count", "highest", "lowest", "total")

    def __init__(self) -> None:
        self.buckets: dict[int, int] = {}
        self.count = 0
        self.total = 0.0
        self.lowest = math.inf
        self.highest = -math.inf

    def add(self, value: float) -> None:
        """Count a value."""
        index = math.ceil(math.log(min(max(value, _LOWEST), _HIGHEST)) / _LOG_GROWTH)
        self.buckets[index] = self.buckets.get(index, 0) + 1
        self.count += 1
        self.total += value
        if value < self.lowest:
            self.lowest = value
        if value > self.highest:
            self.highest = value

    def quantile(self, share: float) -> float:
        """Return the value that this share of all values does not exceed.

        Raises
        ------
        ValueError
            Nothing was added.
        """
        if not self.count:
            raise ValueError("no values")
        rank = max(1, math.ceil(share * self.count))
        seen = 0
        for index in sorted(self.buckets):
            seen += self.buckets[index]
            if seen >= rank:
                # The middle of the bucket; never beyond what was really seen.
                middle = 2 * _GROWTH**index / (1 + _GROWTH)
                return min(max(middle, self.lowest), self.highest)
        return self.highest

    def summary(self) -> dict[str, float] | None:
        """Return count, mean, extremes and percentiles, to a tenth; None without values."""
        if not self.count:
            return None
        told = {
            "avg": self.total / self.count,
            "min": self.lowest,
            "p50": self.quantile(0.5),
            "p95": self.quantile(0.95),
            "p99": self.quantile(0.99),
            "max": self.highest,
        }
        return {"count": self.count, **{name: round(value, 1) for name, value in told.items()}}
