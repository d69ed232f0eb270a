"""This module is ``open-llm-router why``: a request's story, told from the audit log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from router.cli.audit_path import audit_path, cannot_read
from router.cli.settings import in_sentences
from router.observe.audit_read import records_of

_MAX_RECORDS = 1000
_NOT_FOUND = 1
_LABEL = 13

Record = Mapping[str, Any]


@click.command("why")
@click.argument("request_id")
@click.option("--path", "-p", help="Audit log; default: the configured one.")
@click.option("--config", "-c", help="Configuration file that names the log.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@in_sentences
def why_command(request_id: str, path: str | None, config: str | None, as_json: bool) -> None:
    """Tell what became of a request, and why (id: the answer's x-request-id header)."""
    log = audit_path(path, config)
    try:
        found = _first(records_of(log, request_id))
    except OSError as exc:
        raise cannot_read(log, exc) from exc
    if not found:
        click.echo(f'no request "{request_id}" in {log} or its rotated files', err=True)
        sys.exit(_NOT_FOUND)
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    for line in told(found):
        click.echo(line)


def _first(records: Iterator[Record]) -> list[Record]:
    """Return records up to a bound: ids are callers' own, and may be used for ever."""
    return [record for record, _ in zip(records, range(_MAX_RECORDS), strict=False)]


def stories(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Yield the records of each request that bore the id; one ends with its terminal record."""
    story: list[Record] = []
    for record in records:
        story.append(record)
        if record.get("event") == "proxy_terminal":
            yield story
            story = []
    if story:
        yield story


def told(records: Iterable[Record]) -> Iterator[str]:
    """Yield the lines of every story."""
    for number, story in enumerate(stories(records), start=1):
        if number > 1:
            yield ""
        yield from _story(story)


def _story(records: list[Record]) -> Iterator[str]:
    """Yield one request's story."""
    by_event = {str(record.get("event")): record for record in records}
    decision = by_event.get("route_decision", {})
    start = by_event.get("proxy_start", {})
    end = by_event.get("proxy_terminal", {})
    yield from _who(records[0], decision or end)
    if decision:
        yield from _decided(decision)
    yield from _left_out(decision, start)
    if targets := start.get("targets"):
        yield _line("plan", ", ".join(targets))
    yield ""
    yield from _events(records)
    yield ""
    yield from _ended(end)


def _who(first: Record, known: Record) -> Iterator[str]:
    """Yield what was asked, by whom and when."""
    yield f"request {first.get('request_id')}"
    yield _line("when", _moment(first))
    if known.get("path"):
        yield _line("endpoint", known["path"])
    if known.get("principal"):
        yield _line("caller", known["principal"])
    if known.get("config_digest"):
        yield _line("config", known["config_digest"])
    yield _line("asked for", known.get("requested_model") or "auto (no model named)")
    summary = known.get("payload_summary")
    if isinstance(summary, Mapping):
        yield _line("request", _request(summary))


def _request(summary: Record) -> str:
    """Say what was seen of the request: counts and switches."""
    count = summary.get("messages_count") or summary.get("input_count") or 0
    parts = [str(summary.get("format")), f"{count} messages"]
    parts.append(f"{_number(summary.get('input_chars'))} characters")
    parts += [name for name in ("stream", "has_tools") if summary.get(name)]
    if effort := summary.get("reasoning_effort"):
        parts.append(f"reasoning effort {effort}")
    if limit := summary.get("max_output_tokens") or summary.get("max_tokens"):
        parts.append(f"at most {_number(limit)} output tokens")
    return ", ".join(parts)


def _decided(decision: Record) -> Iterator[str]:
    """Yield the judgement, what weighed, the rule and the candidates."""
    signals = decision.get("signals")
    seen = signals if isinstance(signals, Mapping) else {}
    if decision.get("task") != "explicit":
        score = decision.get("score")
        tail = f", score {score:.2f}" if isinstance(score, (int, float)) and score else ""
        yield _line("judged", f"{decision.get('task')}, {decision.get('complexity')}{tail}")
    for name, label in (("p", "probability"), ("top", "weighed most")):
        weights = seen.get(name)
        if isinstance(weights, Mapping) and weights:
            yield _line(label, _weights(weights, signed=name == "top"))
    if errand := seen.get("errand"):
        yield _line("errand", errand)
    if why := seen.get("complexity_adjustments"):
        yield _line("adjusted", f"{seen.get('complexity_base')} raised: {', '.join(why)}")
    if decision.get("rule"):
        yield _line("rule", decision["rule"])
    for reason in decision.get("reasons") or ():
        yield _line("because", reason)
    yield _line("candidates", ", ".join(decision.get("ranked_models") or ()))
    for score in decision.get("candidate_scores") or ():
        yield _line("", _scored(score))


def _scored(score: Record) -> str:
    """Say how learned routing scored a model."""
    return (
        f"{score.get('model')}: utility {score.get('utility')}, quality "
        f"{score.get('quality_probability')}, {_usd(score.get('estimated_cost'))}, "
        f"{score.get('estimated_latency_ms')} ms, failures {score.get('estimated_failure_rate')}"
    )


def _left_out(decision: Record, start: Record) -> Iterator[str]:
    """Yield what was not considered, and why."""
    models = decision.get("left_out")
    for model, why in models.items() if isinstance(models, Mapping) else ():
        yield _line("left out", f"{model}: {why}")
    for left in start.get("left_out") or ():
        detail = f" ({left['detail']})" if left.get("detail") else ""
        yield _line("left out", f"{left.get('target')}: {left.get('reason')}{detail}")


def _events(records: list[Record]) -> Iterator[str]:
    """Yield what happened, in milliseconds since the first record."""
    begun_ms = _ms(records[0])
    for record in records:
        words = _happened(record)
        if words:
            yield f"  {_ms(record) - begun_ms:>7,} ms  {words}"


def _happened(record: Record) -> str | None:
    """Say what a record tells; None where it stands elsewhere in the story."""
    target = record.get("target")
    match record.get("event"):
        case "route_decision":
            return f"decided for {record.get('selected_model')}"
        case "proxy_skip_rate_limited":
            return f"skipped {target}: cools down for {_seconds(record, 'wait_seconds')}"
        case "proxy_skip_circuit_open":
            return f"skipped {target}: its breaker is open, {_seconds(record, 'wait_seconds')}"
        case "proxy_attempt":
            named = f"{record.get('provider')} {record.get('upstream_model')}"
            return f"attempt {record.get('attempt')}: calls {target} ({named})"
        case "proxy_upstream_connected":
            return f"  answered with status {record.get('status')}"
        case "proxy_request_error":
            return f"  failed: {record.get('error_type')}: {record.get('error')}"
        case "proxy_rate_limited":
            return f"  rate limited: put aside for {_seconds(record, 'retry_after_seconds')}"
        case "proxy_retry":
            return "  tries again" + (f" after {why}" if (why := record.get("error_type")) else "")
        case "proxy_no_target":
            return "no target could be called"
        case "proxy_exhausted":
            return f"gave up after {record.get('attempts')} attempts"
        case "proxy_terminal":
            return "ended"
        case _:
            return None


def _ended(end: Record) -> Iterator[str]:
    """Yield outcome, usage and cost."""
    if not end:
        yield _line("outcome", "none recorded: still under way, or the process ended")
        return
    error = f", {end['error_type']}" if end.get("error_type") else ""
    note = f" ({end['note']})" if end.get("note") else ""
    yield _line("outcome", f"{end.get('outcome')}, status {end.get('status')}{error}{note}")
    if end.get("target"):
        named = f"{end['target']} ({end.get('provider')} {end.get('upstream_model')})"
        yield _line("answered by", named)
    first = f", first content after {_whole(end['ttft_ms'])} ms" if end.get("ttft_ms") else ""
    yield _line("took", f"{_whole(end.get('duration_ms'))} ms{first}")
    usage = end.get("usage")
    if isinstance(usage, Mapping):
        yield _line("usage", _usage(usage))
    cost = end.get("cost_usd")
    yield _line("cost", _usd(cost) if cost is not None else "not known")
    if end.get("dropped"):
        yield _line("dropped", ", ".join(end["dropped"]))


def _usage(usage: Record) -> str:
    """Say how many tokens were used."""
    told = [f"{_number(usage.get('input_tokens'))} in"]
    for name, words in (("cache_read_tokens", "from cache"), ("cache_write_tokens", "to cache")):
        if usage.get(name):
            told.append(f"{_number(usage[name])} {words}")
    told.append(f"{_number(usage.get('output_tokens'))} out")
    if usage.get("reasoning_tokens"):
        told[-1] += f" ({_number(usage['reasoning_tokens'])} of them reasoning)"
    return ", ".join(told) + " tokens"


def _weights(weights: Record, *, signed: bool) -> str:
    """Say names and numbers, the largest first."""
    known = {name: value for name, value in weights.items() if isinstance(value, (int, float))}
    ranked = sorted(known.items(), key=lambda pair: -abs(pair[1]))
    return ", ".join(
        f"{name} {value:+.2f}" if signed else f"{name} {value:.2f}" for name, value in ranked
    )


def _moment(record: Record) -> str:
    """Return when a record was written."""
    moment = datetime.fromtimestamp(_ms(record) / 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"


def _ms(record: Record) -> int:
    """Return milliseconds since the epoch."""
    stamp = record.get("ts_ms")
    return stamp if isinstance(stamp, int) else 0


def _seconds(record: Record, name: str) -> str:
    """Say a wait."""
    wait_s = record.get(name)
    return f"{wait_s:.1f} s" if isinstance(wait_s, (int, float)) else "a while"


def _whole(value: Any) -> str:
    """Say a number without its fraction."""
    return f"{value:,.0f}" if isinstance(value, (int, float)) else "?"


def _number(value: Any) -> str:
    """Say a count."""
    return f"{value:,}" if isinstance(value, int) else "0"


def _usd(value: Any) -> str:
    """Say an amount as recorded."""
    return f"${value}"


def _line(label: str, words: Any) -> str:
    """Return a line with its label in front."""
    return f"  {label:<{_LABEL}}{words}"
