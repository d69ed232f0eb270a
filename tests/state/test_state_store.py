from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.state.store import TtlMap


def test_an_entry_is_gone_when_its_time_is_over() -> None:
    seen = TtlMap[str, int](10, ttl_s=5.0)
    seen.put("a", 1, 0.0)
    assert seen.get("a", 4.9) == 1
    assert seen.get("a", 5.0) is None
    assert len(seen) == 0


def test_putting_again_makes_an_entry_young() -> None:
    seen = TtlMap[str, int](10, ttl_s=5.0)
    seen.put("a", 1, 0.0)
    seen.put("a", 2, 4.0)
    assert seen.get("a", 8.0) == 2


def test_the_entry_put_longest_ago_makes_room() -> None:
    seen = TtlMap[str, int](2, ttl_s=99.0)
    for name in ("a", "b", "a", "c"):
        seen.put(name, 1, 0.0)
    assert seen.get("b", 0.0) is None
    assert dict(seen.items(0.0)) == {"a": 1, "c": 1}


def test_items_leave_out_what_is_too_old_and_allow_changes() -> None:
    seen = TtlMap[str, int](9, ttl_s=5.0)
    seen.put("old", 1, 0.0)
    seen.put("new", 2, 4.0)
    for name, _ in seen.items(6.0):
        seen.discard(name)
        assert name == "new"
    seen.discard("never there")


def test_a_map_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        TtlMap[str, int](0, 1.0)


@given(st.lists(st.integers(0, 50)), st.integers(1, 5))
def test_a_map_never_grows_over_its_limit_and_keeps_the_newest(keys: list[int], limit: int) -> None:
    seen = TtlMap[int, int](limit, 1e9)
    for at, key in enumerate(keys):
        seen.put(key, at, float(at))
        assert len(seen) <= limit
        assert seen.get(key, float(at)) == at
