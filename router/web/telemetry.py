"""This module counts and traces a request: in flight while it lasts, then what became of it."""

from __future__ import annotations

from flask import g, request

from router.config.snapshot import Snapshot
from router.observe.fields import operation_of
from router.observe.metrics import Metrics
from router.observe.tracing import Asked, Tracing
from router.observe.unpriced import Unpriced
from router.routing.decision import Outcome, RouteDecision
from router.web.gateway import Gateway


class Telemetry:
    """What is counted of one request.

    Parameters
    ----------
    metrics : Metrics, optional
        None where metrics are switched off.
    endpoint : str
        The route's pattern, never the path as sent.
    tracing : Tracing, optional
        None where nothing is traced; else `asked` is needed, too.
    """

    def __init__(
        self,
        metrics: Metrics | None,
        unpriced: Unpriced,
        endpoint: str,
        tracing: Tracing | None = None,
        asked: Asked | None = None,
    ) -> None:
        self._tracing = tracing
        self._asked = asked
        self._metrics = metrics
        self._unpriced = unpriced
        self._endpoint = endpoint
        self._in_flight = False
        self._overhead_s: float | None = None

    def begin(self) -> None:
        """Count the request as being served, until `end`."""
        if self._metrics is not None:
            self._metrics.request_started()
            self._in_flight = True

    def attempt(self, number: int, elapsed_ms: float) -> None:
        """Note that a call starts; all before the first one is the gateway's own time."""
        if number == 1:
            self._overhead_s = elapsed_ms / 1000

    def end(self, outcome: Outcome, decision: RouteDecision | None) -> None:
        """Count what became of the request."""
        if outcome.target is not None and outcome.usage is not None and outcome.cost_usd is None:
            self._unpriced.seen(outcome.target, outcome.usage)
        if self._tracing is not None and self._asked is not None:
            self._tracing.observe(self._asked, outcome, decision)
        if self._metrics is None:
            return
        if self._in_flight:
            self._metrics.request_ended()
        self._metrics.observe_request(outcome, decision, self._endpoint, self._overhead_s)


def telemetry(gateway: Gateway, snapshot: Snapshot) -> Telemetry:
    """Return what counts the request that Flask is serving."""
    metrics = gateway.metrics if snapshot.metrics.enabled else None
    endpoint = request.url_rule.rule if request.url_rule else "none"
    if gateway.tracing is None:
        return Telemetry(metrics, gateway.unpriced, endpoint)
    context = {name: request.headers.get(name, "") for name in ("traceparent", "tracestate")}
    asked = Asked(g.get("request_id", ""), operation_of(endpoint), endpoint, context)
    return Telemetry(metrics, gateway.unpriced, endpoint, gateway.tracing, asked)
