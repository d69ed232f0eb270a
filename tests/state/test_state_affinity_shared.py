from __future__ import annotations

from collections.abc import Callable

from router.state.affinity import Seat
from router.state.affinity_shared import SharedAffinities

DAY_S = 86_400.0


class Store:
    """A shared place in memory; counts what is asked of it."""

    def __init__(self) -> None:
        self.seats: dict[str, Seat] = {}
        self.reads = self.writes = self.failures = 0

    def read(self, key: str, epoch_s: float) -> Seat | None:
        self.reads += 1
        return self.seats.get(key)

    def write(self, key: str, seat: Seat, epoch_s: float) -> None:
        self.writes += 1
        self.seats[key] = seat


class Time:
    """A worker's monotonic clock, and the epoch clock that all workers share."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s
        self.epoch_s = 1_000_000.0

    def epoch(self) -> float:
        return self.epoch_s

    @property
    def now_s(self) -> float:
        return self.epoch_s - 1_000_000.0 + self.ahead_s


def at(model: str, used_at_s: float) -> Seat:
    return Seat(model, f"a:{model}", "low", used_at_s)


def pair(
    store: Store,
) -> tuple[SharedAffinities, SharedAffinities, Time, Time, Callable[[float], None]]:
    """Return two workers, their clocks, and how to let time pass."""
    here, there = Time(), Time(ahead_s=5000.0)

    def later(seconds: float) -> None:
        here.epoch_s += seconds
        there.epoch_s += seconds

    one = SharedAffinities([store], here.epoch)
    return one, SharedAffinities([store], there.epoch), here, there, later


def test_another_worker_finds_the_seat_with_its_age_on_its_own_clock() -> None:
    one, other, here, there, later = pair(Store())
    one.sit("c", at("m", here.now_s))
    later(7.0)
    assert other.seat("c", there.now_s) == at("m", there.now_s - 7.0)


def test_a_move_made_by_another_worker_is_seen_although_memory_has_a_seat() -> None:
    one, other, here, there, later = pair(Store())
    one.sit("c", at("small", here.now_s))
    later(10.0)
    other.sit("c", at("big", there.now_s))
    later(10.0)
    found = one.seat("c", here.now_s)
    assert found is not None
    assert found.model == "big"


def test_a_seat_that_only_grows_older_is_written_once_a_minute() -> None:
    store = Store()
    one, _, here, _, later = pair(store)
    for _turn in range(13):
        one.sit("c", at("m", here.now_s))
        later(10.0)
    assert store.writes == 3


def test_a_change_of_model_is_written_at_once() -> None:
    store = Store()
    one, _, here, _, _ = pair(store)
    one.sit("c", at("small", here.now_s))
    one.sit("c", at("big", here.now_s))
    assert store.seats["c"].model == "big"


def test_within_a_second_nobody_is_asked() -> None:
    store = Store()
    one, _, here, _, later = pair(store)
    one.sit("c", at("m", here.now_s))
    later(0.5)
    assert one.seat("c", here.now_s) is not None
    assert store.reads == 0


def test_the_own_seat_stays_where_the_store_knows_only_an_older_one() -> None:
    store = Store()
    one, _, here, _, later = pair(store)
    store.seats["c"] = at("old", here.epoch_s - 50.0)
    one.sit("c", at("new", here.now_s))
    store.seats["c"] = at("old", here.epoch_s - 50.0)
    later(5.0)
    found = one.seat("c", here.now_s)
    assert found is not None
    assert found.model == "new"


def test_reading_does_not_keep_a_seat_alive() -> None:
    one, other, here, there, later = pair(Store())
    one.sit("c", at("m", here.now_s))
    later(DAY_S - 10)
    assert other.seat("c", there.now_s) is not None
    later(20)
    assert other.seat("c", there.now_s) is None


def test_failures_of_all_stores_are_told() -> None:
    broken = Store()
    broken.failures = 3
    assert SharedAffinities([broken, Store()], lambda: 0.0).failures == 3
