"""This module reads what processes use from ``/proc``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/PID/stat`` that follow the command's name."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_s(pids: Iterable[int]) -> float:
    """Return user and system time, to 10 ms."""
    return sum(int(ticks) for pid in pids for ticks in _stat(pid)[11:13]) * _TICK_S


def rss_mib(pids: Iterable[int]) -> float:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * _PAGE_BYTES / (1 << 20)


def age_s(pid: int) -> float:
    """Return how long ago a process was started."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(_stat(pid)[19]) * _TICK_S


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for parent in found:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        found += map(int, children)
    return found


def pin(pid: int, cores: set[int]) -> None:
    """Keep a process and its descendants on some cores."""
    for member in family(pid):
        os.sched_setaffinity(member, cores)
