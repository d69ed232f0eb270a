"""This module measures how cost grows: with the body, messages, tools, models and workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from bench import proc
from bench.cases import Case, case
from bench.figures import Figure
from bench.subjects import Subject
from bench.suites import CLIENTS, Effort, cpu_ms

Start = Callable[[int, int], AbstractContextManager[tuple[Subject, float]]]
"""Starts a gateway with further models, and some workers."""


def _steps() -> Iterator[tuple[str, list[Case]]]:
    """Yield what grows; each step of a row has ten times as much of one thing."""
    yield "body", [case(f"{kib} KiB", "gpt-bench", kib * 1024) for kib in (1, 10, 100, 1000)]
    yield (
        "messages",
        [case(str(n), "gpt-bench", 100_000, messages=n) for n in (10, 100, 1000)],
    )
    yield (
        "messages converted",
        [case(str(n), "claude-bench", 100_000, messages=n) for n in (10, 100, 1000)],
    )
    yield "tools", [case(str(n), "gpt-bench", 800, tools=n) for n in (1, 10, 100)]
    yield "tools converted", [case(str(n), "claude-bench", 800, tools=n) for n in (1, 10, 100)]


def requests(gateway: Subject, effort: Effort) -> Iterator[Figure]:
    """Measure requests that grow."""
    for name, asked in _steps():
        used: dict[str, list[float]] = {step.name: [] for step in asked}
        for _ in range(effort.rounds):
            for step in asked:
                used[step.name].append(cpu_ms(gateway, step, CLIENTS, effort.seconds / 2))
        for step in asked:
            yield Figure(f"slope {name}: {step.name}", "ms", used[step.name])


def configurations(start: Start, effort: Effort) -> Iterator[Figure]:
    """Measure start, memory and requests with more and more models."""
    asked = case("passthrough 1k", "gpt-bench", 800)
    for size in effort.models:
        with start(size, 1) as (gateway, took_s):
            idle_mib = proc.rss_mib(gateway.pids())
            used = [
                cpu_ms(gateway, asked, CLIENTS, effort.seconds) for _ in range(effort.rounds + 1)
            ]
        name = f"{size} models" if size else "3 models"
        yield Figure(f"start, {name}", "s", [took_s])
        yield Figure(f"idle RSS, {name}", "MiB", [idle_mib])
        yield Figure(f"cpu passthrough 1k, {name}", "ms", used[1:])


def workers(start: Start, effort: Effort) -> Iterator[Figure]:
    """Measure what a second worker adds to the cost of a request."""
    asked = case("passthrough 1k", "gpt-bench", 800)
    with start(0, 1) as (one, _), start(0, 2) as (two, _):
        for subject in (one, two):
            cpu_ms(subject, asked, CLIENTS, 0.5)
        pairs = [
            [cpu_ms(subject, asked, CLIENTS, effort.seconds) for subject in (two, one)]
            for _ in range(effort.rounds)
        ]
    used, single = zip(*pairs, strict=True)
    yield Figure("cpu passthrough 1k, 2 workers (beside 1)", "ms", used, single)
