"""This module writes a record as one line of strict JSON, whatever is in it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

# Dataclasses are not taken apart: a `Secret` inside would show its value.
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
# orjson escapes C0 only. DEL and C1 can drive a terminal; U+0085, U+2028 and U+2029 are
# line ends to some readers; the bidi controls make a line read as another.
_TROUBLE = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
_MAX_DEPTH = 20


def encode_line(record: Mapping[str, Any]) -> bytes:
    r"""Return a record as one line, its newline included.

    NaN and infinities become null, unknown objects their ``str``, lone surrogates
    U+FFFD, integers beyond 64 bits hexadecimal text; what lies deeper than 20 levels may
    be left out. Nothing in a value can end the line or move a terminal's cursor.

    Examples
    --------
    >>> encode_line({"a": float("nan"), "b": "x\u2028y"})
    b'{"a":null,"b":"x\\u2028y"}\n'
    """
    try:
        line = orjson.dumps(record, default=_simpler, option=_OPTIONS)
    except (TypeError, ValueError, RecursionError):
        line = _encode_plainly(record)
    if not line.isascii() or b"\x7f" in line:
        line = _TROUBLE.sub(_escape, line)
    return line + b"\n"


def _simpler(value: object) -> Any:
    """What orjson does not know, as something it does."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return str(value)


def _escape(match: re.Match[bytes]) -> bytes:
    """A character as JSON's escape of it."""
    return b"\\u%04x" % ord(match[0].decode())


def _encode_plainly(record: Mapping[str, Any]) -> bytes:
    """For what orjson refuses: surrogates, huge integers, strange objects, great depth."""
    return json.dumps(_plain(record, 0), allow_nan=False, separators=(",", ":")).encode()


def _plain(value: object, depth: int) -> Any:
    """`value` in types and characters that JSON has."""
    match value:
        case None | bool():
            return value
        case int():
            return int(value) if -(2**63) <= value < 2**64 else hex(value)
        case float():
            return float(value) if math.isfinite(value) else None
        case str():
            return _text(value)
        case Mapping() if depth < _MAX_DEPTH:
            return {_text(str(key)): _plain(item, depth + 1) for key, item in value.items()}
        case list() | tuple() if depth < _MAX_DEPTH:
            return [_plain(item, depth + 1) for item in value]
        case Mapping() | list() | tuple():
            return "…"
        case set() | frozenset():
            return [_text(str(item)) for item in value]
        case _:
            return _text(str(value))


def _text(value: str) -> str:
    """Surrogate pairs joined, lone ones replaced."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
