"""This module reads a client's JSON with its types checked and the offending path told.

A field that is absent or null reads as None. Every function raises `InvalidRequest`
whose ``param`` is the field's path, as ``input[3].content[0].type``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from router.errors import InvalidRequest
from router.formats.openai_responses.vocabulary import JsonObject


def wrong(path: str, expected: str, value: object = None) -> InvalidRequest:
    """Return the error for a field; the value's type is named, never the value.

    Examples
    --------
    >>> wrong("input", "a string or a list", 3).message
    '"input" must be a string or a list, not an integer'
    """
    found = "missing" if value is None else f"not {_TYPE_NAMES.get(type(value), 'this type')}"
    joint = ", and is " if value is None else ", "
    return InvalidRequest(f'"{path}" must be {expected}{joint}{found}', param=path)


def below(path: str, key: str) -> str:
    """Return the path of a field of the object at `path`; the body's own path is empty."""
    return f"{path}.{key}" if path else key


def string(owner: JsonObject, key: str, path: str = "") -> str | None:
    """Return a string."""
    value = owner.get(key)
    if value is None or isinstance(value, str):
        return value
    raise wrong(below(path, key), "a string", value)


def required_string(owner: JsonObject, key: str, path: str = "", *, empty: bool = True) -> str:
    """Return a string that must be there; `empty` False refuses ``""`` too."""
    value = string(owner, key, path)
    if value is None or not (value or empty):
        raise wrong(below(path, key), "a string" if empty else "a string that is not empty")
    return value


def boolean(owner: JsonObject, key: str, path: str = "") -> bool | None:
    """Return a boolean."""
    value = owner.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise wrong(below(path, key), "a boolean", value)


def number(owner: JsonObject, key: str, path: str = "") -> float | None:
    """Return a number."""
    value = owner.get(key)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise wrong(below(path, key), "a number", value)


def count(owner: JsonObject, key: str, path: str = "", *, minimum: int = 0) -> int | None:
    """Return an integer of at least `minimum`."""
    value = owner.get(key)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= minimum:
        return value
    raise wrong(below(path, key), f"an integer of at least {minimum}", value)


def mapping(owner: JsonObject, key: str, path: str = "") -> JsonObject | None:
    """Return an object."""
    value = owner.get(key)
    if value is None or isinstance(value, Mapping):
        return value
    raise wrong(below(path, key), "an object", value)


def objects(value: object, path: str) -> Iterator[tuple[str, JsonObject]]:
    """Yield the objects of a list, each with its path; None counts as an empty list."""
    if value is None:
        return
    if not isinstance(value, list | tuple):
        raise wrong(path, "a list", value)
    for position, entry in enumerate(value):
        if not isinstance(entry, Mapping):
            raise wrong(f"{path}[{position}]", "an object", entry)
        yield f"{path}[{position}]", entry


_TYPE_NAMES: Mapping[type[Any], str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "an object",
}
