from __future__ import annotations

import multiprocessing
import sqlite3
import stat
from pathlib import Path

import pytest

from router.state.affinity import Seat
from router.state.affinity_file import SeatFile

NOW_S = 1_800_000_000.0


def seat(model: str = "m", used_at_s: float = NOW_S) -> Seat:
    return Seat(model, f"a:{model}", "low", used_at_s)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "affinity.sqlite"


def test_what_one_worker_writes_another_reads(path: Path) -> None:
    SeatFile(path).write("c", seat(), NOW_S)
    other = SeatFile(path)
    assert other.read("c", NOW_S) == seat()
    assert other.read("d", NOW_S) is None


def test_a_younger_seat_is_not_overwritten_by_an_older_one(path: Path) -> None:
    file = SeatFile(path)
    file.write("c", seat("new", NOW_S), NOW_S)
    file.write("c", seat("old", NOW_S - 1), NOW_S)
    assert file.read("c", NOW_S) == seat("new")


def test_only_the_owner_may_read_the_files(path: Path) -> None:
    SeatFile(path).write("c", seat(), NOW_S)
    modes = {stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    assert modes == {0o600}


def test_the_file_is_bounded_and_the_oldest_go_first(path: Path) -> None:
    file = SeatFile(path, max_rows=10)
    for number in range(30):
        file.write(f"c{number}", seat(used_at_s=NOW_S + number), NOW_S + number)
    file.write("last", seat(used_at_s=NOW_S + 100), NOW_S + 100)
    rows = sqlite3.connect(path).execute("SELECT count(*) FROM seats").fetchone()
    assert rows[0] <= 10
    assert file.read("c0", NOW_S) is None


def test_what_nobody_used_for_a_day_is_forgotten(path: Path) -> None:
    file = SeatFile(path)
    file.write("c", seat(), NOW_S)
    file.write("d", seat(used_at_s=NOW_S + 90_000), NOW_S + 90_000)
    assert file.read("c", NOW_S + 90_000) is None


def test_a_damaged_file_is_made_anew(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, " * 500)
    file = SeatFile(path)
    assert file.read("c", NOW_S) is None
    assert file.failures == 1
    file.write("c", seat(), NOW_S)
    assert file.read("c", NOW_S) == seat()


def test_a_locked_file_is_skipped_and_used_again(path: Path) -> None:
    file = SeatFile(path)
    file.write("c", seat(), NOW_S)
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    file.write("c", seat("late", NOW_S + 1), NOW_S + 1)
    assert file.failures == 1
    assert file.read("c", NOW_S + 1) == seat()
    locker.execute("ROLLBACK")
    file.write("c", seat("late", NOW_S + 2), NOW_S + 2)
    assert file.read("c", NOW_S + 2) == seat("late", NOW_S + 2)


def test_a_place_that_cannot_be_written_is_left_alone_for_a_while(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SeatFile(tmp_path / "file" / "affinity.sqlite")
    for after_s in (0.0, 1.0, 4.9):
        store.write("c", seat(), NOW_S + after_s)
    assert store.failures == 1
    store.write("c", seat(), NOW_S + 5.0)
    assert store.failures == 2


def _write_many(path: Path, name: str) -> None:
    file = SeatFile(path)
    for number in range(200):
        file.write(f"{name}{number}", seat(), NOW_S)


def test_several_processes_write_at_once(path: Path) -> None:
    SeatFile(path).write("first", seat(), NOW_S)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(path, name)) for name in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    rows = sqlite3.connect(path).execute("SELECT count(*) FROM seats").fetchone()
    assert rows[0] > 380  # a writer that finds the file busy skips, by design
