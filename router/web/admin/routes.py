"""This module is what operators call: reload, the configuration, the backends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response

from router.config.masked import masked
from router.config.snapshot import Snapshot
from router.errors import ConfigError
from router.providers.base import Account
from router.web.admin.answers import json_answer
from router.web.gateway import Gateway
from router.web.guard import admin_only


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the routes; all need an administrator's key."""
    views = Blueprint("admin", __name__)

    @views.before_request
    def administrators_only() -> None:
        admin_only(gateway)

    @views.post("/admin/reload-backends")
    def reload_backends() -> Response:
        try:
            told = gateway.reload_all()
        except ConfigError as error:
            problems = list(error.problems)
            message = "the configuration was refused; the one in use stays"
            return json_answer({"status": "error", "message": message, "problems": problems}, 422)
        return json_answer(told, 200 if told["status"] == "success" else 503)

    @views.get("/admin/config")
    def config() -> Response:
        return json_answer(masked(gateway.holder.current))

    @views.get("/admin/backends")
    def backends() -> Response:
        return json_answer(_backends(gateway.holder.current))

    return views


def _backends(snapshot: Snapshot) -> dict[str, Any]:
    """Return the accounts, as system B lists its backends."""
    entries = [_backend(account, snapshot) for account in snapshot.accounts.values()]
    return {
        "backends": entries,
        "total_backends": len(entries),
        "model_aliases": dict(snapshot.aliases),
        "default_models": {"chat": snapshot.routes.default_model, **snapshot.default_models},
        "disabled": dict(snapshot.disabled),
    }


def _backend(account: Account, snapshot: Snapshot) -> dict[str, Any]:
    models = list(_models_of(account, snapshot))
    return {
        "name": account.name,
        "display_name": account.provider,
        "kind": account.kind,
        "base_url": account.base_url,
        "auth_mode": account.auth_mode,
        "model_count": len(models),
        "models": models,
        "model_prefixes": [
            wildcard.pattern
            for wildcard in snapshot.wildcards
            if wildcard.target.account.name == account.name
        ],
    }


def _models_of(account: Account, snapshot: Snapshot) -> Iterable[str]:
    return (
        model
        for model, targets in snapshot.targets.items()
        if any(target.account.name == account.name for target in targets)
    )
