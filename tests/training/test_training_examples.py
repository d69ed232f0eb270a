import json
from pathlib import Path

import pytest

from router.training.examples import digest, read_examples

ROOT = Path(__file__).parents[2] / "training"


def rows(path: Path, *lines: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_only_rows_that_say_so_may_be_trained_on(tmp_path: Path) -> None:
    row = {"prompt": "a", "task": "general", "source": "s"}
    path = rows(
        tmp_path / "x.jsonl", row, row | {"prompt": "b", "train": True}, row | {"train": False}
    )
    assert [(e.prompt, e.may_train) for e in read_examples([path], 7)] == [
        ("a", False),
        ("b", True),
    ]


def test_an_unknown_task_is_named_with_its_line(tmp_path: Path) -> None:
    path = rows(tmp_path / "x.jsonl", {"prompt": "a", "task": "cooking", "source": "s"})
    with pytest.raises(ValueError, match=r"x\.jsonl:1: .*cooking"):
        read_examples([path], 7)


def test_patterns_are_filled_the_same_way_each_time(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    pattern = {"task": "coding", "difficulty": 1, "copies": 9, "text": "sort {n} in {x} {braces}"}
    slots = {"n": ["1", "2", "3"], "x": ["Go", "C"]}
    path.write_text(json.dumps({"source": "p", "slots": slots, "patterns": [pattern]}))
    first, second = read_examples([path], 7), read_examples([path], 7)
    assert digest(first) == digest(second)
    assert 1 < len(first) <= 6
    assert all(e.prompt.endswith("{braces}") for e in first)


def test_the_projects_own_prompts_are_readable_and_distinct() -> None:
    examples = read_examples([ROOT / "prompts.jsonl", ROOT / "patterns.json"], 7)
    assert len(examples) > 1500
    assert all(e.may_train and e.difficulty is not None for e in examples)
