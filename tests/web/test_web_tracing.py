"""Traces: a span for each request and each attempt, told to a collector over OTLP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import responses

from router.observe import tracing
from tests.web.gateway_app import ANSWER, CONFIG, FIRST, HELLO, SECOND, audit, client

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Yield a collector's address, and what it was sent."""
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, body))
            self.send_response_only(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", received
    server.shutdown()
    server.server_close()
    thread.join()


def spans(received: list[tuple[str, bytes]]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return the resource's attributes and the spans, the request's first."""
    trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    assert {path for path, _ in received} == {"/v1/traces"}
    found: list[dict[str, Any]] = []
    resource: dict[str, str] = {}
    for _, body in received:
        told = trace_service.ExportTraceServiceRequest.FromString(body)
        for group in told.resource_spans:
            resource |= {a.key: a.value.string_value for a in group.resource.attributes}
            for scope in group.scope_spans:
                found += [as_dict(span) for span in scope.spans]
    return resource, sorted(found, key=lambda span: (span["kind"] != 2, span["start"]))


def as_dict(span: Any) -> dict[str, Any]:
    return {
        "name": span.name,
        "kind": span.kind,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "failed": span.status.code == 2,
        **{a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes},
    }


@pytest.mark.needs("opentelemetry")
def test_a_failover_is_one_trace_of_three_spans(
    tmp_path: Path, collector: tuple[str, list[tuple[str, bytes]]]
) -> None:
    address, received = collector
    environ = {"OBSERVABILITY_TRACING_ENABLED": "true", "OBSERVABILITY_OTLP_ENDPOINT": address}
    app = client(tmp_path, CONFIG, **environ)
    with responses.RequestsMock() as mocked:
        mocked.add_passthru(address)
        mocked.post(FIRST, status=500, json={"error": {"message": "no"}})
        mocked.post(SECOND, json=ANSWER)
        parent = f"00-{TRACE_ID}-{PARENT_ID}-01"
        answer = app.post("/v1/chat/completions", json=HELLO, headers={"traceparent": parent})
        app.application.extensions["gateway"].tracing.close()
    resource, (request, failed, answered) = spans(received)
    assert resource["service.name"] == "open-llm-router"
    assert (request["trace"], request["parent"]) == (TRACE_ID, PARENT_ID)
    assert {failed["parent"], answered["parent"]} == {request["id"]}
    assert request["name"] == "chat small"
    assert request["http.route"] == "/v1/chat/completions"
    assert request["router.request_id"] == answer.headers["x-request-id"]
    assert request["gen_ai.usage.input_tokens"] == 3
    assert request["gen_ai.response.model"] == "small"
    assert not request["failed"]
    assert (failed["error.type"], failed["failed"]) == ("server_error", True)
    assert failed["http.response.status_code"] == 500
    assert answered["server.address"] == "second.example"
    assert answered["gen_ai.provider.name"] == "openai"
    assert request["start"] <= failed["start"] <= failed["end"] <= answered["start"]
    assert answered["end"] == request["end"]
    assert not [key for span in (request, failed, answered) for key in span if "message" in key]


@pytest.mark.needs("opentelemetry")
def test_a_refusal_is_a_span_without_attempts(
    tmp_path: Path, collector: tuple[str, list[tuple[str, bytes]]]
) -> None:
    address, received = collector
    app = client(
        tmp_path,
        OBSERVABILITY_TRACING_ENABLED="true",
        OBSERVABILITY_OTLP_ENDPOINT=address,
        OBSERVABILITY_SERVICE_NAME="edge",
    )
    app.post("/v1/chat/completions", json={"model": "nope", "messages": []})
    app.application.extensions["gateway"].tracing.close()
    resource, (only,) = spans(received)
    assert resource["service.name"] == "edge"
    assert only["error.type"]
    assert only["parent"] == ""


@responses.activate
def test_without_the_packages_it_is_said_and_requests_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracing, "_IS_INSTALLED", False)
    responses.post(FIRST, json=ANSWER)
    warnings = logging.getLogger("router.observe.tracing")
    warnings.addHandler(caplog.handler)
    try:
        app = client(tmp_path, OBSERVABILITY_TRACING_ENABLED="true")
    finally:
        warnings.removeHandler(caplog.handler)
    assert "pip install" in caplog.text
    assert app.post("/v1/chat/completions", json=HELLO).status_code == 200
    assert audit(tmp_path)[-1]["event"] == "proxy_terminal"
