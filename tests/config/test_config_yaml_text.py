from __future__ import annotations

import pytest

from router.config.yaml_text import BadYaml, parse_yaml


def test_keys_that_stand_twice_are_told_by_line() -> None:
    document, twice = parse_yaml("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert document == {"a": {"b": 3, "c": 2}}
    assert twice == ('line 4: the key "b" stands twice; keep one',)


def test_merge_keys_may_be_overridden() -> None:
    text = "base: &b {x: 1, y: 2}\none:\n  <<: *b\n  x: 3\n"
    assert parse_yaml(text) == ({"base": {"x": 1, "y": 2}, "one": {"y": 2, "x": 3}}, ())


@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\x00", "a: 2026-99-99", "- a\nb: 1"])
def test_broken_text_is_told_without_quoting_the_file(text: str) -> None:
    with pytest.raises(BadYaml, match="not YAML") as caught:
        parse_yaml("secret: sk-geheim\n" + text)
    assert "geheim" not in str(caught.value)


def test_nothing_is_constructed_from_tags() -> None:
    with pytest.raises(BadYaml):
        parse_yaml("!!python/object/apply:os.system ['true']")
