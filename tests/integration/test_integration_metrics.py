"""``GET /metrics`` of several workers: nothing is lost, counted twice or left behind."""

import os
import signal
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.gateway_process import GatewayProcess, running

CONFIG = """
models: [demo-fast]
accounts: [{name: demo, provider: demo, kind: demo}]
"""
BODY = {"model": "demo-fast", "messages": [{"role": "user", "content": "Hi"}]}


def total(gateway: GatewayProcess, name: str) -> float:
    text = gateway.request("GET", "/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    )


def test_workers_are_added_up_and_a_dead_one_has_nothing_in_flight(tmp_path: Path) -> None:
    with running(tmp_path, CONFIG, LLM_ROUTER_WORKERS="4") as gateway:
        gateway.wait_until(lambda: len(gateway.workers()) == 4, "four workers")
        for _ in range(40):
            gateway.request("POST", "/v1/chat/completions", json=BODY)
        assert total(gateway, "router_requests_total") == 40
        assert total(gateway, "router_inflight_requests") == 0
        assert total(gateway, "router_build_info") == 1

        stream = gateway.request(
            "POST", "/v1/chat/completions", json={**BODY, "stream": True}, stream=True
        )
        next(stream.iter_lines())
        assert total(gateway, "router_inflight_requests") == 1
        before = gateway.workers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(requests.RequestException):
            list(stream.iter_content())
        gateway.wait_until(lambda: len(set(gateway.workers()) - set(before)) == 4, "new workers")
        gateway.wait_ready()
        gateway.wait_until(
            lambda: total(gateway, "router_inflight_requests") == 0, "nothing in flight"
        )
        assert total(gateway, "router_requests_total") == 40


def test_a_start_forgets_the_counts_of_the_last_run(tmp_path: Path) -> None:
    stale = tmp_path / "run" / "metrics" / "counter_1.db"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"left behind")
    with running(tmp_path, CONFIG) as gateway:
        assert not stale.exists()
        gateway.request("POST", "/v1/chat/completions", json=BODY)
        assert total(gateway, "router_requests_total") == 1
