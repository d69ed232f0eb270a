"""This module reads fields of a client's body, under either of their names, strictly.

Google's JSON mapping takes ``lowerCamelCase`` and the proto's ``snake_case`` alike
(https://protobuf.dev/programming-guides/json/), and ``null`` as absent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from router.errors import InvalidRequest

_UPPER = re.compile(r"(?<!^)([A-Z])")


@cache
def snake(name: str) -> str:
    """Return the proto's name of a camelCase field.

    Examples
    --------
    >>> snake("maxOutputTokens")
    'max_output_tokens'
    """
    return _UPPER.sub(r"_\1", name).lower()


@cache
def camel(name: str) -> str:
    """Return the JSON name of a snake_case field; other names stay.

    Examples
    --------
    >>> camel("any_of"), camel("anyOf")
    ('anyOf', 'anyOf')
    """
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def either(value: Mapping[str, Any], name: str) -> Any:
    """Return a field under its camelCase or snake_case name, or None."""
    found = value.get(name)
    return value.get(snake(name)) if found is None else found


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of the body, and its path for error messages.

    The readers return None for an absent field and raise `InvalidRequest` with the
    field's path for one of the wrong type.
    """

    value: Mapping[str, Any]
    path: str = ""

    @classmethod
    def of(cls, value: Any, path: str) -> Fields:
        """Return the reader of an object."""
        if not isinstance(value, Mapping):
            raise wrong(path, "an object")
        return cls(value, path)

    def at(self, name: str) -> str:
        """Return the path of a field, as the client spelt it."""
        spelt = snake(name) if name not in self.value and snake(name) in self.value else name
        return f"{self.path}.{spelt}" if self.path else spelt

    def raw(self, name: str) -> Any:
        """Return a field as it is."""
        return either(self.value, name)

    def text(self, name: str) -> str | None:
        """Return a string."""
        found = self.raw(name)
        if found is None or isinstance(found, str):
            return found
        raise wrong(self.at(name), "a string")

    def boolean(self, name: str) -> bool | None:
        """Return a boolean."""
        found = self.raw(name)
        if found is None or isinstance(found, bool):
            return found
        raise wrong(self.at(name), "a boolean")

    def number(self, name: str) -> float | None:
        """Return a number."""
        found = self.raw(name)
        if found is None or (isinstance(found, int | float) and not isinstance(found, bool)):
            return found
        raise wrong(self.at(name), "a number")

    def integer(self, name: str, minimum: int | None = None) -> int | None:
        """Return an integer of at least `minimum`."""
        found = self.number(name)
        if found is None:
            return None
        if found % 1 != 0:  # true of infinity and NaN too
            raise wrong(self.at(name), "an integer")
        if minimum is not None and found < minimum:
            raise wrong(self.at(name), f"at least {minimum}")
        return int(found)

    def object(self, name: str) -> Fields | None:
        """Return the reader of an object."""
        found = self.raw(name)
        return None if found is None else Fields.of(found, self.at(name))

    def list(self, name: str) -> tuple[tuple[Any, str], ...]:
        """Return a list's items with their paths; a lone object counts as a list of one."""
        found = self.raw(name)
        path = self.at(name)
        if found is None:
            return ()
        if isinstance(found, Mapping):
            return ((found, path),)
        if not isinstance(found, list):
            raise wrong(path, "a list")
        return tuple((item, f"{path}[{index}]") for index, item in enumerate(found))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        items = self.list(name)
        for item, path in items:
            if not isinstance(item, str):
                raise wrong(path, "a string")
        return tuple(item for item, _ in items)

    def word(self, name: str, words: Mapping[str, Any]) -> str | None:
        """Return an enum's word in upper case, one of `words`."""
        found = self.text(name)
        if found is None:
            return None
        if found.upper() not in words:
            raise wrong(self.at(name), "one of " + ", ".join(words))
        return found.upper()


def wrong(path: str, expected: str) -> InvalidRequest:
    """Return the error of a field that is not what it must be."""
    return InvalidRequest(f"{path} must be {expected}", param=path)
