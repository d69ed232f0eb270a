"""This module turns a judgement into a chain of models: routes, tiers and their fall-through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from router.config.snapshot import Snapshot
from router.routing.decision import Judgement, RouteDecision

HOUSEKEEPING = "housekeeping"

_UPWARDS = ("low", "medium", "high", "xhigh", "default")
_FALL_THROUGH: Mapping[str, tuple[str, ...]] = {
    "low": _UPWARDS,
    "medium": _UPWARDS[1:],
    "high": _UPWARDS[2:],
    "xhigh": ("xhigh", "high", "default"),
}
_OTHERWISE = ("default", "high", "xhigh")

# Endpoints that need models of their own kind, by the modes that LiteLLM files give them.
_FORMAT_MODES: Mapping[str, tuple[str, ...]] = {
    "openai_embeddings": ("embedding",),
    "gemini_embeddings": ("embedding",),
    "images": ("image_generation",),
    "audio": ("audio_transcription", "audio_speech"),
    "rerank": ("rerank",),
    "moderations": ("moderation",),
}


@dataclass(frozen=True, slots=True)
class Chain:
    """Models that configured routes give for a task and a complexity.

    Attributes
    ----------
    task : str
        Whose route was taken; ``general`` where the task has none of its own.
    tier : str, optional
        The tier it was found in, after fall-through; None where no route gave a model.
    models : tuple of str
        Of that tier, fallbacks not included.
    reason : str
        ``task_route``, ``default_model`` or ``model_mode``.
    """

    task: str
    tier: str | None
    models: tuple[str, ...]
    reason: str


def is_errand(decision: RouteDecision) -> bool:
    """Tell whether ``auto`` serves a client's own errand, which needs no deep thought."""
    return decision.source == "auto" and decision.judgement.task == HOUSEKEEPING


def distinct(models: Iterable[str]) -> tuple[str, ...]:
    """Return models without repeats, in order.

    Examples
    --------
    >>> distinct(["b", "a", "b"])
    ('b', 'a')
    """
    return tuple(dict.fromkeys(models))


def tier_models(
    tiers: Mapping[str, tuple[str, ...]], complexity: str
) -> tuple[str | None, tuple[str, ...]]:
    """Return the first tier that has models, falling through from a complexity, and these.

    Examples
    --------
    >>> tier_models({"high": ("big",), "low": ("small",)}, "medium")
    ('high', ('big',))
    >>> tier_models({"low": ("small",)}, "xhigh")
    (None, ())
    """
    for tier in _FALL_THROUGH.get(complexity, _OTHERWISE):
        if tiers.get(tier):
            return tier, tiers[tier]
    return None, ()


def route_chain(snapshot: Snapshot, judgement: Judgement, request_format: str) -> Chain:
    """Return the chain for a judgement.

    Parameters
    ----------
    request_format : str
        `PromptView.format`: endpoints such as embeddings need models of their kind.
    """
    tasks = snapshot.routes.tasks
    if judgement.task not in tasks:
        modes = _FORMAT_MODES.get(request_format, ())
        models = tuple(name for name, info in snapshot.models.items() if info.mode in modes)
        if models:
            return Chain(judgement.task, None, models, "model_mode")
    task = judgement.task if judgement.task in tasks else "general"
    # A client's own errands are always cheap, whatever their length made the judge think.
    complexity = "low" if judgement.task == HOUSEKEEPING else judgement.complexity
    tier, models = tier_models(tasks.get(task, {}), complexity)
    if models:
        return Chain(task, tier, models, "task_route")
    return Chain(task, None, (snapshot.routes.default_model,), "default_model")


def reserve_models(snapshot: Snapshot, task: str) -> tuple[str, ...]:
    """Return every model of the routes: the task's own first, then general, then the rest."""
    tasks = snapshot.routes.tasks
    order = distinct((task, "general", *tasks))
    return distinct(
        (
            *(
                model
                for name in order
                for tier in _UPWARDS
                for model in tasks.get(name, {}).get(tier, ())
            ),
            *snapshot.routes.fallback_models,
            snapshot.routes.default_model,
        )
    )


def explicit_chain(
    snapshot: Snapshot, model: str, others: tuple[str, ...], *, use_configured: bool = True
) -> tuple[str, ...]:
    """Return a model named by the caller, and the others that may stand in for it.

    Parameters
    ----------
    model : str
        Aliases resolved.
    others : tuple of str
        The request's ``models``.
    use_configured : bool
        False where the request wants no fallbacks but its own.
    """
    fallbacks = snapshot.fallbacks
    configured = fallbacks.on_error.get(model, fallbacks.default) if use_configured else ()
    return distinct((model, *others, *configured))
