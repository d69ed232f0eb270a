from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from router.config.snapshot import AffinitySettings, Snapshot

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "routing.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)

M = "models: [m]\naccounts: [{name: a, provider: demo}]\n"


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_loads_and_nothing_of_it_is_unused(
    text: str, load_text: Callable[..., Snapshot]
) -> None:
    snapshot = load_text(text)
    assert snapshot.targets
    assert [note for note in snapshot.notes if note.level in ("unused", "warning")] == []
    assert yaml.safe_load(text)["accounts"]


def test_the_documented_defaults_of_affinity_are_the_defaults(
    load_text: Callable[..., Snapshot],
) -> None:
    documented = next(text for text in EXAMPLES if "affinity" in text)
    assert load_text(documented).affinity == AffinitySettings() == load_text(M).affinity


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("affinity: {ttl: 1}", "affinity.ttl"),
        ("affinity: {ttl_s: 0}", "must be from 1 to 86400"),
        ("affinity: {ttl_s: 1.5}", "affinity.ttl_s"),
        ("rules: [{when: {matches: '('}, then: {task: coding}}]", "is not a regular expression"),
        ("rules: [{then: {account: b}}]", 'no account "b"'),
        ("rules: [{then: {model: mm}}]", 'did you mean "m"'),
        ("rules: [{wen: {}, then: {model: m}}]", "rules[0].wen"),
    ],
)
def test_mistakes_are_refused_with_their_place(
    text: str, problem: str, problems_of: Callable[..., str]
) -> None:
    assert problem in problems_of(M + text)
