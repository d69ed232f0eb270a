"""``GET /metrics`` of several workers: nothing is lost, counted twice or left behind."""

import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.gateway_process import GatewayProcess, running

CONFIG = """
models: [demo-fast, endless]
accounts:
  - {name: demo, provider: demo, kind: demo, models: [demo-fast]}
  - {name: slow, provider: openai, api_key: sk-x, base_url: "URL", models: [endless]}
"""
CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
)
BODY = {"model": "demo-fast", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def endless() -> Iterator[str]:
    """Yield the address of a provider whose streams begin, and do not end."""
    is_over = threading.Event()

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response_only(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(CHUNK)
            is_over.wait(60)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    is_over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def total(gateway: GatewayProcess, name: str) -> float:
    text = gateway.request("GET", "/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    )


def test_workers_are_added_up_and_a_dead_one_has_nothing_in_flight(
    tmp_path: Path, endless: str
) -> None:
    with running(tmp_path, CONFIG.replace("URL", endless), LLM_ROUTER_WORKERS="4") as gateway:
        gateway.wait_until(lambda: len(gateway.workers()) == 4, "four workers")
        for _ in range(40):
            gateway.request("POST", "/v1/chat/completions", json=BODY)
        assert total(gateway, "router_requests_total") == 40
        assert total(gateway, "router_inflight_requests") == 0
        assert total(gateway, "router_build_info") == 1

        stream = gateway.request(
            "POST",
            "/v1/chat/completions",
            json={**BODY, "model": "endless", "stream": True},
            stream=True,
        )
        pieces = stream.iter_content(1)
        next(pieces)
        assert total(gateway, "router_inflight_requests") == 1
        before = gateway.workers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(requests.RequestException):
            list(pieces)
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
    with running(tmp_path, CONFIG.replace("URL", "http://127.0.0.1:9")) as gateway:
        assert not stale.exists()
        gateway.request("POST", "/v1/chat/completions", json=BODY)
        assert total(gateway, "router_requests_total") == 1
