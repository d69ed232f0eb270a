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
    for rule in rules:
        if unmet(rule.when, model, view, judgement, circumstances) is None:
            return rule
    return None


def unmet(
    when: RuleCondition,
    model: str | None,
    view: PromptView,
    judgement: Judgement,
    circumstances: Circumstances,
) -> str | None:
    """Return the first condition that does not hold, by its name in YAML, or None.

    Words come last: patterns are the slowest to try.
    """
    name, seen = model or "auto", circumstances
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("model", lambda: _any(when.models, lambda glob: matches_glob(name, glob))),
        ("task", lambda: _any(when.tasks, lambda task: task == judgement.task)),
        ("complexity", lambda: _any(when.complexities, lambda one: one == judgement.complexity)),
        ("header", lambda: _headers_fit(when.headers, seen.headers)),
        ("key", lambda: _any(when.keys, lambda glob: fnmatchcase(seen.key, glob))),
        ("user", lambda: _any(when.users, lambda glob: fnmatchcase(seen.user, glob))),
        ("endpoint", lambda: _any(when.endpoints, lambda glob: fnmatchcase(seen.endpoint, glob))),
        ("tokens_over", lambda: _is_over(when.tokens_over, view)),
        ("has", lambda: not when.has or when.has <= parts_of(view)),
        ("matches", lambda: _words_fit(when.matches, view)),
    )
    return next((condition for condition, holds in checks if not holds()), None)


def parts_of(view: PromptView) -> frozenset[str]:
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


def _headers_fit(asked: Mapping[str, str], sent: Mapping[str, str]) -> bool:
    """Tell whether every header asked for was sent, with a value as asked."""
    return all(
        name in sent and fnmatchcase(sent[name].lower(), glob.lower())
        for name, glob in asked.items()
    )


def _is_over(tokens: int | None, view: PromptView) -> bool:
    """Tell whether the prompt is longer than asked."""
    return tokens is None or estimated_tokens(view.input_chars) > tokens


def _words_fit(pattern: str | None, view: PromptView) -> bool:
    """Tell whether the pattern is found in the last user turn."""
    return pattern is None or re.search(pattern, view.last_turn[:_SEARCHED_CHARS]) is not None


def _any(asked: tuple[str, ...], holds: Callable[[str], bool]) -> bool:
    """Tell whether one of the alternatives holds, or none is asked for."""
    return not asked or any(holds(one) for one in asked)
