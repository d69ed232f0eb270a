"""This module measures: each quantity several rounds, whatever is compared in alternation."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from bench import load, proc
from bench.cases import Case, case, whole_cases
from bench.figures import Figure
from bench.subjects import Subject

CLIENTS = 16


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is measured, and how far.

    Attributes
    ----------
    seconds : float
        Of a round.
    streams, models : tuple of int
        How many streams at once, and how many further models in the configuration.
    """

    rounds: int
    seconds: float
    streams: tuple[int, ...] = (1, 64, 1000)
    models: tuple[int, ...] = (0, 1000, 10_000)


def cpu_ms(subject: Subject, asked: Case, clients: int, seconds: float) -> float:
    """Return CPU milliseconds per request of a subject's processes."""
    pids = subject.pids()
    before_s = proc.cpu_s(pids)
    tally = load.whole(subject.port, asked.request(subject.base_path), clients, seconds)
    used_s = proc.cpu_s(pids) - before_s
    _refuse_wrong(subject, asked, tally)
    return used_s * 1000 / tally.count


def cpu(gateway: Subject, others: list[Subject], effort: Effort) -> Iterator[Figure]:
    """Measure CPU per request of every case; the first of `others` is the bare proxy."""
    for asked in whole_cases():
        cpu_ms(gateway, asked, CLIENTS, 0.5)  # connections, caches
        used: dict[str, list[float]] = {subject.name: [] for subject in (gateway, *others)}
        for _ in range(effort.rounds):
            for subject in (gateway, *others):
                if subject.name == "litellm" and not asked.name.startswith("passthrough"):
                    continue
                used[subject.name].append(cpu_ms(subject, asked, CLIENTS, effort.seconds))
        bare = used[others[0].name]
        yield Figure(f"cpu {asked.name}", "ms", used["gateway"], bare)
        for peer in others[1:]:
            if used[peer.name]:
                yield Figure(f"cpu {asked.name}, {peer.name}", "ms", used[peer.name], bare)


def latency(gateway: Subject, bare: Subject, provider: Subject, effort: Effort) -> Iterator[Figure]:
    """Measure what gateway and bare proxy add to the provider's own time to answer."""
    asked = case("passthrough 1k", "gpt-bench", 800)
    for clients in (1, 16, 64):
        added: dict[tuple[str, float], list[float]] = {}
        for _ in range(effort.rounds):
            direct = load.whole(provider.port, asked.request(), clients, effort.seconds / 2)
            for subject in (gateway, bare):
                request = asked.request(subject.base_path)
                tally = load.whole(subject.port, request, clients, effort.seconds)
                _refuse_wrong(subject, asked, tally)
                for share in (0.5, 0.99):
                    more_ms = tally.quantile_ms(share) - direct.quantile_ms(share)
                    added.setdefault((subject.name, share), []).append(more_ms)
        for share in (0.5, 0.99):
            name = f"added latency p{share * 100:.0f}, {_counted(clients, 'client')}"
            yield Figure(name, "ms", added["gateway", share], added[bare.name, share])


_STREAMS = {1: (400, 5), 64: (200, 20), 1000: (60, 500)}
"""Events, and milliseconds between two, by the number of streams."""


def streams(gateway: Subject, bare: Subject, effort: Effort) -> Iterator[Figure]:
    """Measure CPU per event, and memory per stream."""
    for clients in effort.streams:
        events, pause_ms = _STREAMS[clients]
        kinds = ("gpt-bench",) if clients == 1000 else ("gpt-bench", "claude-bench")
        rounds = 1 if clients == 1000 else effort.rounds
        for model in kinds:
            asked = case("stream", model, 800, events=(events, pause_ms))
            used: dict[str, list[float]] = {"gateway": [], bare.name: []}
            grown_kib: list[float] = []
            for _ in range(rounds):
                for subject in (gateway, bare):
                    us, kib = _stream_cost(subject, asked, clients, events)
                    used[subject.name].append(us)
                    if subject is gateway:
                        grown_kib.append(kib)
            kind = "passthrough" if model == "gpt-bench" else "anthropic"
            yield Figure(
                f"event {kind}, {_counted(clients, 'stream')}",
                "µs",
                used["gateway"],
                used[bare.name],
            )
            if clients == 1000:
                yield Figure("RSS per stream, 1000 streams", "KiB", grown_kib)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _stream_cost(subject: Subject, asked: Case, clients: int, events: int) -> tuple[float, float]:
    """Return CPU per event in µs, and the growth of RSS per stream in KiB."""
    pids = subject.pids()
    idle_mib, before_s = proc.rss_mib(pids), proc.cpu_s(pids)
    with _Peak(pids) as peak:
        tally = load.streams(subject.port, asked.request(subject.base_path), clients)
    used_s = proc.cpu_s(pids) - before_s
    _refuse_wrong(subject, asked, tally)
    return used_s * 1e6 / (clients * events), (peak.mib - idle_mib) * 1024 / clients


class _Peak:
    """Watches the memory of processes."""

    def __init__(self, pids: list[int]) -> None:
        self._pids, self._ends = pids, threading.Event()
        self.mib = proc.rss_mib(pids)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._ends.wait(0.1):
            self.mib = max(self.mib, proc.rss_mib(self._pids))

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()


def _refuse_wrong(subject: Subject, asked: Case, tally: load.Tally) -> None:
    """Stop where answers are wrong: what they cost says nothing."""
    if tally.wrong or not tally.count:
        raise RuntimeError(f"{subject.name}, {asked.name}: {tally.wrong} of {tally.count} wrong")
