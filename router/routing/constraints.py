"""This module holds hard constraints: what a target must be able to do for one request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from router.canonical.prompt import PromptView
from router.errors import ConstraintsUnsatisfied
from router.providers.base import Target
from router.routing.controls import RequestControls
from router.routing.decision import Skip
from router.routing.match import matches_glob

CHARS_PER_TOKEN = 4
CONTEXT_TOLERANCE = 1.1
"""The estimate is rough: a prompt 10 % over the window is still tried."""

_NAMED = 5

# Operations other than chat need a model of their kind. Formats that are not here need none.
_FORMAT_NEEDS: Mapping[str, str] = {
    "openai_embeddings": "embeddings",
    "gemini_embeddings": "embeddings",
    "images": "images",
}

Check = Callable[[Target], str | None]
"""Returns what a target is missing for a request, None where it will do."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request needs of a target.

    Attributes
    ----------
    capabilities : frozenset of str
        In the words of `ModelTraits`.
    input_tokens : int
        Estimated.
    max_output_tokens : int, optional
        As the caller asked.
    parameters : frozenset of str
        Top-level fields of the body, for ``require_parameters``.
    """

    capabilities: frozenset[str] = frozenset()
    input_tokens: int = 0
    max_output_tokens: int | None = None
    parameters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint of a request, and what to tell where nothing meets it.

    Attributes
    ----------
    param : str, optional
        The request field behind it.
    remedy : str
        What the caller may change.
    """

    name: Skip
    missing: Check
    remedy: str
    param: str | None = None


def estimated_tokens(chars: int) -> int:
    """Return about how many tokens a text has.

    Examples
    --------
    >>> estimated_tokens(10)
    3
    """
    return -(-chars // CHARS_PER_TOKEN)


def needs_of(view: PromptView, body: Mapping[str, Any] | None = None) -> Needs:
    """Return what a request needs.

    Parameters
    ----------
    body : mapping, optional
        The caller's body, router fields removed; its keys are the parameters.
    """
    present = {
        "vision": view.has_image,
        "tools": view.has_tools,
        "json_schema": view.wants_schema,
        "streaming": view.stream,
        "audio": view.has_audio,
        "documents": view.has_document,
    }
    capabilities = {name for name, is_present in present.items() if is_present}
    if view.format in _FORMAT_NEEDS:
        capabilities.add(_FORMAT_NEEDS[view.format])
    return Needs(
        capabilities=frozenset(capabilities),
        input_tokens=estimated_tokens(view.input_chars),
        max_output_tokens=view.max_output_tokens,
        parameters=frozenset(body or ()),
    )


def constraints_of(
    controls: RequestControls,
    needs: Needs,
    account: str | None = None,
    cannot_say: Callable[[Target], Collection[str]] = lambda _: (),
    asked_as: Mapping[str, Collection[str]] | None = None,
) -> tuple[Constraint, ...]:
    """Return the constraints of a request, those that it names itself first.

    Parameters
    ----------
    account : str, optional
        The only account to use, where a rule names one.
    cannot_say : callable
        Parameters that a target's wire format cannot express.
    asked_as : mapping of str to collection of str, optional
        `Target.name` -> model ids that led to it, where they are not its own (aliases).
    """
    aliases = asked_as or {}
    named = (
        Constraint(
            "account",
            lambda target: None if account in (None, target.account.name) else str(account),
            "change the rule that names the account",
        ),
        Constraint(
            "allowed_models",
            lambda target: _not_allowed(target, controls, aliases.get(target.name, ())),
            "widen allowed_models",
            "allowed_models",
        ),
        Constraint(
            "provider_preferences",
            lambda target: _not_preferred(target, controls),
            "widen provider.only, provider.order or provider.ignore",
            "provider",
        ),
        Constraint(
            "require_parameters",
            lambda target: _unsaid(target, controls, needs, cannot_say),
            "leave the parameters out, or provider.require_parameters",
            "provider.require_parameters",
        ),
    )
    return named + _needed(needs)


def _needed(needs: Needs) -> tuple[Constraint, ...]:
    """Return the constraints that follow from the prompt."""
    asked = needs.max_output_tokens
    return (
        Constraint(
            "capability",
            lambda target: lacking_capabilities(target, needs),
            "name a model that has them",
        ),
        Constraint(
            "context_window",
            lambda target: (
                None
                if fits_context(target, needs)
                else f"{needs.input_tokens} tokens > {target.traits.context_window_tokens}"
            ),
            "shorten the prompt, or name a model with a larger window",
        ),
        Constraint(
            "max_output_tokens",
            lambda target: (
                None
                if fits_output(target, needs)
                else f"{asked} tokens > {target.traits.max_output_tokens}"
            ),
            "ask for fewer output tokens",
            "max_tokens",
        ),
    )


def lacking_capabilities(target: Target, needs: Needs) -> str | None:
    """Return the capabilities that a target is known to lack; unknown counts as able."""
    known = target.traits.capabilities
    if known is None or needs.capabilities <= known:
        return None
    return ", ".join(sorted(needs.capabilities - known))


def fits_context(target: Target, needs: Needs) -> bool:
    """Tell whether the prompt fits the window, as far as both are known."""
    window = target.traits.context_window_tokens
    return window is None or needs.input_tokens <= window * CONTEXT_TOLERANCE


def fits_output(target: Target, needs: Needs) -> bool:
    """Tell whether the target may write as much as is asked for."""
    limit = target.traits.max_output_tokens
    return limit is None or needs.max_output_tokens is None or needs.max_output_tokens <= limit


def is_allowed(model: str, allowed: tuple[str, ...]) -> bool:
    """Tell whether a model is covered by the request's globs; no globs allow all."""
    return not allowed or any(matches_glob(model, glob) for glob in allowed)


def answers_to(target: Target, names: Collection[str]) -> bool:
    """Tell whether a target's provider or account is among some lower-case names."""
    return target.account.provider.lower() in names or target.account.name.lower() in names


def unsatisfied(
    constraint: Constraint, rejected: Iterable[Target], others: Iterable[Target]
) -> ConstraintsUnsatisfied:
    """Return the 400 that names the constraint which left nothing, and what would meet it.

    Parameters
    ----------
    rejected : iterable of Target
        The last candidates, all turned down by `constraint`.
    others : iterable of Target
        What else the caller may use.
    """
    turned_down = list(rejected)
    missing = {target.name: constraint.missing(target) or "" for target in turned_down}
    able = dict.fromkeys(t.model for t in others if constraint.missing(t) is None)
    names = list(able)[:_NAMED]
    listed = "; ".join(f"{name}: {what}" for name, what in list(missing.items())[:_NAMED])
    advice = (
        f"{constraint.remedy}; these would do: {', '.join(names)}" if names else constraint.remedy
    )
    return ConstraintsUnsatisfied(
        f"no target meets the constraint {constraint.name} ({listed}); {advice}",
        param=constraint.param,
        metadata={"constraint": constraint.name, "rejected": missing, "would_satisfy": names},
    )


def _not_allowed(target: Target, controls: RequestControls, aliases: Collection[str]) -> str | None:
    """Return the model, where ``allowed_models`` covers none of its names."""
    names = (target.model, f"{target.account.provider}/{target.model}", *aliases)
    is_covered = any(is_allowed(name, controls.allowed_models) for name in names)
    return None if is_covered else target.model


def _not_preferred(target: Target, controls: RequestControls) -> str | None:
    """Return the provider, where the ``provider`` object rules it out."""
    wishes = controls.provider
    is_out = (
        (wishes.only and not answers_to(target, wishes.only))
        or answers_to(target, wishes.ignore)
        or (wishes.order and not wishes.allow_fallbacks and not answers_to(target, wishes.order))
    )
    return target.account.provider if is_out else None


def _unsaid(
    target: Target,
    controls: RequestControls,
    needs: Needs,
    cannot_say: Callable[[Target], Collection[str]],
) -> str | None:
    """Return the request's parameters that a target is known not to take."""
    if not controls.provider.require_parameters:
        return None
    refused = {*target.account.quirks.drop, *target.extra_drop, *cannot_say(target)}
    known = target.traits.capabilities
    if known is not None and "reasoning" not in known:
        refused |= {"reasoning", "reasoning_effort", "thinking"}
    return ", ".join(sorted(refused & needs.parameters)) or None
