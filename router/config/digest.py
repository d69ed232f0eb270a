"""This module gives a configuration its name: a digest of all that it does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

from router.canonical.secret import Secret
from router.config.snapshot import AuditSettings, Snapshot
from router.providers.base import Target

# What says where a configuration lies, or what is to be said of it, not what it does.
_LEFT_OUT = frozenset({"digest", "source", "notes", "state_dir"})
_DIGITS = 12


def digest_of(snapshot: Snapshot) -> str:
    """Return 12 hex digits over everything compiled, secrets by their hashes.

    Equal configurations have equal digests on every worker and host; order counts.
    """
    parts = {
        field.name: _plain(getattr(snapshot, field.name))
        for field in fields(snapshot)
        if field.name not in _LEFT_OUT
    }
    text = json.dumps(parts, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it, the same for equal values."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Secret():
            return hashlib.sha256(value.value.encode("utf-8", "surrogateescape")).hexdigest()
        case bytes():
            return value.hex()
        case Target():
            # Its account stands under `accounts` already.
            rest = (field.name for field in fields(value) if field.name != "account")
            return [value.account.name, *(_plain(getattr(value, name)) for name in rest)]
        case AuditSettings():
            # Where the file lies is each host's own affair.
            return [value.enabled, value.content]
        case Mapping():
            return [[_plain(key), _plain(item)] for key, item in value.items()]
        case frozenset() | set():
            return sorted(str(item) for item in value)
        case tuple() | list():
            return [_plain(item) for item in value]
        case Decimal():
            return str(value)
    if is_dataclass(value):
        return [_plain(getattr(value, field.name)) for field in fields(value)]
    return str(value)
