"""This module lists the models, in the shape that the caller's SDK expects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
from flask import Blueprint, Response, g, request

from router.auth.guard import may_use
from router.canonical.principal import Principal
from router.config.snapshot import ModelInfo, Snapshot
from router.providers.base import Target
from router.routing.match import targets_for, unknown_model

AUTO = ModelInfo(
    id="auto",
    owned_by="open-llm-router",
    name="Auto",
    description="The router judges each request and chooses the model.",
)
GEMINI_KEY = "x-goog-api-key"
"""Tells Google's callers on the paths that OpenAI's share: their SDK asks below ``/v1`` too."""

_MILLION = 1_000_000


def blueprint() -> Blueprint:
    """Return the routes; they read the snapshot and nothing else."""
    views = Blueprint("models", __name__)

    @views.get("/v1/models")
    def list_models() -> Response:
        visible = _visible(g.snapshot, g.admission.principal)
        if "anthropic-version" in request.headers:
            return _cached(_anthropic_list(visible))
        if GEMINI_KEY in request.headers:
            return _cached(_gemini_list(visible))
        data = [_openai_entry(info, g.snapshot) for info in visible]
        return _cached({"object": "list", "data": data})

    @views.get("/v1/models/<path:model>")
    def get_model(model: str) -> Response:
        info = _find(g.snapshot, g.admission.principal, model)
        if "anthropic-version" in request.headers:
            return _cached(_anthropic_entry(info))
        if GEMINI_KEY in request.headers:
            return _cached(_gemini_entry(info))
        return _cached(_openai_entry(info, g.snapshot))

    @views.get("/v1beta/models")
    def list_gemini() -> Response:
        return _cached(_gemini_list(_visible(g.snapshot, g.admission.principal)))

    @views.get("/v1beta/models/<path:model>")
    def get_gemini(model: str) -> Response:
        return _cached(_gemini_entry(_find(g.snapshot, g.admission.principal, model)))

    return views


def _visible(snapshot: Snapshot, principal: Principal) -> list[ModelInfo]:
    """Return ``auto`` and every listed model that the caller may use."""
    listed = [
        info
        for info in snapshot.models.values()
        if not info.hidden and info.id != AUTO.id and may_use(principal, info.id)
    ]
    return [AUTO, *listed]


def _find(snapshot: Snapshot, principal: Principal, model: str) -> ModelInfo:
    """Return one model by id, alias or wildcard.

    Raises
    ------
    UnknownModel
        Not here, or not the caller's to use.
    """
    if model == AUTO.id:
        return AUTO

    def allowed(name: str) -> bool:
        return may_use(principal, name)

    info = snapshot.models.get(model)
    if info is None and targets_for(snapshot, model):
        target = targets_for(snapshot, model)[0]
        info = ModelInfo(id=model, owned_by=target.account.provider)
    if info is None or not allowed(info.id):
        raise unknown_model(snapshot, model, allowed)
    return info


def _cached(body: dict[str, Any]) -> Response:
    """Answer with an ETag: Open-WebUI asks every second."""
    data = orjson.dumps(body)
    response = Response(data, mimetype="application/json")
    response.set_etag(hashlib.sha256(data).hexdigest()[:24])
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response


def _openai_entry(info: ModelInfo, snapshot: Snapshot) -> dict[str, Any]:
    """Return OpenAI's four fields, and those of OpenRouter's that are known."""
    targets = snapshot.targets.get(info.alias_for or info.id, ())
    entry: dict[str, Any] = {
        "id": info.id,
        "object": "model",
        "created": info.created,
        "owned_by": info.owned_by,
        "name": info.name or info.id,
        "description": info.description,
        "context_length": info.context_window_tokens,
        "architecture": _architecture(info),
        "pricing": _pricing(targets),
        "top_provider": _known(
            {
                "context_length": info.context_window_tokens,
                "max_completion_tokens": info.max_output_tokens,
            }
        ),
        "alias_for": info.alias_for,
    }
    return _known(entry)


def _known(entry: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not known."""
    return {name: value for name, value in entry.items() if value not in (None, {}, [])}


def _architecture(info: ModelInfo) -> dict[str, Any]:
    if info.capabilities is None:
        return {}
    words = {"vision": "image", "audio": "audio", "documents": "file"}
    inputs = ["text", *(word for name, word in words.items() if name in info.capabilities)]
    output = "embeddings" if "embeddings" in info.capabilities else "text"
    return {
        "modality": f"{'+'.join(inputs)}->{output}",
        "input_modalities": inputs,
        "output_modalities": [output],
    }


def _pricing(targets: Iterable[Target]) -> dict[str, str]:
    """Return USD per token, as strings, of the first target whose price is known."""
    price = next((target.price for target in targets if target.price is not None), None)
    if price is None:
        return {}
    known = {
        "prompt": price.input_usd,
        "completion": price.output_usd,
        "input_cache_read": price.cache_read_usd,
        "input_cache_write": price.cache_write_usd,
    }
    return {
        name: format((usd / _MILLION).normalize(), "f")
        for name, usd in known.items()
        if usd is not None
    }


def _anthropic_list(models: list[ModelInfo]) -> dict[str, Any]:
    data = [_anthropic_entry(info) for info in models]
    return {
        "data": data,
        "has_more": False,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


def _anthropic_entry(info: ModelInfo) -> dict[str, Any]:
    return {
        "type": "model",
        "id": info.id,
        "display_name": info.name or info.id,
        # The format wants a date; a model whose date is not known gets the epoch.
        "created_at": _rfc3339(info.created),
    }


def _rfc3339(seconds: int) -> str:
    """Return a UTC time.

    Examples
    --------
    >>> _rfc3339(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _gemini_list(visible: Iterable[ModelInfo]) -> dict[str, Any]:
    return {"models": [_gemini_entry(info) for info in visible]}


def _gemini_entry(info: ModelInfo) -> dict[str, Any]:
    return _known(
        {
            "name": f"models/{info.id}",
            "displayName": info.name or info.id,
            "description": info.description,
            "inputTokenLimit": info.context_window_tokens,
            "outputTokenLimit": info.max_output_tokens,
            "supportedGenerationMethods": ["generateContent", "streamGenerateContent"],
        }
    )
