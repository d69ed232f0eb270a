"""What the gateway costs: CPU, added latency, memory and start, beside a bare proxy.

    python -m bench                          # everything, about twelve minutes
    python -m bench --quick                  # less of it, four minutes
    python -m bench --only cpu,streams --json new.json --compare old.json

Provider, gateway, proxy and load all run on this machine. CPU time is that of the
subject's own processes, so what else runs here moves it little, and latencies a lot.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from bench import proc, report, slopes, subjects, suites
from bench.figures import Figure
from bench.subjects import Subject
from bench.suites import Effort

PARTS = ("start", "cpu", "latency", "streams", "slopes", "models", "workers")
THOROUGH = Effort(rounds=5, seconds=3)
QUICK = Effort(rounds=3, seconds=1, streams=(1, 64), models=(0, 1000))


class Bench:
    """One run: what is started for it, and what it measures.

    Attributes
    ----------
    measured, other : set of int
        The core of what is measured, and that of load and provider.
    """

    def __init__(self, directory: Path, effort: Effort) -> None:
        self._directory, self._effort = directory, effort
        self.measured, self.other = _cores()
        self._started = 0
        self.bare_name = ""

    def run(self, parts: set[str]) -> Iterator[Figure]:
        with ExitStack() as stack:
            self._provider = stack.enter_context(subjects.provider(self.other))
            yield from self._beside_a_proxy(parts)
            if "models" in parts:
                yield from slopes.configurations(self.start, self._effort)
            if "workers" in parts:
                yield from slopes.workers(self.start, self._effort)

    def start(self, models: int, workers: int) -> AbstractContextManager[tuple[Subject, float]]:
        """Start a gateway in a directory of its own."""
        self._started += 1
        directory = self._directory / f"gateway-{self._started}"
        text = subjects.config(self._provider.port, models)
        return subjects.gateway(directory, text, self.measured, workers)

    def _beside_a_proxy(self, parts: set[str]) -> Iterator[Figure]:
        effort, port = self._effort, self._provider.port
        with ExitStack() as stack:
            gateway, took_s = stack.enter_context(self.start(0, 1))
            proxied = subjects.bare_proxy(self._directory / "proxy", port, self.measured)
            bare = stack.enter_context(proxied)
            self.bare_name = bare.name
            if "start" in parts:
                yield Figure("start", "s", [took_s, *self._starts()])
                yield Figure("idle RSS", "MiB", [proc.rss_mib(gateway.pids())])
            if "cpu" in parts:
                yield from self._cpu(gateway, bare)
            if "latency" in parts:
                yield from suites.latency(gateway, bare, self._provider, effort)
            if "streams" in parts:
                yield from suites.streams(gateway, bare, effort)
            if "slopes" in parts:
                yield from slopes.requests(gateway, effort)

    def _starts(self) -> Iterator[float]:
        for _ in range(self._effort.rounds - 1):
            with self.start(0, 1) as (_, took_s):
                yield took_s

    def _cpu(self, gateway: Subject, bare: Subject) -> Iterator[Figure]:
        directory = self._directory / "litellm"
        with subjects.litellm(directory, self._provider.port, self.measured) as peer:
            others = [bare] if peer is None else [bare, peer]
            yield from suites.cpu(gateway, others, self._effort)


def _cores() -> tuple[set[int], set[int]]:
    """Return a core for what is measured, and another for the rest, if there are two."""
    cores = sorted(os.sched_getaffinity(0))
    return {cores[0]}, {cores[-1]}


def _effort(options: argparse.Namespace) -> Effort:
    effort = QUICK if options.quick else THOROUGH
    rounds, seconds = options.rounds or effort.rounds, options.seconds or effort.seconds
    return replace(effort, rounds=rounds, seconds=seconds)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no 1,000 streams")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, comma-separated")
    parser.add_argument("--rounds", type=int, help="how often each quantity is measured")
    parser.add_argument("--seconds", type=float, help="how long a round takes")
    parser.add_argument("--json", type=Path, help="write the results here")
    parser.add_argument("--compare", type=Path, help="results of an earlier run")
    options = parser.parse_args()
    parts = set(options.only.split(","))
    if unknown := parts - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    old = report.read(options.compare) if options.compare else None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory), _effort(options))
        os.sched_setaffinity(0, bench.other)
        for figure in bench.run(parts):
            figures.append(figure)
            print(report.row(figure), file=sys.stderr, flush=True)
    print(report.table(figures))
    if options.json:
        told = report.document(figures, bench.bare_name)
        options.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    if old is not None:
        print(f"\n{report.comparison(old, figures)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
