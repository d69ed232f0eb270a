"""This module asks models not to think over a client's own errands: titles, tags and the like.

A model that reasons over a title spends a hundred times the title's tokens, while a user
waits for it. Nothing is sent to a model that is not known to take it: a refusal would
cost more than the thoughts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from router.canonical.request import Reasoning
from router.providers.base import Target

# https://platform.openai.com/docs/guides/reasoning: from GPT-5.1 on models know "none",
# GPT-5 itself and its small siblings "minimal"; the pro, codex and chat variants neither.
_KNOWS_NONE = re.compile(
    r"(?:.*/)?gpt-(?:5\.[1-9]\d*|[6-9](?:\.\d+)?)(?!.*(?:pro|codex|chat))(?:$|-)"
)
_KNOWS_MINIMAL = re.compile(r"(?:.*/)?gpt-5(?:-mini|-nano)?(?:-\d{4}-\d\d-\d\d)?$")

# Services whose own documentation gives "none" for every model that reasons:
# https://openrouter.ai/docs/use-cases/reasoning-tokens, https://docs.ollama.com/openai.
_TAKE_NONE = frozenset({"openrouter", "ollama"})


# Fields by which a caller, or an operator's defaults, have a say in it already.
_SAID = frozenset(
    {
        "reasoning",
        "reasoning_effort",
        "thinking",
        "think",
        "enable_thinking",
        "chat_template_kwargs",
        "output_config",
        "generationConfig",
    }
)


def least_effort(target: Target) -> str | None:
    """Return the effort that keeps a target from thinking; None where none is known.

    Examples
    --------
    >>> from router.canonical.request import ModelTraits
    >>> from router.providers.base import Account
    >>> openai = Account("a", "openai", "openai", "https://api.openai.com")
    >>> def least(name: str) -> str | None:
    ...     return least_effort(Target(name, openai, ModelTraits(name)))
    >>> [least(name) for name in ("gpt-5.1", "gpt-6-luna", "gpt-5-nano", "o3", "gpt-5.2-pro")]
    ['none', 'none', 'minimal', None, None]
    """
    traits = target.traits
    if traits.capabilities is not None and "reasoning" not in traits.capabilities:
        return None
    name = traits.name.lower()
    if _KNOWS_NONE.match(name):
        return "none"
    if _KNOWS_MINIMAL.match(name):
        return "minimal"
    says_so = traits.capabilities is not None and target.account.provider in _TAKE_NONE
    return "none" if says_so else None


def without_thoughts(target: Target, upstream_format: str) -> Reasoning | None:
    """Return the wish to be encoded for a target of another format than the caller's."""
    if not _SAID.isdisjoint(target.defaults):
        return None
    match upstream_format:
        case "anthropic_messages":
            # Off where the model can be switched off, else as little as it knows.
            return Reasoning(effort="minimal")
        case "gemini":
            return Reasoning(enabled=False)
        case _:
            effort = least_effort(target)
            return None if effort is None else Reasoning(effort=effort)


def quietened(body: Mapping[str, Any], target: Target, upstream_format: str) -> dict[str, Any]:
    """Return a caller's own body with the wish in it, where the target takes it."""
    effort = least_effort(target)
    if effort is None or not _SAID.isdisjoint(body):
        return dict(body)
    match upstream_format:
        case "openai_chat":
            return {**body, "reasoning_effort": effort}
        case "openai_responses":
            return {**body, "reasoning": {"effort": effort}}
        case _:
            return dict(body)
