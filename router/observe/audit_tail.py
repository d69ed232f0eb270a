"""This module follows an audit log, also when it is rotated under its reader."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_BLOCK_BYTES = 64 * 1024


def last_lines(path: Path, count: int) -> tuple[list[bytes], int]:
    """Return a file's last whole lines, and where they end.

    Reads backwards, so that a large file is told as fast as a small one.
    """
    with path.open("rb") as file:
        end = position = file.seek(0, os.SEEK_END)
        tail = b""
        while position > 0 and tail.count(b"\n") <= count:
            step = min(_BLOCK_BYTES, position)
            position -= step
            file.seek(position)
            tail = file.read(step) + tail
    whole, newline, fragment = tail.rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    if position > 0:
        lines = lines[1:]  # its beginning was not read
    return list(deque(lines, maxlen=count)), end - len(fragment)


def follow(path: Path, start_bytes: int, wait: Callable[[], None]) -> Iterator[bytes]:
    """Yield lines as they are written, for ever.

    After a rotation by rename the old file is read to its end before the new one; after a
    truncation reading starts at the beginning.

    Parameters
    ----------
    wait : callable
        Waits a moment; called whenever there is nothing new.
    """
    file: BinaryIO = path.open("rb")
    file.seek(start_bytes)
    rest = b""
    try:
        while True:
            block = file.read(_BLOCK_BYTES)
            if block:
                *lines, rest = (rest + block).split(b"\n")
                yield from lines
                continue
            if os.fstat(file.fileno()).st_size < file.tell():
                file.seek(0)
                rest = b""
            elif (newer := _successor(path, file)) is not None:
                block = file.read()  # what came between the last look and the rename
                yield from (rest + block).split(b"\n")[:-1]
                file.close()
                file, rest = newer, b""
            else:
                wait()
    finally:
        file.close()


def _successor(path: Path, file: BinaryIO) -> BinaryIO | None:
    """Return the file that a path leads to by now, if that is another one."""
    try:
        newer = path.open("rb")
    except OSError:
        return None  # renamed, and the new one is not made yet
    if os.path.samestat(os.fstat(newer.fileno()), os.fstat(file.fileno())):
        newer.close()
        return None
    return newer
