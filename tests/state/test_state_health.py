from __future__ import annotations

from router.state.breaker import Ticket
from router.state.health import Block, Health


def test_all_is_well_to_begin_with() -> None:
    health = Health()
    assert health.block("a", 0.0) is None
    assert health.is_trusted("a", 0.0)
    assert health.pace("a", 0.0) is None
    assert health.in_flight("a") == 0


def test_a_block_says_why_and_how_long() -> None:
    health = Health()
    health.cooldowns.put_aside("a", 9.0, 0.0)
    for _ in range(5):
        health.breakers.record_failure(Ticket("b"), "timeout", 0.0)
    assert health.block("a", 1.0) == Block("cooling_down", 8.0)
    assert health.block("b", 1.0) == Block("breaker_open", 29.0)
    assert health.is_trusted("a", 1.0)
    assert not health.is_trusted("b", 1.0)


def test_a_view_follows_what_happens_after_it_was_made() -> None:
    health = Health()
    health.latency.started("a")
    health.latency.record_success("a", 0.0, latency_ms=5.0)
    pace = health.pace("a", 0.0)
    assert pace is not None
    assert pace.latency_ms == 5.0
    assert health.in_flight("a") == 1
