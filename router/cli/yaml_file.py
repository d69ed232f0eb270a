"""This module replaces a configuration file: locked, backed up, by rename."""

from __future__ import annotations

import difflib
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router.errors import ConfigError

_SECRET_KEYS = re.compile(r"(api_?key|token|secret|password|master_key|^key)$", re.IGNORECASE)
_REFERENCE = re.compile(r"(\$\{[^}]*\}|os\.environ/.*)\Z")


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A file's text with plain line ends, as read while it was locked.

    Attributes
    ----------
    path : Path
        Where it really lies; links are followed, so that they stay links.
    is_new : bool
        It does not exist yet.
    """

    path: Path
    text: str
    is_new: bool
    has_crlf: bool = False
    has_bom: bool = False

    def replace(self, text: str, stamp: str) -> Path | None:
        """Write `text` in the file's place; return where the old one is kept, if any.

        Parameters
        ----------
        stamp : str
            The time, for the backup's name.

        Raises
        ------
        OSError
            Nothing has changed.
        """
        if self.has_crlf:
            text = text.replace("\n", "\r\n")
        raw = text.encode("utf-8-sig" if self.has_bom else "utf-8")
        backup = None if self.is_new else self._back_up(stamp)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as draft:
                draft.write(raw)
                draft.flush()
                os.fsync(draft.fileno())
            if not self.is_new:
                _copy_rights(self.path, Path(name))
            Path(name).replace(self.path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        return backup

    def _back_up(self, stamp: str) -> Path:
        """Copy the file beside itself, under a name that was free."""
        for attempt in range(1, 1000):
            suffix = "" if attempt == 1 else f"-{attempt}"
            backup = self.path.with_name(f"{self.path.name}.{stamp}{suffix}.bak")
            with suppress(FileExistsError):
                descriptor = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as copy:
                    copy.write(self.path.read_bytes())
                _copy_rights(self.path, backup)
                return backup
        raise FileExistsError(17, "too many backups of one second", str(self.path))


def _copy_rights(source: Path, target: Path) -> None:
    """Give a file the rights, and where possible the owner, of another."""
    status = source.stat()
    with suppress(PermissionError):
        os.chown(target, status.st_uid, status.st_gid)
    target.chmod(status.st_mode & 0o7777)


@contextmanager
def locked(path: Path) -> Iterator[YamlFile]:
    """Read a file, and keep others that edit it this way waiting meanwhile.

    The lock is on the directory: no lock file is left, and the file itself changes by
    rename, which a lock on it would not survive.

    Raises
    ------
    ConfigError
        It cannot be read.
    """
    real = path.resolve()
    with _sentences(path):
        real.parent.mkdir(parents=True, exist_ok=True)
        directory = os.open(real.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with _sentences(path):
            fcntl.flock(directory, fcntl.LOCK_EX)
            file = _read(real)
        yield file
    finally:
        os.close(directory)


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise ConfigError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise ConfigError([f"{path}: is not UTF-8 text; save it as UTF-8"]) from exc


def _read(path: Path) -> YamlFile:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return YamlFile(path, "", is_new=True)
    text = raw.decode("utf-8-sig")
    has_crlf, has_bom = "\r\n" in text, raw.startswith(b"\xef\xbb\xbf")
    return YamlFile(path, text.replace("\r\n", "\n"), False, has_crlf, has_bom)


def diff(before: str, after: str, name: str, secrets: frozenset[str]) -> str:
    """Return what changes, as a unified diff without secrets."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{name} (before)", f"{name} (after)", lineterm=""
    )
    text = "\n".join(lines)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def literal_secrets(document: Any, key: str = "") -> frozenset[str]:
    """Return the secrets that stand in a document in plain text.

    Examples
    --------
    >>> sorted(literal_secrets({"api_key": "sk-1", "x": [{"key": "${K}", "token": "t-2"}]}))
    ['sk-1', 't-2']
    """
    if isinstance(document, Mapping):
        found = (literal_secrets(value, str(name)) for name, value in document.items())
        return frozenset().union(*found)
    if isinstance(document, list):
        return frozenset().union(*(literal_secrets(item, key) for item in document))
    is_secret = isinstance(document, str) and document and _SECRET_KEYS.search(key)
    return frozenset({document}) if is_secret and not _REFERENCE.match(document) else frozenset()
