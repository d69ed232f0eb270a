"""This module is the command ``python -m router.training``."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from router.routing.features import extract
from router.routing.linear import LinearModel
from router.routing.model_file import TASKS, Model, dump
from router.training.examples import Example, read_examples
from router.training.recipe import OWN, PATTERNS, read_text, train

_SEED = 7


def main(argv: list[str] | None = None) -> int:
    """Train, write the file, and print how well each source is judged."""
    options = _options(argv)
    examples = read_examples(options.data, _SEED)
    model = train(examples)
    options.out.write_bytes(dump(model))
    _say(
        f"{options.out}: {options.out.stat().st_size} bytes, {len(model.rows)} rows, {model.header}"
    )
    _say("Sources never trained on:")
    _report(model, [e for e in examples if not e.may_train])
    if options.leave_one_out:
        _say("Sources left out in turn:")
        for source in sorted({e.source for e in examples if e.may_train} - {OWN, PATTERNS}):
            kept = [e for e in examples if e.source != source]
            without = train(kept, calibrated=False)
            _report(without, [e for e in examples if e.source == source])
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m router.training", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        help="files of prompts (.jsonl) and patterns (.json); rows without train: true are "
        "only measured",
    )
    parser.add_argument("--out", type=Path, required=True, help="the model file to write")
    parser.add_argument(
        "--leave-one-out", action="store_true", help="also train without each source in turn"
    )
    return parser.parse_args(argv)


def _report(model: Model, examples: list[Example]) -> None:
    linear = LinearModel(model)
    right: dict[str, list[bool]] = defaultdict(list)
    per_task: dict[str, dict[str, list[int]]] = defaultdict(
        lambda: {task: [0, 0, 0] for task in TASKS}
    )
    for example in examples:
        text = read_text(example.prompt)
        told = linear.weigh(extract(text), len(text)).task
        right[example.source].append(told == example.task)
        counts = per_task[example.source]
        counts[told][0] += told == example.task
        counts[told][1] += 1
        counts[example.task][2] += 1
    for source, hits in sorted(right.items()):
        _say(
            f"  {source:36s} n={len(hits):5d} accuracy={sum(hits) / len(hits):.3f}"
            f" macro-F1={_macro_f1(per_task[source]):.3f}"
        )


def _macro_f1(counts: dict[str, list[int]]) -> float:
    """Return the mean F1 of the tasks that occur, from (hits, told, labelled)."""
    scores = [2 * hits / (told + is_) for hits, told, is_ in counts.values() if is_]
    return sum(scores) / len(scores) if scores else 0.0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
