"""This module fits the linear model: multinomial logistic and ridge regression, by L-BFGS.

Everything is deterministic: no random start, fixed numbers of steps, sums in one order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.routing.features import BUCKETS, Features
from router.routing.linear import FACT_SCALE

Floats = NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats]]

_STEPS = 120
_MEMORY = 8
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Sparse:
    """A sparse matrix of examples by used columns, sorted by row and by column.

    Attributes
    ----------
    columns : array of int
        Column in the full table of each used column; facts follow the hashed rows.
    """

    shape: tuple[int, int]
    columns: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    value: Floats

    def times(self, weights: Floats) -> Floats:
        """Return the product with `weights` (columns by outputs)."""
        out = np.empty((self.shape[0], weights.shape[1]))
        for k in range(weights.shape[1]):
            out[:, k] = np.bincount(
                self.row, self.value * weights[self.column, k], minlength=self.shape[0]
            )
        return out

    def transposed_times(self, residual: Floats) -> Floats:
        """Return the product of the transpose with `residual` (examples by outputs)."""
        out = np.empty((self.shape[1], residual.shape[1]))
        for k in range(residual.shape[1]):
            out[:, k] = np.bincount(
                self.column, self.value * residual[self.row, k], minlength=self.shape[1]
            )
        return out


def sparse(features: Sequence[Features]) -> Sparse:
    """Return the matrix of some texts' features, valued as the judge values them."""
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for i, text in enumerate(features):
        for group in (text.words, text.pairs):
            rows += [i] * len(group)
            columns += sorted(group)
            values += [len(group) ** -0.5] * len(group) if group else []
        rows += [i] * len(text.structure)
        columns += [BUCKETS + fact for fact in text.structure]
        values += [FACT_SCALE] * len(text.structure)
    used, column = np.unique(np.array(columns, dtype=np.int64), return_inverse=True)
    shape = (len(features), len(used))
    return Sparse(shape, used, np.array(rows, dtype=np.int64), column, np.array(values))


def fit_tasks(
    matrix: Sparse, labels: NDArray[np.int64], weights: Floats, outputs: int, penalty: float
) -> tuple[Floats, Floats]:
    """Return weights (columns by outputs) and biases of a logistic regression."""
    wanted = np.eye(outputs)[labels]

    def objective(x: Floats) -> tuple[float, Floats]:
        table, bias = _unpacked(x, matrix.shape[1], outputs)
        logits = matrix.times(table) + bias
        logits -= logits.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        loss = float((weights * (log_sum[:, 0] - (logits * wanted).sum(axis=1))).sum())
        residual = weights[:, None] * (np.exp(logits - log_sum) - wanted)
        slope = matrix.transposed_times(residual) + penalty * table
        return loss + penalty / 2 * float((table**2).sum()), _packed(slope, residual.sum(axis=0))

    return _unpacked(_lbfgs(objective, (matrix.shape[1] + 1) * outputs), matrix.shape[1], outputs)


def fit_numbers(
    matrix: Sparse, labels: Floats, weights: Floats, penalty: float
) -> tuple[Floats, Floats]:
    """Return weights (columns by 1) and bias (1) of a ridge regression."""

    def objective(x: Floats) -> tuple[float, Floats]:
        table, bias = _unpacked(x, matrix.shape[1], 1)
        error = (matrix.times(table) + bias)[:, 0] - labels
        residual = (weights * error)[:, None]
        slope = matrix.transposed_times(residual) + penalty * table
        loss = float((weights * error**2).sum() + penalty * (table**2).sum()) / 2
        return loss, _packed(slope, residual.sum(axis=0))

    return _unpacked(_lbfgs(objective, matrix.shape[1] + 1), matrix.shape[1], 1)


def _packed(table: Floats, bias: Floats) -> Floats:
    return np.concatenate([table.ravel(), bias])


def _unpacked(x: Floats, columns: int, outputs: int) -> tuple[Floats, Floats]:
    return x[: columns * outputs].reshape(columns, outputs), x[columns * outputs :]


def _inner(a: Floats, b: Floats) -> float:
    """Return the inner product; not ``dot``, whose order depends on the BLAS."""
    return float((a * b).sum())


def _lbfgs(objective: Objective, size: int) -> Floats:
    """Return about the least point of a convex function, from 0 (Nocedal & Wright, 7.2)."""
    x = np.zeros(size)
    value, slope = objective(x)
    history: deque[tuple[Floats, Floats, float]] = deque(maxlen=_MEMORY)
    first = np.sqrt(_inner(slope, slope))
    for _ in range(_STEPS):
        direction = _direction(slope, history)
        fall = _inner(slope, direction)
        step = 1.0 if history else 1.0 / first
        while True:
            new_value, new_slope = objective(x + step * direction)
            if new_value <= value + 1e-4 * step * fall or step < 1e-10:
                break
            step /= 2
        moved, changed = step * direction, new_slope - slope
        x, value, slope = x + moved, new_value, new_slope
        if _inner(moved, changed) > 0:
            history.append((moved, changed, 1 / _inner(moved, changed)))
        if np.sqrt(_inner(slope, slope)) < _TOLERANCE * first:
            break
    return x


def _direction(slope: Floats, history: deque[tuple[Floats, Floats, float]]) -> Floats:
    """Return the direction of search: the two loops over the history."""
    q = -slope
    shares = []
    for moved, changed, scale in reversed(history):
        share = scale * _inner(moved, q)
        shares.append(share)
        q = q - share * changed
    if history:
        moved, changed, scale = history[-1]
        q = q / (scale * _inner(changed, changed))
    for (moved, changed, scale), share in zip(history, reversed(shares), strict=True):
        q = q + (share - scale * _inner(changed, q)) * moved
    return q
