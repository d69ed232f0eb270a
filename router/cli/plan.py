"""This module is ``open-llm-router plan``: what another configuration would change."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click
import orjson

from router.cli.audit_path import audit_path, cannot_read
from router.cli.replay import Replay
from router.cli.settings import in_sentences, read_snapshot
from router.cli.tally import Change, Tally
from router.config.snapshot import Snapshot
from router.observe.audit_read import records

_UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_KINDS = 4


def _seconds(_context: click.Context, _param: click.Parameter, value: str) -> float:
    """Return a span of time, as ``7d``, in seconds."""
    match = re.fullmatch(r"(\d{1,6})([mhdw])", value.strip().lower())
    if match is None:
        raise click.BadParameter(f'"{value}" is no span of time; write 30m, 12h, 7d or 4w')
    return float(match[1]) * _UNITS_S[match[2]]


@click.command("plan")
@click.argument("new_config", metavar="NEW.yaml")
@click.option("--path", "-p", help="Audit log; default: the configured one.")
@click.option(
    "--since", callback=_seconds, default="7d", show_default=True, help="How far back: 12h, 7d."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_sentences
def plan_command(new_config: str, path: str | None, since: float, as_json: bool) -> None:
    """Replay the audit log's decisions through NEW.yaml; say what changes, and the cost."""
    snapshot = read_snapshot(new_config)
    log = audit_path(path, None)
    since_ms = int((time.time() - since) * 1000)
    try:
        tally = Replay(snapshot).run(records(log, since_ms))
    except OSError as exc:
        raise cannot_read(log, exc) from exc
    if as_json:
        click.echo(orjson.dumps(as_dict(tally, snapshot), option=orjson.OPT_INDENT_2))
        return
    for line in as_text(tally, snapshot):
        click.echo(line)


def as_dict(tally: Tally, snapshot: Snapshot) -> dict[str, Any]:
    """Return what was found, ready for JSON; amounts are texts, so that none is rounded."""
    total = tally.total
    return {
        "config": snapshot.digest,
        "from": _moment(tally.first_ms),
        "to": _moment(tally.last_ms),
        "replayed": tally.replayed,
        "changed": tally.changed,
        "changes": [
            {"from": old, "to": new, **_change(change)} for old, new, change in _changes(tally)
        ],
        "cost": _costs(total),
        "not_replayed": dict(tally.not_replayed.most_common()),
        "accounts_not_in_use": dict(snapshot.disabled),
    }


def as_text(tally: Tally, snapshot: Snapshot) -> Iterator[str]:
    """Yield what was found as lines."""
    missed = sum(tally.not_replayed.values())
    if not tally.replayed and not missed:
        yield "no decisions in the log in this time"
        return
    yield f"{tally.replayed:,} requests replayed, {_span(tally)}"
    yield f"{tally.changed:,} would go elsewhere ({_share(tally.changed, tally.replayed)})"
    for old, new, change in _changes(tally):
        yield f"  {change.count:>7,}  {old} → {new}  {_cost_words(change)}"
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in change.kinds.most_common(_KINDS))
        more = len(change.kinds) - _KINDS
        yield f"           {kinds}" + (f", and {more} kinds more" if more > 0 else "")
    yield from _total_words(tally.total)
    if missed:
        yield f"{missed:,} could not be replayed:"
        for why, count in tally.not_replayed.most_common():
            yield f"  {count:>7,}  {why}"
    for account, why in snapshot.disabled.items():
        yield f'account "{account}" is not in use here, so its prices do not count: {why}'


def _changes(tally: Tally) -> Iterator[tuple[str, str, Change]]:
    """Yield what changes, the most frequent first."""
    ranked = sorted(tally.routes.items(), key=lambda item: (-item[1].count, item[0]))
    for (old, new), change in ranked:
        if old != new:
            yield old, new, change


def _change(change: Change) -> dict[str, Any]:
    """Return one change's counts."""
    return {
        "count": change.count,
        "kinds": dict(change.kinds.most_common()),
        "cost": _costs(change),
    }


def _costs(change: Change) -> dict[str, Any]:
    """Return costs of the requests where both sides are known."""
    return {
        "requests_priced": change.priced,
        "requests_not_priced": change.count - change.priced,
        "before_usd": _plain(change.before_usd),
        "after_usd": _plain(change.after_usd),
        "difference_usd": _plain(change.after_usd - change.before_usd),
    }


def _cost_words(change: Change) -> str:
    """Say what a change does to cost."""
    if not change.priced:
        return "cost not known"
    return f"{_usd(change.before_usd)} → {_usd(change.after_usd)}"


def _total_words(total: Change) -> Iterator[str]:
    """Yield what becomes of the cost, and for how many requests that is known."""
    if total.priced:
        difference = total.after_usd - total.before_usd
        percent = f", {difference / total.before_usd:+.0%}" if total.before_usd else ""
        yield (
            f"estimated cost, the same tokens assumed: {_usd(total.before_usd)} → "
            f"{_usd(total.after_usd)} ({'+' if difference >= 0 else '-'}"
            f"{_usd(abs(difference))}{percent})"
        )
    unknown = total.count - total.priced
    if unknown:
        yield f"{unknown:,} of them have no known price or usage on one side"


def _share(part: int, whole: int) -> str:
    """Say a share."""
    return f"{part / whole:.1%}" if whole else "0%"


def _span(tally: Tally) -> str:
    """Say from when to when."""
    return f"{_moment(tally.first_ms)} to {_moment(tally.last_ms)}"


def _moment(epoch_ms: int | None) -> str | None:
    """Return a moment in UTC, to the minute."""
    if epoch_ms is None:
        return None
    return f"{datetime.fromtimestamp(epoch_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _usd(amount: Decimal) -> str:
    """Say an amount: cents where it is large, all that counts where it is small."""
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.4g}"


def _plain(amount: Decimal) -> str:
    """Return an amount in full, without exponent."""
    return format(amount.normalize(), "f") if amount else "0"
