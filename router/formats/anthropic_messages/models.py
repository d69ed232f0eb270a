"""This module knows which parameters each generation of Claude accepts.

Sources: https://platform.claude.com/docs/en/build-with-claude/thinking, …/effort,
…/structured-outputs and the migration guide of each model. What a model does not accept,
the API answers with 400; so the request is fitted before it is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from router.canonical.request import ModelTraits

ThinkingMode = Literal["none", "manual", "adaptive"]
ThinkingOff = Literal["omit", "disabled", "between_tools", "never"]
SamplingRule = Literal["free", "one", "none"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one model accepts.

    Attributes
    ----------
    is_claude : bool
        False for other services that speak the format; they get its oldest, widest form.
    thinking : str
        ``manual``: by a token budget. ``adaptive``: the model decides how much.
    takes_budget : bool
        Whether ``thinking.budget_tokens`` is accepted.
    thinking_off : str
        How thinking is kept off: by leaving the field out, by a type, or not at all.
    efforts : tuple of str
        Values of ``output_config.effort``, lowest first; empty where there is none.
    sampling : str
        ``one``: temperature or top_p, not both. ``none``: defaults only.
    forced_tools : bool
        Whether ``tool_choice`` may be ``any`` or ``tool``.
    structured : bool
        Whether ``output_config.format`` and ``strict`` tools exist.
    tells_thinking : bool
        Whether thoughts are told without ``display: summarized``.
    max_output_tokens : int
        The model's own limit of ``max_tokens``.
    """

    is_claude: bool = False
    thinking: ThinkingMode = "manual"
    takes_budget: bool = True
    thinking_off: ThinkingOff = "omit"
    efforts: tuple[str, ...] = ()
    sampling: SamplingRule = "free"
    forced_tools: bool = True
    structured: bool = False
    tells_thinking: bool = True
    max_output_tokens: int = 8192


_NEW_NAME = re.compile(r"claude-([a-z]+)-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
_OLD_NAME = re.compile(r"claude-v?(\d)(?:-(\d))?(?!\d)(?:-([a-z]+))?")
# A Claude that we cannot date is taken for a future one, which accepts least.
_UNDATED = (99, 0)
_ALWAYS_THINKING = frozenset({"fable", "mythos"})


def dialect_of(traits: ModelTraits) -> Dialect:
    """Return what a model accepts; what its traits deny wins over its name.

    Examples
    --------
    >>> dialect_of(ModelTraits("claude-sonnet-4-5-20250929")).thinking
    'manual'
    >>> dialect_of(ModelTraits("anthropic/claude-opus-4.7")).sampling
    'none'
    """
    name = traits.name.lower().replace(".", "-")
    if "claude" not in name:
        return Dialect(thinking="none" if _lacks(traits, "reasoning") else "manual")
    family, version = _family_and_version(name)
    return Dialect(
        is_claude=True,
        thinking="none" if _lacks(traits, "reasoning") else _thinking(version),
        takes_budget=(3, 7) <= version < (4, 7),
        thinking_off=_thinking_off(family, version),
        efforts=_efforts(family, version),
        sampling="none" if version >= (4, 7) else "one" if version >= (4, 1) else "free",
        forced_tools=not _refuses_forced_tools(family, version),
        structured=version >= (4, 5) and not _lacks(traits, "json_schema"),
        tells_thinking=version < (4, 7),
        max_output_tokens=_max_output_tokens(family, version),
    )


def _lacks(traits: ModelTraits, capability: str) -> bool:
    """Tell whether the configuration says that a model cannot do something."""
    return traits.capabilities is not None and capability not in traits.capabilities


def _family_and_version(name: str) -> tuple[str, tuple[int, int]]:
    """Return as ``("sonnet", (4, 5))``, from either order of a Claude's name."""
    if found := _NEW_NAME.search(name):
        return found[1], (int(found[2]), int(found[3] or 0))
    if found := _OLD_NAME.search(name):
        return found[3] or "", (int(found[1]), int(found[2] or 0))
    return "", _UNDATED


def _thinking(version: tuple[int, int]) -> ThinkingMode:
    if version < (3, 7):
        return "none"
    return "manual" if version < (4, 6) else "adaptive"


def _thinking_off(family: str, version: tuple[int, int]) -> ThinkingOff:
    """From Claude 5 on thinking is on by default; the newest ones differ in how it goes off."""
    if version == _UNDATED or family in _ALWAYS_THINKING:
        return "never"
    if version < (5, 0):
        return "omit"
    if version >= (5, 5) and family == "opus":
        return "never"
    if version >= (5, 5) and family == "sonnet":
        return "between_tools"
    return "disabled"


def _efforts(family: str, version: tuple[int, int]) -> tuple[str, ...]:
    if version >= (4, 7):
        return ("low", "medium", "high", "xhigh", "max")
    if version >= (4, 6):
        return ("low", "medium", "high", "max")
    if version == (4, 5) and family == "opus":
        return ("low", "medium", "high")
    return ()


def _refuses_forced_tools(family: str, version: tuple[int, int]) -> bool:
    if version == _UNDATED:
        return True
    if family in _ALWAYS_THINKING:
        return version >= (5, 1)
    return version >= (5, 5) and family in {"opus", "sonnet"}


def _max_output_tokens(family: str, version: tuple[int, int]) -> int:
    if version < (3, 5):
        return 4096
    if version < (3, 7):
        return 8192
    if family == "opus" and version < (4, 5):
        return 32_000
    if version < (4, 6) or (version < (4, 7) and family != "opus") or version == _UNDATED:
        return 64_000
    return 128_000
