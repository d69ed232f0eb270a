"""This module weighs a text's features with the trained model, in plain Python.

The outputs of a row are packed into one integer, 24 bits each, so that one addition adds
them all: `sum` over a few hundred integers is the whole of the arithmetic. A lane holds
a sum of 2,900 bytes at most (|sum| < 2^19), so no lane spills into its neighbour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log, sqrt

from router.routing.features import BUCKETS, CHOICES, STRUCTURE, Features
from router.routing.model_file import OUTPUTS, TASKS, Header, Model

FACT_SCALE = 1 / 8
"""Value of a structural fact that holds; a word's is 1/√(words), a pair's likewise."""

_LANE_BITS = 24
_HALF = 1 << (_LANE_BITS - 1)
_LANE = (1 << _LANE_BITS) - 1

_LENGTH_WEIGHT, _TASK_WEIGHT, _DIFFICULTY_WEIGHT = 0.4, 0.45, 0.7
_EASIEST, _HARDEST = 0.45, 1.95
"""Where the learnt difficulty ends in practice; ridge regression keeps off 0 and 3."""
_CHOICES_SHARE = 0.25
HIGHEST_RAW = _LENGTH_WEIGHT + _TASK_WEIGHT + _DIFFICULTY_WEIGHT
_SHORT_CHARS, _LONG_CHARS, _PASTED_CHARS = 20, 1700, 600


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the model says of a text.

    Attributes
    ----------
    p : tuple of float
        Probability of each of `TASKS`.
    difficulty : float
        About 0 to 3, by the labels of the training prompts.
    raw : float
        Raw score; only its order counts.
    score : float
        0 to 1: `raw` on the scale of the header's cuts.
    groups : mapping of str to tuple of float
        What words and pairs as such gave each of `TASKS`, in logits.
    """

    p: tuple[float, ...]
    difficulty: float
    raw: float
    score: float
    groups: Mapping[str, tuple[float, ...]]

    @property
    def task(self) -> str:
        """The likeliest task."""
        return TASKS[max(range(len(TASKS)), key=self.p.__getitem__)]


class LinearModel:
    """The trained weights, ready for use; build it once (some ten milliseconds)."""

    def __init__(self, model: Model) -> None:
        self.header: Header = model.header
        self._table = _packed_table(model)
        self._facts = _packed(model.fact_weights)
        self._row_lanes = model.header.row_steps
        self._fact_lanes = [FACT_SCALE * step for step in model.header.fact_steps]
        self._fact_weights = [
            [weight * step for weight in weights]
            for weights, step in zip(model.fact_weights, self._fact_lanes, strict=True)
        ]

    def weigh(self, features: Features, chars: int) -> Opinion:
        """Return the model's opinion; `chars` is the length of the text that was read."""
        words, pairs = self._share(features.words), self._share(features.pairs)
        facts = _lanes(sum(map(self._facts.__getitem__, features.structure)))
        out = [
            bias + word + pair + fact * step
            for bias, word, pair, fact, step in zip(
                self.header.bias, words, pairs, facts, self._fact_lanes, strict=True
            )
        ]
        p = softmax(out[: len(TASKS)])
        raw = raw_score(p, out[-1], chars, choices=CHOICES in features.structure)
        groups = {"words": tuple(words), "pairs": tuple(pairs)}
        return Opinion(p, out[-1], raw, scaled(raw, self.header.cuts), groups)

    def facts(self, features: Features, task: str) -> dict[str, float]:
        """Return the structural facts that hold and their weights for a task, in logits."""
        weights = self._fact_weights[TASKS.index(task)]
        return {STRUCTURE[i]: weights[i] for i in features.structure}

    def row_weight(self, row: int, task: str) -> float:
        """Return the weight of a row of the hashed table for a task, before its share."""
        lane = TASKS.index(task)
        return _lanes(self._table[row])[lane] * self._row_lanes[lane]

    def _share(self, rows: Sequence[int]) -> list[float]:
        """Return what a group of hashed rows gives each output."""
        share = 1 / sqrt(len(rows) or 1)
        total = _lanes(sum(map(self._table.__getitem__, rows)))
        return [lane * step * share for lane, step in zip(total, self._row_lanes, strict=True)]


def softmax(logits: Sequence[float]) -> tuple[float, ...]:
    """Return probabilities.

    Examples
    --------
    >>> softmax([0.0, 0.0])
    (0.5, 0.5)
    """
    top = max(logits)
    powers = [exp(x - top) for x in logits]
    total = sum(powers)
    return tuple(x / total for x in powers)


def raw_score(p: Sequence[float], difficulty: float, chars: int, *, choices: bool) -> float:
    """Return how much a text needs a strong model; only the order means something.

    Three things count: the difficulty that was learnt; being code or reasoning, where
    strong models gain most (but not where the answer is picked from choices: there the
    length of the case tells more); and length, up to what one writes rather than pastes.
    """
    length = _PASTED_CHARS if chars >= _LONG_CHARS else max(chars, _SHORT_CHARS)
    written = log(length / _SHORT_CHARS) / log(_LONG_CHARS / _SHORT_CHARS)
    learnt = min(max((difficulty - _EASIEST) / (_HARDEST - _EASIEST), 0.0), 1.0)
    if choices:
        return _LENGTH_WEIGHT * written + _CHOICES_SHARE * _DIFFICULTY_WEIGHT * learnt
    return _LENGTH_WEIGHT * written + _TASK_WEIGHT * (p[0] + p[1]) + _DIFFICULTY_WEIGHT * learnt


def scaled(raw: float, cuts: Sequence[float]) -> float:
    """Return a raw score on the scale 0 to 1 whose quarters end at `cuts`.

    Examples
    --------
    >>> scaled(0.5, (0.0, 0.2, 0.4, 0.6, 1.0))
    0.625
    >>> scaled(7.0, (0.0, 0.2, 0.4, 0.6, 1.0))
    1.0
    """
    if raw <= cuts[0]:
        return 0.0
    for i, (low, high) in enumerate(pairwise(cuts)):
        if raw < high:
            return (i + (raw - low) / (high - low)) / (len(cuts) - 1)
    return 1.0


def _packed(lanes: Sequence[Sequence[int]]) -> list[int]:
    """Return one integer per row from one sequence per output."""
    return [
        a + (b << 24) + (c << 48) + (d << 72) + (e << 96)
        for a, b, c, d, e in zip(*lanes, strict=True)
    ]


def _packed_table(model: Model) -> list[int]:
    table = [0] * BUCKETS
    for row, weights in zip(model.rows, _packed(model.row_weights), strict=True):
        table[row] = weights
    return table


def _lanes(total: int) -> list[int]:
    """Return the outputs of a packed sum."""
    lanes = []
    for _ in OUTPUTS:
        low = ((total & _LANE) ^ _HALF) - _HALF
        lanes.append(low)
        total = (total - low) >> _LANE_BITS
    return lanes
