"""``GET /metrics``: who may read it, and that requests are really counted."""

import json
from pathlib import Path

import responses
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from router.config.holder import SnapshotHolder
from router.config.load import load
from router.config.settings import Settings
from router.observe.metrics import Metrics
from router.state.health import Health
from router.web.breaker_gauges import BreakerGauges
from tests.web.gateway_app import ANSWER, CONFIG, FIRST, HELLO, SECOND, client

KEYED = CONFIG + "keys:\n  - {name: team, key: sk-team-0123456789}\n"


def samples(app: FlaskClient) -> dict[str, float]:
    text = app.get("/metrics").get_data(as_text=True)
    return {
        ",".join((sample.name, *(f"{k}={v}" for k, v in sorted(sample.labels.items())))): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@responses.activate
def test_a_request_that_failed_over_is_counted_with_its_attempts(tmp_path: Path) -> None:
    responses.post(FIRST, status=500, json={"error": {"message": "no"}})
    responses.post(SECOND, json=ANSWER)
    app = client(tmp_path, CONFIG)
    app.post("/v1/chat/completions", json=HELLO)
    found = samples(app)
    chat = "endpoint=/v1/chat/completions"
    assert found[f"router_requests_total,{chat},source=request,status=200,task=explicit"] == 1
    assert found["router_attempts_total,account=first,model=small,result=server_error"] == 1
    assert found["router_attempts_total,account=second,model=small,result=success"] == 1
    assert found["router_failovers_total"] == 1
    assert found["router_overhead_seconds_count"] == 1
    assert found["router_inflight_requests"] == 0
    assert found["router_unpriced_answers_total,account=second,model=small"] == 1
    token = "gen_ai_provider_name=openai,gen_ai_request_model=small,gen_ai_token_type"
    assert found[f"gen_ai_client_token_usage_sum,{token}=input"] == 3


@responses.activate
def test_a_stream_is_in_flight_until_its_end(tmp_path: Path) -> None:
    # More than one read takes: what is there at once is relayed at once, and ends at once.
    chunk = {"id": "c", "choices": [{"index": 0, "delta": {"content": "x" * 1000}}]}
    done = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    items = (*[chunk] * 100, done)
    body = b"".join(b"data: " + json.dumps(item).encode() + b"\n\n" for item in items)
    responses.post(FIRST, body=body + b"data: [DONE]\n\n", content_type="text/event-stream")
    app = client(tmp_path)
    answer = app.post("/v1/chat/completions", json={**HELLO, "stream": True}, buffered=False)
    assert samples(app)["router_inflight_requests"] == 1
    assert answer.data
    assert samples(app)["router_inflight_requests"] == 0


def test_refusals_are_counted_by_route_never_by_path(tmp_path: Path) -> None:
    app = client(tmp_path)
    for n in range(300):
        app.post(f"/v1/nothing-{n}", json={"model": f"invented-{n}"})
        app.post(f"/nothing/{n}", json={})
    found = samples(app)
    assert len(found) < 150
    assert found["router_errors_total,class=model_not_found"] == 300
    assert not any("invented" in name or "nothing" in name for name in found)


def test_a_key_is_needed_as_everywhere_unless_the_file_says_public(tmp_path: Path) -> None:
    app = client(tmp_path, KEYED)
    assert app.get("/metrics").status_code == 401
    admitted = app.get("/metrics", headers={"Authorization": "Bearer sk-team-0123456789"})
    assert admitted.status_code == 200
    assert admitted.content_type.startswith("text/plain; version=")
    public = client(tmp_path, KEYED + "metrics: {public: true}\n")
    assert public.get("/metrics").status_code == 200
    assert public.get("/v1/models").status_code == 401


def test_it_is_not_there_when_switched_off(tmp_path: Path) -> None:
    off = client(tmp_path, CONFIG + "metrics: {enabled: false}\n")
    assert off.get("/metrics").status_code == 404
    assert off.post("/v1/chat/completions", json={}).status_code == 400
    wins = client(tmp_path, CONFIG, OBSERVABILITY_METRICS_ENABLED="false")
    assert wins.get("/metrics").status_code == 404


def test_breakers_are_shown_and_taken_down_again(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "router.yaml").write_text(CONFIG)
    snapshot = load(Settings.read({}, {}, tmp_path))
    health, metrics = Health(), Metrics(str, multiprocess_dir=None)
    gauges = BreakerGauges(health, SnapshotHolder(lambda: snapshot), metrics, clock=lambda: 0.0)

    def shown() -> bool:
        return b'router_breaker_state{account="first",model="small"} 2.0' in metrics.render()[0]

    gauges.show()
    assert not shown()
    for _ in range(5):
        ticket = health.breakers.allow("first:small", 0.0)
        health.breakers.record_failure(ticket, "timeout", 0.0)  # type: ignore[arg-type]
    gauges.show()
    assert shown()
