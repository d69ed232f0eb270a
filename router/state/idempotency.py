"""This module remembers answers by Idempotency-Key, for all workers of one host.

One small SQLite file, touched only by requests that carry the header. Whoever comes first
claims the key and calls the provider; who comes meanwhile finds the claim and waits; who
comes within two minutes after gets the stored answer. Each method opens the file anew, so
they may run in any thread; none takes longer than `_BUSY_S`.

What is stored holds the model's words: the file is readable by its owner only, and what
has expired is overwritten when the next such request comes.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

KEPT_S = 120.0
"""How long a success is replayed."""

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""Larger answers are handed out once, and not kept."""

_MAX_ENTRIES = 10_000
_BUSY_S = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY,
    body_digest BLOB NOT NULL,
    owner INTEGER NOT NULL,
    until_s REAL NOT NULL,
    status INTEGER,
    headers TEXT,
    body BLOB
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A success, as it was told.

    Attributes
    ----------
    headers : str
        JSON object of header names and values.
    """

    status: int
    headers: str
    body: bytes


Claim = Literal["claimed", "running", "other_body"] | StoredAnswer
"""What a key is: now the asker's, another's who is at it, of another body, or answered."""


class IdempotentAnswers:
    """Claims and answers by key.

    Parameters
    ----------
    path : Path
        The file; made when first needed.
    lease_s : float
        How long a claim holds without an answer. A claim whose process has died ends at once.
    is_alive : callable
        Tells whether a process lives, by its pid.

    Raises
    ------
    sqlite3.Error
        By every method: the file cannot be used.
    """

    def __init__(
        self, path: Path, lease_s: float = 600.0, is_alive: Callable[[int], bool] | None = None
    ) -> None:
        self._path = path
        self._lease_s = lease_s
        self._is_alive = is_alive or _is_alive
        self._is_made = False

    def claim(self, key: bytes, body_digest: bytes, now_s: float) -> Claim:
        """Claim a key for this process, or return why that cannot be.

        Parameters
        ----------
        key, body_digest : bytes
            Digests: of caller, path and header; and of the body.
        now_s : float
            Seconds since the epoch: workers must agree on it.
        """
        # Whoever waits asks often, so it only reads: readers do not lock one another out.
        with self._opened() as database:
            found = self._find(database, key, body_digest, now_s)
        if found is not None:
            return found
        with self._transaction() as database:
            found = self._find(database, key, body_digest, now_s)
            if found is not None:
                return found
            database.execute("DELETE FROM answers WHERE until_s <= ?", (now_s,))
            self._make_room(database)
            database.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, NULL, NULL, NULL)",
                (key, body_digest, os.getpid(), now_s + self._lease_s),
            )
            return "claimed"

    def _find(
        self, database: sqlite3.Connection, key: bytes, body_digest: bytes, now_s: float
    ) -> Claim | None:
        """Return what a key is already; None where it is free."""
        found = database.execute(
            "SELECT body_digest, owner, status, headers, body FROM answers"
            " WHERE key = ? AND until_s > ?",
            (key, now_s),
        ).fetchone()
        if found is None:
            return None
        known_digest, owner, status, headers, body = found
        if status is None and not self._is_alive(owner):
            return None
        if known_digest != body_digest:
            return "other_body"
        return "running" if status is None else StoredAnswer(status, headers, body)

    def store(self, key: bytes, answer: StoredAnswer, now_s: float) -> None:
        """Keep the answer of a key that this process claimed."""
        with self._transaction() as database:
            database.execute(
                "UPDATE answers SET status = ?, headers = ?, body = ?, until_s = ?"
                " WHERE key = ? AND owner = ? AND status IS NULL",
                (
                    answer.status,
                    answer.headers,
                    answer.body,
                    now_s + KEPT_S,
                    key,
                    os.getpid(),
                ),
            )

    def release(self, key: bytes) -> None:
        """Give a claim back: it failed, and the next one may try."""
        with self._transaction() as database:
            database.execute(
                "DELETE FROM answers WHERE key = ? AND owner = ? AND status IS NULL",
                (key, os.getpid()),
            )

    @staticmethod
    def _make_room(database: sqlite3.Connection) -> None:
        """Forget the oldest answer where there are too many: keys come from callers."""
        (count,) = database.execute("SELECT COUNT(*) FROM answers").fetchone()
        if count >= _MAX_ENTRIES:
            database.execute(
                "DELETE FROM answers WHERE key IN"
                " (SELECT key FROM answers ORDER BY until_s LIMIT ?)",
                (count - _MAX_ENTRIES + 1,),
            )

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one step."""
        if not (self._is_made and self._path.exists()):
            self._make()
        with closing(sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)) as opened:
            yield opened

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Open the file, and hold its write lock for one step."""
        with self._opened() as opened:
            # The file need not outlive the machine's power: no fsync. Deleted words are wiped.
            opened.execute("PRAGMA synchronous = OFF")
            opened.execute("PRAGMA secure_delete = ON")
            opened.execute("BEGIN IMMEDIATE")
            with opened:  # commits, or rolls back whatever is raised
                yield opened

    def _make(self) -> None:
        """Make file and table, readable by the owner only.

        One worker at a time: SQLite answers "locked" at once where two switch to WAL. And
        the file itself is opened by SQLite only, as closing it would drop SQLite's locks.
        """
        self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        lock = self._path.with_suffix(".lock")
        with os.fdopen(os.open(lock, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            with suppress(FileExistsError):
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            with closing(sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)) as new:
                new.execute("PRAGMA journal_mode = WAL")
                new.execute(_SCHEMA)
        self._is_made = True


def _is_alive(pid: int) -> bool:
    """Tell whether a process of this user lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
