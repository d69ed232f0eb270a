"""This module serves ``GET /metrics`` to Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response, request

from router.errors import NotFound
from router.web.gateway import Gateway

ENDPOINT = "metrics.metrics"
"""Its Flask endpoint, which `guard` lets everybody reach where the configuration says so."""


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the route."""
    views = Blueprint("metrics", __name__)

    @views.get("/metrics")
    def metrics() -> Response:
        if not gateway.holder.current.metrics.enabled:
            raise NotFound(f"no such path: GET {request.path}")
        exposition, content_type = gateway.metrics.render()
        return Response(exposition, content_type=content_type)

    return views
