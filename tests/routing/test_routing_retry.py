from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routing_samples import account, target

from router.config.snapshot import RetryPolicy
from router.errors import (
    CallerCredentialRefused,
    ConnectFailed,
    ContentRefused,
    ContextTooLong,
    ProtocolViolation,
    StreamInterrupted,
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamFacts,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from router.providers.base import Target
from router.routing.decision import AttemptPlan
from router.routing.retry import RetryBudget, Step, breaker_policy, repeat_gate
from router.state.breaker import BreakerPolicy, Breakers, Ticket
from router.state.retry_tokens import CAPACITY, RetryTokens, provider_key

A, B, C = (target("m", name) for name in "abc")
TWIN = target("m", account("a2", url="https://a.example"))
SIBLING = target("m2", "a")


def failed(
    kind: type[UpstreamError], status: int | None = None, wait_s: float | None = None
) -> Any:
    return kind("it failed", UpstreamFacts(status=status, retry_after_s=wait_s))


def after(
    error: UpstreamError,
    left: tuple[Target, ...] = (B,),
    *,
    by: Target = A,
    policy: RetryPolicy | None = None,
    deadline_s: float = 60.0,
    now_s: float = 1.0,
    **fields: Any,
) -> Step:
    budget = RetryBudget.start(policy or RetryPolicy(), 0.0, deadline_s)
    return budget.next_step(error, by, left, now_s, **fields)[0]


LEADS_ON = [
    failed(ConnectFailed),
    failed(UpstreamTimeout),
    failed(ProtocolViolation),
    failed(ProtocolViolation, 200),
    failed(StreamInterrupted),
    failed(StreamInterrupted, 200),
    failed(UpstreamUnavailable, 500),
    failed(UpstreamUnavailable, 529),
    failed(UpstreamUnavailable, 200),
    failed(UpstreamRateLimited, 429),
    failed(UpstreamRateLimited, 429, 2.0),
    failed(UpstreamAuthFailed, 401),
    failed(UpstreamAuthFailed, 403),
]
SURFACES = [
    failed(UpstreamRejected, 400),
    failed(UpstreamRejected, 404),
    failed(UpstreamRejected, 422),
    failed(UpstreamRejected),
    failed(CallerCredentialRefused, 401),
    failed(ContentRefused, 400),
    failed(UpstreamUnavailable, 501),
]


@pytest.mark.parametrize("error", LEADS_ON, ids=lambda e: f"{e.error_class}-{e.facts.status}")
def test_these_go_to_the_next_target_at_once(error: UpstreamError) -> None:
    step = after(error, (B, C))
    assert (step.action, step.targets, step.wait_s) == ("failover", (B, C), 0.0)
    assert not step.repeats_provider


@pytest.mark.parametrize("error", SURFACES, ids=lambda e: f"{e.error_class}-{e.facts.status}")
def test_these_are_told_at_once(error: UpstreamError) -> None:
    assert after(error, (B, C)) == Step("stop", "callers_fault")


def test_the_operator_says_which_statuses_lead_on() -> None:
    policy = RetryPolicy(statuses=frozenset({404}))
    assert after(failed(UpstreamRejected, 404), policy=policy).action == "failover"
    assert after(failed(UpstreamUnavailable, 500), policy=policy).action == "stop"
    assert after(failed(ConnectFailed), policy=policy).action == "failover"


def test_attempts_are_limited() -> None:
    budget = RetryBudget.start(RetryPolicy(max_attempts=2), 0.0, 60.0)
    step, budget = budget.next_step(failed(ConnectFailed), A, (B, C), 1.0)
    assert step.action == "failover"
    step, budget = budget.next_step(failed(ConnectFailed), B, (C,), 2.0)
    assert step == Step("stop", "attempts_used_up")


def test_a_single_attempt_means_no_failover_either() -> None:
    assert after(failed(ConnectFailed), policy=RetryPolicy(max_attempts=1)).action == "stop"


def test_after_the_deadline_nothing_is_tried() -> None:
    assert after(failed(ConnectFailed), now_s=60.0) == Step("stop", "deadline")


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (failed(UpstreamRateLimited, 429, 5.0), 5.0),
        (failed(UpstreamRateLimited, 429, 0.0), 0.0),
        (failed(UpstreamUnavailable, 503, 3.0), 3.0),
        (failed(UpstreamUnavailable, 500), 0.25),
        (failed(ConnectFailed), 0.25),
        (failed(StreamInterrupted), 0.25),
    ],
)
def test_without_another_target_the_same_one_is_tried_again(
    error: UpstreamError, wait_s: float
) -> None:
    step = after(error, ())
    assert (step.action, step.targets, step.wait_s) == ("retry", (A,), wait_s)
    assert step.repeats_provider


@pytest.mark.parametrize(
    "error",
    [
        failed(UpstreamRateLimited, 429, 5.1),
        failed(UpstreamRateLimited, 429),
        failed(UpstreamUnavailable, 503, 60.0),
        failed(UpstreamAuthFailed, 401),
    ],
)
def test_the_same_target_is_not_tried_again_where_that_cannot_help(error: UpstreamError) -> None:
    assert after(error, ()) == Step("stop", "no_target_left")


def test_a_wait_must_fit_the_deadline() -> None:
    error = failed(UpstreamRateLimited, 429, 4.0)
    assert after(error, (), now_s=56.5) == Step("stop", "deadline")
    assert after(error, (), now_s=55.5).action == "retry"


def test_back_off_grows_and_is_spread() -> None:
    budget = RetryBudget.start(RetryPolicy(max_attempts=9), 0.0, 60.0)
    waits = []
    for jitter in (0.0, 0.0, 1.0):
        step, budget = budget.next_step(failed(ConnectFailed), A, (), 1.0, jitter=jitter)
        waits.append(step.wait_s)
    assert waits == [0.125, 0.25, 1.5]


def never(_: Target) -> bool:
    return False


def test_a_call_to_the_same_provider_again_needs_a_token() -> None:
    error = failed(UpstreamUnavailable, 500)
    assert after(error, (TWIN,)).repeats_provider
    assert after(error, (TWIN,), may_repeat=never) == Step("stop", "retry_budget")
    assert after(error, (SIBLING,), may_repeat=never) == Step("stop", "retry_budget")
    assert after(error, (), may_repeat=never) == Step("stop", "retry_budget")


def test_without_token_another_provider_is_looked_for() -> None:
    step = after(failed(UpstreamUnavailable, 500), (TWIN, B, C), may_repeat=never)
    assert (step.action, step.targets, step.repeats_provider) == ("failover", (B, C), False)


def test_a_provider_called_earlier_in_the_request_counts_too() -> None:
    budget = RetryBudget.start(RetryPolicy(), 0.0, 60.0)
    _, budget = budget.next_step(failed(ConnectFailed), A, (B, TWIN), 1.0)
    step, _ = budget.next_step(failed(ConnectFailed), B, (TWIN,), 2.0, may_repeat=never)
    assert step.action == "stop"


@pytest.mark.parametrize(
    "error", [failed(UpstreamRateLimited, 429), failed(UpstreamAuthFailed, 401)]
)
def test_trouble_with_one_credential_leaves_another_free_without_token(
    error: UpstreamError,
) -> None:
    assert after(error, (TWIN,), may_repeat=never).reason == "other_credential"
    assert after(error, (SIBLING,), may_repeat=never).action == "stop"


def sized(model: str, window: int | None) -> Target:
    return target(model, window=window)


def test_a_prompt_too_long_goes_to_larger_models_only() -> None:
    too_long = failed(ContextTooLong, 400)
    small, smaller = sized("small", 100), sized("smaller", 50)
    large, unknown = sized("large", 200), sized("unknown", None)
    elsewhere = target("small", "b", window=100)
    step = after(too_long, (smaller, elsewhere, large, unknown), by=small)
    assert (step.action, step.targets) == ("failover", (large, unknown))
    assert after(too_long, (smaller, elsewhere), by=small) == Step("stop", "callers_fault")


def test_configured_stand_ins_come_first_and_each_once() -> None:
    too_long = failed(ContextTooLong, 400)
    small, large, huge = sized("small", 100), sized("large", 200), sized("huge", 300)
    plan = AttemptPlan((small, large), on_context_window=(huge, large))
    budget = RetryBudget.start(RetryPolicy(max_attempts=9), 0.0, 60.0)
    step, budget = budget.next_step(too_long, small, (large,), 1.0, plan)
    assert step.targets == (huge, large)
    step, budget = budget.next_step(too_long, huge, step.targets[1:], 2.0, plan)
    assert step.targets == (large,)
    step, _ = budget.next_step(too_long, large, (), 3.0, plan)
    assert step.action == "stop"


def test_refused_content_goes_only_where_the_configuration_says() -> None:
    refused = failed(ContentRefused, 400)
    plan = AttemptPlan((A, B), on_content_policy=(C,))
    assert after(refused, (B,), plan=plan).targets == (C,)
    assert after(refused, (), by=C, plan=plan).action == "stop"


def test_the_usual_gate_asks_the_breaker_before_it_takes_a_token() -> None:
    breakers, tokens = Breakers(), RetryTokens(capacity=2)
    key = provider_key(A.account)
    gate = repeat_gate(breakers, tokens, 0.0)
    assert gate(A)
    for _ in range(5):
        breakers.record_failure(Ticket(A.name), "connect", 0.0)
    assert not gate(A)
    assert tokens.tokens(key, 0.0) == 1


def test_litellms_settings_map_to_the_breaker() -> None:
    assert breaker_policy(RetryPolicy()) == BreakerPolicy()
    mapped = breaker_policy(RetryPolicy(allowed_fails=0, cooldown_s=5.0))
    assert (mapped.consecutive, mapped.open_s) == (1, 5.0)
    assert breaker_policy(RetryPolicy(allowed_fails=3, cooldown_s=600.0)).open_s == 30.0


@given(
    requests=st.integers(100, 250),
    targets=st.integers(1, 4),
    error=st.sampled_from([e for e in LEADS_ON if not isinstance(e, UpstreamAuthFailed)]),
)
def test_a_total_outage_of_a_provider_is_amplified_by_a_tenth_at_most(
    requests: int, targets: int, error: UpstreamError
) -> None:
    """Even without breakers and cooldowns: all targets are one account's models."""
    tokens = RetryTokens()
    queue = tuple(target(f"m{index}", "a") for index in range(targets))
    calls = 0
    for _ in range(requests):
        budget, left = RetryBudget.start(RetryPolicy(), 0.0, 60.0), queue
        while left:
            calls += 1
            step, budget = budget.next_step(
                error,
                left[0],
                left[1:],
                1.0,
                may_repeat=lambda one: tokens.take(provider_key(one.account), 1.0),
            )
            left = step.targets
    assert calls <= requests + CAPACITY
    assert calls <= 1.1 * requests
