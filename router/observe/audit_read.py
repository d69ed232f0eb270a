"""This module reads the audit log back, rotated files included, one line at a time."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from router.observe.fields import Record

_MAX_LINE_BYTES = 4 * 1024 * 1024


def siblings(path: Path) -> tuple[Path, ...]:
    """Return the log and its rotated files (``.1``, ``-20260131.gz`` …), oldest first.

    A file that is both there and compressed (``.1`` and ``.1.gz``, while it is just being
    compressed) is taken once.
    """
    names = [found for found in path.parent.glob(f"{path.name}*") if found.is_file()]
    plain = {found.name for found in names}
    rotated = [
        found
        for found in names
        if found != path
        and found.name[len(path.name)] in ".-"
        and not found.name.endswith((".tmp", ".swp", ".lock"))
        and not (found.suffix == ".gz" and found.stem in plain)
    ]
    rotated.sort(key=lambda found: (found.stat().st_mtime, found.name))
    return (*rotated, *([path] if path.is_file() else ()))


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of one file, compressed or not; what is cut off at its end is left out.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        source: IO[bytes] = file
        try:
            while line := source.readline(_MAX_LINE_BYTES):
                yield line
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return  # rotated in this moment, or damaged: what came before is good


def parsed(line: bytes) -> Record | None:
    """Return a line's record; None for what is none."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def records(path: Path, since_ms: int = 0) -> Iterator[Record]:
    """Yield the records of the log and its rotated files since a moment, oldest first.

    Parameters
    ----------
    since_ms : int
        Milliseconds since the epoch. Files last written before it are not opened.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    for file in siblings(path):
        if file.stat().st_mtime * 1000 < since_ms:
            continue
        for line in lines(file):
            record = parsed(line)
            if record is not None and _ms(record) >= since_ms:
                yield record


def records_of(path: Path, request_id: str) -> Iterator[Record]:
    """Yield the records of one request, oldest first.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    mark = orjson.dumps(request_id)
    for file in siblings(path):
        for line in lines(file):
            # Most lines are another request's: they need not be parsed.
            if mark in line:
                record = parsed(line)
                if record is not None and record.get("request_id") == request_id:
                    yield record


def _ms(record: Record) -> int:
    """Return when a record was written."""
    stamp = record.get("ts_ms")
    return stamp if isinstance(stamp, int) else 0
