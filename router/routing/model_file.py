"""This module is the trained model as a file: what is in it, reading and writing it.

One zlib stream: a line of JSON (`Header`, then a line feed), the used rows of the hashed
table as 32-bit little-endian numbers, and for each output one signed byte per used row,
then one per structural fact. A weight is its byte times the header's step.
"""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from router.routing.features import BUCKETS, LAYOUT, STRUCTURE

TASKS = ("coding", "thinking", "instruction_following", "general")
OUTPUTS = (*TASKS, "difficulty")
"""What the model says of a text: a logit per task, and a difficulty from 0 to 3."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a model file says of itself.

    Attributes
    ----------
    layout : int
        `router.routing.features.LAYOUT` at training.
    bias : tuple of float
        One per output.
    row_steps, fact_steps : tuple of float
        One per output: weight of a byte of 1 in the hashed table, and for a fact.
    cuts : tuple of float
        Raw scores, ascending, at which the score is 0, 0.25, 0.5, 0.75 and 1.
    data : str
        Digest of the training data, for the model card.
    """

    layout: int
    bias: tuple[float, ...]
    row_steps: tuple[float, ...]
    fact_steps: tuple[float, ...]
    cuts: tuple[float, ...]
    data: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model as it is stored.

    Attributes
    ----------
    rows : array of unsigned int
        Used rows of the hashed table, ascending.
    row_weights, fact_weights : sequence of array of signed byte
        One array per output; as long as `rows`, and as `STRUCTURE`.
    """

    header: Header
    rows: array[int]
    row_weights: Sequence[array[int]]
    fact_weights: Sequence[array[int]]


def dump(model: Model) -> bytes:
    """Return a model as bytes; equal models give equal bytes."""
    parts = [json.dumps(asdict(model.header), sort_keys=True).encode(), b"\n"]
    parts.append(_little_endian(model.rows).tobytes())
    parts += [lane.tobytes() for lane in (*model.row_weights, *model.fact_weights)]
    return zlib.compress(b"".join(parts), 9)


def load(path: Path) -> Model:
    """Read a model.

    Raises
    ------
    ValueError
        The file is of another layout of features, or damaged.
    """
    try:
        head, _, body = zlib.decompress(path.read_bytes()).partition(b"\n")
        header = _header(json.loads(head))
    except (zlib.error, ValueError, KeyError, TypeError) as exc:
        raise ValueError(f"{path.name}: not a classifier's file: {exc}") from exc
    if header.layout != LAYOUT:
        raise ValueError(f"{path.name}: made for other features; train it again")
    per_row = array("I").itemsize + len(OUTPUTS)
    count, odd = divmod(len(body) - len(OUTPUTS) * len(STRUCTURE), per_row)
    if odd or not 0 <= count <= BUCKETS:
        raise ValueError(f"{path.name}: {len(body)} bytes of weights do not fit")
    rows = array("I", body[: count * array("I").itemsize])
    lanes = _split(body[count * array("I").itemsize :], count, len(STRUCTURE))
    return Model(header, _little_endian(rows), *lanes)


def _split(body: bytes, rows: int, facts: int) -> tuple[list[array[int]], list[array[int]]]:
    lanes = [array("b", body[i * rows : (i + 1) * rows]) for i in range(len(OUTPUTS))]
    rest = body[rows * len(OUTPUTS) :]
    return lanes, [array("b", rest[i * facts : (i + 1) * facts]) for i in range(len(OUTPUTS))]


def _header(fields: dict[str, Any]) -> Header:
    return Header(
        layout=fields["layout"],
        bias=tuple(fields["bias"]),
        row_steps=tuple(fields["row_steps"]),
        fact_steps=tuple(fields["fact_steps"]),
        cuts=tuple(fields["cuts"]),
        data=fields["data"],
    )


def _little_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "little":
        return numbers
    swapped = array(numbers.typecode, numbers)
    swapped.byteswap()
    return swapped
