"""This module keeps conversations' seats in a small SQLite file, for the workers of one host.

The file is a cache: nothing waits for the disk (no fsync), nobody waits for a lock for
more than 20 ms, and a file that is damaged is made anew.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from router.state.affinity import LONGEST_TTL_S, Seat

MAX_ROWS = 200_000
_BUSY_S = 0.02
_REST_S = 5.0
_TIDY_EVERY_S = 60.0
_TIDY_ROWS = 2000
"""Rows taken out at once: some milliseconds."""

_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_TABLE = """
CREATE TABLE IF NOT EXISTS seats (
    key TEXT PRIMARY KEY, model TEXT, target TEXT, complexity TEXT, used_at_s REAL
) WITHOUT ROWID
"""
_INDEX = "CREATE INDEX IF NOT EXISTS seats_by_age ON seats (used_at_s)"
_READ = "SELECT model, target, complexity, used_at_s FROM seats WHERE key = ?"
# A late writer must not put an older seat over a younger one.
_WRITE = """
INSERT INTO seats VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
    model = excluded.model, target = excluded.target,
    complexity = excluded.complexity, used_at_s = excluded.used_at_s
WHERE excluded.used_at_s >= seats.used_at_s
"""
_OLDEST = "DELETE FROM seats WHERE key IN (SELECT key FROM seats {} ORDER BY used_at_s LIMIT ?)"
_DROP_OLD = _OLDEST.format("WHERE used_at_s < ?")
_DROP_OLDEST = _OLDEST.format("")


class SeatFile:
    """Seats in a file; opened when first needed, so after the fork.

    Parameters
    ----------
    path : Path
        On a local file system; its directory is made when absent. It and its two
        companions (``-wal``, ``-shm``) are readable by their owner alone.
    """

    def __init__(self, path: Path, max_rows: int = MAX_ROWS) -> None:
        self._path = path
        self._max_rows = max_rows
        self._connection: sqlite3.Connection | None = None
        self._rests_until_s = 0.0
        self._tidied_at_s = 0.0
        self._failures = 0

    @property
    def failures(self) -> int:
        """Reads and writes that failed so far."""
        return self._failures

    def read(self, key: str, epoch_s: float) -> Seat | None:
        """Return a seat, or None."""
        if epoch_s < self._rests_until_s:
            return None
        try:
            row = self._open().execute(_READ, (key,)).fetchone()
        except (sqlite3.Error, OSError) as exc:
            self._failed(exc, epoch_s)
            return None
        return None if row is None else Seat(*row)

    def write(self, key: str, seat: Seat, epoch_s: float) -> None:
        """Keep a seat."""
        if epoch_s < self._rests_until_s:
            return
        row = (key, seat.model, seat.target, seat.complexity, seat.used_at_s)
        try:
            connection = self._open()
            connection.execute(_WRITE, row)
            if not 0 <= epoch_s - self._tidied_at_s < _TIDY_EVERY_S:
                self._tidied_at_s = epoch_s
                self._tidy(connection, epoch_s)
        except (sqlite3.Error, OSError) as exc:
            self._failed(exc, epoch_s)

    def close(self) -> None:
        """Give the file back; it is opened again when needed."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        """Return the open file."""
        if self._connection is not None:
            return self._connection
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        # Each statement is its own transaction (autocommit): no lock outlives a call.
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(_TABLE)
            connection.execute(_INDEX)
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _tidy(self, connection: sqlite3.Connection, epoch_s: float) -> None:
        """Take out what is too old, and the oldest of what is too much."""
        connection.execute(_DROP_OLD, (epoch_s - LONGEST_TTL_S, _TIDY_ROWS))
        (rows,) = connection.execute("SELECT count(*) FROM seats").fetchone()
        if rows > self._max_rows:
            connection.execute(_DROP_OLDEST, (max(rows - self._max_rows, _TIDY_ROWS),))

    def _failed(self, exc: sqlite3.Error | OSError, epoch_s: float) -> None:
        """Count a failure; leave a file alone for a while that is more than busy."""
        self._failures += 1
        code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
        if code in _BUSY and self._connection is not None:
            return
        self.close()
        if code in _BROKEN:
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    self._path.with_name(self._path.name + suffix).unlink()
            return
        self._rests_until_s = epoch_s + _REST_S
