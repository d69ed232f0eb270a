"""This module collects what is wrong with a configuration, and what is worth knowing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from router.config.snapshot import Note

_LISTED = 12


@dataclass(slots=True)
class Findings:
    """Problems and notes of one load; the only thing that grows while a file is read.

    Attributes
    ----------
    file : str
        What the paths are in: a file, or ``environment``.
    problems : list of str
        Each ends the load, after all have been found.
    """

    file: str
    problems: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def problem(self, path: str, message: str) -> None:
        """Add what makes the configuration unusable; `message` says the remedy."""
        self.problems.append(
            f"{self.file}: {path}: {message}" if path else f"{self.file}: {message}"
        )

    def note(
        self, level: Literal["info", "unused", "warning", "error"], path: str, message: str
    ) -> None:
        """Add what an operator should know."""
        self.notes.append(Note(level, path, message))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint at the nearest of the known words, or at all of them if few.

    Examples
    --------
    >>> did_you_mean("gpt-4x", ["gpt-4o", "claude-sonnet-4"])
    '; did you mean "gpt-4o"?'
    >>> did_you_mean("zzz", ["low", "high"])
    '; known: high, low'
    """
    words = sorted(set(known))
    near = get_close_matches(word, words, n=1)
    if near:
        return f'; did you mean "{near[0]}"?'
    if 0 < len(words) <= _LISTED:
        return f"; known: {', '.join(words)}"
    return ""
