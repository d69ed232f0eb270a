"""This module decides how a model is asked to think, or not to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router.canonical.request import Reasoning
from router.formats.anthropic_messages.models import Dialect

MIN_BUDGET_TOKENS = 1024
_BUDGET_TOKENS = {
    "low": 1024,
    "medium": 4096,
    "high": 16_384,
    "xhigh": 24_576,
    "max": 32_000,
}
_LEVELS = tuple(_BUDGET_TOKENS)
_OFF = frozenset({"none", "minimal"})


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the rest of the request allows.

    Attributes
    ----------
    max_tokens : int
        As asked for, or the default.
    ceiling_tokens : int
        What the model can write at most.
    forces_tool : bool
        ``tool_choice`` is ``any`` or ``tool``, with which thinking is refused.
    resumes_unsigned : bool
        The model is in the middle of a tool loop that it began without signed thinking.
    """

    max_tokens: int
    ceiling_tokens: int
    forces_tool: bool = False
    resumes_unsigned: bool = False


@dataclass(frozen=True, slots=True)
class ThinkingPlan:
    """The fields to send; `met` is False where the caller's wish is not fulfilled."""

    max_tokens: int
    config: Mapping[str, Any] | None = None
    effort: str | None = None
    met: bool = True

    @property
    def is_on(self) -> bool:
        """Whether thinking was asked for."""
        return self.config is not None and self.config["type"] in {"enabled", "adaptive"}


def plan_thinking(
    reasoning: Reasoning | None, dialect: Dialect, around: Circumstances
) -> ThinkingPlan:
    """Return how a wish for reasoning is said to a model.

    Examples
    --------
    >>> plan = plan_thinking(Reasoning("high"), Dialect(), Circumstances(64_000, 64_000))
    >>> plan.config
    {'type': 'enabled', 'budget_tokens': 16384}
    """
    wish = reasoning or Reasoning()
    if wish.enabled is False or wish.effort in _OFF or wish.budget_tokens == 0:
        return _off(wish, dialect, around)
    if wish.effort is None and wish.budget_tokens is None and not wish.enabled:
        return ThinkingPlan(around.max_tokens, _unasked(wish, dialect, around))
    if dialect.thinking == "none":
        return ThinkingPlan(around.max_tokens, met=False)
    if around.forces_tool:
        return _beside_forced_tool(wish, dialect, around)
    has_budget = wish.budget_tokens is not None and wish.budget_tokens > 0
    if dialect.thinking == "manual" or (has_budget and dialect.takes_budget):
        return _manual(wish, dialect, around)
    config = {"type": "adaptive"} | ({} if dialect.tells_thinking else {"display": "summarized"})
    return ThinkingPlan(around.max_tokens, config, _effort(wish, dialect))


def lacks_thinking(turns: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a conversation resumes a turn that the model began without thinking.

    With a thinking budget, the API wants the assistant's turn that is being continued to
    begin with a thinking block: the turn may span many calls and results of tools.

    Parameters
    ----------
    turns : sequence of mapping
        Messages on the wire, `content` as lists, roles alternating.
    """
    resumed = False
    for turn in reversed(turns):
        kinds = {str(block.get("type")) for block in turn["content"]}
        if turn["role"] == "assistant":
            resumed = True
            if kinds & {"thinking", "redacted_thinking"}:
                return False
        elif "tool_result" not in kinds:
            break
    return resumed


def _off(wish: Reasoning, dialect: Dialect, around: Circumstances) -> ThinkingPlan:
    """Keep thinking off, or as small as the model allows."""
    match dialect.thinking_off:
        case "omit":
            return ThinkingPlan(around.max_tokens)
        case "never":
            effort = dialect.efforts[0] if dialect.efforts else None
            return ThinkingPlan(around.max_tokens, effort=effort, met=wish.effort == "minimal")
        case kind:
            return ThinkingPlan(around.max_tokens, {"type": kind})


def _unasked(wish: Reasoning, dialect: Dialect, around: Circumstances) -> Mapping[str, Any] | None:
    """Return what models that think by default must be told when nobody asked."""
    if dialect.thinking_off == "disabled" and around.forces_tool:
        return {"type": "disabled"}
    if wish.summary and dialect.thinking_off != "omit":
        return {"type": "adaptive", "display": "summarized"}
    return None


def _beside_forced_tool(wish: Reasoning, dialect: Dialect, around: Circumstances) -> ThinkingPlan:
    """Drop thinking for the tool's sake; effort may stay, as it is not thinking alone."""
    effort = _effort(wish, dialect)
    if dialect.thinking_off == "disabled":
        # Switched off, models that think by default take no effort above high.
        effort = "high" if effort in {"xhigh", "max"} else effort
        return ThinkingPlan(around.max_tokens, {"type": "disabled"}, effort, met=False)
    return ThinkingPlan(around.max_tokens, None, effort, met=False)


def _manual(wish: Reasoning, dialect: Dialect, around: Circumstances) -> ThinkingPlan:
    """Ask by a budget."""
    effort = _effort(wish, dialect)
    if around.resumes_unsigned:
        return ThinkingPlan(around.max_tokens, None, effort, met=False)
    if wish.budget_tokens is not None and wish.budget_tokens > 0:
        budget = max(MIN_BUDGET_TOKENS, wish.budget_tokens)
    else:
        # An effort is no number: it makes do with half of what the caller allows.
        share = max(MIN_BUDGET_TOKENS, around.max_tokens // 2)
        budget = min(_BUDGET_TOKENS.get(wish.effort or "", _BUDGET_TOKENS["medium"]), share)
    max_tokens = around.max_tokens
    if budget >= max_tokens:
        # The budget is part of max_tokens: what the caller allowed remains for the answer.
        max_tokens = max(min(budget + max_tokens, around.ceiling_tokens), MIN_BUDGET_TOKENS + 1)
        budget = min(budget, max_tokens - 1)
    return ThinkingPlan(max_tokens, {"type": "enabled", "budget_tokens": budget}, effort)


def _effort(wish: Reasoning, dialect: Dialect) -> str | None:
    """Return the highest level that the model has and that is not above the wish."""
    level = wish.effort
    if level is None and wish.budget_tokens is not None and wish.budget_tokens > 0:
        if dialect.takes_budget:
            return None
        level = _level_of(wish.budget_tokens)
    if level not in _LEVELS or not dialect.efforts:
        return None
    within = _LEVELS[: _LEVELS.index(level) + 1]
    return next((known for known in reversed(dialect.efforts) if known in within), None)


def _level_of(budget_tokens: int) -> str:
    """Return the level that a budget stands for."""
    if budget_tokens <= 2048:
        return "low"
    return "medium" if budget_tokens <= 8192 else "high"
