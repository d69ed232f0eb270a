"""The audit file keeps whole lines through crowds, rotation and full disks."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router.observe.audit import AuditLog, NullAudit

NOW_S = 1_800_000_000.25


class Clock:
    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


class Disk:
    """``os.write`` on a disk with little room; the last write is short, as on a real one."""

    def __init__(self) -> None:
        self.room_bytes: int | None = None
        self.calls: list[bytes] = []

    def write(self, fd: int, data: bytes) -> int:
        self.calls.append(data)
        if self.room_bytes is None:
            return os.write(fd, data)
        if self.room_bytes == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = os.write(fd, data[: self.room_bytes])
        self.room_bytes -= count
        return count


def raise_it(error: OSError) -> None:
    raise AssertionError("no failure was expected") from error


def lines(path: Path) -> list[dict[str, Any]]:
    """Every line of the file, all of which must be whole."""
    content = path.read_bytes()
    assert content == b"" or content.endswith(b"\n")
    return [json.loads(line) for line in content.split(b"\n")[:-1]]


def test_time_and_event_stand_first(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "audit.jsonl"
    AuditLog(path, Clock(), raise_it).write({"event": "proxy_start", "request_id": "r1"})
    assert path.read_bytes() == (
        b'{"ts":1800000000,"event":"proxy_start","ts_ms":1800000000250,"request_id":"r1"}\n'
    )


def test_modes_keep_the_world_out(tmp_path: Path) -> None:
    path = tmp_path / "state" / "logs" / "audit.jsonl"
    mask = os.umask(0)
    try:
        AuditLog(path, Clock(), raise_it).write({"event": "e"})
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_one_write_a_record(tmp_path: Path) -> None:
    disk = Disk()
    log = AuditLog(tmp_path / "a", Clock(), raise_it, write=disk.write)
    for n in range(3):
        log.write({"event": "e", "n": n, "text": "x\n" * 50_000})
    assert len(disk.calls) == 3
    assert [line["n"] for line in lines(tmp_path / "a")] == [0, 1, 2]


def test_the_descriptor_is_appending_and_not_inherited(tmp_path: Path) -> None:
    seen: list[int] = []

    def spy(fd: int, data: bytes) -> int:
        seen.append(fd)
        return os.write(fd, data)

    log = AuditLog(tmp_path / "a", Clock(), raise_it, write=spy)
    log.write({"event": "e"})
    assert not os.get_inheritable(seen[0])
    (tmp_path / "a").write_bytes(b"{}\n" * 10)
    log.write({"event": "e"})
    assert len(lines(tmp_path / "a")) == 11


def _write_many(path: str, writer: int, count: int) -> None:
    log = AuditLog(path, Clock(), raise_it)
    for n in range(count):
        log.write({"event": "e", "writer": writer, "n": n, "pad": "x" * (n % 700)})
        if n % 20 == 0:
            log.close()  # opening looks at the file's end while others write


def test_four_processes_tear_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(target=_write_many, args=(str(path), writer, 2000)) for writer in range(4)
    ]
    for process in writers:
        process.start()
    for process in writers:
        process.join(60)
    assert [process.exitcode for process in writers] == [0] * 4
    seen = [(line["writer"], line["n"]) for line in lines(path)]
    assert len(seen) == 8000
    assert set(seen) == {(writer, n) for writer in range(4) for n in range(2000)}


def test_rotation_by_rename_loses_nothing(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    log = AuditLog(path, clock, raise_it)
    for n in range(100):
        log.write({"event": "e", "n": n})
        clock.now_s += 0.3
        if n % 20 == 10:
            path.rename(tmp_path / f"audit.jsonl.{n}")
    rotated = sorted(tmp_path.glob("audit.jsonl.*"), key=lambda file: int(file.suffix[1:]))
    everything = [line["n"] for file in [*rotated, path] for line in lines(file)]
    assert everything == list(range(100))
    assert len(rotated) == 5


def test_rotation_that_creates_the_new_file_is_noticed(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    log = AuditLog(path, clock, raise_it)
    log.write({"event": "e", "n": 1})
    path.rename(tmp_path / "old")
    path.touch()
    clock.now_s += 0.5
    log.write({"event": "e", "n": 2})
    clock.now_s += 0.5
    log.write({"event": "e", "n": 3})
    assert [line["n"] for line in lines(tmp_path / "old")] == [1, 2]
    assert [line["n"] for line in lines(path)] == [3]


def test_a_file_that_vanished_with_its_directory_comes_back(tmp_path: Path) -> None:
    path, clock = tmp_path / "logs" / "audit.jsonl", Clock()
    log = AuditLog(path, clock, raise_it)
    log.write({"event": "e"})
    path.unlink()
    path.parent.rmdir()
    clock.now_s += 1
    log.write({"event": "e"})
    assert len(lines(path)) == 1


def test_a_clock_set_back_does_not_stop_the_look_at_the_path(tmp_path: Path) -> None:
    path, clock = tmp_path / "audit.jsonl", Clock()
    log = AuditLog(path, clock, raise_it)
    log.write({"event": "e"})
    path.rename(tmp_path / "old")
    clock.now_s -= 3600
    log.write({"event": "e"})
    assert len(lines(path)) == 1


def test_a_short_write_is_completed(tmp_path: Path) -> None:
    def at_most_ten(fd: int, data: bytes) -> int:
        return os.write(fd, data[:10])

    log = AuditLog(tmp_path / "a", Clock(), raise_it, write=at_most_ten)
    log.write({"event": "e", "n": 1})
    log.write({"event": "e", "n": 2})
    assert [line["n"] for line in lines(tmp_path / "a")] == [1, 2]
    assert log.failures == 0


def test_a_full_disk_never_fails_and_leaves_whole_lines(tmp_path: Path) -> None:
    path, disk, clock = tmp_path / "a", Disk(), Clock()
    reported: list[OSError] = []
    lost: list[int] = []
    log = AuditLog(path, clock, reported.append, on_lost=lambda: lost.append(1), write=disk.write)
    log.write({"event": "e", "n": 1})
    disk.room_bytes = 25
    for n in range(2, 12):
        log.write({"event": "e", "n": n})
    assert [line["n"] for line in lines(path)] == [1]
    assert log.failures == len(lost) == 10
    assert [error.errno for error in reported] == [errno.ENOSPC]
    disk.room_bytes = None
    log.write({"event": "e", "n": 12})
    assert [line["n"] for line in lines(path)] == [1, 12]


def test_a_fragment_with_a_line_behind_it_is_closed_by_a_newline(tmp_path: Path) -> None:
    path, other = tmp_path / "a", AuditLog(tmp_path / "a", Clock(), raise_it)
    script: list[Callable[[int, bytes], int]] = []

    def scripted(fd: int, data: bytes) -> int:
        return script.pop(0)(fd, data) if script else os.write(fd, data)

    def short(fd: int, data: bytes) -> int:
        return os.write(fd, data[:12])

    def refused_after_a_neighbour_wrote(fd: int, data: bytes) -> int:
        other.write({"event": "neighbour"})
        raise OSError(errno.ENOSPC, "No space left on device")

    log = AuditLog(path, Clock(), lambda error: None, write=scripted)
    other.write({"event": "first"})
    script[:] = [short, refused_after_a_neighbour_wrote]
    log.write({"event": "torn"})
    log.write({"event": "last"})
    content = path.read_bytes().split(b"\n")
    assert json.loads(content[0])["event"] == "first"
    assert b"neighbour" in content[1]  # glued to the fragment: beyond our reach
    assert [json.loads(line)["event"] for line in content[2:] if line] == ["last"]


def test_a_fragment_left_by_a_crash_is_closed_at_opening(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b'{"whole":1}\n{"torn":')
    log = AuditLog(path, Clock(), raise_it)
    log.write({"event": "e", "n": 1})
    log.write({"event": "e", "n": 2})
    parts = path.read_bytes().split(b"\n")
    assert parts[:2] == [b'{"whole":1}', b'{"torn":']
    assert [json.loads(part)["n"] for part in parts[2:4]] == [1, 2]


def test_a_fragment_stays_closed_off_after_another_failure(tmp_path: Path) -> None:
    path, disk = tmp_path / "a", Disk()
    path.write_bytes(b'{"torn":')
    log = AuditLog(path, Clock(), lambda error: None, write=disk.write)
    disk.room_bytes = 5
    log.write({"event": "e", "n": 1})
    disk.room_bytes = None
    log.write({"event": "e", "n": 2})
    parts = path.read_bytes().split(b"\n")
    assert parts[0] == b'{"torn":'
    assert json.loads(parts[1])["n"] == 2


def test_a_path_that_cannot_be_written_is_counted_and_reported_once_a_minute(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    clock = Clock()
    reported: list[OSError] = []
    log = AuditLog(tmp_path / "file" / "audit.jsonl", clock, reported.append)
    for _ in range(120):
        log.write({"event": "e"})
        clock.now_s += 1
    assert log.failures == 120
    assert len(reported) == 2


def test_it_recovers_when_the_path_becomes_writable(tmp_path: Path) -> None:
    obstacle = tmp_path / "logs"
    obstacle.touch()
    log = AuditLog(obstacle / "audit.jsonl", Clock(), lambda error: None)
    log.write({"event": "lost"})
    obstacle.unlink()
    log.write({"event": "kept"})
    assert [line["event"] for line in lines(obstacle / "audit.jsonl")] == ["kept"]


def test_closing_twice_and_writing_after_it_is_fine(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "a", Clock(), raise_it)
    log.write({"event": "e"})
    log.close()
    log.close()
    log.write({"event": "e"})
    assert len(lines(tmp_path / "a")) == 2


def test_a_record_without_event_is_a_bug_and_told() -> None:
    with pytest.raises(KeyError):
        AuditLog("unused", Clock(), raise_it).write({})


def test_the_null_audit_keeps_nothing(tmp_path: Path) -> None:
    log = NullAudit()
    log.write({"event": "e"})
    log.close()
    assert log.failures == 0
    assert list(tmp_path.iterdir()) == []
