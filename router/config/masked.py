"""This module shows a configuration without its secrets, for ``/admin/config`` and ``check``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

from router.canonical.secret import Secret
from router.config.snapshot import ClientKey, Snapshot
from router.providers.base import Account, Target

MASK = "****"
# Keys of free-form parts whose values may be credentials.
_TELLING = re.compile(r"(key|token|secret|password|passwd|authorization|credentials?)$", re.I)


def masked(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot as JSON can hold it; secrets, keys and header values are masked."""
    return {field.name: _shown(getattr(snapshot, field.name)) for field in fields(snapshot)}


def _shown(value: Any) -> Any:
    """Return a value without secrets."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Secret() | bytes():
            return MASK
        case Account():
            return _account(value)
        case Target():
            return _fields(value) | {"account": value.account.name}
        case ClientKey():
            return _fields(value) | {"digest": MASK}
        case Mapping():
            return _mapping(value)
        case frozenset() | set():
            return sorted(str(item) for item in value)
        case tuple() | list():
            return [_shown(item) for item in value]
        case Decimal():
            return str(value)
    return _fields(value) if is_dataclass(value) else str(value)


def _fields(value: Any) -> dict[str, Any]:
    """Return a dataclass's fields."""
    return {field.name: _shown(getattr(value, field.name)) for field in fields(value)}


def _account(account: Account) -> dict[str, Any]:
    """Return an account; its extra headers and its proxy's login may be credentials."""
    shown = _fields(account)
    shown["headers"] = dict.fromkeys(account.headers, MASK)
    if account.proxy:
        shown["proxy"] = re.sub(r"//[^/@]*@", f"//{MASK}@", account.proxy)
    return shown


def _mapping(value: Mapping[Any, Any]) -> Any:
    """Return a mapping; client keys, which are kept by digest, become a list."""
    if any(isinstance(key, bytes) for key in value):
        return [_shown(item) for item in value.values()]
    return {
        str(key): MASK if isinstance(item, str) and _TELLING.search(str(key)) else _shown(item)
        for key, item in value.items()
    }
