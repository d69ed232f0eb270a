"""This module is ``open-llm-router tail``: the audit log, readably, as it is written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any

import click
import orjson

from router.cli.logs import audit_paths
from router.cli.settings import in_sentences
from router.observe.audit_files import stamp_s
from router.observe.audit_tail import follow, last_lines

_WAIT_S = 0.25
_LOOK_BACK_LINES = 50
# Chosen from what callers or providers say, so made harmless for a terminal.
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160), 0x2028, 0x2029])


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events are shown; a filter that is not set lets all pass.

    Attributes
    ----------
    status : str, optional
        ``429``, or a class: ``5xx``.
    """

    model: str | None = None
    account: str | None = None
    status: str | None = None
    request_id: str | None = None
    errors: bool = False
    all_events: bool = False

    def pass_(self, record: Mapping[str, Any]) -> bool:
        """Tell whether an event is shown."""
        every_event = self.all_events or self.request_id is not None
        if not every_event and record.get("event") != "proxy_terminal":
            return False
        models = (record.get("model"), record.get("selected_model"), record.get("requested_model"))
        return (
            (self.request_id is None or record.get("request_id") == self.request_id)
            and (self.model is None or any(_fits(model, self.model) for model in models))
            and (self.account is None or _fits(record.get("account"), self.account))
            and (self.status is None or _is_status(record.get("status"), self.status))
            and (not self.errors or _failed(record))
        )


@click.command("tail")
@click.option("--path", "paths", help="Audit log; default: the configuration's.")
@click.option("--follow/--no-follow", "-f/-F", "is_followed", default=True, show_default=True)
@click.option("--lines", "-n", default=10, show_default=True, type=click.IntRange(0, 100_000))
@click.option("--model", help="Glob over the model.")
@click.option("--account", help="Glob over the account.")
@click.option("--status", help="429, or a class as 5xx.")
@click.option("--errors", is_flag=True, help="Only what failed, broke off or was given up.")
@click.option("--request-id", help="Every event of one request.")
@click.option("--events", is_flag=True, help="Every event, not only the end of each request.")
@click.option("--json", "as_json", is_flag=True, help="The events themselves.")
@click.option("--config", "-c", help="Configuration file that names the audit log.")
@in_sentences
def tail_command(
    paths: str | None,
    is_followed: bool,
    lines: int,
    model: str | None,
    account: str | None,
    status: str | None,
    errors: bool,
    request_id: str | None,
    events: bool,
    as_json: bool,
    config: str | None,
) -> None:
    """Show the audit log's last requests, and then each one as it ends."""
    path = audit_paths((paths,) if paths else (), config)[0]
    filters = Filters(model, account, status, request_id, errors, events)
    recent, end_bytes = last_lines(path, lines * _LOOK_BACK_LINES)
    past = list(_passing(iter(recent), filters))
    news: Iterator[bytes] = follow(path, end_bytes, _wait) if is_followed else iter(())
    for record in chain(past[-lines:] if lines else (), _passing(news, filters)):
        click.echo(orjson.dumps(record) if as_json else as_line(record))


def as_line(record: Mapping[str, Any]) -> str:
    """Return an event as a line for people.

    Examples
    --------
    >>> as_line({"event": "proxy_terminal", "ts": 0, "request_id": "r1", "status": 200,
    ...          "outcome": "success", "model": "fast", "account": "acme", "attempts": 1,
    ...          "duration_ms": 812.4, "task": "coding", "complexity": "low"})
    '00:00:00.000 200 success fast@acme coding/low 812 ms id=r1'
    """
    moment = datetime.fromtimestamp(min(max(stamp_s(record), 0), 4e9), UTC)
    clock = moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"
    told = _terminal(record) if record["event"] == "proxy_terminal" else _other(record)
    text = " ".join(str(part) for part in (clock, *told) if part not in (None, ""))
    return text.translate(_CONTROLS)


def _terminal(record: Mapping[str, Any]) -> list[Any]:
    """What is told of a request's end."""
    usage = record.get("usage") or {}
    model = record.get("model") or record.get("selected_model") or record.get("requested_model")
    attempts = record.get("attempts") or 0
    ttft_ms, duration_ms = record.get("ttft_ms"), record.get("duration_ms")
    return [
        record.get("status"),
        record.get("outcome"),
        f"{model or '-'}@{record.get('account') or '-'}",
        f"{record.get('task')}/{record.get('complexity')}" if record.get("task") else None,
        record.get("error_type"),
        f"{duration_ms:.0f} ms" if isinstance(duration_ms, int | float) else None,
        f"ttft {ttft_ms:.0f}" if isinstance(ttft_ms, int | float) else None,
        f"attempts {attempts}" if attempts > 1 else None,
        f"tokens {usage['total_tokens']}" if "total_tokens" in usage else None,
        f"${record['cost_usd']}" if record.get("cost_usd") else None,
        f"by {record['principal']}" if record.get("principal") else None,
        f"id={record.get('request_id')}",
    ]


def _other(record: Mapping[str, Any]) -> list[Any]:
    """What is told of any other event."""
    names = ("target", "selected_model", "status", "error_type", "error", "connect_ms")
    told = [f"{name}={record[name]}" for name in names if record.get(name) is not None]
    return [record["event"], *told, f"id={record.get('request_id')}"]


def _passing(lines: Iterator[bytes], filters: Filters) -> Iterator[Mapping[str, Any]]:
    """Yield the events that are to be shown; broken lines are passed over."""
    for line in lines:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(record, dict) and "event" in record and filters.pass_(record):
            yield record


def _fits(value: Any, pattern: str) -> bool:
    return isinstance(value, str) and fnmatchcase(value, pattern)


def _is_status(value: Any, wanted: str) -> bool:
    text = str(value)
    return text == wanted or (wanted.lower().endswith("xx") and text[:1] == wanted[0])


def _failed(record: Mapping[str, Any]) -> bool:
    return record.get("outcome", "success") != "success" or record["event"] in (
        "proxy_request_error",
        "proxy_rate_limited",
        "proxy_exhausted",
        "proxy_no_target",
    )


def _wait() -> None:
    time.sleep(_WAIT_S)
