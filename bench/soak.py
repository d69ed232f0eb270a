"""A soak: minutes of mixed traffic, good and bad, and whether memory and descriptors stay flat.

    python bench/soak.py                  # 20 minutes
    python bench/soak.py --minutes 3 --clients 16

It starts the fake provider of ``tests/fakes`` and a real gateway in a directory of its own,
sends streams and whole answers in three formats, faults among them and clients that leave,
and samples RSS and descriptors of every worker. The verdict
compares the last third with the second: the first is warming up.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import requests

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import fault_gateway as fg  # noqa: E402
from gateway_process import GatewayProcess  # noqa: E402

TIMEOUTS = "timeouts: {connect_s: 1, first_content_s: 2, idle_s: 2, total_s: 6}\n"
MAX_GROWTH_MIB = 6.0
MAX_GROWTH_FDS = 12
PAGE_MIB = 4096 / (1 << 20)

# Format, model, streaming, share of the traffic, statuses that are right.
MIX: tuple[tuple[str, str, bool, int, frozenset[int]], ...] = (
    ("chat", "oa/ok", False, 20, frozenset({200})),
    ("chat", "oa/ok+n.20", True, 20, frozenset({200})),
    ("messages", "an/ok+n.20", True, 15, frozenset({200})),
    ("messages", "oa/ok+n.20", True, 10, frozenset({200})),
    ("responses", "an/ok+n.20", True, 5, frozenset({200})),
    ("gemini", "ge/ok", False, 5, frozenset({200})),
    ("chat", "ge/ok+n.20", True, 5, frozenset({200})),
    ("chat", "oa/ok+size.500000", False, 3, frozenset({200})),
    ("chat", "oa/stale", False, 4, frozenset({200, 502})),
    ("chat", "oa/status+code.500", False, 3, frozenset({500})),
    ("chat", "oa/status+code.429", False, 2, frozenset({429})),
    ("messages", "an/reset", True, 2, frozenset({502})),
    ("messages", "an/reset_mid", True, 3, frozenset({200})),
    ("chat", "oa/html", False, 2, frozenset({502})),
    ("chat", "oa/stall", True, 1, frozenset({200})),
    ("chat", "oa/silent", True, 1, frozenset({504})),
    ("chat", "no-such-model", False, 2, frozenset({404})),
)
LEAVERS_PERCENT = 5


@dataclass(frozen=True)
class Sample:
    """What all workers hold at one moment."""

    at_s: float
    rss_mib: float
    descriptors: int


class Traffic:
    """Clients that ask until told to stop."""

    def __init__(self, gateway: GatewayProcess, seed: int) -> None:
        self._gateway = gateway
        self._seed = seed
        self.ends = threading.Event()
        self.seen: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()

    def client(self, number: int) -> None:
        rng = random.Random(self._seed + number)
        weights = [row[3] for row in MIX]
        while not self.ends.is_set():
            form, model, stream, _, right = rng.choices(MIX, weights)[0]
            self.seen[model] += 1
            if stream and model.endswith("n.20") and rng.randrange(100) < LEAVERS_PERCENT:
                self._leave(form, model)
                continue
            try:
                told = fg.ask(self._gateway, form, model, stream=stream)
            except requests.RequestException as exc:
                self.wrong[f"{model}: {type(exc).__name__}"] += 1
                continue
            if told.status not in right:
                self.wrong[f"{model}: {told.status}"] += 1

    def _leave(self, form: str, model: str) -> None:
        if form != "gemini":
            fg.open_stream(self._gateway, form, model, b"data").close()


def sample(gateway: GatewayProcess, began_s: float) -> Sample:
    pages = descriptors = 0
    for pid in gateway.workers():
        pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        descriptors += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(time.monotonic() - began_s, pages * PAGE_MIB, descriptors)


def verdict(samples: list[Sample]) -> tuple[bool, str]:
    """Compare the last third with the second."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    grown_mib = mean(s.rss_mib for s in last) - mean(s.rss_mib for s in middle)
    grown_fds = mean(s.descriptors for s in last) - mean(s.descriptors for s in middle)
    is_flat = grown_mib < MAX_GROWTH_MIB and grown_fds < MAX_GROWTH_FDS
    words = f"RSS {grown_mib:+.1f} MiB, descriptors {grown_fds:+.1f} from second to last third"
    return is_flat, words


def soak(minutes: float, clients: int, seed: int) -> bool:
    with (
        tempfile.TemporaryDirectory() as directory,
        fg.upstream() as fake,
        fg.gateway(Path(directory), fg.config(fake, TIMEOUTS)) as gateway,
        ThreadPoolExecutor(clients) as pool,
    ):
        traffic = Traffic(gateway, seed)
        began_s = time.monotonic()
        for number in range(clients):
            pool.submit(traffic.client, number)
        samples: list[Sample] = []
        while time.monotonic() - began_s < minutes * 60:
            time.sleep(1)
            samples.append(sample(gateway, began_s))
            if len(samples) % 15 == 0:
                now = samples[-1]
                print(
                    f"{now.at_s:6.0f} s  {now.rss_mib:6.1f} MiB  {now.descriptors:4d} fds",
                    flush=True,
                )
                fake.forget()
        traffic.ends.set()
        pool.shutdown()
        asked, tracebacks = sum(traffic.seen.values()), gateway.log.count("Traceback")
        open_at_end = fake.state()["open"]
    is_flat, words = verdict(samples)
    print(f"{asked} requests, {asked / minutes / 60:.0f}/s; wrong: {dict(traffic.wrong) or 'none'}")
    print(f"tracebacks in the log: {tracebacks}; connections open at the provider: {open_at_end}")
    print(f"{'flat' if is_flat else 'NOT FLAT'}: {words}")
    return is_flat and not traffic.wrong and not tracebacks


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(0 if soak(options.minutes, options.clients, options.seed) else 1)
