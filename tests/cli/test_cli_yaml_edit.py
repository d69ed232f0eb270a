from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from router.cli.yaml_edit import CannotEdit, append_item, set_value, value_at

FILE = """\
# head
default_model: a   # the default

models:            # known
  a: {}
  b: {id: "b:1"}   # inline

  # c is slow
  c:
    tier: low

# credentials
accounts:
  - name: one      # first
    models:
      - a
      - b          # second model

      # trailing, inside
  - {name: two, models: [c]}

# what auto does
task_routes:
    general:
        low: a     # cheap
        high: [a, b]
    coding: {default: c}
fallback_models:
- a   # one
- b   # two

# after the list
empty:
none: {}   # nothing yet
"""


def comments(text: str) -> list[str]:
    return [line[line.index("#") :] for line in text.splitlines() if "#" in line]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("default_model",), "b"),
        (("default_model",), "needs: quotes"),
        (("default_model",), "on"),
        (("default_model",), ""),
        (("default_model",), None),
        (("models", "d"), {}),
        (("models", "provider/d"), {"tier": "low", "price": {"input": 0.5}}),
        (("models", "a", "tier"), "low"),
        (("models", "b", "tier"), "low"),
        (("models", "c", "name"), "C"),
        (("accounts", 0, "enabled"), False),
        (("accounts", 0, "quirks", "drop"), ["x", "y, z"]),
        (("accounts", 1, "enabled"), True),
        (("accounts", 1, "headers", "x-a"), "1"),
        (("task_routes", "general", "low"), ["a", "c"]),
        (("task_routes", "general", "high"), ["c"]),
        (("task_routes", "general", "xhigh"), ["c"]),
        (("task_routes", "coding", "high"), ["a"]),
        (("task_routes", "thinking", "high"), ["a"]),
        (("fallback_models",), ["b", "a", "c"]),
        (("empty", "x"), 1),
        (("empty",), ["a"]),
        (("none", "x"), 1.5),
        (("none",), {"x": {"y": "z"}}),
        (("new", "x", "y"), -4.0),
    ],
)
def test_a_value_is_set_and_every_comment_stays(path: Any, value: Any) -> None:
    changed = set_value(FILE, path, value)
    assert value_at(yaml.safe_load(changed), path) == value
    assert sorted(comments(changed)) == sorted(comments(FILE))
    before, after = FILE.splitlines(), changed.splitlines()
    untouched = sum(line in after for line in before)
    assert untouched >= len(before) - (2 if path == ("fallback_models",) else 1)


@pytest.mark.parametrize(
    ("path", "item", "line", "after"),
    [
        (("fallback_models",), "c", "- c", "- b   # two"),
        (("accounts", 0, "models"), "c", "      - c", "      - b          # second model"),
        (("accounts",), {"name": "three"}, "  - name: three", "  - {name: two, models: [c]}"),
    ],
)
def test_an_item_follows_the_last_one_before_the_comments_of_what_comes_next(
    path: Any, item: Any, line: str, after: str
) -> None:
    lines = append_item(FILE, path, item).splitlines()
    assert lines[lines.index(after) + 1] == line
    assert comments("\n".join(lines)) == comments(FILE)


def test_an_item_joins_a_list_in_brackets() -> None:
    assert "models: [c, d]}" in append_item(FILE, ("accounts", 1, "models"), "d")


def test_a_list_that_is_not_there_is_begun() -> None:
    assert append_item("a: 1", ("b", "c"), "x") == "a: 1\nb:\n  c: [x]\n"


def test_a_replaced_list_keeps_the_lines_of_the_items_that_stay() -> None:
    changed = set_value(FILE, ("fallback_models",), ["c", "b"])
    assert "fallback_models:\n- c\n- b   # two\n\n# after the list\n" in changed


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: 1\n", ("a", "b")),
        ("a: [1]\n", ("a", "b")),
        ("a: {b: 1}\n", ("a", 0)),
        ("a: &x {b: 1}\nc: *x\n", ("c", "b")),
    ],
)
def test_what_cannot_be_edited_is_refused(text: str, path: Any) -> None:
    with pytest.raises(CannotEdit):
        set_value(text, path, 2)


def test_a_list_is_not_made_of_something_else() -> None:
    with pytest.raises(CannotEdit, match=r"a\.b is not a list"):
        append_item("a: {b: c}", ("a", "b"), "d")


KEYS = st.sampled_from(["a", "b", "c/d", "e:f", "on", "1"])
SCALARS = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8),
    st.integers(-9, 9),
    st.booleans(),
    st.none(),
    st.floats(-9, 9),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


@given(
    st.dictionaries(KEYS, VALUES, max_size=4),
    st.lists(KEYS, min_size=1, max_size=3),
    VALUES,
    st.sampled_from([None, False, True]),
)
def test_a_set_value_is_read_back_and_nothing_else_has_changed(
    data: dict[str, Any], path: list[str], value: Any, flow: bool | None
) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, sort_keys=False, allow_unicode=True)
    blocked = any(
        not isinstance(value_at(data, tuple(path[:n])), dict | None) for n in range(1, len(path))
    )
    if blocked:
        with pytest.raises(CannotEdit):
            set_value(text, tuple(path), value)
        return
    read = yaml.safe_load(set_value(text, tuple(path), value))
    assert value_at(read, tuple(path)) == value
    rest = {key: kept for key, kept in data.items() if key != path[0]}
    assert {key: kept for key, kept in read.items() if key != path[0]} == rest
