"""This module adds audit events up: who asked for what, how fast, how dear, what failed.

Its memory does not grow with the log: percentiles come from sketches (see `Sketch`, 1 %
off at most), and groups beyond the first 500 of a kind are added up as ``other``.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from router.observe.audit_files import Reading, stamp_s
from router.observe.fields import cost_text
from router.observe.sketch import Sketch

OTHER = "other"
_MAX_GROUPS = 500
_TOKENS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
)


class Group:
    """Requests that have something in common."""

    __slots__ = (
        "attempts",
        "client_closed",
        "cost_usd",
        "errors",
        "fallbacks",
        "interrupted",
        "latency",
        "requests",
        "tokens",
        "ttft",
        "unpriced",
    )

    def __init__(self) -> None:
        self.requests = self.errors = self.interrupted = self.client_closed = 0
        self.attempts = self.fallbacks = self.unpriced = 0
        self.latency, self.ttft = Sketch(), Sketch()
        self.tokens = dict.fromkeys(_TOKENS, 0)
        self.cost_usd = Decimal(0)

    def add(self, record: Mapping[str, Any], cost_usd: Decimal | None) -> None:
        """Add the terminal event of a request."""
        self.requests += 1
        match record.get("outcome"):
            case "error" | "exhausted":
                self.errors += 1
            case "interrupted":
                self.interrupted += 1
            case "client_closed" | "cancelled":
                self.client_closed += 1
        self.attempts += _number(record.get("attempts")) or 0
        targets = record.get("attempted_targets")
        self.fallbacks += isinstance(targets, list) and len(set(map(str, targets))) > 1
        if (duration_ms := _number(record.get("duration_ms"))) is not None:
            self.latency.add(duration_ms)
        if (ttft_ms := _number(record.get("ttft_ms"))) is not None:
            self.ttft.add(ttft_ms)
        usage = record.get("usage")
        if not isinstance(usage, dict):
            return
        for name in _TOKENS:
            self.tokens[name] += int(_number(usage.get(name)) or 0)
        if cost_usd is None:
            self.unpriced += 1
        else:
            self.cost_usd += cost_usd

    def report(self) -> dict[str, Any]:
        """Return the sums."""
        return {
            "requests": self.requests,
            "errors": self.errors,
            "interrupted": self.interrupted,
            "client_closed": self.client_closed,
            "attempts": self.attempts,
            "fallbacks": self.fallbacks,
            "latency_ms": self.latency.summary(),
            "ttft_ms": self.ttft.summary(),
            "tokens": dict(self.tokens),
            "cost_usd": cost_text(self.cost_usd),
            "unpriced": self.unpriced,
        }


class Analysis:
    """Everything that a log's events add up to.

    Parameters
    ----------
    top : int
        How many of the slowest and of the most expensive requests are kept.
    """

    def __init__(self, top: int = 8) -> None:
        self._top = top
        self._events: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._complexities: Counter[str] = Counter()
        self._principals: Counter[str] = Counter()
        self._failed_attempts: Counter[str] = Counter()
        self._connects: dict[str, Sketch] = {}
        self._all = Group()
        self._groups: dict[str, dict[str, Group]] = {"model": {}, "task": {}, "account": {}}
        self._slowest: list[tuple[float, int, dict[str, Any]]] = []
        self._dearest: list[tuple[Decimal, int, dict[str, Any]]] = []
        self._order = 0
        self._answered_by_other = 0
        self._first_s = self._last_s = 0.0

    def add(self, record: Mapping[str, Any]) -> None:
        """Add an event."""
        event = record["event"]
        _count(self._events, event)
        now_s = stamp_s(record)
        if now_s:
            self._first_s = min(self._first_s or now_s, now_s)
            self._last_s = max(self._last_s, now_s)
        match event:
            case "proxy_terminal":
                self._add_terminal(record)
            case "proxy_upstream_connected":
                connect_ms = _number(record.get("connect_ms"))
                if connect_ms is not None:
                    _of(self._connects, _name(record.get("account")), Sketch).add(connect_ms)
            case "proxy_retry" | "proxy_request_error":
                what = record.get("error_type") or record.get("status") or "unknown"
                if event == "proxy_retry":
                    _count(self._failed_attempts, f"{_name(record.get('account'))}: {what}")

    def report(self, reading: Reading) -> dict[str, Any]:
        """Return all sums, largest groups first."""
        return {
            "parse": {
                "lines": reading.lines,
                "broken": reading.broken,
                "bytes": reading.read_bytes,
            },
            "time_range": {"first": self._first_s or None, "last": self._last_s or None},
            "events": dict(self._events.most_common()),
            "total": self._all.report(),
            **{f"by_{kind}": _sorted(groups) for kind, groups in self._groups.items()},
            "complexities": dict(self._complexities.most_common()),
            "principals": dict(self._principals.most_common(self._top)),
            "statuses": dict(sorted(self._statuses.items())),
            "errors": dict(self._errors.most_common()),
            "failed_attempts": dict(self._failed_attempts.most_common()),
            "connect_ms": {name: sketch.summary() for name, sketch in self._connects.items()},
            "consistency": {"answered_by_another_model": self._answered_by_other},
            "slowest": [item for _, _, item in sorted(self._slowest, key=_rank, reverse=True)],
            "most_expensive": [
                item for _, _, item in sorted(self._dearest, key=_rank, reverse=True)
            ],
        }

    def _add_terminal(self, record: Mapping[str, Any]) -> None:
        """Add a request."""
        cost_usd = _money(record.get("cost_usd"))
        model = record.get("model") or record.get("selected_model")
        names = {"model": model, "task": record.get("task"), "account": record.get("account")}
        self._all.add(record, cost_usd)
        for kind, name in names.items():
            _of(self._groups[kind], _name(name), Group).add(record, cost_usd)
        _count(self._statuses, str(record.get("status")))
        _count(self._complexities, _name(record.get("complexity")))
        _count(self._principals, _name(record.get("principal")))
        if record.get("error_type"):
            _count(self._errors, str(record["error_type"]))
        answered, selected = record.get("model"), record.get("selected_model")
        self._answered_by_other += bool(answered and selected and answered != selected)
        self._rank_request(record, cost_usd)

    def _rank_request(self, record: Mapping[str, Any], cost_usd: Decimal | None) -> None:
        """Keep a request if it is among the slowest or the most expensive."""
        self._order += 1
        duration_ms = _number(record.get("duration_ms")) or 0.0
        if len(self._slowest) < self._top or duration_ms > self._slowest[0][0]:
            _push(self._slowest, (duration_ms, self._order, _brief(record)), self._top)
        if cost_usd is not None and (
            len(self._dearest) < self._top or cost_usd > self._dearest[0][0]
        ):
            _push(self._dearest, (cost_usd, self._order, _brief(record)), self._top)


def _brief(record: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of one request."""
    names = ("ts", "request_id", "model", "account", "status", "duration_ms", "ttft_ms", "cost_usd")
    usage = record.get("usage")
    tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
    return {**{name: record.get(name) for name in names}, "total_tokens": tokens}


def _push(heap: list[Any], item: Any, size: int) -> None:
    """Keep the `size` largest items."""
    if len(heap) < size:
        heapq.heappush(heap, item)
    elif heap:
        heapq.heapreplace(heap, item)


def _rank(item: tuple[Any, int, Any]) -> tuple[Any, int]:
    return item[0], item[1]


def _of(groups: dict[str, Any], name: str, make: type[Any]) -> Any:
    """Return a group, or the one of all that came too late."""
    group = groups.get(name)
    if group is None:
        name = name if len(groups) < _MAX_GROUPS else OTHER
        group = groups.setdefault(name, make())
    return group


def _count(counter: Counter[str], name: str) -> None:
    counter[name if name in counter or len(counter) < _MAX_GROUPS else OTHER] += 1


def _sorted(groups: Mapping[str, Group]) -> dict[str, Any]:
    """Return groups, those with most requests first."""
    ordered = sorted(groups.items(), key=lambda item: (-item[1].requests, item[0]))
    return {name: group.report() for name, group in ordered}


def _name(value: Any) -> str:
    return str(value) if value else "none"


def _number(value: Any) -> Any:
    """Return a finite number, else None; a foreign log may hold anything."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) < 1e15 else None


def _money(value: Any) -> Decimal | None:
    """Return a cost, written as text lest digits get lost."""
    if value is None:
        return None
    try:
        cost_usd = Decimal(str(value))
    except InvalidOperation:
        return None
    return cost_usd if cost_usd.is_finite() else None
