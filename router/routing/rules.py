"""This module finds the first of the operator's rules that fires for a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from router.canonical.prompt import PromptView
from router.config.snapshot import Rule, RuleCondition
from router.routing.constraints import estimated_tokens
from router.routing.decision import Judgement
from router.routing.match import matches_glob

_SEARCHED_CHARS = 8000
"""How much of a turn a ``matches`` pattern sees: patterns are not ours, and may be slow."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What rules may ask about a request besides its prompt.

    Attributes
    ----------
    endpoint : str
        The path, as ``/v1/chat/completions``.
    key : str
        The principal's id.
    user : str
        The user that the request names, or that a trusted header names.
    headers : mapping
        Request headers, names in lower case.
    """

    endpoint: str = ""
    key: str = ""
    user: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def needs_judgement(rules: tuple[Rule, ...]) -> bool:
    """Tell whether any rule asks what the judge says."""
    return any(rule.when.tasks or rule.when.complexities for rule in rules)


def first_match(
    rules: tuple[Rule, ...],
    model: str | None,
    view: PromptView,
    judgement: Judgement,
    circumstances: Circumstances,
) -> Rule | None:
    """Return the first rule whose conditions all hold, or None.

    Parameters
    ----------
    model : str, optional
        As the caller named it; None where it left the choice.
    """
    return next(
        (
            rule
            for rule in rules
            if _names_fit(rule.when, model or "auto", judgement)
            and _circumstances_fit(rule.when, circumstances)
            and _prompt_fits(rule.when, view)
        ),
        None,
    )


def _names_fit(when: RuleCondition, model: str, judgement: Judgement) -> bool:
    """Tell whether model, task and complexity are as asked."""
    return (
        _any(when.models, lambda glob: matches_glob(model, glob))
        and _any(when.tasks, lambda task: task == judgement.task)
        and _any(when.complexities, lambda tier: tier == judgement.complexity)
    )


def _circumstances_fit(when: RuleCondition, seen: Circumstances) -> bool:
    """Tell whether headers, key, user and endpoint are as asked."""
    return (
        all(
            name in seen.headers and fnmatchcase(seen.headers[name].lower(), glob.lower())
            for name, glob in when.headers.items()
        )
        and _any(when.keys, lambda glob: fnmatchcase(seen.key, glob))
        and _any(when.users, lambda glob: fnmatchcase(seen.user, glob))
        and _any(when.endpoints, lambda glob: fnmatchcase(seen.endpoint, glob))
    )


def _prompt_fits(when: RuleCondition, view: PromptView) -> bool:
    """Tell whether size, parts and words of the prompt are as asked."""
    if when.tokens_over is not None and estimated_tokens(view.input_chars) <= when.tokens_over:
        return False
    if when.has and not when.has <= _parts(view):
        return False
    if when.matches is None:
        return True
    return re.search(when.matches, view.last_turn[:_SEARCHED_CHARS]) is not None


def _parts(view: PromptView) -> frozenset[str]:
    """Return what a request has, in the words of ``when.has``."""
    present = {
        "tools": view.has_tools,
        "images": view.has_image,
        "audio": view.has_audio,
        "documents": view.has_document,
        "json": view.wants_json,
        "schema": view.wants_schema,
        "reasoning": view.reasoning_effort is not None,
        "stream": view.stream,
        "system": bool(view.system),
        "tool_loop": view.in_tool_loop,
    }
    return frozenset(name for name, is_present in present.items() if is_present)


def _any(asked: tuple[str, ...], holds: Callable[[str], bool]) -> bool:
    """Tell whether one of the alternatives holds, or none is asked for."""
    return not asked or any(holds(one) for one in asked)
