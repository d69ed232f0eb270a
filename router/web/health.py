"""This module says whether the gateway lives, and whether it can work. It calls nobody."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from router.web.admin.answers import json_answer
from router.web.gateway import Gateway

OPEN_ENDPOINTS = frozenset({"health.root", "health.live", "health.ready"})
"""Flask endpoints that answer everybody."""


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the routes."""
    views = Blueprint("health", __name__)

    @views.get("/")
    def root() -> Response:
        return json_answer({"status": "ok"})

    @views.get("/health")
    @views.get("/livez")
    @views.get("/health/liveliness")
    @views.get("/health/liveness")
    def live() -> Response:
        return json_answer({"status": "ok"})

    @views.get("/readyz")
    @views.get("/health/readiness")
    def ready() -> Response:
        body = _readiness(gateway)
        return json_answer(body, 200 if body["status"] == "ready" else 503)

    return views


def _readiness(gateway: Gateway) -> dict[str, Any]:
    """Return what this worker runs; ready means at least one target to call."""
    snapshot = gateway.holder.current
    has_target = any(snapshot.targets.values()) or bool(snapshot.wildcards)
    body: dict[str, Any] = {
        "status": "ready" if has_target else "no usable target",
        "config": snapshot.digest,
        "source": snapshot.source.kind,
        "accounts": len(snapshot.accounts),
        "models": snapshot.listed_models,
        "audit_failures": gateway.audit(snapshot).failures,
    }
    if snapshot.source.kind == "demo":
        body["note"] = "no provider is configured: the built-in demo account answers"
    return body
