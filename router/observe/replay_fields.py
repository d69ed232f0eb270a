"""This module records what a decision was made of, so that it can be made again.

``plan`` puts recorded requests through another configuration. What is kept are counts,
switches and names of models, providers and capabilities; no word of a prompt, no header
and no user's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router.canonical.prompt import PromptView
from router.observe.fields import clip
from router.routing.constraints import Needs
from router.routing.controls import ProviderPreferences, RequestControls
from router.routing.decision import Complexity, Judgement, RouteDecision
from router.routing.rules import parts_of

VERSION = 1

_TIERS: tuple[Complexity, ...] = ("low", "medium", "high", "xhigh", "n/a")
_MAX_NAMES = 64
_NO_WISHES = ProviderPreferences()


@dataclass(frozen=True, slots=True)
class Recalled:
    """A recorded request, as far as routing needs it.

    Attributes
    ----------
    judged : Judgement, optional
        None where the judge was not asked then.
    conversation : str, optional
        The keyed hash that it was known by.
    """

    view: PromptView
    controls: RequestControls
    needs: Needs
    judged: Judgement | None
    endpoint: str
    key: str
    conversation: str | None


def replay_fields(
    view: PromptView,
    controls: RequestControls,
    needs: Needs,
    decision: RouteDecision,
    conversation: str | None,
) -> dict[str, Any]:
    """Return the fields, those without content left out."""
    judged = decision.judged
    told: dict[str, Any] = {
        "v": VERSION,
        "model": None if controls.model is None else clip(controls.model),
        "variant": controls.variant,
        "models": _names(controls.models),
        "allowed_models": _names(controls.allowed_models),
        "provider": _preferences(controls.provider),
        "capabilities": sorted(needs.capabilities),
        "max_output_tokens": needs.max_output_tokens,
        # Names of fields count only where the caller wants all of them understood.
        "parameters": _names(sorted(needs.parameters))
        if controls.provider.require_parameters
        else None,
        "has": sorted(parts_of(view)),
        "image_in_last_turn": view.image_in_last_turn,
        "turns": view.turn_count,
        "user_chars": view.user_chars,
        "judged": None if judged is None else [judged.task, judged.complexity],
        "conversation": conversation,
    }
    return {name: value for name, value in told.items() if value not in (None, False, [], {})}


def recall(record: Mapping[str, Any]) -> Recalled | None:
    """Return the request of a ``route_decision``; None where it does not hold enough."""
    kept, summary = record.get("replay"), record.get("payload_summary")
    if not isinstance(kept, Mapping) or not isinstance(summary, Mapping):
        return None
    if kept.get("v") != VERSION:
        return None
    try:
        return _recalled(record, kept, summary)
    except (TypeError, ValueError, AttributeError):
        return None  # edited, or torn


def _recalled(
    record: Mapping[str, Any], kept: Mapping[str, Any], summary: Mapping[str, Any]
) -> Recalled:
    """Put a request together again."""
    view = _view(kept, summary)
    return Recalled(
        view=view,
        controls=RequestControls(
            requested=record.get("requested_model"),
            model=kept.get("model"),
            variant=kept.get("variant"),
            models=tuple(kept.get("models", ())),
            allowed_models=tuple(kept.get("allowed_models", ())),
            provider=_recalled_preferences(kept.get("provider", {})),
        ),
        needs=Needs(
            capabilities=frozenset(kept.get("capabilities", ())),
            input_tokens=-(-view.input_chars // 4),
            max_output_tokens=kept.get("max_output_tokens"),
            parameters=frozenset(kept.get("parameters", ())),
        ),
        judged=_judged(record, kept.get("judged")),
        endpoint=str(record.get("path") or ""),
        key=str(record.get("principal") or ""),
        conversation=kept.get("conversation"),
    )


def _view(kept: Mapping[str, Any], summary: Mapping[str, Any]) -> PromptView:
    """Return a view whose texts are gone, but for whether there was a system prompt."""
    has = frozenset(kept.get("has", ()))
    return PromptView(
        format=str(summary["format"]) if "format" in summary else "",
        turn_count=int(kept.get("turns", 0)),
        system="?" if "system" in has else "",
        has_image="images" in has,
        image_in_last_turn=bool(kept.get("image_in_last_turn")),
        has_audio="audio" in has,
        has_document="documents" in has,
        has_tools="tools" in has,
        in_tool_loop="tool_loop" in has,
        wants_json="json" in has,
        wants_schema="schema" in has,
        reasoning_effort=summary.get("reasoning_effort"),
        stream="stream" in has,
        input_chars=int(summary.get("input_chars", 0)),
        user_chars=int(kept.get("user_chars", 0)),
        max_output_tokens=kept.get("max_output_tokens"),
    )


def _judged(record: Mapping[str, Any], said: Any) -> Judgement | None:
    """Return what the judge said then."""
    if not isinstance(said, list) or len(said) != 2 or said[1] not in _TIERS:
        return None
    signals = record.get("signals")
    kept = signals if isinstance(signals, Mapping) else {}
    return Judgement(str(said[0]), said[1], float(record.get("score") or 0.0), kept)


def _preferences(wishes: ProviderPreferences) -> dict[str, Any]:
    """Return what differs from no preference."""
    if wishes == _NO_WISHES:
        return {}
    told = {
        "order": _names(wishes.order),
        "only": _names(wishes.only),
        "ignore": _names(wishes.ignore),
        "sort": wishes.sort,
        "across_models": wishes.across_models,
        "no_fallbacks": not wishes.allow_fallbacks,
        "require_parameters": wishes.require_parameters,
    }
    return {name: value for name, value in told.items() if value}


def _recalled_preferences(kept: Mapping[str, Any]) -> ProviderPreferences:
    """Return preferences as they were."""
    return ProviderPreferences(
        order=tuple(kept.get("order", ())),
        only=tuple(kept.get("only", ())),
        ignore=tuple(kept.get("ignore", ())),
        sort=kept.get("sort"),
        across_models=bool(kept.get("across_models")),
        allow_fallbacks=not kept.get("no_fallbacks"),
        require_parameters=bool(kept.get("require_parameters")),
    )


def _names(names: Any) -> list[str]:
    """Return callers' names, bounded."""
    return [clip(name) for name in names][:_MAX_NAMES]
