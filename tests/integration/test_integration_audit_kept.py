"""An answer that a client has whole is in the audit log, whatever kills the server."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from fault_gateway import FakeUpstream, ask, config, gateway, upstream
from gateway_process import GatewayProcess

CLIENTS = 8
ROUNDS = 3


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeUpstream]:
    with upstream() as fake:
        yield fake


@pytest.fixture(scope="module")
def served(
    fake: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    root = tmp_path_factory.mktemp("audit")
    with gateway(root, config(fake), LLM_ROUTER_WORKERS="2") as process:
        process.wait_until(lambda: len(process.workers()) == 2, "two workers")
        yield process


class Load:
    """Clients that ask without pause, and note what they got whole."""

    def __init__(self, served: GatewayProcess) -> None:
        self._served = served
        self._ends = threading.Event()
        self.whole: list[str] = []

    def __enter__(self) -> Load:
        self._pool = ThreadPoolExecutor(CLIENTS)
        self._clients = [self._pool.submit(self._ask, number) for number in range(CLIENTS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for client in self._clients:
            client.result()
        self._pool.shutdown()

    def _ask(self, number: int) -> None:
        form, model = (("chat", "oa/ok"), ("messages", "an/ok"), ("messages", "oa/ok+n.9"))[
            number % 3
        ]
        stream = number % 2 == 0
        while not self._ends.is_set():
            name = str(uuid.uuid4())
            try:
                told = ask(self._served, form, model, stream=stream, **{"X-Request-Id": name})
            except requests.RequestException:
                continue
            ends = (b"[DONE]", b"message_stop")
            is_whole = not told.broke_off and told.status == 200
            if is_whole and (not stream or any(end in told.body for end in ends)):
                self.whole.append(name)


def recorded(paths: list[Path]) -> Counter[str]:
    """Return how often each request ended, every line being whole JSON."""
    records = [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]
    return Counter(r["request_id"] for r in records if r["event"] == "proxy_terminal")


def test_what_a_client_has_whole_is_on_record_although_workers_are_killed(
    served: GatewayProcess,
) -> None:
    with Load(served) as load:
        for _ in range(ROUNDS):
            time.sleep(1)
            os.kill(served.workers()[0], signal.SIGKILL)
            served.wait_until(lambda: len(served.workers()) == 2, "a new worker")
        time.sleep(1)
    told = recorded([served.audit_path])
    assert len(load.whole) > 50
    assert [name for name in load.whole if told[name] != 1] == []
    assert max(told.values()) == 1


def test_a_rotation_by_rename_loses_nothing(served: GatewayProcess) -> None:
    rotated = [served.audit_path.with_suffix(f".{number}") for number in range(ROUNDS)]
    with Load(served) as load:
        for path in rotated:
            time.sleep(1.2)
            served.audit_path.rename(path)
        time.sleep(1.5)
    told = recorded([*rotated, served.audit_path])
    assert served.audit_path.stat().st_mode & 0o777 == 0o640
    assert [name for name in load.whole if told[name] != 1] == []
    assert max(told.values()) == 1
