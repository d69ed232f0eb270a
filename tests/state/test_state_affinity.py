from __future__ import annotations

from router.state.affinity import Affinities, Seat


def at(used_at_s: float) -> Seat:
    return Seat("m", "a:m", "low", used_at_s)


def test_a_seat_is_kept_while_it_is_used() -> None:
    seats = Affinities(ttl_s=10.0)
    seats.sit("c", at(0.0))
    seats.sit("c", at(8.0))
    assert seats.seat("c", 17.0) == at(8.0)
    assert seats.seat("c", 18.0) is None


def test_a_conversation_can_be_forgotten() -> None:
    seats = Affinities()
    seats.sit("c", at(0.0))
    seats.forget("c")
    assert seats.seat("c", 0.0) is None


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    seats = Affinities(max_conversations=2)
    for name in "abc":
        seats.sit(name, at(0.0))
    assert len(seats) == 2
    assert seats.seat("a", 0.0) is None
