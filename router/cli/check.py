"""This module is ``open-llm-router check``: is the configuration good, and what is unused."""

from __future__ import annotations

import sys

import click

from router.cli.settings import in_sentences, read_snapshot
from router.config.snapshot import Note, Snapshot

_ORDER = ("error", "warning", "unused", "info")


@click.command("check")
@click.option("--config", "-c", help="Configuration file.")
@in_sentences
def check_command(config: str | None) -> None:
    """Check the configuration; exit code 2 if it cannot be used, 1 if a part of it cannot."""
    snapshot = read_snapshot(config)
    for line in report(snapshot):
        click.echo(line)
    if any(note.level == "error" for note in snapshot.notes):
        sys.exit(1)


def report(snapshot: Snapshot) -> list[str]:
    """Return what there is to say of a configuration, worst first."""
    source = snapshot.source.path or snapshot.source.kind
    lines = [
        f"{source}: {len(snapshot.accounts)} account(s), {snapshot.listed_models} model(s),"
        f" digest {snapshot.digest}"
    ]
    if snapshot.source.kind == "demo":
        lines.append("demo: no configuration file, provider key or Ollama was found")
    lines += [
        f"{note.level}: {note.path}: {note.message}"
        if note.path
        else f"{note.level}: {note.message}"
        for note in sorted(snapshot.notes, key=_rank)
    ]
    return lines


def _rank(note: Note) -> int:
    return _ORDER.index(note.level)
