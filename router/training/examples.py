"""This module reads training data: labelled prompts, and patterns that make more of them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from router.routing.model_file import TASKS

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled prompt.

    Attributes
    ----------
    source : str
        Where it is from; sources are what is left out in turn to measure.
    difficulty : float, optional
        0 to 3 where the row tells it.
    may_train : bool
        Its licence lets us ship weights that were trained on it.
    """

    prompt: str
    task: str
    source: str
    difficulty: float | None = None
    may_train: bool = False


def read_examples(paths: Iterable[Path], seed: int) -> list[Example]:
    """Read ``.jsonl`` files of prompts and ``.json`` files of patterns, in order.

    A JSON line has ``prompt``, ``task`` and ``source``, and may have ``difficulty``. It is
    trained on only where it says ``"train": true``. Prompts that occur twice are kept once.
    """
    seen: set[str] = set()
    examples = []
    for path in paths:
        for example in _patterned(path, seed) if path.suffix == ".json" else _lines(path):
            key = example.prompt.strip()
            if key not in seen:
                seen.add(key)
                examples.append(example)
    return examples


def digest(examples: Iterable[Example]) -> str:
    """Return 12 hex digits that tell data sets apart."""
    state = sha256()
    for example in examples:
        state.update(repr(example).encode())
    return state.hexdigest()[:12]


def _lines(path: Path) -> Iterator[Example]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            if row["task"] not in TASKS:
                raise ValueError(f"{path.name}:{number}: no such task: {row['task']!r}")
            yield Example(
                prompt=row["prompt"],
                task=row["task"],
                source=row["source"],
                difficulty=row.get("difficulty"),
                may_train=row.get("train") is True,
            )


def _patterned(path: Path, seed: int) -> Iterator[Example]:
    book = json.loads(path.read_text(encoding="utf-8"))
    rng = random.Random(seed)  # noqa: S311 - reproducible by intention
    for pattern in book["patterns"]:
        for _ in range(pattern["copies"]):
            yield Example(
                prompt=_filled(pattern["text"], book["slots"], rng),
                task=pattern["task"],
                source=book["source"],
                difficulty=pattern["difficulty"],
                may_train=True,
            )


def _filled(text: str, slots: Mapping[str, Any], rng: random.Random) -> str:
    """Return a pattern with a random word in each slot; other braces stay as they are."""
    return _SLOT.sub(lambda slot: rng.choice(slots.get(slot[1], [slot[0]])), text)
