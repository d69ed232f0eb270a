"""This module reads off a model's name what its generation of Gemini wants.

Sources: https://ai.google.dev/gemini-api/docs/thinking,
https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

import re
from typing import Literal

from router.canonical.request import ModelTraits

ThinkingStyle = Literal["budget", "level"]

SKIP_SIGNATURE = "skip_thought_signature_validator"
"""Google's own word for a call whose signature is not to be had: another model made it."""

_VERSION = re.compile(r"gemini-(?:[a-z]+-)*?(\d{1,2})(?:\.(\d{1,2}))?(?!\d)")
_NEVER_THINKING = ("gemma", "-image", "-tts", "embedding", "robotics-er-1.0")


def version(name: str) -> tuple[int, int] | None:
    """Return the generation that a model's name tells.

    Examples
    --------
    >>> version("models/gemini-2.5-flash-lite"), version("gemini-3-pro-preview")
    ((2, 5), (3, 0))
    >>> version("gemini-flash-latest"), version("gemini-exp-1206")
    (None, None)
    """
    found = _VERSION.search(name.lower())
    return (int(found[1]), int(found[2] or 0)) if found else None


def is_third_generation(name: str) -> bool:
    """Tell whether a model is a Gemini 3 or newer; the ``-latest`` aliases are.

    These want signatures on the first function call of each step, ids on calls and
    results alike, and media inside of function responses.

    Examples
    --------
    >>> is_third_generation("gemini-3-flash-preview"), is_third_generation("gemini-2.5-pro")
    (True, False)
    """
    known = version(name)
    if known is None:
        return "gemini" in name.lower() and name.lower().endswith("-latest")
    return known >= (3, 0)


def thinking_style(traits: ModelTraits) -> ThinkingStyle | None:
    """Return how a model is told how much to think; None where it cannot be told.

    The aliases ``gemini-…-latest`` get budgets, which every generation understands.
    """
    name = traits.name.lower()
    known = version(name)
    if any(word in name for word in _NEVER_THINKING):
        return None
    if known is not None:
        return "level" if known >= (3, 0) else "budget" if known >= (2, 5) else None
    if is_third_generation(name) or "reasoning" in (traits.capabilities or ()):
        return "budget"
    return None
