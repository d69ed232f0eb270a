"""This module appends the audit record to its file: whole lines, whatever happens."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from router.observe.jsonl import encode_line

_CHECK_S = 1.0
"""How often, at most, the path is compared with the open file."""
_REPORT_S = 60.0
"""How often, at most, failures are reported."""

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class Audit(Protocol):
    """Where audit records go."""

    def write(self, *records: Mapping[str, Any]) -> None:
        """Record events; each has its name under ``event``. Never raises OSError."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...

    @property
    def failures(self) -> int:
        """Records lost so far."""
        ...


class NullAudit:
    """The audit log when it is switched off."""

    failures = 0

    def write(self, *records: Mapping[str, Any]) -> None:
        """Forget the records."""

    def close(self) -> None:
        """Nothing to give back."""


class AuditLog:
    """A JSON Lines file that several processes append to.

    Each record is one ``os.write`` on an ``O_APPEND`` descriptor, which a local file
    system never tears or mixes with another's, and which outlives ``kill -9`` once it
    returned. After a rotation by rename the new file is opened within a second; until
    then lines go to the renamed one, so that none is lost.

    A write that fails (disk full, no rights) is counted and reported, never raised. A
    line of which only a part could be written is completed or withdrawn; where neither
    is possible, the next record starts on a new line.

    Parameters
    ----------
    path : str or Path
        The directory is made when absent.
    clock : callable
        Seconds since the epoch.
    on_failure : callable
        Told of a failure, at most once a minute.
    on_lost : callable, optional
        Called for each record lost, for metrics.
    write : callable
        ``os.write``, or a stand-in.
    """

    def __init__(
        self,
        path: str | Path,
        clock: Callable[[], float],
        on_failure: Callable[[OSError], None],
        *,
        on_lost: Callable[[], None] = lambda: None,
        write: Callable[[int, bytes], int] = os.write,
    ) -> None:
        self._path = Path(path)
        self._clock = clock
        self._on_failure = on_failure
        self._on_lost = on_lost
        self._os_write = write
        self._fd: int | None = None
        self._is_torn = False
        self._checked_at_s = float("-inf")
        self._reported_at_s = float("-inf")
        self._failures = 0

    @property
    def failures(self) -> int:
        """Records lost so far."""
        return self._failures

    def write(self, *records: Mapping[str, Any]) -> None:
        """Append records, with ``ts`` (whole seconds), ``event`` and ``ts_ms`` in front.

        All in one write: a system call costs as much as encoding three records.
        """
        now_s = self._clock()
        ts, ts_ms = int(now_s), int(now_s * 1000)
        lines = [
            encode_line({"ts": ts, "event": record["event"], "ts_ms": ts_ms, **record})
            for record in records
        ]
        try:
            self._append(self._descriptor(now_s), b"".join(lines))
        except OSError as exc:
            self._failures += len(lines)
            for _ in lines:
                self._on_lost()
            if not 0 <= now_s - self._reported_at_s < _REPORT_S:
                self._reported_at_s = now_s
                self._on_failure(exc)

    def close(self) -> None:
        """Close the file; the next record opens it again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _descriptor(self, now_s: float) -> int:
        """The open file, opened anew where the path leads elsewhere by now."""
        # The clock may be set back: then check at once, too.
        if self._fd is not None and not 0 <= now_s - self._checked_at_s < _CHECK_S:
            self._checked_at_s = now_s
            if not self._is_current(self._fd):
                self.close()
        if self._fd is None:
            self._fd = self._open()
            self._checked_at_s = now_s
        return self._fd

    def _is_current(self, fd: int) -> bool:
        """Whether the path still names the open file."""
        try:
            named = self._path.stat()
        except OSError:
            return False
        return os.path.samestat(named, os.fstat(fd))

    def _open(self) -> int:
        """Open for appending; a fragment that somebody left at the end is noted."""
        try:
            fd = os.open(self._path, _FLAGS, 0o640)
        except FileNotFoundError:
            self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            fd = os.open(self._path, _FLAGS, 0o640)
        self._is_torn = _ends_within_a_line(fd, self._path)
        return fd

    def _append(self, fd: int, line: bytes) -> None:
        """Write a line, in one call unless the disk fills up in its middle."""
        was_torn, written = self._is_torn, 0
        if was_torn:
            line = b"\n" + line
        try:
            while written < len(line):
                count = self._os_write(fd, line[written:])
                if count == 0:
                    raise OSError("the file takes no more bytes")
                written += count
        except OSError:
            if written:
                self._is_torn = not _withdraw(fd, written) or was_torn
            raise
        self._is_torn = False


def _ends_within_a_line(fd: int, path: Path) -> bool:
    """Whether a regular file ends in a fragment that nobody is just writing."""
    try:
        size = os.fstat(fd).st_size
        if size == 0 or not path.is_file() or _last_byte(path) == b"\n":
            return False
        # A neighbour's line may be half visible while its write is under way: seen in 1
        # of 10 starts of four writers. Setting the mode, even to what it is, waits for
        # the inode's lock, which that write holds; then the file has grown.
        with contextlib.suppress(PermissionError):
            os.fchmod(fd, stat.S_IMODE(os.fstat(fd).st_mode))
        return os.fstat(fd).st_size == size
    except OSError:
        return False


def _last_byte(path: Path) -> bytes:
    """The last byte of a file that is not empty."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _withdraw(fd: int, written: int) -> bool:
    """Cut the part of a line off again, if nothing was appended behind it.

    A neighbour whose line gets through in this very moment loses it; on a full disk that
    takes space coming back within the same microsecond.
    """
    try:
        end = os.lseek(fd, 0, os.SEEK_CUR)
        if os.fstat(fd).st_size != end:
            return False
        os.ftruncate(fd, end - written)
    except OSError:
        return False
    return True
