from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from routing_samples import account, target

from router.providers.base import Target
from router.routing.constraints import Needs
from router.routing.controls import read_controls
from router.routing.rank import rank, shuffled
from router.state.health import Health

NOW_S = 100.0


def ranked(
    *targets: Target, strategy: Any = "ordered", body: Any = None, health: Any = None, **fields: Any
) -> list[str]:
    order = rank(
        targets,
        strategy,
        read_controls(body or {}, {}),
        Needs(input_tokens=1000, max_output_tokens=100),
        health or Health(),
        Random(7),
        NOW_S,
        **fields,
    )
    assert sorted(t.name for t in order) == sorted(t.name for t in targets)
    return [one.account.name for one in order]


def timed(**latency_ms: float) -> Health:
    health = Health()
    for name, ms in latency_ms.items():
        health.latency.record_success(f"{name}:m", NOW_S, latency_ms=ms, output_tokens=1000)
    return health


A, B, C = (target("m", name) for name in "abc")


def test_targets_stay_as_configured() -> None:
    assert ranked(B, A, C) == ["b", "a", "c"]


def test_a_lower_order_goes_first_and_none_last() -> None:
    assert ranked(A, target("m", "b", order=2), target("m", "c", order=1)) == ["c", "b", "a"]


def test_order_holds_under_every_strategy() -> None:
    late, early = target("m", "a", order=2, price=(1, 1)), target("m", "b", order=1, price=(9, 9))
    health = timed(a=1.0, b=999.0)
    for strategy in (
        "simple-shuffle", "least-busy", "latency-based-routing", "cost-based-routing",
    ):  # fmt: skip
        assert ranked(late, early, strategy=strategy, health=health) == ["b", "a"]


def first_shares(*targets: Target, draws: int = 4000) -> dict[str, float]:
    rng = Random(3)
    firsts = Counter(shuffled(targets, rng)[0].account.name for _ in range(draws))
    return {name: count / draws for name, count in firsts.items()}


def near(share: float, expected: float) -> bool:
    return abs(share - expected) < 0.03


def test_shuffling_shares_by_weight() -> None:
    shares = first_shares(target("m", "a", weight=3.0), target("m", "b", weight=1.0))
    assert near(shares["a"], 0.75)


def test_shuffling_shares_by_rpm_where_no_weight_is_set_then_by_tpm() -> None:
    by_rpm = first_shares(target("m", "a", rpm=900, tpm=1), target("m", "b", rpm=100, tpm=9999))
    assert near(by_rpm["a"], 0.9)
    by_tpm = first_shares(target("m", "a", tpm=2000), target("m", "b", tpm=6000))
    assert near(by_tpm["b"], 0.75)


def test_shuffling_is_even_without_figures() -> None:
    assert near(first_shares(A, B)["a"], 0.5)


def test_a_target_of_weight_zero_is_the_last_resort() -> None:
    assert first_shares(target("m", "a", weight=0.0), B) == {"b": 1.0}


def test_the_least_busy_goes_first() -> None:
    health = Health()
    health.latency.started("a:m")
    assert ranked(A, B, strategy="least-busy", health=health) == ["b", "a"]


def test_the_fastest_goes_first_after_those_never_called() -> None:
    health = timed(a=900.0, b=100.0)
    assert ranked(A, B, C, strategy="latency-based-routing", health=health) == ["c", "b", "a"]


def test_a_target_that_only_ever_failed_is_not_taken_for_fast() -> None:
    health = timed(a=900.0)
    health.latency.record_failure("b:m", NOW_S)
    assert ranked(B, A, strategy="latency-based-routing", health=health) == ["a", "b"]


def test_failures_make_a_target_slower_than_it_looks() -> None:
    health = timed(a=100.0, b=120.0)
    for _ in range(3):
        health.latency.record_failure("a:m", NOW_S)
    assert ranked(A, B, strategy="latency-based-routing", health=health) == ["b", "a"]


def test_the_cheapest_goes_first_and_one_without_price_last() -> None:
    dear, cheap = target("m", "a", price=(5, 5)), target("m", "b", price=(1, 1))
    assert ranked(C, dear, cheap, strategy="cost-based-routing") == ["b", "a", "c"]


def test_a_free_target_is_cheaper_than_any() -> None:
    free = target("m", "a", price=(0, 0))
    cheap = target("m", "b", price=(0.1, 0.1))
    assert ranked(cheap, free, strategy="cost-based-routing") == ["a", "b"]


def test_the_requests_sort_wins_over_strategy_and_order() -> None:
    first = target("m", "a", order=1, price=(9, 9))
    cheap = target("m", "b", order=2, price=(1, 1))
    assert ranked(first, cheap, body={"provider": {"sort": "price"}}) == ["b", "a"]
    assert ranked(first, cheap, body={"model": "m:floor"}) == ["b", "a"]


def test_sorting_by_latency_or_throughput_puts_the_unknown_last() -> None:
    health = timed(b=900.0, c=100.0)
    assert ranked(A, B, C, body={"provider": {"sort": "latency"}}, health=health) == ["c", "b", "a"]
    assert ranked(A, B, C, body={"model": "m:nitro"}, health=health) == ["c", "b", "a"]


def test_provider_order_goes_before_everything() -> None:
    groq = target("m", account("g", "groq"), order=9)
    azure = target("m", account("z", "azure"), order=8)
    body = {"provider": {"order": ["Groq", "z"], "sort": "price"}}
    assert ranked(A, azure, groq, body=body) == ["g", "z", "a"]


def test_the_conversations_target_goes_first_among_its_equals() -> None:
    assert ranked(A, B, C, prefer="b:m") == ["b", "a", "c"]
    early = target("m", "a", order=1)
    assert ranked(early, B, prefer="b:m") == ["a", "b"]


def test_a_local_model_in_memory_goes_before_one_that_is_not() -> None:
    assert ranked(A, B, health=Health(loaded={"a:m": False, "b:m": True})) == ["b", "a"]
