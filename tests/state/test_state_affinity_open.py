from __future__ import annotations

from pathlib import Path

from router.state.affinity import Seat
from router.state.affinity_open import open_affinities


def test_workers_of_one_host_share_seats_and_secret(tmp_path: Path) -> None:
    warned: list[str] = []
    one, secret = open_affinities(tmp_path, None, lambda: 1e9, lambda what, _: warned.append(what))
    two, same = open_affinities(tmp_path, None, lambda: 1e9, lambda what, _: warned.append(what))
    one.sit("c", Seat("m", "a:m", "low", 5.0))
    assert two.seat("c", 7.0) == Seat("m", "a:m", "low", 7.0)
    assert (secret, warned) == (same, [])


def test_without_a_state_directory_each_worker_remembers_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    warned: list[str] = []
    seats, secret = open_affinities(
        tmp_path / "file" / "run", None, lambda: 1e9, lambda what, _: warned.append(what)
    )
    seats.sit("c", Seat("m", "a:m", "low", 5.0))
    assert seats.seat("c", 6.0) is not None
    assert len(secret) == 32
    assert warned == ["affinity holds for each worker alone"]
