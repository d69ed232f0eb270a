"""This module says who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller, as authentication found it.

    Attributes
    ----------
    id : str
        Stable and harmless to log: a key's name or digest prefix, a JWT subject,
        ``local`` where no auth is configured.
    models : tuple of str
        Globs of the models it may use; empty means all.
    is_admin : bool
        May call ``/admin/*``.
    """

    id: str
    method: Literal["key", "jwt", "open"]
    models: tuple[str, ...] = ()
    is_admin: bool = False
