"""The demo account answers what Open-WebUI asks in the background."""

from __future__ import annotations

import json

import pytest

from router.upstream.demo_script import answer

HISTORY = "<chat_history>\nUSER: How do tides work, and why twice a day?\nASSISTANT: …\n"


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ('{ "title": "…" }', {"title": "How do tides work, and"}),
        ('{ "tags": ["…"] }', {"tags": ["Demo"]}),
        ('{ "queries": ["…"] }', {"queries": []}),
    ],
)
def test_a_background_task_gets_its_json(asked: str, answered: dict[str, object]) -> None:
    text = f"### Task:\nDo it.\n### Output:\nJSON format: {asked}\n### Chat History:\n{HISTORY}"
    said = answer({"messages": [{"role": "user", "content": text}]}, "")
    assert json.loads(said.text) == answered


def test_a_person_who_writes_so_is_answered_in_words() -> None:
    said = answer({"messages": [{"role": "user", "content": '### Task:\nExplain "title".'}]}, "")
    assert "demo" in said.text
