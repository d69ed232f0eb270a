"""This module reads LiteLLM's ``auto_router`` entries: tiers of models under one name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.config.findings import Findings

_COMPLEXITY_ROUTER = "auto_router/complexity_router"
_TIERS = {"simple": "low", "medium": "medium", "complex": "high", "reasoning": "xhigh"}


def is_auto_router(params: Mapping[str, Any]) -> bool:
    """Tell whether an entry is no deployment but a router."""
    return str(params["model"]).startswith("auto_router/")


def read_auto_router(
    name: str, params: Mapping[str, Any], path: str, findings: Findings
) -> dict[str, tuple[str, ...]] | None:
    """Return tier -> models of a complexity router; None for kinds that are not known here."""
    if params["model"] != _COMPLEXITY_ROUTER:
        findings.note("error", path, f'"{name}" is not served: {params["model"]} is not known here')
        return None
    where = f"{path}.litellm_params.complexity_router_config"
    config = params.get("complexity_router_config", {})
    for key in config:
        if key != "tiers":
            findings.note("unused", f"{where}.{key}", "complexity is judged by the router itself")
    tiers = config.get("tiers", {})
    if not isinstance(tiers, Mapping):
        findings.problem(f"{where}.tiers", "must be a mapping of tier: model")
        return None
    routes: dict[str, tuple[str, ...]] = {}
    for tier, models in tiers.items():
        ours = _TIERS.get(str(tier).lower())
        listed = [models] if isinstance(models, str) else models
        if ours is None:
            findings.note("unused", f"{where}.tiers.{tier}", "no such tier here")
        elif isinstance(listed, list) and all(isinstance(model, str) for model in listed):
            routes[ours] = tuple(listed)
        else:
            findings.problem(f"{where}.tiers.{tier}", "must be a model or a list of models")
    if default := params.get("complexity_router_default_model"):
        routes["default"] = (default,)
    return routes
