"""This module is the recipe: weights of sources, penalties, cuts, and bytes for the file.

The numbers were chosen by leaving sources out in turn, see docs/auto-routing.md.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np

from router.routing.features import BUCKETS, LAYOUT, STRUCTURE, Features, extract
from router.routing.linear import HIGHEST_RAW, LinearModel
from router.routing.model_file import TASKS, Header, Model
from router.routing.question import spoken
from router.training.examples import Example, digest
from router.training.fit import Floats, fit_numbers, fit_tasks, sparse

OWN, PATTERNS = "own", "patterns"

_OWN_WEIGHT, _PATTERN_WEIGHT = 6.0, 1.0
_OWN_DIFFICULTY_WEIGHT, _PATTERN_DIFFICULTY_WEIGHT = 3.0, 0.5
_TASK_PENALTY, _DIFFICULTY_PENALTY = 0.2, 3.0
_NO_CUTS = (0.0, 0.25, 0.5, 0.75, HIGHEST_RAW)
_FOLDS = 5


def read_text(prompt: str) -> str:
    """Return what the judge would read of a prompt."""
    return spoken(prompt) or prompt[:100]


def train(examples: Sequence[Example], *, calibrated: bool = True) -> Model:
    """Return the model of the examples that may be trained on.

    Calibration (the cuts) takes five further fits; tasks do not depend on it.
    """
    chosen = [e for e in examples if e.may_train]
    features = [extract(read_text(e.prompt)) for e in chosen]
    cuts = _cuts(chosen, features) if calibrated else _NO_CUTS
    return _fitted(chosen, features, cuts, digest(chosen))


def _fitted(
    examples: Sequence[Example],
    features: Sequence[Features],
    cuts: tuple[float, ...],
    data: str,
) -> Model:
    matrix = sparse(features)
    labels = np.array([TASKS.index(e.task) for e in examples])
    tasks, task_bias = fit_tasks(
        matrix, labels, source_weights(examples), len(TASKS), _TASK_PENALTY
    )
    table = np.zeros((BUCKETS + len(STRUCTURE), len(TASKS) + 1))
    table[matrix.columns, : len(TASKS)] = tasks
    graded = [i for i, e in enumerate(examples) if e.difficulty is not None]
    grades = sparse([features[i] for i in graded])
    wanted = np.array([float(examples[i].difficulty or 0) for i in graded])
    share = np.array([_grade_weight(examples[i].source) for i in graded])
    difficulty, bias = fit_numbers(grades, wanted, share, _DIFFICULTY_PENALTY)
    table[grades.columns, len(TASKS)] = difficulty[:, 0]
    return _quantised(table, np.concatenate([task_bias, bias]), cuts, data)


def source_weights(examples: Sequence[Example]) -> Floats:
    """Return each example's weight, 1 on average.

    A source weighs as the square root of its size, so that large ones do not rule; what
    we wrote ourselves weighs more, being nearest to what people type.
    """
    sizes = Counter(e.source for e in examples)
    others = [e for e in examples if e.source not in (OWN, PATTERNS)]
    total = sum(sizes[e.source] ** -0.5 for e in others)
    unit = len(others) / total if others else 1.0
    fixed = {OWN: _OWN_WEIGHT, PATTERNS: _PATTERN_WEIGHT}
    weights = np.array([fixed.get(e.source, unit * sizes[e.source] ** -0.5) for e in examples])
    scaled: Floats = weights * (len(weights) / weights.sum())
    return scaled


def _grade_weight(source: str) -> float:
    return _PATTERN_DIFFICULTY_WEIGHT if source == PATTERNS else _OWN_DIFFICULTY_WEIGHT


def _quantised(table: Floats, bias: Floats, cuts: tuple[float, ...], data: str) -> Model:
    hashed, facts = table[:BUCKETS], table[BUCKETS:]
    row_steps, fact_steps = _steps(hashed), _steps(facts)
    row_bytes = np.rint(hashed / row_steps).astype(np.int8)
    fact_bytes = np.rint(facts / fact_steps).astype(np.int8)
    used = np.flatnonzero(row_bytes.any(axis=1))
    header = Header(LAYOUT, _rounded(bias), _rounded(row_steps), _rounded(fact_steps), cuts, data)
    return Model(
        header,
        array("I", used.tolist()),
        [array("b", row_bytes[used, k].tolist()) for k in range(table.shape[1])],
        [array("b", fact_bytes[:, k].tolist()) for k in range(table.shape[1])],
    )


def _steps(weights: Floats) -> Floats:
    """Return the size of a byte's step per output; the largest weight becomes ±127."""
    steps: Floats = np.maximum(np.abs(weights).max(axis=0), 1e-9) / 127
    return steps


def _rounded(numbers: Floats) -> tuple[float, ...]:
    return tuple(float(f"{x:.6g}") for x in numbers)


def _cuts(examples: Sequence[Example], features: Sequence[Features]) -> tuple[float, ...]:
    """Return cuts above which as many of our own prompts score as are labelled harder.

    Each prompt is judged by a model that did not see it, so that learning by heart does
    not move the cuts.
    """
    raws: list[float] = []
    grades: list[float] = []
    for fold in range(_FOLDS):
        held = [e.source == OWN and i % _FOLDS == fold for i, e in enumerate(examples)]
        kept = [i for i, out in enumerate(held) if not out]
        part = _fitted([examples[i] for i in kept], [features[i] for i in kept], _NO_CUTS, "")
        model = LinearModel(part)
        for i in (i for i, out in enumerate(held) if out):
            raws.append(model.weigh(features[i], len(read_text(examples[i].prompt))).raw)
            grades.append(examples[i].difficulty or 0.0)
    highest_first = sorted(raws, reverse=True)
    inner = [highest_first[sum(g > level for g in grades)] for level in (2, 1, 0)]
    return (0.0, *(round(cut, 4) for cut in reversed(inner)), round(HIGHEST_RAW, 4))
