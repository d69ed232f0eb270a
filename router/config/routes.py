"""This module decides what ``auto`` may choose from."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, zip_longest
from typing import Any

from router.config.draft import Draft
from router.config.models_table import TIERS, mode_of
from router.config.names import Names
from router.config.snapshot import (
    ComplexityThresholds,
    LearnedRouting,
    ModelInfo,
    ModelProfile,
    Routes,
)

_Tasks = Mapping[str, Mapping[str, tuple[str, ...]]]


def build_routes(draft: Draft, names: Names) -> Routes:
    """Return the routes: as configured, else by the models table, else one model."""
    shared = draft.shared
    tasks, origin = _tasks(draft, names)
    from_table = tasks["general"] if origin == "models table" else {}
    default, default_origin = _default_model(draft, names, from_table)
    return Routes(
        default_model=default,
        tasks=tasks,
        origin=origin or default_origin,
        fallback_models=names.required_all(shared.get("fallback_models", ()), "fallback_models"),
        thresholds=ComplexityThresholds(**shared.get("complexity", {})),
        profiles=_profiles(shared.get("model_profiles", {}), names),
        learned=_learned(shared.get("learned_routing", {}), names),
    )


def _default_model(
    draft: Draft, names: Names, from_table: Mapping[str, tuple[str, ...]]
) -> tuple[str, str]:
    """Return the model where no route says more, and where it comes from; empty is none."""
    if named := draft.shared.get("default_model", "").strip():
        return names.required(named, "default_model") or "", "default_model"
    if draft.default_model:
        found = names.wanted(draft.default_model, "general_settings.default_models.chat")
        if found and found != "auto":
            return found, "default_models.chat"
    for tier in ("medium", "low", "high", "xhigh"):  # neither the dearest nor the weakest
        if tier in from_table:
            return from_table[tier][0], "models table"
    chat = [model for model, info in names.models.items() if _is_chat(info)]
    served = [model for model in chat if names.targets.get(model)]
    # Else one whose account is disabled, so that the error can say why.
    known = [model for model, info in names.models.items() if info.alias_for is None]
    return next(iter([*served, *chat, *known]), ""), "first chat model"


def _tasks(draft: Draft, names: Names) -> tuple[_Tasks, str]:
    """Return task -> tier -> models, and where they come from; empty where nothing says."""
    if configured := draft.shared.get("task_routes"):
        return _configured(configured, names), "task_routes"
    if draft.task_routes:
        tasks = {
            task: {
                tier: found
                for tier, models in tiers.items()
                if (found := names.wanted_all(models, f"complexity_router.{tier}"))
            }
            for task, tiers in draft.task_routes.items()
        }
        return tasks, "demo" if draft.source.kind == "demo" else "complexity_router"
    tiers = _table_tiers(names) if draft.uses_table_tiers else {}
    return ({"general": tiers}, "models table") if tiers else ({}, "")


def _configured(tasks: _Tasks, names: Names) -> _Tasks:
    """Return `task_routes` with every model checked."""
    return {
        task: {
            tier: names.required_all(models, f"task_routes.{task}.{tier}")
            for tier, models in tiers.items()
        }
        for task, tiers in tasks.items()
    }


def _table_tiers(names: Names) -> dict[str, tuple[str, ...]]:
    """Return the models of each tier that the table knows, providers taking turns.

    So the second choice is another provider's, which fails for other reasons. `default`
    catches the tiers above the best one that is filled.
    """
    tiers: dict[str, tuple[str, ...]] = {}
    for tier in TIERS:
        by_provider: dict[str, list[str]] = {}
        for model, info in names.models.items():
            if info.tier == tier and _is_chat(info) and names.targets.get(model):
                by_provider.setdefault(info.owned_by, []).append(model)
        turns = zip_longest(*by_provider.values())
        if models := tuple(model for model in chain.from_iterable(turns) if model):
            tiers[tier] = models
    if tiers:
        tiers["default"] = tiers[max(tiers, key=TIERS.index)]
    return tiers


def _is_chat(info: ModelInfo) -> bool:
    """Tell whether a listed model, not an alias of another one, can chat."""
    if info.hidden or info.id == "auto":
        return False
    return (info.mode or mode_of(info.id)) in ("chat", "responses")


def _profiles(given: Mapping[str, Any], names: Names) -> dict[str, ModelProfile]:
    """Return the profiles of known models."""
    profiles = {}
    for name, profile in given.items():
        model = names.resolve(name)
        if model is None:
            names.findings.note("warning", f"model_profiles.{name}", f'no model "{name}"')
            continue
        cost_in, cost_out = profile.get("cost_input_per_1k"), profile.get("cost_output_per_1k")
        profiles[model] = ModelProfile(
            quality_bias=profile.get("quality_bias", 0.0),
            quality_sensitivity=profile.get("quality_sensitivity", 1.0),
            cost_input_per_1k_usd=None if cost_in is None else float(cost_in),
            cost_output_per_1k_usd=None if cost_out is None else float(cost_out),
            latency_ms=profile.get("latency_ms"),
            failure_rate=profile.get("failure_rate"),
        )
    return profiles


def _learned(given: Mapping[str, Any], names: Names) -> LearnedRouting:
    """Return the weights of utility-based ranking."""
    weights = given.get("utility_weights", {})
    usual = LearnedRouting()
    candidates = {
        task: names.required_all(models, f"learned_routing.task_candidates.{task}")
        for task, models in given.get("task_candidates", {}).items()
    }
    return LearnedRouting(
        enabled=given.get("enabled", usual.enabled),
        bias=given.get("bias", usual.bias),
        default_output_tokens=given.get("default_output_tokens", usual.default_output_tokens),
        feature_weights=given.get("feature_weights", {}),
        task_candidates=candidates,
        cost_weight=weights.get("cost", usual.cost_weight),
        latency_weight=weights.get("latency", usual.latency_weight),
        failure_weight=weights.get("failure", usual.failure_weight),
    )
