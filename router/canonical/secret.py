"""This module keeps secrets out of ``repr``, logs and tracebacks."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential; ``repr`` and ``str`` hide it.

    Examples
    --------
    >>> Secret("sk-abcdef")
    Secret(****)
    """

    value: str = field(repr=False)

    def __repr__(self) -> str:
        return "Secret(****)"

    __str__ = __repr__
