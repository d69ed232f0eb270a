"""This module reads settings and configuration for commands, and ends them in sentences."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from router.config.load import load
from router.config.settings import Settings
from router.config.snapshot import Snapshot
from router.errors import ConfigError, RouterError

ROOT = Path(__file__).resolve().parent.parent.parent
EXIT_BAD_INPUT = 2

P = ParamSpec("P")
R = TypeVar("R")


def read_settings(**flags: str | None) -> Settings:
    """Return the settings, flags first; a file named by a flag is relative to where it is typed.

    Raises
    ------
    ConfigError
        A value cannot be used.
    """
    if flags.get("config"):
        flags["config"] = str(Path(str(flags["config"])).expanduser().resolve())
    return Settings.read(flags, os.environ, ROOT)


def read_snapshot(config: str | None) -> Snapshot:
    """Return the configuration that the server would run.

    Raises
    ------
    ConfigError
        It cannot be used.
    """
    return load(read_settings(config=config))


def in_sentences(command: Callable[P, R]) -> Callable[P, R]:
    """End a command with a sentence and exit code 2 where the input is at fault."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ConfigError as error:
            for problem in error.problems:
                click.echo(f"error: {problem}", err=True)
        except RouterError as error:
            click.echo(f"error: {error.message}", err=True)
        sys.exit(EXIT_BAD_INPUT)

    return wrapped
