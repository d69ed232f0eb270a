"""This module shows the breakers of this worker in its metrics."""

from __future__ import annotations

import time
from collections.abc import Callable

from router.config.holder import SnapshotHolder
from router.observe.metrics import Metrics
from router.state.health import Health


class BreakerGauges:
    """Copies breakers into gauges; meant to be called every few seconds.

    An open breaker turns half open by the passing of time alone, so requests cannot tell it.
    """

    def __init__(
        self,
        health: Health,
        holder: SnapshotHolder,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._health = health
        self._holder = holder
        self._metrics = metrics
        self._clock = clock
        self._shown: dict[str, tuple[str, str]] = {}

    def show(self) -> None:
        """Tell the state of every breaker that has counted something; the rest is closed."""
        statuses = self._health.breakers.statuses(self._clock())
        if not statuses and not self._shown:
            return
        names = self._names()
        present = {status.name for status in statuses}
        for gone in self._shown.keys() - present:
            self._metrics.set_breaker(*self._shown.pop(gone), "closed")
        for status in statuses:
            if status.name in names:
                self._shown[status.name] = names[status.name]
                self._metrics.set_breaker(*names[status.name], status.state)

    def _names(self) -> dict[str, tuple[str, str]]:
        """Target name -> account and model, of the configuration in force."""
        return {
            target.name: (target.account.name, target.model)
            for targets in self._holder.current.targets.values()
            for target in targets
        }
