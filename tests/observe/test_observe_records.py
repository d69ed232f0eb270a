"""Audit events carry system A's fields, and never the caller's words."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from router.canonical.principal import Principal
from router.canonical.prompt import PromptView
from router.canonical.request import ModelTraits
from router.canonical.secret import Secret
from router.canonical.usage import Usage
from router.observe import attempt_records as attempts
from router.observe import records
from router.observe.fields import Record, RequestFacts
from router.observe.jsonl import encode_line
from router.providers.base import Account, Target
from router.routing.decision import (
    Attempt,
    AttemptPlan,
    Judgement,
    Outcome,
    RouteDecision,
    SkippedTarget,
)

PROMPT = "the quick brown fox"
ACCOUNT = Account(
    "acme", "openai", "openai", "https://inner.example", api_key=Secret("sk-verysecret-123")
)
FAST = Target("fast", ACCOUNT, ModelTraits("fast-2026"))
SMART = Target("smart", ACCOUNT, ModelTraits("smart-2026"))
FACTS = RequestFacts(
    "req-1", "/v1/chat/completions", True, Principal("team-a", "key"), "0123456789ab"
)
DECISION = RouteDecision(
    "auto",
    "auto",
    Judgement("coding", "high", 0.7, {"code_score": 0.9}),
    ("smart", "fast"),
    reasons=("tier high",),
    trace={"auto": True, "routing_mode": "rule_chain"},
    scores=({"model": "smart", "utility": 0.5},),
)
VIEW = PromptView(
    "openai_chat",
    user_turns=(PROMPT,),
    system=PROMPT,
    first_user=PROMPT,
    has_tools=True,
    tool_choice="auto",
    reasoning_effort="high",
    stream=True,
    messages_count=3,
    input_chars=57,
    max_output_tokens=100,
)
PLAN = AttemptPlan(
    (SMART, FAST),
    (
        SkippedTarget(FAST, "cooling_down", 12.5),
        SkippedTarget(SMART, "breaker_open", 3.0),
        SkippedTarget(FAST, "capability"),
    ),
)
LIMITED = Attempt(SMART, 1, 1000.0, 250.0, 429, "rate_limit", connect_ms=200.1234)
REFUSED = Attempt(SMART, 2, 1001.0, 5.0, None, "timeout", f"no answer from https://inner: {0}")
SERVED = Attempt(FAST, 3, 1002.0, 900.0, 200, connect_ms=80.0)
OUTCOME = Outcome(
    200,
    "success",
    (LIMITED, REFUSED, SERVED),
    FAST,
    Usage(100, 20, 3, 40, 10),
    Decimal("0.00000150"),
    ttft_ms=333.33333,
    duration_ms=1234.5678,
)


def fields(record: Record) -> set[str]:
    return set(record)


def test_route_decision_has_every_field_of_system_a() -> None:
    record = records.route_decision(FACTS, DECISION, VIEW)
    assert list(record)[:2] == ["event", "request_id"]
    assert fields(record) >= {
        *("event", "request_id", "path", "requested_model", "selected_model", "source", "task"),
        *("complexity", "fallback_models", "ranked_models", "signals", "decision_trace"),
        *("candidate_scores", "payload_summary"),
    }
    assert record["selected_model"] == "smart"
    assert record["fallback_models"] == ["fast"]
    assert record["payload_summary"] == {
        "format": "openai_chat",
        "stream": True,
        "has_tools": True,
        "tool_choice_type": "auto",
        "reasoning_effort": "high",
        "messages_count": 3,
        "input_count": 0,
        "input_chars": 57,
        "max_tokens": 100,
        "max_output_tokens": None,
    }


def test_responses_count_input_items() -> None:
    view = PromptView("openai_responses", messages_count=4, max_output_tokens=9)
    summary = records.route_decision(FACTS, DECISION, view)["payload_summary"]
    assert (summary["messages_count"], summary["input_count"]) == (0, 4)
    assert (summary["max_tokens"], summary["max_output_tokens"]) == (None, 9)


@pytest.mark.parametrize(
    ("record", "event", "expected"),
    [
        (
            records.proxy_start(FACTS, DECISION, PLAN),
            "proxy_start",
            "request_id path selected_model source task complexity requested_model"
            " fallback_models stream candidate_targets targets left_out",
        ),
        (
            records.proxy_no_target(FACTS, DECISION, PLAN),
            "proxy_no_target",
            "request_id selected_model fallback_models skipped",
        ),
        (
            attempts.proxy_attempt(FACTS, FAST, 1, 3),
            "proxy_attempt",
            "request_id attempt total_attempts target account provider model upstream_model"
            " auth_mode",
        ),
        (
            attempts.proxy_upstream_connected(FACTS, LIMITED),
            "proxy_upstream_connected",
            "request_id target account provider model upstream_model connect_ms status",
        ),
        (
            attempts.proxy_request_error(FACTS, REFUSED, 3),
            "proxy_request_error",
            "request_id target account provider model upstream_model attempt total_attempts"
            " attempt_latency_ms error error_type is_timeout status_code",
        ),
        (
            attempts.proxy_rate_limited(FACTS, LIMITED, 30),
            "proxy_rate_limited",
            "request_id target account model retry_after_seconds until_epoch",
        ),
        (
            attempts.proxy_retry(FACTS, LIMITED),
            "proxy_retry",
            "request_id target account model status error_type",
        ),
        (
            records.proxy_response(FACTS, OUTCOME),
            "proxy_response",
            "request_id target account provider model upstream_model status attempts"
            " attempted_targets attempted_upstream_models request_latency_ms",
        ),
        (
            records.proxy_exhausted(FACTS, OUTCOME, PLAN),
            "proxy_exhausted",
            "request_id attempted_targets attempts skipped_rate_limited skipped_circuit_open"
            " skipped_targets",
        ),
        (
            records.proxy_terminal(FACTS, DECISION, OUTCOME),
            "proxy_terminal",
            "request_id path stream status outcome requested_model selected_model source task"
            " complexity error_type note attempts attempted_targets ttft_ms duration_ms usage"
            " cost_usd target account provider model upstream_model dropped principal"
            " auth_method config_digest",
        ),
    ],
)
def test_events_have_exactly_these_fields(record: Record, event: str, expected: str) -> None:
    assert record["event"] == event
    assert fields(record) == {"event", *expected.split()}


def test_skips_are_told_for_health_only() -> None:
    cooling, broken = attempts.skip_records(FACTS, PLAN)
    assert (cooling["event"], cooling["model"], cooling["wait_seconds"]) == (
        "proxy_skip_rate_limited",
        "fast",
        12.5,
    )
    assert (broken["event"], broken["breaker"]) == ("proxy_skip_circuit_open", {"state": "open"})


def test_a_breakers_state_can_be_told_in_full() -> None:
    record = attempts.proxy_skip_circuit_open(
        FACTS, PLAN.skipped[1], {"state": "half_open", "failure_count": 5}
    )
    assert record["breaker"] == {"state": "half_open", "failure_count": 5}


def test_attempts_become_events_in_order() -> None:
    found = attempts.attempt_records(FACTS, OUTCOME.attempts, 4, cooldown_s=30)
    assert [record["event"] for record in found] == [
        *("proxy_attempt", "proxy_upstream_connected", "proxy_rate_limited", "proxy_retry"),
        *("proxy_attempt", "proxy_request_error", "proxy_retry"),
        *("proxy_attempt", "proxy_upstream_connected"),
    ]
    assert {record["total_attempts"] for record in found if "total_attempts" in record} == {4}


@pytest.mark.parametrize(("asked_s", "expected_s"), [(None, 30), (7.0, 7.0), (0.0, 0.0)])
def test_a_429_waits_as_the_provider_asked(asked_s: float | None, expected_s: float) -> None:
    attempt = Attempt(SMART, 1, 1000.0, 500.0, 429, "rate_limit", retry_after_s=asked_s)
    found = attempts.attempt_records(FACTS, (attempt,), 3, cooldown_s=30)
    (limited,) = [record for record in found if record["event"] == "proxy_rate_limited"]
    assert limited["retry_after_seconds"] == expected_s
    assert limited["until_epoch"] == int(1000.5 + expected_s)


def test_an_answer_that_broke_off_is_an_error_after_its_connection() -> None:
    attempt = Attempt(FAST, 1, 0.0, 9.0, 200, "interrupted", "the answer broke off")
    found = attempts.attempt_records(FACTS, (attempt,), 3, cooldown_s=30)
    assert [record["event"] for record in found] == [
        *("proxy_attempt", "proxy_upstream_connected", "proxy_request_error"),
    ]


def test_the_terminal_event_tells_tokens_cost_and_times() -> None:
    record = records.proxy_terminal(FACTS, DECISION, OUTCOME, dropped=["seed"])
    assert record["usage"] == {
        "input_tokens": 100,
        "cache_read_tokens": 20,
        "cache_write_tokens": 3,
        "output_tokens": 40,
        "reasoning_tokens": 10,
        "total_tokens": 163,
    }
    assert record["cost_usd"] == "0.0000015"
    assert (record["ttft_ms"], record["duration_ms"]) == (333.333, 1234.568)
    assert record["attempts"] == 3
    assert record["attempted_targets"] == ["acme:smart", "acme:smart", "acme:fast"]
    assert (record["target"], record["principal"]) == ("acme:fast", "team-a")
    assert (record["config_digest"], record["dropped"]) == ("0123456789ab", ["seed"])


def test_a_request_that_never_reached_routing_ends_in_the_same_fields() -> None:
    early = records.proxy_terminal(
        RequestFacts("r", "/v1/x"),
        None,
        Outcome(401, "error", error_type="authentication_error"),
        requested_model="m" * 1_000_000,
    )
    assert fields(early) == fields(records.proxy_terminal(FACTS, DECISION, OUTCOME))
    assert early["requested_model"] == "m" * 256
    assert early["error_type"] == "authentication_error"


def everything(content: Any = "none") -> list[Record]:
    return [
        records.route_decision(FACTS, DECISION, VIEW, content),
        records.proxy_start(FACTS, DECISION, PLAN),
        records.proxy_no_target(FACTS, DECISION, PLAN),
        *attempts.skip_records(FACTS, PLAN),
        *attempts.attempt_records(FACTS, OUTCOME.attempts, 3, 30),
        records.proxy_response(FACTS, OUTCOME),
        records.proxy_exhausted(FACTS, OUTCOME, PLAN),
        records.proxy_terminal(FACTS, DECISION, OUTCOME),
    ]


def test_no_event_has_words_of_the_prompt_keys_or_hosts() -> None:
    written = b"".join(map(encode_line, everything())).decode()
    for hidden in ("quick", "fox", "verysecret", "inner"):
        assert hidden not in written
    assert all(json.loads(line)["request_id"] == "req-1" for line in written.splitlines())


def test_a_preview_is_written_when_asked_for_and_bounded() -> None:
    assert everything("preview")[0]["text_preview"] == PROMPT
    long_view = PromptView("openai_chat", user_turns=("x" * 10_000,))
    record = records.route_decision(FACTS, DECISION, long_view, "preview")
    assert record["text_preview"] == "x" * 500


def test_a_decision_without_candidates_can_be_told() -> None:
    empty = RouteDecision("m", "request", Judgement("explicit", "n/a"), ())
    record = records.proxy_no_target(FACTS, empty, AttemptPlan(()))
    assert record["selected_model"] is None


def test_model_names_that_callers_choose_are_clipped_everywhere() -> None:
    name = "m" * 1_000_000
    target = Target(name, ACCOUNT, ModelTraits(name))
    tried = (Attempt(target, 1, 0.0, 1.0, 429, "rate_limit"), Attempt(target, 2, 0.0, 1.0, 200))
    decision = RouteDecision(name, "request", Judgement("explicit", "n/a"), (name, name))
    outcome = Outcome(200, "success", tried, target)
    plan = AttemptPlan((target,), (SkippedTarget(target, "cooling_down"),))
    for record in (
        records.route_decision(FACTS, decision, VIEW),
        records.proxy_start(FACTS, decision, plan),
        records.proxy_no_target(FACTS, decision, plan),
        *attempts.skip_records(FACTS, plan),
        *attempts.attempt_records(FACTS, tried, 2, 30),
        records.proxy_response(FACTS, outcome),
        records.proxy_exhausted(FACTS, outcome, plan),
        records.proxy_terminal(FACTS, decision, outcome),
    ):
        assert len(encode_line(record)) < 5000
