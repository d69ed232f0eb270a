"""This module keeps the last configuration that worked, for a worker born beside a broken one."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from router.config.load import load_from, read_text
from router.config.settings import Settings
from router.config.snapshot import Note, Snapshot
from router.errors import ConfigError

_NONE: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class LastGood:
    """The texts that a configuration was compiled from; they may hold secrets."""

    dotenv: str
    config_path: str | None
    files: Mapping[str, str]


def load_and_keep(
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    root: Path,
    discovered: Mapping[str, tuple[str, ...]] = _NONE,
) -> Snapshot:
    """Read settings and files afresh, compile them, and keep their texts as the last good.

    Raises
    ------
    ConfigError
        Nothing was kept; what was kept before stays.
    """
    settings = Settings.read(flags, environ, root)
    texts: dict[str, str] = {}

    def read(path: Path) -> str:
        texts[str(path)] = text = read_text(path)
        return text

    snapshot = load_from(settings, discovered, read)
    kept = LastGood(settings.dotenv_text, snapshot.source.path, texts)
    try:
        _write(_place(settings.state_dir), kept)
    except OSError as exc:
        note = Note("warning", "state_dir", f"the last good configuration is not kept: {exc}")
        return replace(snapshot, notes=(*snapshot.notes, note))
    return snapshot


def load_or_last_good(
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    root: Path,
    discovered: Mapping[str, tuple[str, ...]] = _NONE,
) -> tuple[Snapshot, ConfigError | None]:
    """Return the configuration, or the last good one with the reason why it is used.

    For a worker that starts while another one of the same server may be running. The
    server's first start must call `forget` before, so that a bad file fails loudly then.

    Raises
    ------
    ConfigError
        The configuration is bad and none was kept.
    """
    try:
        return load_and_keep(flags, environ, root, discovered), None
    except ConfigError as error:
        kept = _read(_place(_state_dir(flags, environ, root)))
        if kept is None:
            raise
        return _revive(kept, error, flags, environ, root, discovered), error


def forget(state_dir: str) -> None:
    """Drop what was kept, at a server's start; nothing there is fine."""
    _place(state_dir).unlink(missing_ok=True)


def _revive(
    kept: LastGood,
    error: ConfigError,
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    root: Path,
    discovered: Mapping[str, tuple[str, ...]],
) -> Snapshot:
    """Compile the kept texts instead of what is on the disk."""
    settings = Settings.read(flags, environ, root, kept.dotenv)
    path = Path(kept.config_path) if kept.config_path else None

    def read(path: Path) -> str:
        text = kept.files.get(str(path))
        if text is None:
            raise FileNotFoundError(2, "not among the kept files", str(path))
        return text

    try:
        # Not found on the disk: there the file may be gone, or another one in its place.
        snapshot = load_from(settings, discovered, read, lambda *_: path)
    except ConfigError:
        # A secret file or variable has gone since; the first reason is the one to tell.
        raise error from None
    note = Note("error", "configuration", "the last good one is in use; the present one is bad")
    return replace(snapshot, notes=(note, *snapshot.notes))


def _state_dir(flags: Mapping[str, str | None], environ: Mapping[str, str], root: Path) -> str:
    """Return the state directory, also where ``.env`` is what is broken."""
    try:
        return Settings.read(flags, environ, root).state_dir
    except ConfigError:
        return str(root / (flags.get("state_dir") or environ.get("ROUTER_STATE_DIR") or "run"))


def _place(state_dir: str) -> Path:
    """Return the file that everything is kept in, so that it changes as one."""
    return Path(state_dir) / "last-good" / "sources.json"


def _write(place: Path, kept: LastGood) -> None:
    """Write by rename, readable by the owner only."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps(
        {"dotenv": kept.dotenv, "config_path": kept.config_path, "files": dict(kept.files)}
    )
    descriptor, name = tempfile.mkstemp(dir=place.parent)  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _read(place: Path) -> LastGood | None:
    """Return what was kept, or None where nothing usable is."""
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
        return LastGood(kept["dotenv"], kept["config_path"], kept["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
