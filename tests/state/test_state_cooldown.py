from __future__ import annotations

from router.state.cooldown import MAX_COOLDOWN_S, Cooldowns


def test_a_target_is_left_alone_for_as_long_as_it_asked() -> None:
    cooldowns = Cooldowns()
    cooldowns.put_aside("a", 30.0, 100.0)
    assert cooldowns.wait_s("a", 101.0) == 29.0
    assert cooldowns.wait_s("a", 130.0) is None
    assert cooldowns.wait_s("b", 101.0) is None


def test_a_shorter_wait_does_not_cut_a_longer_one() -> None:
    cooldowns = Cooldowns()
    cooldowns.put_aside("a", 30.0, 0.0)
    assert cooldowns.put_aside("a", 5.0, 10.0) == 20.0
    assert cooldowns.put_aside("a", 50.0, 10.0) == 50.0


def test_no_wait_is_longer_than_the_limit_or_negative() -> None:
    cooldowns = Cooldowns()
    assert cooldowns.put_aside("a", 1e9, 0.0) == MAX_COOLDOWN_S
    assert cooldowns.put_aside("b", -3.0, 0.0) == 0.0
    assert cooldowns.wait_s("b", 0.0) is None


def test_waits_list_what_is_put_aside_now() -> None:
    cooldowns = Cooldowns()
    cooldowns.put_aside("a", 5.0, 0.0)
    cooldowns.put_aside("b", 50.0, 0.0)
    assert cooldowns.waits(10.0) == {"b": 40.0}
    cooldowns.lift("b")
    assert cooldowns.waits(10.0) == {}


def test_names_made_up_by_clients_do_not_grow_it_without_bound() -> None:
    cooldowns = Cooldowns(max_targets=3)
    for number in range(100):
        cooldowns.put_aside(f"wild:{number}", 60.0, 0.0)
    assert len(cooldowns.waits(0.0)) == 3
