"""This module writes a request for an OpenAI-compatible provider."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from router.canonical.request import (
    ChatRequest,
    ModelTraits,
    Reasoning,
    ResponseFormat,
    Sampling,
    Tool,
    ToolChoice,
)
from router.errors import UnsupportedFeature
from router.formats.base import Encoded
from router.formats.openai_chat.parts import NAME
from router.formats.openai_chat.upstream_messages import encode_messages, wire_name

# OpenAI's own reasoning models, also under a provider's prefix (``openai/o3``). They refuse
# ``max_tokens`` and know the role ``developer``; most imitators know neither.
_OWN_REASONING = re.compile(r"(?:.*/)?(?:o[1-9]|gpt-(?:[5-9]|[1-9]\d))(?:$|[^a-z\d])")

# Models that think between their calls. DeepSeek answers 400 where the reasoning that led to a
# call does not come back: https://api-docs.deepseek.com/guides/thinking_mode#tool-calls.
_THINKS_ON = re.compile(r"(?:.*/)?(?:deepseek|kimi-k2-thinking|kimi-k[3-9])", re.IGNORECASE)

_SERVICE_TIERS = frozenset({"auto", "default", "flex", "scale", "priority"})

# Thinking budgets as efforts: up to this many tokens are …
_EFFORTS = ((2048, "low"), (8192, "medium"))

_INPUT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}


def encode_request(request: ChatRequest, traits: ModelTraits) -> Encoded:
    """Return the body for a provider of this format.

    Raises
    ------
    UnsupportedFeature
        Content that chat messages cannot hold, or a tool that must be used and that only
        another provider runs.
    """
    dropped: list[str] = []
    own = is_own_reasoning(traits.name)
    body: dict[str, Any] = {
        "model": traits.name,
        "messages": encode_messages(
            request.messages,
            developer=own,
            thinks_on=_THINKS_ON.match(traits.name) is not None,
        ),
    }
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if request.max_output_tokens is not None:
        body["max_completion_tokens" if own else "max_tokens"] = request.max_output_tokens
    body.update(_sampling(request.sampling, dropped))
    body.update(_tools(request, dropped))
    if request.response_format is not None:
        body["response_format"] = _response_format(request.response_format)
    effort = _effort(request.reasoning, traits, dropped)
    if effort is not None:
        body["reasoning_effort"] = effort
    body.update(_account(request, dropped))
    dropped.extend(request.extras)
    return Encoded(body, tuple(dropped))


def is_own_reasoning(model: str) -> bool:
    """Tell whether a name is that of one of OpenAI's own reasoning models.

    Examples
    --------
    >>> [is_own_reasoning(name) for name in ("o3-mini", "openai/gpt-5.1", "gpt-4o", "gpt-oss")]
    [True, True, False, False]
    """
    return _OWN_REASONING.match(model) is not None


def _sampling(sampling: Sampling, dropped: list[str]) -> dict[str, Any]:
    """Return how tokens are drawn.

    Several answers and log probabilities have no canonical form, so they would be paid for
    and never told.
    """
    told = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "logit_bias": sampling.logit_bias,
    }
    untold = {
        "top_k": sampling.top_k is not None,
        "logprobs": bool(sampling.logprobs),
        "top_logprobs": bool(sampling.top_logprobs),
        "n": (sampling.n or 1) > 1,
    }
    dropped.extend(name for name, given in untold.items() if given)
    return {name: value for name, value in told.items() if value is not None}


def _tools(request: ChatRequest, dropped: list[str]) -> dict[str, Any]:
    """Return the tools and the choice among them."""
    kept = [tool for tool in request.tools if not _is_foreign(tool)]
    for index, tool in enumerate(request.tools):
        if not _is_foreign(tool):
            continue
        if _is_forced(tool, kept, request.tool_choice):
            raise UnsupportedFeature(
                f'tools[{index}]: only another provider runs the tool "{tool.name}"',
                param=f"tools[{index}]",
            )
        dropped.append(f"tools[{index}].type")
    if not kept:
        return {}
    body: dict[str, Any] = {}
    choice = request.tool_choice
    if choice is not None:
        kept, body["tool_choice"] = _choose(kept, choice)
    body["tools"] = [_tool(tool) for tool in kept]
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls
    return body


def _is_foreign(tool: Tool) -> bool:
    """Tell whether only a provider of another format runs a tool."""
    return tool.kind == "hosted" and tool.origin != NAME


def _is_forced(tool: Tool, kept: Sequence[Tool], choice: ToolChoice | None) -> bool:
    """Tell whether the model must use a tool, as no other may be used instead."""
    if choice is None or choice.mode in ("auto", "none"):
        return False
    if choice.mode == "required":
        return not kept
    return tool.name in choice.names and not any(_is_named(own, choice.names) for own in kept)


def _is_named(tool: Tool, names: tuple[str, ...]) -> bool:
    """Tell whether a choice names a tool, with its namespace or without."""
    return tool.name in names or wire_name(tool.name, tool.namespace) in names


def _choose(tools: list[Tool], choice: ToolChoice) -> tuple[list[Tool], Any]:
    """Return the tools to offer and the word on which of them to use.

    If one of several is to be used, only these are offered: few servers know OpenAI's
    ``allowed_tools``.
    """
    if choice.mode != "named":
        return tools, choice.mode
    named = [tool for tool in tools if _is_named(tool, choice.names)]
    if len(named) > 1:
        return named, "required"
    if named and named[0].kind == "hosted":
        return named, "required"
    # A name that no tool has is the provider's to refuse.
    name = wire_name(named[0].name, named[0].namespace) if named else choice.names[0]
    return tools, {"type": "function", "function": {"name": name}}


def _tool(tool: Tool) -> dict[str, Any]:
    """Return a tool; free-text tools become functions of one string."""
    if tool.kind == "hosted":
        return dict(tool.data or {"type": tool.name})
    function: dict[str, Any] = {"name": wire_name(tool.name, tool.namespace)}
    description = _free_text_description(tool) if tool.kind == "custom" else tool.description
    if description:
        function["description"] = description
    if tool.kind == "custom":
        function["parameters"] = dict(_INPUT_SCHEMA)
    else:
        function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
        if tool.strict:
            function["strict"] = True
    return {"type": "function", "function": function}


def _free_text_description(tool: Tool) -> str | None:
    """Return what a free-text tool is for, the grammar of its input included."""
    match tool.data:
        case {"format": {"definition": str(grammar)}}:
            pass
        case {"format": {"grammar": {"definition": str(grammar)}}}:
            pass
        case _:
            return tool.description
    told = f"`input` must follow this grammar:\n{grammar}"
    return f"{tool.description}\n\n{told}" if tool.description else told


def _response_format(form: ResponseFormat) -> dict[str, Any]:
    """Return the shape that the answer must have."""
    if form.kind == "json_object" or form.schema is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": form.name or "response", "schema": form.schema}
    if form.description:
        schema["description"] = form.description
    if form.strict is not None:
        schema["strict"] = form.strict
    return {"type": "json_schema", "json_schema": schema}


def _effort(reasoning: Reasoning | None, traits: ModelTraits, dropped: list[str]) -> str | None:
    """Return ``reasoning_effort``; budgets of other formats become the nearest effort.

    No effort is sent to a model known not to reason (most refuse the field), and none to
    switch thinking off unless the caller said ``none`` itself, as few models know that.
    """
    if reasoning is None:
        return None
    effort = reasoning.effort
    if effort is None and reasoning.enabled is not False:
        effort = _effort_of(reasoning)
    if effort is None:
        if reasoning.enabled is False and is_own_reasoning(traits.name):
            dropped.append("reasoning_effort")
        return None
    if traits.capabilities is not None and "reasoning" not in traits.capabilities:
        if effort != "none":
            dropped.append("reasoning_effort")
        return None
    return effort


def _effort_of(reasoning: Reasoning) -> str | None:
    """Return the effort that a budget, or a bare wish to think, stands for."""
    budget = reasoning.budget_tokens
    if budget is None or budget < 0:
        return "medium" if reasoning.enabled else None
    if budget == 0:
        return None
    return next((effort for limit, effort in _EFFORTS if budget <= limit), "high")


def _account(request: ChatRequest, dropped: list[str]) -> dict[str, Any]:
    """Return who asks, and how the call is to be served.

    ``metadata`` is refused unless the answer is stored, which a bridged call never is.
    """
    body: dict[str, Any] = {}
    if request.metadata:
        dropped.append("metadata")
    if request.user:
        body["user"] = request.user
    if request.prompt_cache_key:
        body["prompt_cache_key"] = request.prompt_cache_key
    if request.service_tier in _SERVICE_TIERS:
        body["service_tier"] = request.service_tier
    elif request.service_tier:
        dropped.append("service_tier")
    return body
