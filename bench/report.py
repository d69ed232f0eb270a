"""This module writes what was measured: a table for people, JSON for the next run."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import Figure

_HEAD = "| | gateway | noise | bare proxy | ratio |\n|---|--:|--:|--:|--:|"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def row(figure: Figure) -> str:
    """Return a figure as a line of the table."""
    spread = figure.spread_percent
    bare = sorted(figure.bare)
    return " | ".join(
        (
            f"| {figure.name}",
            f"{_number(figure.value)} {figure.unit}",
            "" if spread is None else f"±{spread:.0f} %",
            f"{_number(bare[len(bare) // 2])} {figure.unit}" if bare else "",
            f"{_number(figure.ratio)} |" if figure.ratio is not None else "|",
        )
    )


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table."""
    return "\n".join((_HEAD, *map(row, figures)))


def document(figures: Sequence[Figure], bare: str) -> dict[str, Any]:
    """Return the figures and where they come from, for JSON."""
    machine = {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "bare_proxy": bare,
    }
    return {"machine": machine, "figures": {figure.name: figure.to_json() for figure in figures}}


def read(path: Path) -> Mapping[str, Any]:
    """Return the figures of an earlier run."""
    return dict(json.loads(path.read_text())["figures"])


def comparison(old: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    """Return old and new side by side; the bare proxy's change shows the machine's."""
    lines = ["| | old | new | new / old | of the ratios |", "|---|--:|--:|--:|--:|"]
    for figure in figures:
        before = old.get(figure.name)
        if before is None or not before["value"]:
            continue
        changed = figure.value / before["value"]
        ratios = ""
        if figure.ratio is not None and before["ratio"]:
            ratios = f"{figure.ratio / before['ratio']:.2f}"
        values = f"{_number(before['value'])} | {_number(figure.value)} {figure.unit}"
        lines.append(f"| {figure.name} | {values} | {changed:.2f} | {ratios} |")
    return "\n".join(lines)
