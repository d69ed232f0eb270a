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
    speaks_for_users : bool
        Its headers are believed where they name the person who asks.
    key_name : str
        The key's name where `id` names a person; empty where it is `id`.
    """

    id: str
    method: Literal["key", "jwt", "open"]
    models: tuple[str, ...] = ()
    is_admin: bool = False
    speaks_for_users: bool = False
    key_name: str = ""
