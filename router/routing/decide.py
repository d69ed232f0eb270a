"""This module decides which models may answer a request, and records why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from router.canonical.prompt import PromptView
from router.config.snapshot import Rule, Snapshot
from router.errors import ConstraintsUnsatisfied, PermissionDenied
from router.providers.base import Target
from router.routing.chain import (
    HOUSEKEEPING,
    Chain,
    distinct,
    explicit_chain,
    reserve_models,
    route_chain,
)
from router.routing.constraints import is_allowed
from router.routing.controls import RequestControls
from router.routing.decision import Complexity, Judgement, RouteDecision
from router.routing.learned import features, rank_by_utility
from router.routing.match import leaves_choice, resolve, targets_for, unknown_model
from router.routing.rules import Circumstances, first_match, needs_judgement
from router.state.health import Health

Judge = Callable[[PromptView], Judgement]

EXPLICIT = Judgement(task="explicit", complexity="n/a")


@dataclass(frozen=True, slots=True)
class _Choice:
    """A chain on its way to a decision."""

    models: tuple[str, ...]
    judgement: Judgement
    trace: Mapping[str, Any]
    reasons: tuple[str, ...]
    scores: tuple[Mapping[str, Any], ...] = ()
    reserve: tuple[str, ...] = ()


def decide(
    snapshot: Snapshot,
    view: PromptView,
    controls: RequestControls,
    judge: Judge,
    may_use: Callable[[str], bool] = lambda _: True,
    circumstances: Circumstances = Circumstances(),  # noqa: B008
    health: Health | None = None,
    now_s: float = 0.0,
) -> RouteDecision:
    """Decide which models to try.

    Parameters
    ----------
    judge : callable
        Asked where the choice is the router's, or a rule asks for task or complexity.
    may_use : callable
        Tells whether the caller may use a model id.
    health : Health, optional
        Live latency and failures, for learned routing.

    Raises
    ------
    UnknownModel
        The model named is not served here, or not the caller's to use.
    ConstraintsUnsatisfied
        ``allowed_models`` covers no candidate.
    PermissionDenied
        The caller may use none of the models that the routes name.
    """
    rules = snapshot.rules
    judged = judge(view) if controls.model is None or needs_judgement(rules) else None
    judgement = judged or EXPLICIT
    rule = first_match(rules, controls.model, view, judgement, circumstances) if rules else None
    if controls.model is not None:
        _check_known(snapshot, controls.model, may_use)
    if rule is not None and rule.models:
        choice = _by_rule(snapshot, controls, judgement, rule)
    elif controls.model is None or (rule is not None and (rule.task or rule.complexity)):
        judged = judged or judge(view)
        ruled = _overruled(judged, rule)
        choice = _by_route(snapshot, view, controls, ruled, health or Health(), now_s)
    else:
        choice = _by_name(snapshot, controls, controls.model)
    if rule is not None:
        choice = replace(choice, reasons=(*choice.reasons, f"rule {rule.name}"))
    return replace(_filtered(snapshot, controls, choice, rule, may_use), judged=judged)


def _check_known(snapshot: Snapshot, model: str, may_use: Callable[[str], bool]) -> None:
    """Refuse a model that is not here, in the same words as one that is not the caller's.

    A model whose account is out of use is known: the plan will say so.
    """
    targets = targets_for(snapshot, model)
    if not targets and resolve(snapshot, model) not in snapshot.models:
        raise unknown_model(snapshot, model, may_use)
    if not permitted(snapshot, model, targets, may_use):
        raise unknown_model(snapshot, model, may_use)


def permitted(
    snapshot: Snapshot, model: str, targets: Iterable[Target], may_use: Callable[[str], bool]
) -> bool:
    """Tell whether a caller may use a model under any of its names, aliases included."""
    named = resolve(snapshot, model)
    if any(may_use(name) for name in {model, named, *(target.model for target in targets)}):
        return True
    return any(may_use(alias) for alias in snapshot.aliases if resolve(snapshot, alias) == named)


def _overruled(judgement: Judgement, rule: Rule | None) -> Judgement:
    """Return what a rule makes of a judgement."""
    if rule is None:
        return judgement
    return replace(
        judgement,
        task=rule.task or judgement.task,
        complexity=cast(Complexity, rule.complexity or judgement.complexity),
    )


def _by_name(snapshot: Snapshot, controls: RequestControls, model: str) -> _Choice:
    """Return the choice for a model that the caller named."""
    named = resolve(snapshot, model)
    chain = explicit_chain(
        snapshot,
        named,
        _others(snapshot, controls),
        use_configured=controls.provider.allow_fallbacks,
    )
    trace = {
        "auto": False,
        "routing_mode": "rule_chain",
        "route_model": named,
        "fallback_config": list(chain[1:]),
        "default_chain": list(chain),
        "selected_reason": "requested_model",
    }
    return _Choice(chain, EXPLICIT, trace, ("the request names the model",))


def _others(snapshot: Snapshot, controls: RequestControls) -> tuple[str, ...]:
    """Return the models that the request lists besides, ``auto`` left out."""
    listed = (model for model in controls.models if not leaves_choice(snapshot, model))
    return tuple(resolve(snapshot, model) for model in listed)


def _by_rule(
    snapshot: Snapshot, controls: RequestControls, judgement: Judgement, rule: Rule
) -> _Choice:
    """Return the choice that an operator's rule makes."""
    is_auto_request = controls.model is None
    if is_auto_request:
        fallbacks = snapshot.routes.fallback_models
    else:
        fallbacks = explicit_chain(snapshot, rule.models[0], ())[1:]
    chain = distinct((*rule.models, *(fallbacks if controls.provider.allow_fallbacks else ())))
    trace = {
        "auto": is_auto_request,
        "routing_mode": "rule_chain",
        "route_task": judgement.task,
        "route_complexity": judgement.complexity,
        "route_models": list(rule.models),
        "fallback_config": list(fallbacks),
        "default_chain": list(chain),
        "selected_reason": f"rule:{rule.name}",
    }
    return _Choice(chain, judgement, trace, ())


def _by_route(
    snapshot: Snapshot,
    view: PromptView,
    controls: RequestControls,
    judgement: Judgement,
    health: Health,
    now_s: float,
) -> _Choice:
    """Return the choice of ``auto``: the task's route, and learned ranking where enabled."""
    routes = snapshot.routes
    chain = route_chain(snapshot, judgement, view.format)
    others = _others(snapshot, controls)
    models = distinct((*chain.models, *others, *routes.fallback_models))
    trace = _route_trace(snapshot, chain, judgement, models)
    reasons: tuple[str, ...] = (_route_reason(snapshot, chain, judgement),)
    reserve = reserve_models(snapshot, chain.task)
    if not routes.learned.enabled or judgement.task == HOUSEKEEPING:
        return _Choice(models, judgement, trace, reasons, reserve=reserve)
    candidates = distinct((*routes.learned.task_candidates.get(judgement.task, ()), *models))
    scores = rank_by_utility(candidates, snapshot, view, judgement, health, now_s)
    ranked = tuple(str(score["model"]) for score in scores)
    learned_trace = {
        **trace,
        "routing_mode": "learned_utility",
        "learned_candidates": list(candidates),
        "learned_features": {k: v for k, v in features(view, judgement).items() if v},
        "selected_reason": "learned_utility",
        "selected_score": scores[0]["utility"],
    }
    reasons += (f"highest utility {scores[0]['utility']:.3f} of {len(scores)} candidates",)
    return _Choice(ranked, judgement, learned_trace, reasons, scores, reserve)


def _route_trace(
    snapshot: Snapshot, chain: Chain, judgement: Judgement, models: tuple[str, ...]
) -> dict[str, Any]:
    """Return system A's record of a route."""
    return {
        "auto": True,
        "routing_mode": "rule_chain",
        "route_task": chain.task,
        "route_complexity": judgement.complexity,
        "route_tier": chain.tier,
        "route_model": chain.models[0],
        "route_models": list(chain.models),
        "route_origin": snapshot.routes.origin,
        "fallback_config": list(snapshot.routes.fallback_models),
        "default_chain": list(models),
        "selected_reason": chain.reason,
    }


def _route_reason(snapshot: Snapshot, chain: Chain, judgement: Judgement) -> str:
    """Say in a few words where the first model comes from."""
    judged = f"judged {judgement.task}/{judgement.complexity}"
    if chain.reason == "task_route":
        return f"{judged}: {snapshot.routes.origin} {chain.task}.{chain.tier}"
    if chain.reason == "model_mode":
        return f"{judged}: models made for this endpoint"
    return f"{judged}: no route for it, so default_model"


def _filtered(
    snapshot: Snapshot,
    controls: RequestControls,
    choice: _Choice,
    rule: Rule | None,
    may_use: Callable[[str], bool],
) -> RouteDecision:
    """Return the decision without models that are not allowed; other routes' where none is left."""
    left_out: dict[str, str] = {}
    usable = _usable(snapshot, controls, choice.models, may_use, left_out)
    reserve, reasons = choice.reserve, choice.reasons
    if not usable:
        usable = _usable(snapshot, controls, reserve, may_use, left_out)
        reserve = ()
        reasons += ("its models are not allowed here, so another route's",)
    if not usable:
        raise _nothing_allowed(controls, left_out)
    return RouteDecision(
        requested_model=controls.requested,
        source="auto" if controls.model is None else "request",
        judgement=choice.judgement,
        candidates=usable,
        reasons=reasons,
        trace=choice.trace,
        scores=choice.scores,
        reserve=tuple(model for model in reserve if model not in usable),
        rule=None if rule is None else rule.name,
        account=None if rule is None else rule.account,
        left_out=left_out,
    )


def _usable(
    snapshot: Snapshot,
    controls: RequestControls,
    models: tuple[str, ...],
    may_use: Callable[[str], bool],
    left_out: dict[str, str],
) -> tuple[str, ...]:
    """Return the models that caller and request allow; note the others in `left_out`."""
    usable = []
    for model in models:
        targets = targets_for(snapshot, model)
        if not permitted(snapshot, model, targets, may_use):
            left_out[model] = "not_permitted"
        elif not _covered(model, targets, controls.allowed_models):
            left_out[model] = "allowed_models"
        else:
            usable.append(model)
    return tuple(usable)


def _covered(model: str, targets: Iterable[Target], allowed: tuple[str, ...]) -> bool:
    """Tell whether the request's globs cover a model, with or without its provider's name."""
    if not allowed:
        return True
    names = {model, *(f"{target.account.provider}/{target.model}" for target in targets)}
    return any(is_allowed(name, allowed) for name in names)


def _nothing_allowed(
    controls: RequestControls, left_out: Mapping[str, str]
) -> ConstraintsUnsatisfied | PermissionDenied:
    """Return the error that says who left nothing: the caller's key, or its request."""
    models = [model for model, why in left_out.items() if why == "allowed_models"]
    if not models:
        return PermissionDenied("this key may use none of the models that the router would choose")
    asked = ", ".join(controls.allowed_models)
    return ConstraintsUnsatisfied(
        f"allowed_models ({asked}) covers none of the candidates; these would do: "
        + ", ".join(models[:5]),
        param="allowed_models",
        metadata={
            "constraint": "allowed_models",
            "rejected": dict.fromkeys(models, "allowed_models"),
            "would_satisfy": models[:5],
        },
    )
