"""This module ranks models by utility: expected quality less cost, latency and failures.

System A's formula, with every input visible in the scores. Live latency and failure
rates replace the configured ones as soon as a target has been called often enough.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router.canonical.prompt import PromptView
from router.config.snapshot import ModelProfile, Snapshot
from router.providers.base import Target
from router.routing.constraints import estimated_tokens
from router.routing.decision import Judgement
from router.routing.match import targets_for
from router.state.health import Health
from router.state.latency import Pace

MIN_SAMPLES = 5
"""Calls after which live figures are believed over configured ones."""

_COMPLEXITY_SCORE: Mapping[str, float] = {"low": 0.25, "medium": 0.5, "high": 0.8, "xhigh": 1.0}
_TASKS = ("coding", "thinking", "instruction_following", "general", "image")
_HARD_EFFORTS = frozenset({"high", "xhigh", "max"})


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """What one model is expected to cost and do; USD per 1,000 tokens."""

    cost_input_per_1k_usd: float
    cost_output_per_1k_usd: float
    latency_ms: float
    failure_rate: float
    is_live: bool


def features(view: PromptView, judgement: Judgement) -> dict[str, float]:
    """Return system A's features of a request, by the names that weights are given for."""
    signals = judgement.signals
    return {
        "text_kchars": _number(signals.get("text_length"), view.user_chars) / 1000,
        "code_score": _number(signals.get("code_score"), 0.0),
        "think_score": _number(signals.get("think_score"), 0.0),
        "instruction_score": _number(signals.get("instruction_score"), 0.0),
        "has_image": float(view.has_image),
        "complexity_score": _COMPLEXITY_SCORE.get(judgement.complexity, 0.0),
        "max_output_k_tokens": (view.max_output_tokens or 0) / 1000,
        "reasoning_effort_high": float(view.reasoning_effort in _HARD_EFFORTS),
        **{f"task_{task}": float(judgement.task == task) for task in _TASKS},
    }


def rank_by_utility(
    models: Sequence[str],
    snapshot: Snapshot,
    view: PromptView,
    judgement: Judgement,
    health: Health,
    now_s: float,
) -> tuple[Mapping[str, Any], ...]:
    """Score models, best first; equal ones keep their order.

    Returns
    -------
    tuple of mapping
        ``model``, ``quality_probability``, ``utility``, ``estimated_cost`` (USD),
        ``estimated_latency_ms``, ``estimated_failure_rate`` and ``inputs``.
    """
    seen = features(view, judgement)
    scores = [
        _score(model, _figures(model, snapshot, health, now_s), snapshot, view, seen)
        for model in models
    ]
    return tuple(sorted(scores, key=lambda score: -float(score["utility"])))


def _score(
    model: str,
    figures: ModelFigures,
    snapshot: Snapshot,
    view: PromptView,
    seen: Mapping[str, float],
) -> dict[str, Any]:
    """Return one model's score and all that went into it."""
    learned = snapshot.routes.learned
    profile = _profile(model, snapshot)
    weighed = sum(weight * seen.get(name, 0.0) for name, weight in learned.feature_weights.items())
    quality = _sigmoid(learned.bias + profile.quality_bias + profile.quality_sensitivity * weighed)
    output_tokens = view.max_output_tokens or learned.default_output_tokens
    cost_usd = (
        estimated_tokens(view.input_chars) / 1000 * figures.cost_input_per_1k_usd
        + output_tokens / 1000 * figures.cost_output_per_1k_usd
    )
    utility = (
        quality
        - learned.cost_weight * cost_usd
        - learned.latency_weight * figures.latency_ms / 1000
        - learned.failure_weight * figures.failure_rate
    )
    return {
        "model": model,
        "quality_probability": round(quality, 6),
        "utility": round(utility, 6),
        "estimated_cost": round(cost_usd, 8),
        "estimated_latency_ms": round(figures.latency_ms, 1),
        "estimated_failure_rate": round(figures.failure_rate, 4),
        "inputs": {
            "bias": learned.bias,
            "quality_bias": profile.quality_bias,
            "quality_sensitivity": profile.quality_sensitivity,
            "weighed_features": round(weighed, 6),
            "cost_input_per_1k_usd": figures.cost_input_per_1k_usd,
            "cost_output_per_1k_usd": figures.cost_output_per_1k_usd,
            "output_tokens": output_tokens,
            "live": figures.is_live,
        },
    }


def _figures(model: str, snapshot: Snapshot, health: Health, now_s: float) -> ModelFigures:
    """Return what a model costs and how it fares: configured, else its best target's."""
    profile = _profile(model, snapshot)
    targets = targets_for(snapshot, model)
    paces = [
        pace
        for pace in (health.pace(target.name, now_s) for target in targets)
        if pace is not None and pace.samples >= MIN_SAMPLES
    ]
    return ModelFigures(
        cost_input_per_1k_usd=_cost(profile.cost_input_per_1k_usd, targets, "input_usd"),
        cost_output_per_1k_usd=_cost(profile.cost_output_per_1k_usd, targets, "output_usd"),
        latency_ms=_live_latency_ms(paces, profile.latency_ms or 0.0),
        failure_rate=min(
            (pace.failure_rate for pace in paces), default=profile.failure_rate or 0.0
        ),
        is_live=bool(paces),
    )


def _live_latency_ms(paces: Sequence[Pace], configured_ms: float) -> float:
    """Return the best target's latency, where it is known."""
    known = [pace.latency_ms for pace in paces if pace.latency_ms is not None]
    return min(known, default=configured_ms)


def _cost(configured_usd: float | None, targets: Sequence[Target], rate: str) -> float:
    """Return USD per 1,000 tokens: the operator's word, else the cheapest target's price."""
    if configured_usd is not None:
        return configured_usd
    per_million = [getattr(target.price, rate) for target in targets if target.price is not None]
    return min((float(usd) / 1000 for usd in per_million if usd is not None), default=0.0)


def _profile(model: str, snapshot: Snapshot) -> ModelProfile:
    """Return what the operator says of a model, by its own name or without its provider's."""
    profiles = snapshot.routes.profiles
    return profiles.get(model) or profiles.get(model.partition("/")[2]) or ModelProfile()


def _sigmoid(z: float) -> float:
    """Return the logistic function, without overflow for any weights."""
    if z >= 0:
        return 1 / (1 + math.exp(-min(z, 700.0)))
    grown = math.exp(max(z, -700.0))
    return grown / (1 + grown)


def _number(value: Any, default: float) -> float:
    """Return a signal as a number; judges may leave one out."""
    return float(value) if isinstance(value, (int, float)) else float(default)
