"""This module keeps a random secret that all workers of a host share, in one small file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

SECRET_BYTES = 32


def host_secret(path: Path, randomness: Callable[[int], bytes] = os.urandom) -> bytes:
    """Return the secret in a file, made by whoever comes first.

    Parameters
    ----------
    path : Path
        Written complete or not at all, readable by its owner alone.

    Raises
    ------
    OSError
        The file can be neither read nor written.
    """
    found = _read(path)
    if found is not None:
        return found
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()  # of a process with our number that died here
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, randomness(SECRET_BYTES).hex().encode())
        os.close(fd)
        # Unlike a rename, a link never replaces what another worker just made.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        if (secret := _read(path)) is None:  # it was there, and damaged
            draft.replace(path)
            secret = _read(path)
    finally:
        draft.unlink(missing_ok=True)
    if secret is None:
        raise OSError(f"{path} does not keep what is written to it")
    return secret


def _read(path: Path) -> bytes | None:
    """Return the secret, or None where there is none of the right form."""
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None
    return secret if len(secret) == SECRET_BYTES else None
