"""This module is ``open-llm-router logs``: what the audit log adds up to."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from router.cli.settings import ROOT, in_sentences, read_snapshot
from router.errors import ConfigError
from router.observe.audit_files import Reading, records, stamp_s, time_s
from router.observe.audit_read import siblings
from router.observe.log_analysis import Analysis

_PROGRESS_FROM_BYTES = 20_000_000


def moment(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Return seconds since the epoch of ``30m``, ``24h``, ``7d`` ago, or of a date (UTC)."""
    if value is None:
        return None
    try:
        return time_s(value, time.time())
    except ValueError as exc:
        raise click.BadParameter(
            f'"{value}" is no moment, as 30m, 24h or 2026-11-23T10:00'
        ) from exc


@click.command("logs")
@click.option(
    "--path",
    "paths",
    multiple=True,
    help="Audit log, .gz too; may be repeated. Default: the configured one, rotated files too.",
)
@click.option("--since", callback=moment, help="Only what is younger: 24h, 7d, 2026-11-23.")
@click.option("--until", callback=moment, help="Only what is older.")
@click.option(
    "--format", "layout", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.option("--top", default=8, show_default=True, type=click.IntRange(1, 1000))
@click.option("--config", "-c", help="Configuration file that names the audit log.")
@in_sentences
def logs_command(
    paths: tuple[str, ...],
    since: float | None,
    until: float | None,
    layout: str,
    top: int,
    config: str | None,
) -> None:
    """Add the audit log up: by model, task and account; what failed, took long, was dear."""
    files = audit_paths(paths, config)
    if not paths:
        files = _with_rotated(files[0], since)
    reading, analysis = Reading(), Analysis(top)
    try:
        for record in _shown(files, reading):
            if not (since or until) or _is_within(record, since, until):
                analysis.add(record)
    except OSError as exc:
        raise ConfigError([f"the audit log cannot be read: {exc}"]) from exc
    told = {"files": [str(path) for path in files], **analysis.report(reading)}
    if layout == "json":
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return
    for line in as_text(told, top):
        click.echo(line)


def audit_paths(paths: tuple[str, ...], config: str | None) -> list[Path]:
    """Return the logs named, else the one that the configuration names.

    Raises
    ------
    ConfigError
        One of them is not there.
    """
    found = [Path(path) for path in paths] or [ROOT / read_snapshot(config).audit.path]
    missing = [f"{path}: no such file; name the audit log with --path" for path in found]
    absent = [text for text, path in zip(missing, found, strict=True) if not path.is_file()]
    if absent:
        raise ConfigError(absent)
    return found


def _with_rotated(path: Path, since: float | None) -> list[Path]:
    """Return a log and its rotated files, but for those that end before the time asked for."""
    return [file for file in siblings(path) if since is None or file.stat().st_mtime >= since]


def _shown(files: list[Path], reading: Reading) -> Iterator[Mapping[str, Any]]:
    """Yield the events, with a bar on a terminal where it takes a while."""
    size = sum(path.stat().st_size for path in files)
    if size < _PROGRESS_FROM_BYTES or not sys.stderr.isatty():
        yield from records(files, reading)
        return
    with click.progressbar(length=size, label="Reading", file=sys.stderr) as bar:
        yield from records(files, reading, bar.update)


def _is_within(record: Mapping[str, Any], since: float | None, until: float | None) -> bool:
    at_s = stamp_s(record)
    return (since is None or at_s >= since) and (until is None or at_s < until)


def as_text(told: Mapping[str, Any], top: int) -> list[str]:
    """Return the report for people."""
    parse, span, total = told["parse"], told["time_range"], told["total"]
    lines = [
        f"{', '.join(told['files'])}: {parse['lines']:,} lines, {parse['bytes']:,} bytes"
        + (f", {parse['broken']:,} broken" if parse["broken"] else ""),
        f"from {_when(span['first'])} to {_when(span['last'])}",
        "",
    ]
    lines += _table("all", {"": total}, top)
    for kind in ("model", "task", "account"):
        lines += _table(kind, told[f"by_{kind}"], top)
    for title, name in (
        ("status", "statuses"),
        ("complexity", "complexities"),
        ("error", "errors"),
        ("failed attempt", "failed_attempts"),
        ("caller", "principals"),
    ):
        lines += _counts(title, told[name], top)
    lines.append("")
    connects = {name: s for name, s in told["connect_ms"].items() if s}
    if connects:
        lines.append("connected in ms      p50      p95      p99")
        lines += [
            f"  {name[:18]:18}{s['p50']:8.0f} {s['p95']:8.0f} {s['p99']:8.0f}"
            for name, s in list(connects.items())[:top]
        ] + [""]
    lines += _requests("slowest", told["slowest"]) + _requests("dearest", told["most_expensive"])
    moved = told["consistency"]["answered_by_another_model"]
    return [*lines, f"answered by another model than was chosen first: {moved:,}"]


def _table(title: str, groups: Mapping[str, Any], top: int) -> list[str]:
    """Return a table of groups, the largest `top` of them."""
    if not groups:
        return []
    head = (
        f"{title:28}{'requests':>9}{'errors':>8}{'fallb.':>7}"
        f"{'p50 ms':>9}{'p95':>9}{'p99':>9}{'ttft p50':>9}{'p95':>8}"
        f"{'tokens in':>13}{'out':>11}{'USD':>12}"
    )
    lines = [head]
    for name, group in list(groups.items())[:top]:
        latency, ttft, tokens = group["latency_ms"], group["ttft_ms"], group["tokens"]
        prompt = sum(tokens[f"{kind}_tokens"] for kind in ("input", "cache_read", "cache_write"))
        mark = "+" if group["unpriced"] else ""
        lines.append(
            f"{name[:27]:28}{group['requests']:9,}{group['errors'] + group['interrupted']:8,}"
            f"{group['fallbacks']:7,}{_at(latency, 'p50'):>9}{_at(latency, 'p95'):>9}"
            f"{_at(latency, 'p99'):>9}{_at(ttft, 'p50'):>9}{_at(ttft, 'p95'):>8}"
            f"{prompt:13,}{tokens['output_tokens']:11,}{float(group['cost_usd']):11.4f}{mark}"
        )
    if len(groups) > top:
        lines.append(f"  … and {len(groups) - top:,} more (--top)")
    if any(group["unpriced"] for group in groups.values()):
        lines.append("  + some answers have no known price")
    return [*lines, ""]


def _counts(title: str, counts: Mapping[str, int], top: int) -> list[str]:
    if not counts:
        return []
    shown = [f"{name} {count:,}" for name, count in list(counts.items())[:top]]
    return [f"{title}: {', '.join(shown)}"]


def _requests(title: str, items: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = [
        f"  {_when(item['ts'])}  {item['request_id']}  {item['model'] or '-'}"
        f"  {item['duration_ms'] or 0:,.0f} ms  {item['cost_usd'] or '-'} USD"
        for item in items
    ]
    return ["", f"{title}:", *lines] if lines else []


def _at(summary: Mapping[str, float] | None, name: str) -> str:
    return f"{summary[name]:,.0f}" if summary else "-"


def _when(seconds: Any) -> str:
    if not isinstance(seconds, int | float) or not 0 < seconds < 1e11:
        return "-"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
