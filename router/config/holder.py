"""This module holds the configuration that is in force, and swaps it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from router.config.snapshot import Snapshot
from router.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SwapResult:
    """What became of a swap.

    Attributes
    ----------
    changed : bool
        Another configuration is in force than before.
    error : ConfigError, optional
        Why the old one stays.
    """

    changed: bool
    error: ConfigError | None = None


class SnapshotHolder:
    """The one place that knows which snapshot is current.

    Reading and replacing `current` is one attribute access each, so no lock is needed.

    Parameters
    ----------
    load : callable
        Returns a freshly compiled snapshot, or raises `ConfigError`; also called here,
        for the first one.
    """

    __slots__ = ("_load", "current")

    def __init__(self, load: Callable[[], Snapshot]) -> None:
        self._load = load
        self.current: Snapshot = load()

    def swap(self) -> SwapResult:
        """Compile aside and put the result in force; on any problem the old one stays."""
        try:
            fresh = self._load()
        except ConfigError as error:
            return SwapResult(False, error)
        # Discovered models and notes are not in the digest, so the fresh one is always taken.
        changed = fresh.digest != self.current.digest
        self.current = fresh
        return SwapResult(changed)
