"""This module defines every Prometheus metric, and fills them from what happened.

Names are OpenTelemetry's where it has one (``gen_ai_*``), units are base units. Label
values are bounded: models only as the configuration names them, everything else by number.
With ``PROMETHEUS_MULTIPROC_DIR`` in the environment before this module is imported, all
workers of a host are summed up; the directory must be empty at start.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)

from router import __version__
from router.canonical.usage import Usage
from router.observe.fields import operation_of
from router.observe.metrics_family import Child, Family
from router.providers.base import Target
from router.routing.decision import Attempt, Outcome, RouteDecision

# Several workers have none; a series more for each child, and nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]

OTHER = "other"
"""Label value for whatever is not known, or too much."""

BreakerState = Literal["closed", "half_open", "open"]

_MAX_VALUES = 100
_MODEL_LABELS = frozenset({"model", "gen_ai_request_model"})
_BREAKER_LEVELS = {"closed": 0, "half_open": 1, "open": 2}
# OpenTelemetry's names for what an endpoint does; all others chat.
_OPERATIONS = {
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
    "/v1/<path:path>": "passthrough",
}
_DURATION_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600)
_TTFT_S = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 60, 120)
_OVERHEAD_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1)
# The boundaries that OpenTelemetry's GenAI conventions ask for.
_TOKENS = tuple(4**power for power in range(14))


class Metrics:
    """The metrics of one process.

    Parameters
    ----------
    model_label : callable
        A model -> what the configuration calls it: its id, the pattern that it fits, or
        `OTHER`, as clients may name anything to an account that serves any model.
    multiprocess_dir : str, optional
        Where all workers keep their values; None for one process.
    """

    def __init__(
        self,
        model_label: Callable[[str], str],
        multiprocess_dir: str | None = os.environ.get("PROMETHEUS_MULTIPROC_DIR"),
    ) -> None:
        self._model_label = model_label
        self._multiprocess_dir = multiprocess_dir
        self._seen: dict[str, set[str]] = {}
        self._families: list[Family[Any]] = []
        self._registry = CollectorRegistry()
        self._requests = self._counter(
            "router_requests",
            "Requests ended, by answer and by how the model was chosen.",
            ("endpoint", "status", "source", "task"),
        )
        self._attempts = self._counter(
            "router_attempts",
            "Calls to providers, by result: success or the class of the error.",
            ("account", "model", "result"),
        )
        self._errors = self._counter(
            "router_errors", "Requests that failed, by type of error.", ("class",)
        )
        self._failovers = self._counter(
            "router_failovers", "Attempts at another target after a failure."
        ).of()
        self._retries = self._counter(
            "router_retries", "Attempts at the same target after a failure."
        ).of()
        self._inflight = self._gauge(
            "router_inflight_requests", "Requests being served.", (), "livesum"
        ).of()
        self._duration = self._histogram(
            "router_request_duration_seconds",
            "From the request's first line to the answer's last byte, refusals included.",
            ("endpoint",),
            _DURATION_S,
        )
        self._answers = self._histogram(
            "gen_ai_server_request_duration_seconds",
            "The same of requests that a provider answered, by who did.",
            (
                "gen_ai_operation_name",
                "gen_ai_provider_name",
                "gen_ai_request_model",
                "account",
                "error_type",
            ),
            _DURATION_S,
        )
        self._ttft = self._histogram(
            "gen_ai_server_time_to_first_token_seconds",
            "From the request's first line to the first content.",
            ("gen_ai_provider_name", "gen_ai_request_model", "account"),
            _TTFT_S,
        )
        self._overhead = self._histogram(
            "router_overhead_seconds",
            "The gateway's own time in a request, before its first attempt.",
            (),
            _OVERHEAD_S,
        ).of()
        self._tokens = self._histogram(
            "gen_ai_client_token_usage",
            "Tokens of a request, by kind; the kinds never overlap.",
            ("gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"),
            _TOKENS,
        )
        self._cost = self._counter("router_cost_usd", "Cost of answers.", ("account", "model"))
        self._unpriced = self._counter(
            "router_unpriced_answers",
            "Answers whose tokens have no known price, so that their cost is missing.",
            ("account", "model"),
        )
        self._reloads = self._counter(
            "router_reloads", "Configuration reloads of workers, by result.", ("result",)
        )
        self._audit_failures = self._counter(
            "router_audit_failures", "Audit records that could not be written."
        ).of()
        self._breakers = self._gauge(
            "router_breaker_state",
            "State of a target's breaker: 0 closed, 1 half open, 2 open; the worst worker's.",
            ("account", "model"),
            "livemax",
        )
        built = self._gauge("router_build_info", "The version that runs.", ("version",), "livemax")
        built.of(__version__).set(1)

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
        source, task = (decision.source, decision.judgement.task) if decision else ("none", "none")
        self._requests.of(endpoint, str(outcome.status), source, task).inc()
        self._duration.of(endpoint).observe(outcome.duration_ms / 1000)
        if overhead_s is not None:
            self._overhead.observe(overhead_s)
        if outcome.outcome != "success":
            self._errors.of(outcome.error_type or outcome.outcome).inc()
        self._observe_attempts(outcome)
        if outcome.target is not None:
            self._observe_answer(outcome, outcome.target, endpoint)

    def observe_reload(self, succeeded: bool) -> None:
        """Count a reload of the configuration."""
        self._reloads.of("success" if succeeded else "failure").inc()
        for family in self._families:
            family.forget()

    def audit_failed(self) -> None:
        """Count an audit record that was lost."""
        self._audit_failures.inc()

    def set_breaker(self, account: str, model: str, state: BreakerState) -> None:
        """Tell a breaker's state."""
        self._breakers.of(account, model).set(_BREAKER_LEVELS[state])

    def render(self) -> tuple[bytes, str]:
        """Return the exposition of all workers, and its content type."""
        if self._multiprocess_dir is None:
            return generate_latest(self._registry), CONTENT_TYPE_LATEST
        everyone = CollectorRegistry()
        multiprocess.MultiProcessCollector(everyone, path=self._multiprocess_dir)  # type: ignore[no-untyped-call]
        return generate_latest(everyone), CONTENT_TYPE_LATEST

    def _observe_attempts(self, outcome: Outcome) -> None:
        """Count each call, and what each further one was for."""
        previous: Attempt | None = None
        broke = outcome.error_type if outcome.outcome == "interrupted" else None
        for attempt in outcome.attempts:
            # The last one had begun well when it was noted down.
            is_last = attempt is outcome.attempts[-1]
            result = attempt.error or (broke if is_last else None) or "success"
            self._attempts.of(attempt.target.account.name, attempt.target.model, result).inc()
            if previous is not None:
                is_same = attempt.target.name == previous.target.name
                (self._retries if is_same else self._failovers).inc()
            previous = attempt

    def _observe_answer(self, outcome: Outcome, target: Target, endpoint: str) -> None:
        """Record the answer's pace, tokens and cost."""
        provider, account, model = target.account.provider, target.account.name, target.model
        operation = operation_of(endpoint)
        error = "" if outcome.outcome == "success" else outcome.error_type or outcome.outcome
        answers = self._answers.of(operation, provider, model, account, error)
        answers.observe(outcome.duration_ms / 1000)
        if outcome.ttft_ms is not None:
            self._ttft.of(provider, model, account).observe(outcome.ttft_ms / 1000)
        if outcome.usage is None:
            return
        for kind, count in _by_kind(outcome.usage):
            if count > 0:
                self._tokens.of(provider, model, kind).observe(count)
        if outcome.cost_usd is None:
            self._unpriced.of(account, model).inc()
        else:
            self._cost.of(account, model).inc(max(0.0, float(outcome.cost_usd)))

    def _bounded(self, label: str, value: str) -> str:
        """A model as configured; anything else, if it is among the first 100 of its label."""
        if label in _MODEL_LABELS:
            return self._model_label(value)
        seen = self._seen.setdefault(label, set())
        if value not in seen:
            if len(seen) >= _MAX_VALUES or len(value) > _MAX_VALUES:
                return OTHER
            seen.add(value)
        return value

    def _counter(self, name: str, told: str, labels: tuple[str, ...] = ()) -> Family[Counter]:
        """Define a counter; its name is told with ``_total``."""
        return self._family(Counter(name, told, labels, registry=self._registry), labels)

    def _gauge(
        self, name: str, told: str, labels: tuple[str, ...], mode: Literal["livesum", "livemax"]
    ) -> Family[Gauge]:
        """Define a gauge, and how the workers' values make one."""
        gauge = Gauge(name, told, labels, registry=self._registry, multiprocess_mode=mode)
        return self._family(gauge, labels)

    def _histogram(
        self, name: str, told: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> Family[Histogram]:
        """Define a histogram by the upper bounds of its buckets."""
        histogram = Histogram(name, told, labels, registry=self._registry, buckets=buckets)
        return self._family(histogram, labels)

    def _family(self, metric: Child, labels: tuple[str, ...]) -> Family[Child]:
        """Keep a metric; without labels it is its own only child."""
        family = Family(metric, labels, self._bounded)
        if labels:
            self._families.append(family)
        else:
            family.only(metric)
        return family


def forget_worker(pid: int, multiprocess_dir: str) -> None:
    """Take a dead worker's live gauges out of the sum; its counters stay counted."""
    multiprocess.mark_process_dead(pid, path=multiprocess_dir)  # type: ignore[no-untyped-call]


def _by_kind(usage: Usage) -> tuple[tuple[str, int], ...]:
    """Tokens by kind, as OpenTelemetry would name the kinds."""
    return (
        ("input", usage.input_tokens),
        ("cache_read", usage.cache_read_tokens),
        ("cache_write", usage.cache_write_tokens),
        ("output", usage.output_tokens),
    )
