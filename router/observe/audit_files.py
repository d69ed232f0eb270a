"""This module reads audit logs: any size, rotated and compressed ones too, line by line."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson

_MAX_LINE_BYTES = 4 * 1024 * 1024
_AGO = re.compile(r"(\d{1,9})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TELL_EVERY_LINES = 4096


@dataclass(slots=True)
class Reading:
    """What has been read so far.

    Attributes
    ----------
    read_bytes : int
        Of the files as they lie on the disk, so compressed where they are.
    broken : int
        Lines that hold no audit event.
    """

    lines: int = 0
    broken: int = 0
    read_bytes: int = 0


def records(
    paths: Iterable[Path],
    reading: Reading,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Mapping[str, Any]]:
    """Yield the audit events of files, one after the other.

    Parameters
    ----------
    reading : Reading
        Filled on the way.
    progress : callable
        Told now and then how many bytes were read since it was last told.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    for path in paths:
        before = reading.read_bytes
        with path.open("rb") as source:
            try:
                for line in _lines(source, path):
                    reading.lines += 1
                    if reading.lines % _TELL_EVERY_LINES == 0:
                        progress(_advance(reading, before, source))
                    record = _parsed(line)
                    if record is None:
                        reading.broken += 1
                    else:
                        yield record
            except (EOFError, zlib.error, gzip.BadGzipFile):
                reading.broken += 1  # damaged, or just being compressed: the rest is lost
            progress(_advance(reading, before, source))


def time_s(text: str, now_s: float) -> float:
    """Return a moment in seconds since the epoch: so long ago, or a date in UTC.

    Raises
    ------
    ValueError
        It is neither.

    Examples
    --------
    >>> time_s("2h", 10_000.0), time_s("1970-01-02", 0.0), time_s("1970-01-01T00:01:00Z", 0.0)
    (2800.0, 86400.0, 60.0)
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now_s - int(ago[1]) * _SECONDS[ago[2]]
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def stamp_s(record: Mapping[str, Any]) -> float:
    """Return when an event was written, in seconds since the epoch; 0 where it is not said."""
    for name, unit_s in (("ts_ms", 0.001), ("ts", 1.0)):
        value = record.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value * unit_s
    return 0.0


def _parsed(line: bytes) -> Mapping[str, Any] | None:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("event"), str) else None


def _lines(source: IO[bytes], path: Path) -> Iterator[bytes]:
    """Yield lines that are not blank; one that never ends is cut, so that memory is bounded."""
    plain: Any = source
    if path.suffix == ".gz":
        plain = io.BufferedReader(gzip.GzipFile(fileobj=source), 256 * 1024)
    while line := plain.readline(_MAX_LINE_BYTES):
        if line != b"\n":
            yield line


def _advance(reading: Reading, before: int, source: IO[bytes]) -> int:
    """Note how far a file was read; return the news."""
    at = before + source.tell()
    news = at - reading.read_bytes
    reading.read_bytes = at
    return news
