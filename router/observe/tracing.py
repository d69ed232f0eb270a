"""This module sends traces over OTLP: a span for each request, and one for each attempt.

Spans are made when a request has ended, from what is known of it then, so that a request
pays for tracing only once, and nothing is traced twice. OpenTelemetry is optional: without
its packages (``pip install -e '.[otel]'``) `open_tracing` says so and returns None.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from router import __version__
from router.observe.fields import cost_text
from router.routing.decision import Attempt, Outcome, RouteDecision

try:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    _IS_INSTALLED = False
else:
    _IS_INSTALLED = True

log = logging.getLogger(__name__)

_TRACES_PATH = "/v1/traces"
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a span tells of the request itself.

    Attributes
    ----------
    operation : str
        OpenTelemetry's name for it, as ``chat``.
    route : str
        The endpoint's pattern.
    headers : mapping of str to str
        ``traceparent`` and ``tracestate`` of the caller, where it sent them.
    """

    request_id: str
    operation: str
    route: str
    headers: Mapping[str, str]


class Tracing:
    """Makes spans of requests that have ended."""

    def __init__(self, provider: Any, clock: Callable[[], float]) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("router", __version__)
        self._clock = clock
        self._context = TraceContextTextMapPropagator()

    def observe(self, asked: Asked, outcome: Outcome, decision: RouteDecision | None) -> None:
        """Tell a request, which ends now, and its attempts."""
        end_ns = int(self._clock() * _NS)
        start_ns = end_ns - int(outcome.duration_ms * 1e6)
        requested = (decision.requested_model if decision else None) or "auto"
        span = self._tracer.start_span(
            f"{asked.operation} {requested}",
            context=self._context.extract(asked.headers),
            kind=trace.SpanKind.SERVER,
            attributes=_told({**_request(asked, outcome, decision), **_usage(outcome)}),
            start_time=start_ns,
        )
        inside = trace.set_span_in_context(span)
        for attempt in outcome.attempts:
            self._attempt(asked, attempt, outcome, inside, end_ns)
        if outcome.status >= 500 or outcome.outcome == "interrupted":
            span.set_status(trace.StatusCode.ERROR)
        span.end(end_ns)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def _attempt(
        self, asked: Asked, attempt: Attempt, outcome: Outcome, inside: Any, end_ns: int
    ) -> None:
        """Tell one call to a provider."""
        start_ns = int(attempt.started_at_s * _NS)
        is_answer = attempt is outcome.attempts[-1] and attempt.error is None
        broke = outcome.error_type if is_answer and outcome.outcome == "interrupted" else None
        error = attempt.error or broke
        address = urlsplit(attempt.target.account.base_url)
        span = self._tracer.start_span(
            f"{asked.operation} {attempt.target.upstream_model}",
            context=inside,
            kind=trace.SpanKind.CLIENT,
            attributes=_told(
                {
                    "gen_ai.operation.name": asked.operation,
                    "gen_ai.provider.name": attempt.target.account.provider,
                    "gen_ai.request.model": attempt.target.upstream_model,
                    "server.address": address.hostname,
                    "server.port": address.port,
                    "http.response.status_code": attempt.status,
                    "error.type": error,
                    "router.account": attempt.target.account.name,
                    "router.attempt": attempt.number,
                    **(_usage(outcome) if is_answer else {}),
                }
            ),
            start_time=start_ns,
        )
        if error is not None:
            span.set_status(trace.StatusCode.ERROR, error)
        # An attempt is noted down when its answer has begun; the last one lasts to the end.
        span.end(end_ns if is_answer else start_ns + int(attempt.duration_ms * 1e6))


def open_tracing(
    service_name: str | None, endpoint: str | None, clock: Callable[[], float]
) -> Tracing | None:
    """Return what traces; None, with a warning, where the packages are missing.

    Parameters
    ----------
    service_name, endpoint : str, optional
        Win over ``OTEL_SERVICE_NAME`` and ``OTEL_EXPORTER_OTLP_ENDPOINT``; all other
        ``OTEL_…`` variables of the process hold as OpenTelemetry defines them.
    clock : callable
        Seconds since the epoch.
    """
    if not _IS_INSTALLED:
        log.warning("traces are not sent: pip install 'open-llm-router[otel]'")
        return None
    attributes = {"service.name": service_name} if service_name else {}
    resource = Resource.create({"service.version": __version__, **attributes})
    if "service.name" not in resource.attributes or str(
        resource.attributes["service.name"]
    ).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "open-llm-router"}))
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=traces_url(endpoint)) if endpoint else OTLPSpanExporter()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider, clock)


def traces_url(endpoint: str) -> str:
    """Return where traces go below an OTLP endpoint.

    Examples
    --------
    >>> traces_url("http://collector:4318"), traces_url("http://c/otlp/v1/traces")
    ('http://collector:4318/v1/traces', 'http://c/otlp/v1/traces')
    """
    base = endpoint.rstrip("/")
    return base if base.endswith(_TRACES_PATH) else base + _TRACES_PATH


def _request(asked: Asked, outcome: Outcome, decision: RouteDecision | None) -> dict[str, Any]:
    """Attributes of the request's own span."""
    target = outcome.target
    return {
        "gen_ai.operation.name": asked.operation,
        "gen_ai.provider.name": target.account.provider if target else None,
        "gen_ai.request.model": decision.requested_model if decision else None,
        "gen_ai.response.model": target.model if target else None,
        "gen_ai.response.time_to_first_chunk": outcome.ttft_ms and outcome.ttft_ms / 1000,
        "http.route": asked.route,
        "http.response.status_code": outcome.status,
        "error.type": outcome.error_type,
        "router.request_id": asked.request_id,
        "router.outcome": outcome.outcome,
        "router.task": decision.judgement.task if decision else None,
        "router.complexity": decision.judgement.complexity if decision else None,
        "router.account": target.account.name if target else None,
        "router.attempts": len(outcome.attempts),
        "router.cost_usd": cost_text(outcome.cost_usd),
    }


def _usage(outcome: Outcome) -> dict[str, Any]:
    """Token counts, by OpenTelemetry's names: the input includes its cached part."""
    usage = outcome.usage
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }


def _told(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known."""
    return {name: value for name, value in attributes.items() if value is not None}
