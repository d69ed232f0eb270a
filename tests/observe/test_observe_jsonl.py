"""Whatever a record holds, it is one line of strict JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.secret import Secret
from router.observe.jsonl import encode_line

ANY_TEXT = st.text(alphabet=st.characters(codec=None, categories=None))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(ANY_TEXT, VALUES, max_size=5))
def test_any_record_is_one_line_of_strict_json(record: dict[str, Any]) -> None:
    line = encode_line(record)
    assert isinstance(orjson.loads(line), dict)
    text = line.decode()
    assert text.splitlines(keepends=True) == [text]
    assert not any(character < " " or "\x7f" <= character < "\xa0" for character in text[:-1])


@given(st.dictionaries(st.text(), st.text() | st.integers(-(2**63), 2**64 - 1), max_size=5))
def test_ordinary_values_come_back_unchanged(record: dict[str, Any]) -> None:
    assert json.loads(encode_line(record)) == record


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (Decimal("0.10"), "0.10"),
        ("\ud83d\ude00 \ud800", "😀 �"),
        (2**70, hex(2**70)),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ({"b", "a"}, ["a", "b"]),
        ("\u202eevil\u2066", "\u202eevil\u2066"),
    ],
)
def test_values_that_json_does_not_know(value: object, expected: object) -> None:
    assert json.loads(encode_line({"v": value})) == {"v": expected}


@pytest.mark.parametrize("separator", ["\n", "\r", "\x0b", "\x1b", "\x7f", "\x85", "\u2028"])
def test_separators_and_controls_are_escaped_also_beside_surrogates(separator: str) -> None:
    for value in (f"a{separator}b", f"a{separator}b\ud800"):
        line = encode_line({"v": value}).decode()
        assert separator not in line[:-1]
        assert json.loads(line)["v"].startswith(f"a{separator}b")


def test_dataclasses_are_never_taken_apart() -> None:
    @dataclass(frozen=True, slots=True)
    class Holder:
        secret: Secret

    line = encode_line({"a": Secret("sk-hidden"), "b": Holder(Secret("sk-hidden"))})
    assert b"sk-hidden" not in line


def test_bottomless_records_end_somewhere() -> None:
    bottomless: list[Any] = []
    bottomless.append(bottomless)
    assert b"\xe2\x80\xa6" in encode_line({"v": bottomless}) or b"\\u2026" in encode_line(
        {"v": bottomless}
    )
