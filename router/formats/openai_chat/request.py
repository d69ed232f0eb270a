"""This module reads a client's chat request: everything but messages and tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.request import (
    ChatRequest,
    Reasoning,
    ResponseFormat,
    Sampling,
    ToolChoice,
)
from router.errors import InvalidRequest
from router.formats.openai_chat.fields import (
    mapping,
    opt_bool,
    opt_float,
    opt_int,
    opt_mapping,
    opt_str,
    opt_strings,
    req_str,
)
from router.formats.openai_chat.messages import decode_messages
from router.formats.openai_chat.tools import decode_tool_choice, decode_tools

_KNOWN = frozenset(
    {
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "user",
    }
)

_ANYWAY: Mapping[str, Any] = {"store": False, "modalities": ["text"]}


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """Return the request of a chat client; unknown fields are kept in `extras`.

    Raises
    ------
    InvalidRequest
        A field has the wrong type or value; `param` is its path.
    """
    tools = decode_tools(body)
    choice = decode_tool_choice(body)
    if choice is not None and choice.mode == "auto" and choice.names:
        # "Any of these, or none": the same as offering only these.
        tools = tuple(tool for tool in tools if tool.name in choice.names)
        choice = ToolChoice("auto")
    max_completion_tokens = opt_int(body, "max_completion_tokens", minimum=1)
    max_tokens = opt_int(body, "max_tokens", minimum=1)
    return ChatRequest(
        model=opt_str(body, "model"),
        messages=decode_messages(body.get("messages")),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=opt_bool(body, "parallel_tool_calls"),
        sampling=decode_sampling(body),
        max_output_tokens=max_completion_tokens or max_tokens,
        stream=opt_bool(body, "stream") or False,
        include_usage=wants_usage(body),
        response_format=_response_format(opt_mapping(body, "response_format")),
        reasoning=_reasoning(body),
        metadata=opt_mapping(body, "metadata"),
        user=opt_str(body, "user"),
        service_tier=opt_str(body, "service_tier"),
        prompt_cache_key=opt_str(body, "prompt_cache_key"),
        extras=decode_extras(body),
    )


def decode_sampling(body: Mapping[str, Any]) -> Sampling:
    """Return how tokens are to be drawn."""
    return Sampling(
        temperature=opt_float(body, "temperature"),
        top_p=opt_float(body, "top_p"),
        top_k=opt_int(body, "top_k"),
        presence_penalty=opt_float(body, "presence_penalty"),
        frequency_penalty=opt_float(body, "frequency_penalty"),
        seed=opt_int(body, "seed"),
        stop=opt_strings(body, "stop"),
        logit_bias=opt_mapping(body, "logit_bias"),
        logprobs=opt_bool(body, "logprobs"),
        top_logprobs=opt_int(body, "top_logprobs", minimum=0),
        n=opt_int(body, "n", minimum=1),
    )


def decode_extras(body: Mapping[str, Any], known: frozenset[str] = _KNOWN) -> dict[str, Any]:
    """Return the fields that have no canonical meaning, nulls left out.

    What asks for nothing but what happens anyway is no loss in any format, and left out too.
    """
    extras = {
        key: body[key]
        for key in body
        if key not in known and body[key] is not None and body[key] != _ANYWAY.get(key)
    }
    if _thinking(body) is not None:
        del extras["thinking"]
    return extras


def wants_usage(body: Mapping[str, Any]) -> bool:
    """Tell whether the caller asked for usage in its stream."""
    options = opt_mapping(body, "stream_options")
    return bool(options and opt_bool(options, "include_usage", "stream_options"))


def _response_format(form: Mapping[str, Any] | None) -> ResponseFormat | None:
    """Return the shape that the answer must have; None for free text."""
    if form is None:
        return None
    kind = req_str(form, "type", "response_format")
    match kind:
        case "text":
            return None
        case "json_object":
            return ResponseFormat("json_object")
        case "json_schema":
            at = "response_format.json_schema"
            schema = mapping(form.get("json_schema"), at)
            return ResponseFormat(
                "json_schema",
                opt_mapping(schema, "schema", at),
                opt_str(schema, "name", at),
                opt_str(schema, "description", at),
                opt_bool(schema, "strict", at),
            )
        case _:
            raise InvalidRequest(
                f'response_format.type must be text, json_object or json_schema, not "{kind[:40]}"',
                param="response_format.type",
            )


def _reasoning(body: Mapping[str, Any]) -> Reasoning | None:
    """Return how much the model is to think, under any of its three names.

    OpenAI has ``reasoning_effort``, OpenRouter ``reasoning``, and LiteLLM lets Anthropic's
    ``thinking`` through. The caller's explicit effort wins over the one inside ``reasoning``.
    """
    effort = opt_str(body, "reasoning_effort")
    options = opt_mapping(body, "reasoning") or {}
    budget = opt_int(options, "max_tokens", "reasoning")
    enabled = opt_bool(options, "enabled", "reasoning")
    effort = effort or opt_str(options, "effort", "reasoning")
    summary = opt_str(options, "summary", "reasoning")
    thinking = _thinking(body)
    if thinking is not None:
        enabled = thinking.enabled if enabled is None else enabled
        budget = thinking.budget_tokens if budget is None else budget
    if effort is None and budget is None and enabled is None and summary is None:
        return None
    if effort == "none" and enabled is None:
        enabled = False
    return Reasoning(effort, budget, enabled, summary)


def _thinking(body: Mapping[str, Any]) -> Reasoning | None:
    """Return Anthropic's ``thinking`` where it has that shape; anything else is an extra."""
    match body.get("thinking"):
        case {"type": "enabled" | "adaptive", "budget_tokens": int(budget)} if budget > 0:
            return Reasoning(budget_tokens=budget, enabled=True)
        case {"type": "enabled" | "adaptive"}:
            return Reasoning(enabled=True)
        case {"type": "disabled"}:
            return Reasoning(enabled=False)
        case _:
            return None
