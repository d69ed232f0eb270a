"""This module finds the audit log that a command is to read."""

from __future__ import annotations

from pathlib import Path

from router.cli.settings import read_settings, read_snapshot
from router.config.snapshot import AuditSettings
from router.errors import ConfigError


def audit_path(path: str | None, config: str | None) -> Path:
    """Return the log named, else the one that the server writes.

    A configuration that cannot be used is no reason not to read a log.
    """
    if path is not None:
        return Path(path)
    settings = read_settings(config=config)
    if settings.audit_path:
        return settings.resolve(settings.audit_path)
    try:
        return Path(read_snapshot(config).audit.path)
    except ConfigError:
        return settings.resolve(AuditSettings().path)


def cannot_read(path: Path, exc: OSError) -> ConfigError:
    """Return the error for a log that cannot be read."""
    return ConfigError([f"{path}: cannot be read: {exc.strerror or exc}"])
