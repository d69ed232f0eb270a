"""This module reads the fields of a client's JSON body, and says which one is wrong.

Null counts as absent. Paths are written as clients know them: ``messages[2].content[0].type``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from router.errors import InvalidRequest

# What a 64-bit JSON writer can say; anything larger could not be forwarded.
_MAX_INT = 2**63 - 1


def join(at: str, key: str) -> str:
    """Return the path of a key inside the object at `at`.

    Examples
    --------
    >>> join("messages[0]", "role"), join("", "model")
    ('messages[0].role', 'model')
    """
    return f"{at}.{key}" if at else key


def wrong(path: str, wanted: str, value: Any) -> InvalidRequest:
    """Return the error for a value of the wrong type; the value itself is not told.

    Examples
    --------
    >>> wrong("stop", "a string", 3).message
    'stop must be a string, not a number'
    """
    return InvalidRequest(f"{path} must be {wanted}, not {_kind(value)}", param=path)


def missing(path: str) -> InvalidRequest:
    """Return the error for a field that must be there."""
    return InvalidRequest(f"{path} is required", param=path)


def mapping(value: Any, path: str) -> Mapping[str, Any]:
    """Return a value that must be an object."""
    if not isinstance(value, Mapping):
        raise wrong(path, "an object", value)
    return value


def sequence(value: Any, path: str) -> Sequence[Any]:
    """Return a value that must be a list."""
    if not isinstance(value, (list, tuple)):
        raise wrong(path, "a list", value)
    return value


def opt_mapping(body: Mapping[str, Any], key: str, at: str = "") -> Mapping[str, Any] | None:
    """Return an object, or None where absent."""
    value = body.get(key)
    return None if value is None else mapping(value, join(at, key))


def opt_sequence(body: Mapping[str, Any], key: str, at: str = "") -> Sequence[Any]:
    """Return a list; empty where absent."""
    value = body.get(key)
    return () if value is None else sequence(value, join(at, key))


def opt_str(body: Mapping[str, Any], key: str, at: str = "") -> str | None:
    """Return a string, or None where absent."""
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise wrong(join(at, key), "a string", value)
    return value


def req_str(body: Mapping[str, Any], key: str, at: str = "") -> str:
    """Return a string that must be there and hold something."""
    value = opt_str(body, key, at)
    if not value:
        raise missing(join(at, key))
    return value


def opt_bool(body: Mapping[str, Any], key: str, at: str = "") -> bool | None:
    """Return true or false, or None where absent."""
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise wrong(join(at, key), "true or false", value)
    return value


def opt_float(body: Mapping[str, Any], key: str, at: str = "") -> float | None:
    """Return a finite number, or None where absent."""
    value = body.get(key)
    if value is None:
        return None
    path = join(at, key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong(path, "a number", value)
    if abs(value) > _MAX_INT or not math.isfinite(value):
        raise InvalidRequest(f"{path} is not a usable number", param=path)
    return value


def opt_int(
    body: Mapping[str, Any], key: str, at: str = "", minimum: int | None = None
) -> int | None:
    """Return a whole number of at least `minimum`, or None where absent."""
    value = opt_float(body, key, at)
    if value is None:
        return None
    path = join(at, key)
    if value != int(value):
        raise InvalidRequest(f"{path} must be a whole number", param=path)
    if minimum is not None and value < minimum:
        raise InvalidRequest(f"{path} must be at least {minimum}", param=path)
    return int(value)


def opt_strings(body: Mapping[str, Any], key: str, at: str = "") -> tuple[str, ...]:
    """Return a list of strings, given as such or as one string; empty where absent."""
    value = body.get(key)
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    path = join(at, key)
    if not isinstance(value, (list, tuple)):
        raise wrong(path, "a string or a list of strings", value)
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise wrong(f"{path}[{index}]", "a string", item)
    return tuple(value)


def _kind(value: Any) -> str:
    """Name a JSON type as its users do."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list() | tuple():
            return "a list"
        case _:
            return "an object"
