"""Signals, reloads and deaths: what an operator does to a server that is serving."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from gateway_process import KEY, GatewayProcess, running

ONE = """\
default_model: demo-fast
models: [demo-fast]
accounts:
  - {name: here, provider: demo}
task_routes:
  general: {low: demo-fast}
"""
TWO = ONE + "max_attempts: 2\n"
BAD = ONE.replace("default_model", "defualt_model")
ADMIN = {"Authorization": f"Bearer {KEY}"}

# The demo repeats what it is told, a word every 20 ms: some three seconds.
LONG = "la " * 66


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with running(tmp_path, ONE) as gateway:
        yield gateway


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[GatewayProcess]:
    with running(
        tmp_path,
        ONE,
        ROUTER_ADMIN_API_KEYS=KEY,
        INGRESS_API_KEYS="sk-client",
        LLM_ROUTER_WORKERS="2",
    ) as gateway:
        gateway.wait_until(lambda: len(worker_states(gateway)) == 2, "two serving workers")
        yield gateway


def worker_states(gateway: GatewayProcess) -> list[Path]:
    return list((gateway.root / "run" / "workers").glob("*.json"))


def begun_stream(gateway: GatewayProcess) -> Iterator[bytes]:
    """Start a long stream; return its lines once the first has come."""
    lines = gateway.chat(LONG, model="demo-fast", stream=True).iter_lines()
    assert next(lines).startswith(b"data: ")
    return lines


def test_sighup_changes_the_configuration_under_a_running_stream(gateway: GatewayProcess) -> None:
    workers, before = gateway.workers(), gateway.readiness()["config"]
    stream = begun_stream(gateway)
    gateway.write_config(TWO)
    gateway.signal(signal.SIGHUP)
    gateway.wait_until(lambda: gateway.readiness()["config"] != before, "the new configuration")
    rest = [line for line in stream if line]
    assert len(rest) > 20, "the stream had ended before the reload"
    assert rest[-1] == b"data: [DONE]"
    assert gateway.workers() == workers


def test_a_bad_file_is_refused_and_the_old_configuration_serves_on(
    gateway: GatewayProcess,
) -> None:
    before = gateway.readiness()["config"]
    gateway.write_config(BAD)
    gateway.signal(signal.SIGHUP)
    gateway.wait_until(lambda: "defualt_model" in gateway.log, "the reason in the log")
    assert gateway.readiness()["config"] == before
    assert gateway.chat("Hello", model="demo-fast").status_code == 200


def test_a_worker_killed_beside_a_bad_file_comes_back_with_the_last_good_one(
    gateway: GatewayProcess,
) -> None:
    (worker,), before = gateway.workers(), gateway.readiness()["config"]
    gateway.write_config(BAD)
    os.kill(worker, signal.SIGKILL)
    gateway.wait_until(lambda: gateway.workers() not in ([], [worker]), "another worker")
    gateway.wait_ready()
    assert gateway.readiness()["config"] == before
    assert gateway.chat("Hello", model="demo-fast").status_code == 200


def test_a_first_start_with_a_bad_file_fails_and_says_why(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, BAD)
    try:
        assert gateway.process.wait(30) != 0
        assert "defualt_model" in gateway.log
    finally:
        gateway.stop()


def test_sigterm_lets_a_running_stream_finish(gateway: GatewayProcess) -> None:
    stream = begun_stream(gateway)
    gateway.signal(signal.SIGTERM)
    rest = [line for line in stream if line]
    assert rest[-1] == b"data: [DONE]"
    assert gateway.process.wait(30) == 0
    with pytest.raises(requests.ConnectionError):
        gateway.readiness()


def test_an_admin_reload_answers_once_every_worker_runs_the_new_configuration(
    guarded: GatewayProcess,
) -> None:
    before = guarded.readiness()["config"]
    guarded.write_config(TWO)
    answer = guarded.request("POST", "/admin/reload-backends", headers=ADMIN)
    told = answer.json()
    assert (answer.status_code, told["status"]) == (200, "success")
    assert told["backends_count"] == 1
    assert told["models_count"] == guarded.readiness()["models"]
    # More than the chance of asking the same of two workers each time.
    assert {guarded.readiness()["config"] for _ in range(20)}.isdisjoint({before})


def test_an_admin_reload_of_a_bad_file_is_refused_with_every_problem(
    guarded: GatewayProcess,
) -> None:
    before = guarded.readiness()["config"]
    guarded.write_config(BAD)
    answer = guarded.request("POST", "/admin/reload-backends", headers=ADMIN)
    assert answer.status_code == 422
    assert any("defualt_model" in problem for problem in answer.json()["problems"])
    assert guarded.readiness()["config"] == before


@pytest.mark.parametrize("path", ["/admin/reload-backends", "/admin/config", "/admin/backends"])
def test_administration_needs_more_than_a_clients_key(guarded: GatewayProcess, path: str) -> None:
    method = "POST" if path.endswith("reload-backends") else "GET"
    client = {"Authorization": "Bearer sk-client"}
    assert guarded.request(method, path).status_code == 401
    assert guarded.request(method, path, headers=client).status_code == 403
    assert guarded.request(method, path, headers=ADMIN).status_code == 200
