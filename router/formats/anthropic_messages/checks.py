"""This module checks the fields of a client's request, and says which one is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.errors import InvalidRequest


def mapping_at(value: Any, path: str) -> Mapping[str, Any]:
    """Return an object, or raise `InvalidRequest`."""
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{path} must be an object", param=path)
    return value


def list_at(value: Any, path: str) -> list[Any]:
    """Return a list, or raise `InvalidRequest`."""
    if not isinstance(value, list):
        raise InvalidRequest(f"{path} must be a list", param=path)
    return value


def text_at(value: Any, path: str) -> str:
    """Return a string, or raise `InvalidRequest`."""
    if not isinstance(value, str):
        raise InvalidRequest(f"{path} must be a string", param=path)
    return value


def optional_text(value: Any, path: str) -> str | None:
    """Return a string or None, or raise `InvalidRequest`."""
    return None if value is None else text_at(value, path)


def optional_bool(value: Any, path: str) -> bool | None:
    """Return a boolean or None, or raise `InvalidRequest`."""
    if value is not None and not isinstance(value, bool):
        raise InvalidRequest(f"{path} must be true or false", param=path)
    return value


def optional_number(value: Any, path: str) -> float | None:
    """Return a number or None, or raise `InvalidRequest`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidRequest(f"{path} must be a number", param=path)
    return value


def optional_int(value: Any, path: str, minimum: int = 1) -> int | None:
    """Return an integer of at least `minimum` or None, or raise `InvalidRequest`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise InvalidRequest(f"{path} must be an integer of at least {minimum}", param=path)
    return value


def optional_mapping(value: Any, path: str) -> Mapping[str, Any] | None:
    """Return an object or None, or raise `InvalidRequest`."""
    return None if value is None else mapping_at(value, path)
