"""This module defines every Prometheus metric, and fills them from what happened.

Label values are bounded: models only where the configuration names them, everything else
by number. With ``PROMETHEUS_MULTIPROC_DIR`` in the environment before this module is
imported, all workers of a host are summed up; the directory must be empty at start.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from router.canonical.usage import Usage
from router.providers.base import Target
from router.routing.decision import Attempt, Outcome, RouteDecision

OTHER = "other"
"""Label value for whatever is not known, or too much."""

_MAX_VALUES = 100
_BREAKER_LEVELS = {"closed": 0, "half_open": 1, "open": 2}
_DURATION_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
_TTFT_S = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 60, 120)
_OVERHEAD_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1)
# The boundaries that OpenTelemetry's GenAI conventions ask for.
_TOKENS = tuple(4**power for power in range(14))


class Metrics:
    """The metrics of one process.

    Parameters
    ----------
    is_known_model : callable
        Tells whether the configuration names a model; others, as clients may name them
        to an account that serves any model, are counted as ``other``.
    multiprocess_dir : str, optional
        Where all workers keep their values; None for one process.
    """

    def __init__(
        self,
        is_known_model: Callable[[str], bool],
        multiprocess_dir: str | None = os.environ.get("PROMETHEUS_MULTIPROC_DIR"),
    ) -> None:
        self._is_known_model = is_known_model
        self._multiprocess_dir = multiprocess_dir
        self._seen: dict[str, set[str]] = {}
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "router_requests",
            "Requests ended, by answer and by how the model was chosen.",
            ("endpoint", "status", "source", "task"),
            registry=registry,
        )
        self._attempts = Counter(
            "router_attempts",
            "Calls to providers, by result: success or the class of the error.",
            ("account", "model", "result"),
            registry=registry,
        )
        self._errors = Counter(
            "router_errors",
            "Requests that failed, by type of error.",
            ("class",),
            registry=registry,
        )
        self._failovers = Counter(
            "router_failovers", "Attempts at another target after a failure.", registry=registry
        )
        self._retries = Counter(
            "router_retries", "Attempts at the same target after a failure.", registry=registry
        )
        self._inflight = Gauge(
            "router_inflight_requests",
            "Requests being served.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._duration = Histogram(
            "router_request_duration_seconds",
            "From the request's first line to the answer's last byte.",
            ("endpoint",),
            registry=registry,
            buckets=_DURATION_S,
        )
        self._ttft = Histogram(
            "router_time_to_first_token_seconds",
            "From the request's first line to the first content.",
            ("account", "model"),
            registry=registry,
            buckets=_TTFT_S,
        )
        self._overhead = Histogram(
            "router_overhead_seconds",
            "The gateway's own time in a request, before its first attempt.",
            registry=registry,
            buckets=_OVERHEAD_S,
        )
        self._tokens = Histogram(
            "gen_ai_client_token_usage",
            "Tokens of a request, by kind; the kinds never overlap.",
            ("gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"),
            registry=registry,
            buckets=_TOKENS,
        )
        self._cost = Counter(
            "router_cost_usd", "Cost of answers, in USD.", ("account", "model"), registry=registry
        )
        self._reloads = Counter(
            "router_reloads", "Configuration reloads, by result.", ("result",), registry=registry
        )
        self._audit_failures = Counter(
            "router_audit_failures", "Audit records that could not be written.", registry=registry
        )
        self._breakers = Gauge(
            "router_breaker_state",
            "State of a target's breaker: 0 closed, 1 half open, 2 open; the worst worker's.",
            ("account", "model"),
            registry=registry,
            multiprocess_mode="livemax",
        )

    def request_started(self) -> None:
        """Count a request as being served; `request_ended` must follow."""
        self._inflight.inc()

    def request_ended(self) -> None:
        """Count a request as served, whatever became of it."""
        self._inflight.dec()

    def observe_request(
        self,
        outcome: Outcome,
        decision: RouteDecision | None,
        endpoint: str,
        overhead_s: float | None = None,
    ) -> None:
        """Record what became of a request.

        Parameters
        ----------
        decision : RouteDecision, optional
            None where the request failed before routing.
        endpoint : str
            The route's name or pattern, never the path as sent.
        overhead_s : float, optional
            The gateway's own time before its first attempt.
        """
        where = self._bounded("endpoint", endpoint)
        source = decision.source if decision else "none"
        task = self._bounded("task", decision.judgement.task) if decision else "none"
        self._requests.labels(where, str(outcome.status), source, task).inc()
        self._duration.labels(where).observe(outcome.duration_ms / 1000)
        if overhead_s is not None:
            self._overhead.observe(overhead_s)
        if outcome.outcome != "success":
            self._errors.labels(self._bounded("class", outcome.error_type or outcome.outcome)).inc()
        self._observe_attempts(outcome.attempts)
        if outcome.target is not None:
            self._observe_answer(outcome, outcome.target)

    def observe_reload(self, succeeded: bool) -> None:
        """Count a reload of the configuration."""
        self._reloads.labels("success" if succeeded else "failure").inc()

    def audit_failed(self) -> None:
        """Count an audit record that was lost."""
        self._audit_failures.inc()

    def set_breaker(
        self, account: str, model: str, state: Literal["closed", "half_open", "open"]
    ) -> None:
        """Tell a breaker's state."""
        gauge = self._breakers.labels(self._bounded("account", account), self._model(model))
        gauge.set(_BREAKER_LEVELS[state])

    def render(self) -> tuple[bytes, str]:
        """Return the exposition of all workers, and its content type."""
        if self._multiprocess_dir is None:
            return generate_latest(self._registry), CONTENT_TYPE_LATEST
        everyone = CollectorRegistry()
        multiprocess.MultiProcessCollector(everyone, path=self._multiprocess_dir)  # type: ignore[no-untyped-call]
        return generate_latest(everyone), CONTENT_TYPE_LATEST

    def _observe_attempts(self, attempts: tuple[Attempt, ...]) -> None:
        """Count each call, and what each further one was for."""
        previous: str | None = None
        for attempt in attempts:
            result = self._bounded("class", attempt.error) if attempt.error else "success"
            self._attempts.labels(*self._target(attempt.target), result).inc()
            if previous is not None:
                is_same = attempt.target.name == previous
                (self._retries if is_same else self._failovers).inc()
            previous = attempt.target.name

    def _observe_answer(self, outcome: Outcome, target: Target) -> None:
        """Record the answer's pace, tokens and cost."""
        account, model = self._target(target)
        if outcome.ttft_ms is not None:
            self._ttft.labels(account, model).observe(outcome.ttft_ms / 1000)
        if outcome.cost_usd is not None:
            self._cost.labels(account, model).inc(max(0.0, float(outcome.cost_usd)))
        if outcome.usage is not None:
            provider = self._bounded("provider", target.account.provider)
            for kind, count in _by_kind(outcome.usage).items():
                if count > 0:
                    self._tokens.labels(provider, model, kind).observe(count)

    def _target(self, target: Target) -> tuple[str, str]:
        """Labels of a target: account and model."""
        return self._bounded("account", target.account.name), self._model(target.model)

    def _model(self, model: str) -> str:
        """A model's name, where the configuration has it."""
        return model if self._is_known_model(model) else OTHER

    def _bounded(self, label: str, value: str) -> str:
        """The value, among the first 100 of its label."""
        seen = self._seen.setdefault(label, set())
        if value not in seen:
            if len(seen) >= _MAX_VALUES or len(value) > _MAX_VALUES:
                return OTHER
            seen.add(value)
        return value


def forget_worker(pid: int, multiprocess_dir: str) -> None:
    """Take a dead worker's live gauges out of the sum; its counters stay counted."""
    multiprocess.mark_process_dead(pid, path=multiprocess_dir)  # type: ignore[no-untyped-call]


def _by_kind(usage: Usage) -> dict[str, int]:
    """Tokens by kind, as OpenTelemetry would name the kinds."""
    return {
        "input": usage.input_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write": usage.cache_write_tokens,
        "output": usage.output_tokens,
    }
