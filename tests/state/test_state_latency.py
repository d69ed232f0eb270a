from __future__ import annotations

import pytest

from router.state.latency import FAILURE_HALF_LIFE_S, STALE_S, LatencyBook


def test_the_first_sample_is_the_average_and_later_ones_move_it() -> None:
    book = LatencyBook()
    book.record_success("a", 0.0, latency_ms=100.0, ttft_ms=10.0, output_tokens=90)
    book.record_success("a", 1.0, latency_ms=200.0)
    pace = book.pace("a", 1.0)
    assert pace is not None
    assert pace.latency_ms == pytest.approx(120.0)
    assert pace.ttft_ms == 10.0
    assert pace.tokens_per_s == pytest.approx(1000.0)
    assert pace.samples == 2


def test_an_answer_without_tokens_or_time_says_nothing_about_speed() -> None:
    book = LatencyBook()
    book.record_success("a", 0.0, latency_ms=10.0, ttft_ms=10.0, output_tokens=5)
    book.record_success("b", 0.0, latency_ms=10.0, output_tokens=0)
    for name in "ab":
        pace = book.pace(name, 0.0)
        assert pace is not None
        assert pace.tokens_per_s is None


def test_failures_raise_the_rate_and_successes_lower_it() -> None:
    book = LatencyBook()
    book.record_failure("a", 0.0)
    book.record_failure("a", 0.0)
    risen = book.pace("a", 0.0)
    book.record_success("a", 0.0, latency_ms=1.0)
    fallen = book.pace("a", 0.0)
    assert risen is not None
    assert fallen is not None
    assert risen.failure_rate == pytest.approx(0.36)
    assert fallen.failure_rate == pytest.approx(0.288)


def test_old_failures_fade_without_news() -> None:
    book = LatencyBook()
    book.record_failure("a", 0.0)
    pace = book.pace("a", FAILURE_HALF_LIFE_S)
    assert pace is not None
    assert pace.failure_rate == pytest.approx(0.1)
    assert book.paces(FAILURE_HALF_LIFE_S) == {"a": pace}


def test_a_target_not_called_for_long_is_unknown_again() -> None:
    book = LatencyBook()
    book.record_success("a", 0.0, latency_ms=1.0)
    assert book.pace("a", STALE_S) is None
    assert book.pace("never", 0.0) is None


def test_calls_in_flight_are_counted_and_forgotten_at_zero() -> None:
    book = LatencyBook()
    book.started("a")
    book.started("a")
    book.ended("a")
    assert book.in_flight("a") == 1
    book.ended("a")
    book.ended("a")
    assert book.in_flight("a") == 0
