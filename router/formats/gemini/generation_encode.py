"""This module writes ``generationConfig``: sampling, shape of the answer, thinking.

Source: https://ai.google.dev/api/generate-content#generationconfig.
"""

from __future__ import annotations

from typing import Any

from router.canonical.request import ChatRequest, ModelTraits, Reasoning, ResponseFormat
from router.formats.gemini.models import thinking_style, version

# Google's own table for OpenAI's words: https://ai.google.dev/gemini-api/docs/openai#thinking
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
_LEVELS = {
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}


def generation_config(request: ChatRequest, traits: ModelTraits) -> tuple[dict[str, Any], bool]:
    """Return the configuration, and whether the model can do the reasoning asked for."""
    sampling = request.sampling
    config: dict[str, Any] = {
        "maxOutputTokens": request.max_output_tokens,
        "temperature": sampling.temperature,
        "topP": sampling.top_p,
        "topK": sampling.top_k,
        "stopSequences": list(sampling.stop) or None,
        "seed": sampling.seed,
        "presencePenalty": sampling.presence_penalty,
        "frequencyPenalty": sampling.frequency_penalty,
        "candidateCount": sampling.n if sampling.n != 1 else None,
        "responseLogprobs": sampling.logprobs or None,
        "logprobs": sampling.top_logprobs if sampling.logprobs else None,
        **_shape(request.response_format),
    }
    reasoning = request.reasoning or Reasoning()
    asked = reasoning != Reasoning()
    if asked:
        config["thinkingConfig"] = thinking_config(reasoning, traits)
    said = not asked or _is_off(reasoning) or config["thinkingConfig"] is not None
    return {name: value for name, value in config.items() if value is not None}, said


def _shape(shape: ResponseFormat | None) -> dict[str, Any]:
    """Return the shape that the answer must have."""
    if shape is None:
        return {}
    schema = dict(shape.schema) if shape.schema is not None else None
    return {"responseMimeType": "application/json", "responseJsonSchema": schema}


def thinking_config(reasoning: Reasoning, traits: ModelTraits) -> dict[str, Any] | None:
    """Return how much the model is to think; None where it cannot be told.

    Examples
    --------
    >>> thinking_config(Reasoning(effort="medium"), ModelTraits("gemini-2.5-flash"))
    {'thinkingBudget': 8192, 'includeThoughts': True}
    >>> thinking_config(Reasoning(effort="high"), ModelTraits("gemini-3-pro-preview"))
    {'thinkingLevel': 'high', 'includeThoughts': True}
    >>> thinking_config(Reasoning(effort="none"), ModelTraits("gemini-2.5-pro"))
    {'thinkingBudget': 128}
    """
    style = thinking_style(traits)
    if style is None:
        return None
    off = _is_off(reasoning)
    name = traits.name.lower()
    if style == "level":
        level = _least_level(name) if off else _level(reasoning, name)
        amount: dict[str, Any] = {"thinkingLevel": level} if level else {}
    else:
        budget = _least_budget(name) if off else _budget(reasoning, name)
        amount = {} if budget is None else {"thinkingBudget": budget}
    return amount if off else {**amount, "includeThoughts": True}


def _is_off(reasoning: Reasoning) -> bool:
    """Tell whether the model is asked not to think."""
    return reasoning.enabled is False or reasoning.effort == "none" or reasoning.budget_tokens == 0


def _least_budget(name: str) -> int:
    """Return the budget that is no thinking, or the least: Pro models always think."""
    return 128 if "pro" in name else 0


def _budget(reasoning: Reasoning, name: str) -> int | None:
    """Return the budget within the model's range; -1 leaves it to the model."""
    most = 32_768 if "pro" in name else 24_576
    least = 128 if "pro" in name else 512 if "lite" in name else 1
    if reasoning.budget_tokens is not None:
        given = reasoning.budget_tokens
        return -1 if given < 0 else min(max(given, least), most)
    if reasoning.effort in ("xhigh", "max"):
        return most
    return _BUDGETS.get(reasoning.effort or "")


def _least_level(name: str) -> str:
    """Return the level of the least thinking; Gemini 3 always thinks."""
    return "low" if "pro" in name else "minimal"


def _level(reasoning: Reasoning, name: str) -> str | None:
    """Return the level that the model knows, nearest to what is asked for."""
    level = _LEVELS.get(reasoning.effort or "")
    if reasoning.budget_tokens is not None:
        level = _level_of_budget(reasoning.budget_tokens)
    if "pro" in name and level == "minimal":
        return "low"
    if "pro" in name and level == "medium" and version(name) == (3, 0):
        return "high"  # https://ai.google.dev/gemini-api/docs/thinking: 3 Pro has two levels
    return level


def _level_of_budget(budget_tokens: int) -> str | None:
    """Return the level that a budget comes to; None leaves it to the model."""
    if budget_tokens < 0:
        return None
    return next((level for level, most in _BUDGETS.items() if budget_tokens <= most), "high")
