"""This module is the Flask application: every blueprint, behind the guard."""

from __future__ import annotations

from flask import Flask, Response, g, request

from router.errors import NotFound
from router.web import (
    chat,
    completions,
    embeddings,
    errors,
    gemini,
    health,
    messages,
    metrics,
    models,
    openapi,
    passthrough,
    status,
)
from router.web.admin import routes
from router.web.gateway import Gateway
from router.web.guard import Guard
from router.web.headers import request_id


def flask_app(gateway: Gateway) -> Flask:
    """Return the Flask application with all routes."""
    app = Flask("router", static_folder=None)
    app.url_map.merge_slashes = False

    @app.before_request
    def identify() -> None:
        sent = request.headers
        g.request_id = request_id(sent.get("x-request-id"), sent.get("x-correlation-id"))
        if request.environ.get("RAW_URI", "").startswith("//"):
            # It would be served as if it had one slash: not what a proxy's rules saw.
            raise NotFound("no such path")

    @app.after_request
    def name_request(response: Response) -> Response:
        response.headers.setdefault("x-request-id", g.request_id)
        return response

    errors.install(app, gateway)

    def is_open(endpoint: str | None) -> bool:
        is_public_metrics = endpoint == metrics.ENDPOINT and gateway.holder.current.metrics.public
        return endpoint in health.OPEN_ENDPOINTS or is_public_metrics

    Guard(gateway).protect(app, is_open)
    for blueprint in (
        chat.blueprint(gateway),
        messages.blueprint(gateway),
        gemini.blueprint(gateway),
        completions.blueprint(gateway),
        embeddings.blueprint(gateway),
        models.blueprint(),
        status.blueprint(gateway),
        routes.blueprint(gateway),
        health.blueprint(gateway),
        metrics.blueprint(gateway),
        openapi.blueprint(),
        passthrough.blueprint(gateway),
    ):
        app.register_blueprint(blueprint)
    return app
