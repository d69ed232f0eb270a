from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from router.state.breaker import ANSWERED, COUNTED, Blocked, BreakerPolicy, Breakers, Ticket

NAME = "eu:gpt"
POLICY = BreakerPolicy()


def fail(breakers: Breakers, times: int, at_s: float = 0.0, kind: str = "timeout") -> None:
    for _ in range(times):
        breakers.record_failure(Ticket(NAME), kind, at_s)


def opened(at_s: float = 0.0) -> Breakers:
    breakers = Breakers()
    fail(breakers, 5, at_s)
    return breakers


def ticket(breakers: Breakers, now_s: float, *, force: bool = False) -> Ticket:
    leave = breakers.allow(NAME, now_s, force=force)
    assert isinstance(leave, Ticket)
    return leave


def is_blocked(breakers: Breakers, now_s: float) -> bool:
    return isinstance(breakers.allow(NAME, now_s), Blocked)


def test_four_failures_in_a_row_are_forgiven_and_five_are_not() -> None:
    breakers = Breakers()
    fail(breakers, 4)
    assert not is_blocked(breakers, 0.0)
    fail(breakers, 1)
    assert breakers.allow(NAME, 1.0) == Blocked(29.0)


def test_a_success_between_them_starts_the_count_anew() -> None:
    breakers = Breakers()
    fail(breakers, 4)
    breakers.record_success(Ticket(NAME), 0.0)
    fail(breakers, 4)
    assert not is_blocked(breakers, 0.0)


def test_each_error_class_counts_on_its_own() -> None:
    breakers = Breakers()
    for kind in ("timeout", "connect", "server_error"):
        fail(breakers, 4, kind=kind)
    assert not is_blocked(breakers, 0.0)
    fail(breakers, 1, kind="connect")
    assert breakers.statuses(0.0)[0].error_class == "connect"


def test_targets_do_not_answer_for_each_other() -> None:
    assert isinstance(opened().allow("eu:other", 0.0), Ticket)


@pytest.mark.parametrize("kind", [*sorted(ANSWERED), "rate_limit", "client_closed"])
def test_callers_errors_rate_limits_and_clients_that_leave_never_count(kind: str) -> None:
    breakers = Breakers()
    fail(breakers, 100, kind=kind)
    assert not is_blocked(breakers, 0.0)


@pytest.mark.parametrize("kind", sorted(COUNTED))
def test_these_classes_count(kind: str) -> None:
    breakers = Breakers()
    fail(breakers, 5, kind=kind)
    assert is_blocked(breakers, 0.0)


def alternate(breakers: Breakers, pairs: int, at_s: float) -> None:
    for _ in range(pairs):
        fail(breakers, 1, at_s)
        breakers.record_success(Ticket(NAME), at_s)


def test_half_of_twenty_within_thirty_seconds_is_too_many() -> None:
    breakers = Breakers()
    alternate(breakers, 9, 0.0)
    fail(breakers, 1, 10.0)
    assert not is_blocked(breakers, 10.0)
    fail(breakers, 1, 10.0)
    assert is_blocked(breakers, 10.0)


def test_what_is_older_than_the_window_no_longer_counts() -> None:
    breakers = Breakers()
    alternate(breakers, 9, 0.0)
    fail(breakers, 2, 30.0)
    assert not is_blocked(breakers, 30.0)


def test_less_than_half_is_borne() -> None:
    breakers = Breakers()
    fail(breakers, 1)
    for _ in range(30):
        breakers.record_success(Ticket(NAME), 0.0)
        breakers.record_success(Ticket(NAME), 0.0)
        fail(breakers, 1)
    assert not is_blocked(breakers, 0.0)


def test_after_its_time_one_probe_goes_and_no_more() -> None:
    breakers = opened()
    assert is_blocked(breakers, 29.9)
    assert ticket(breakers, 30.0).kind == "probe"
    assert breakers.allow(NAME, 31.0) == Blocked(59.0)


def test_a_probe_that_succeeds_closes_with_a_clean_record() -> None:
    breakers = opened()
    breakers.record_success(ticket(breakers, 30.0), 31.0)
    assert breakers.is_closed(NAME, 31.0)
    fail(breakers, 4, 31.0)
    assert not is_blocked(breakers, 31.0)


def test_a_probe_that_fails_opens_anew() -> None:
    breakers = opened()
    breakers.record_failure(ticket(breakers, 30.0), "connect", 32.0)
    assert breakers.allow(NAME, 33.0) == Blocked(29.0)
    assert breakers.statuses(33.0)[0].error_class == "connect"


def test_a_probe_given_back_lets_the_next_one_go() -> None:
    breakers = opened()
    breakers.release(ticket(breakers, 30.0), 31.0)
    assert ticket(breakers, 31.0).kind == "probe"


@pytest.mark.parametrize("kind", sorted(ANSWERED))
def test_a_probe_refused_for_the_callers_fault_shows_that_the_target_lives(kind: str) -> None:
    breakers = opened()
    breakers.record_failure(ticket(breakers, 30.0), kind, 31.0)
    assert breakers.is_closed(NAME, 31.0)


def test_a_probe_that_is_rate_limited_shows_nothing_and_frees_the_slot() -> None:
    breakers = opened()
    breakers.record_failure(ticket(breakers, 30.0), "rate_limit", 31.0)
    assert not breakers.is_closed(NAME, 31.0)
    assert ticket(breakers, 31.0).kind == "probe"


def test_a_probe_that_never_comes_back_loses_its_slot() -> None:
    breakers = opened()
    lost = ticket(breakers, 30.0)
    assert is_blocked(breakers, 30.0 + POLICY.probe_lease_s - 0.1)
    second = ticket(breakers, 30.0 + POLICY.probe_lease_s)
    assert second.serial != lost.serial
    breakers.release(lost, 95.0)
    breakers.record_failure(lost, "timeout", 95.0)
    assert is_blocked(breakers, 95.0)
    breakers.record_success(second, 96.0)
    assert breakers.is_closed(NAME, 96.0)


def test_calls_sent_before_it_opened_are_no_news() -> None:
    breakers = opened(at_s=10.0)
    breakers.record_success(Ticket(NAME), 12.0)
    fail(breakers, 1, 39.0)
    assert breakers.allow(NAME, 39.0) == Blocked(1.0)


def test_force_goes_through_and_its_success_closes_but_its_failure_prolongs_nothing() -> None:
    breakers = opened()
    forced = ticket(breakers, 10.0, force=True)
    assert forced.kind == "forced"
    breakers.record_failure(forced, "timeout", 20.0)
    assert breakers.allow(NAME, 20.0) == Blocked(10.0)
    breakers.record_success(ticket(breakers, 21.0, force=True), 22.0)
    assert breakers.is_closed(NAME, 22.0)


def test_force_takes_the_probe_slot_where_it_is_free() -> None:
    assert ticket(opened(), 30.0, force=True).kind == "probe"


def test_looking_takes_no_slot() -> None:
    breakers = opened()
    assert breakers.wait_s(NAME, 10.0) == 20.0
    assert breakers.wait_s(NAME, 30.0) is None
    assert ticket(breakers, 30.0).kind == "probe"
    assert breakers.wait_s("never:seen", 0.0) is None


def test_the_policy_of_the_configuration_rules() -> None:
    breakers = Breakers()
    strict = BreakerPolicy(consecutive=1, open_s=5.0)
    breakers.record_failure(Ticket(NAME), "connect", 0.0, strict)
    assert breakers.allow(NAME, 0.0) == Blocked(5.0)
    assert ticket(breakers, 5.0).kind == "probe"


def test_statuses_tell_an_operator_what_is_going_on() -> None:
    breakers = opened()
    (status,) = breakers.statuses(10.0)
    assert (status.name, status.state, status.retry_in_s) == (NAME, "open", 20.0)
    assert status.failures == {"timeout": 5}
    ticket(breakers, 31.0)
    (status,) = breakers.statuses(31.0)
    assert (status.state, status.is_probing) == ("half_open", True)


def test_names_made_up_by_clients_do_not_grow_it_without_bound() -> None:
    breakers = Breakers(max_targets=5)
    for number in range(100):
        breakers.record_failure(Ticket(f"wild:{number}"), "connect", 0.0)
    assert len(breakers.statuses(0.0)) == 5


class AnyTraffic(RuleBasedStateMachine):
    """Any interleaving of calls, whose holders may also vanish without a word."""

    def __init__(self) -> None:
        super().__init__()
        self.breakers = Breakers()
        self.now_s = 0.0
        self.held: list[Ticket] = []

    @rule(by_s=st.sampled_from([0.0, 1.0, 10.0, 30.0, 61.0]))
    def time_passes(self, by_s: float) -> None:
        self.now_s += by_s

    @rule(force=st.booleans())
    def a_call_asks(self, force: bool) -> None:
        leave = self.breakers.allow(NAME, self.now_s, force=force)
        if isinstance(leave, Ticket):
            self.held.append(leave)
        else:
            assert not force
            assert 0 < leave.wait_s <= max(POLICY.open_s, POLICY.probe_lease_s)

    @rule(index=st.integers(0, 9), end=st.sampled_from(["ok", "release", "lost", "timeout", "4xx"]))
    def a_call_ends(self, index: int, end: str) -> None:
        if not self.held:
            return
        mine = self.held.pop(index % len(self.held))
        if end == "ok":
            self.breakers.record_success(mine, self.now_s)
        elif end == "release":
            self.breakers.release(mine, self.now_s)
        elif end != "lost":
            kind = "rejected" if end == "4xx" else end
            self.breakers.record_failure(mine, kind, self.now_s)

    @rule()
    def a_burst_of_failures(self) -> None:
        fail(self.breakers, 5, self.now_s)

    @rule()
    def everybody_comes_back(self) -> None:
        """Once every ticket is back, the slot is free as soon as the open time is over."""
        for mine in self.held:
            self.breakers.release(mine, self.now_s)
        self.held.clear()
        after_s = self.now_s + POLICY.open_s
        lost_probe_s = self.now_s + POLICY.probe_lease_s
        assert self.breakers.wait_s(NAME, max(after_s, lost_probe_s)) is None

    @invariant()
    def at_most_one_probe_is_out(self) -> None:
        statuses = self.breakers.statuses(self.now_s)
        probing = sum(status.is_probing for status in statuses)
        assert probing <= 1
        for status in statuses:
            assert (status.state == "closed") == self.breakers.is_closed(NAME, self.now_s)


class NobodyVanishes(AnyTraffic):
    """The same, where every holder keeps its word: then no lease is ever needed."""

    @rule(index=st.integers(0, 9), end=st.sampled_from(["ok", "release", "timeout", "4xx"]))
    def a_call_ends(self, index: int, end: str) -> None:
        super().a_call_ends(index, end)

    @invariant()
    def a_slot_is_taken_only_by_a_ticket_that_is_out(self) -> None:
        for status in self.breakers.statuses(self.now_s):
            assert not status.is_probing or any(mine.kind == "probe" for mine in self.held)

    @rule()
    def everybody_comes_back(self) -> None:
        for mine in self.held:
            self.breakers.release(mine, self.now_s)
        self.held.clear()
        assert self.breakers.wait_s(NAME, self.now_s + POLICY.open_s) is None


TestAnyTraffic = AnyTraffic.TestCase
TestNobodyVanishes = NobodyVanishes.TestCase
