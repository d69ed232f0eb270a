"""The audit log is followed: last lines first, through rotations."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from router.observe.audit_tail import follow, last_lines


@pytest.mark.parametrize("count", [0, 1, 3, 5, 50])
@pytest.mark.parametrize("width", [1, 40_000])
def test_the_last_lines_are_found_from_the_end(tmp_path: Path, count: int, width: int) -> None:
    lines = [str(n).encode() * width for n in range(5)]
    path = tmp_path / "log"
    path.write_bytes(b"".join(line + b"\n" for line in lines) + b"half")
    found, end = last_lines(path, count)
    assert found == (lines[-count:] if count else [])
    assert end == path.stat().st_size - 4


def test_an_empty_file_has_no_last_line(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    assert last_lines(tmp_path / "log", 5) == ([], 0)


def steps(*actions: Callable[[], object]) -> Callable[[], None]:
    """Return a wait that does the next thing each time there is nothing new."""
    left = iter(actions)

    def wait() -> None:
        next(left)()

    return wait


def test_a_line_is_told_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"old\nha")
    with path.open("ab", buffering=0) as log:
        wait = steps(lambda: log.write(b"lf\nnew\n"))
        assert list(islice(follow(path, 4, wait), 2)) == [b"half", b"new"]


def test_a_rotation_loses_nothing(tmp_path: Path) -> None:
    path, rotated = tmp_path / "log", tmp_path / "log.1"
    path.write_bytes(b"1\n")
    log = path.open("ab", buffering=0)

    def rotate() -> None:
        log.write(b"2\n")
        path.rename(rotated)
        log.write(b"3\n")

    wait = steps(rotate, lambda: log.write(b"4\n"), lambda: path.write_bytes(b"5\n6\n"))
    assert list(islice(follow(path, 0, wait), 6)) == [b"1", b"2", b"3", b"4", b"5", b"6"]
    log.close()


def test_a_truncated_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"long line\n")

    def truncate() -> None:
        path.write_bytes(b"x\n")

    assert list(islice(follow(path, 0, steps(truncate)), 2)) == [b"long line", b"x"]
