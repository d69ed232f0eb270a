"""Metrics count what happened, with bounded labels, across processes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from router.canonical.request import ModelTraits
from router.canonical.usage import Usage
from router.observe.metrics import Metrics
from router.providers.base import Account, Target
from router.routing.decision import Attempt, Judgement, Outcome, RouteDecision

ACCOUNT = Account("acme", "openai", "openai", "https://api.example.com")
FAST = Target("fast", ACCOUNT, ModelTraits("fast-2026"))
SMART = Target("smart", ACCOUNT, ModelTraits("smart-2026"))
DECISION = RouteDecision("auto", "auto", Judgement("coding", "high"), ("smart", "fast"))
OUTCOME = Outcome(
    200,
    "success",
    (
        Attempt(SMART, 1, 0.0, 1.0, 429, "rate_limit"),
        Attempt(SMART, 2, 0.0, 1.0, 503, "server_error"),
        Attempt(FAST, 3, 0.0, 1.0, 200),
    ),
    FAST,
    Usage(100, 20, 0, 40, 10),
    Decimal("0.25"),
    ttft_ms=300.0,
    duration_ms=4000.0,
)


@pytest.fixture
def metrics() -> Metrics:
    known = {"fast", "smart"}
    return Metrics(lambda name: name if name in known else "other", multiprocess_dir=None)


def samples(exposition: bytes) -> dict[str, float]:
    return {
        sample.name
        + "".join(f",{name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition.decode())
        for sample in family.samples
    }


def read(metrics: Metrics) -> dict[str, float]:
    return samples(metrics.render()[0])


def test_a_request_fills_every_metric_it_concerns(metrics: Metrics) -> None:
    metrics.observe_request(OUTCOME, DECISION, "chat", overhead_s=0.003)
    found = read(metrics)
    who = "gen_ai_provider_name=openai,gen_ai_request_model=fast"
    token = f"{who},gen_ai_token_type"
    expected = {
        "router_requests_total,endpoint=chat,source=auto,status=200,task=coding": 1,
        "router_attempts_total,account=acme,model=smart,result=rate_limit": 1,
        "router_attempts_total,account=acme,model=smart,result=server_error": 1,
        "router_attempts_total,account=acme,model=fast,result=success": 1,
        "router_retries_total": 1,
        "router_failovers_total": 1,
        "router_request_duration_seconds_sum,endpoint=chat": 4,
        f"gen_ai_server_time_to_first_token_seconds_sum,account=acme,{who}": 0.3,
        "gen_ai_server_request_duration_seconds_sum,account=acme,error_type=,"
        f"gen_ai_operation_name=chat,{who}": 4,
        "router_overhead_seconds_sum": 0.003,
        f"gen_ai_client_token_usage_sum,{token}=input": 100,
        f"gen_ai_client_token_usage_sum,{token}=cache_read": 20,
        f"gen_ai_client_token_usage_sum,{token}=output": 40,
        "router_cost_usd_total,account=acme,model=fast": 0.25,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert f"gen_ai_client_token_usage_sum,{token}=cache_write" not in found
    assert not any(name.startswith("router_errors_total") for name in found)


def test_tokens_without_a_price_are_counted_as_such_and_cost_nothing(metrics: Metrics) -> None:
    metrics.observe_request(replace(OUTCOME, cost_usd=None), DECISION, "chat")
    found = read(metrics)
    assert found["router_unpriced_answers_total,account=acme,model=fast"] == 1
    assert not any(name.startswith("router_cost_usd_total") for name in found)


def test_a_stream_that_broke_counts_as_a_failed_attempt(metrics: Metrics) -> None:
    broken = replace(OUTCOME, outcome="interrupted", error_type="interrupted")
    metrics.observe_request(broken, DECISION, "chat")
    assert read(metrics)["router_attempts_total,account=acme,model=fast,result=interrupted"] == 1


def test_a_reload_asks_anew_what_the_configuration_calls_a_model() -> None:
    known = {"smart"}
    metrics = Metrics(lambda name: name if name in known else "other", multiprocess_dir=None)
    metrics.observe_request(OUTCOME, DECISION, "chat")
    known.add("fast")
    metrics.observe_reload(succeeded=True)
    metrics.observe_request(OUTCOME, DECISION, "chat")
    found = read(metrics)
    assert found["router_attempts_total,account=acme,model=other,result=success"] == 1
    assert found["router_attempts_total,account=acme,model=fast,result=success"] == 1


def test_failures_count_by_type_also_before_routing(metrics: Metrics) -> None:
    metrics.observe_request(Outcome(401, "error", error_type="authentication_error"), None, "chat")
    metrics.observe_request(Outcome(499, "client_closed"), DECISION, "chat")
    found = read(metrics)
    assert found["router_errors_total,class=authentication_error"] == 1
    assert found["router_errors_total,class=client_closed"] == 1
    assert found["router_requests_total,endpoint=chat,source=none,status=401,task=none"] == 1


def test_requests_in_flight_rise_and_fall(metrics: Metrics) -> None:
    metrics.request_started()
    metrics.request_started()
    metrics.request_ended()
    assert read(metrics)["router_inflight_requests"] == 1


def test_reloads_audit_failures_and_breakers(metrics: Metrics) -> None:
    metrics.observe_reload(succeeded=True)
    metrics.observe_reload(succeeded=False)
    metrics.audit_failed()
    metrics.set_breaker("acme", "fast", "open")
    metrics.set_breaker("acme", "smart", "half_open")
    found = read(metrics)
    assert found["router_reloads_total,result=success"] == 1
    assert found["router_reloads_total,result=failure"] == 1
    assert found["router_audit_failures_total"] == 1
    assert found["router_breaker_state,account=acme,model=fast"] == 2
    assert found["router_breaker_state,account=acme,model=smart"] == 1


def test_names_that_callers_invent_do_not_grow_the_exposition(metrics: Metrics) -> None:
    def observe(n: int) -> None:
        target = Target(f"invented-{n}", ACCOUNT, ModelTraits(f"invented-{n}"))
        outcome = Outcome(
            200, "success", (Attempt(target, 1, 0.0, 1.0, 200),), target, Usage(1), ttft_ms=1.0
        )
        metrics.observe_request(outcome, DECISION, "chat")

    observe(0)
    before = len(read(metrics))
    for n in range(1, 500):
        observe(n)
    assert len(read(metrics)) == before
    assert read(metrics)["router_attempts_total,account=acme,model=other,result=success"] == 500


def test_other_labels_are_bounded_by_number(metrics: Metrics) -> None:
    for n in range(500):
        metrics.observe_request(Outcome(500, "error", error_type=f"type-{n}"), None, f"path-{n}")
    found = read(metrics)
    assert sum(name.startswith("router_errors_total") for name in found) == 101
    assert found["router_errors_total,class=other"] == 400


def test_content_type_is_the_text_exposition(metrics: Metrics) -> None:
    assert metrics.render()[1].startswith("text/plain; version=")


WORKER = """
import os, sys
from router.observe.metrics import Metrics, forget_worker
from router.routing.decision import Outcome
metrics = Metrics(str)
if sys.argv[1] == "work":
    metrics.request_started()
    metrics.observe_request(Outcome(200, "success"), None, "chat")
    print(os.getpid())
else:
    for pid in sys.argv[2:]:
        forget_worker(int(pid), os.environ["PROMETHEUS_MULTIPROC_DIR"])
    sys.stdout.buffer.write(metrics.render()[0])
"""


def test_workers_are_summed_and_the_dead_leave_the_gauges(tmp_path: Path) -> None:
    def run(*arguments: str) -> bytes:
        return subprocess.run(
            [sys.executable, "-c", WORKER, *arguments],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            check=True,
        ).stdout

    pids = [run("work").decode().strip() for _ in range(2)]
    requests = "router_requests_total,endpoint=chat,source=none,status=200,task=none"
    both = samples(run("render"))
    assert (both[requests], both["router_inflight_requests"]) == (2, 2)
    one_left = samples(run("render", pids[0]))
    assert (one_left[requests], one_left["router_inflight_requests"]) == (2, 1)
