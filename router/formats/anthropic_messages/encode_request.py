"""This module turns a canonical request into the body of ``POST /v1/messages``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from router.canonical.request import ChatRequest, ModelTraits, ResponseFormat, Sampling
from router.formats.anthropic_messages.encode_tools import ToolPlan, plan_tools
from router.formats.anthropic_messages.encode_turns import encode_conversation
from router.formats.anthropic_messages.models import Dialect, dialect_of
from router.formats.anthropic_messages.schema import grammar_schema
from router.formats.anthropic_messages.thinking import (
    Circumstances,
    ThinkingPlan,
    lacks_thinking,
    plan_thinking,
)
from router.formats.anthropic_messages.vocabulary import json_text
from router.formats.base import Encoded

Wire = dict[str, Any]

# Fields that no other format has: whoever sends one means Anthropic.
_OWN_EXTRAS = frozenset(
    {"cache_control", "container", "context_management", "inference_geo", "mcp_servers", "speed"}
)
_SERVICE_TIERS = {
    "auto": "auto",
    "priority": "auto",
    "default": "standard_only",
    "standard": "standard_only",
    "standard_only": "standard_only",
}
_JSON_ONLY = "Answer with one JSON object and nothing else: no other text, no code fence."


@dataclass(frozen=True, slots=True)
class _Answer:
    """How a JSON answer is asked for: by one of the three."""

    native: Mapping[str, Any] | None = None
    tool: Mapping[str, Any] | None = None
    instruction: str | None = None


def encode_request(request: ChatRequest, traits: ModelTraits) -> Encoded:
    """Return the body for a model.

    Raises
    ------
    UnsupportedFeature
        Content or a tool that the format cannot say.
    """
    dialect = dialect_of(traits)
    answer = _plan_answer(request.response_format, dialect)
    talk = encode_conversation(request.messages)
    tools = plan_tools(request, dialect, answer.tool)
    ceiling_tokens = traits.max_output_tokens or dialect.max_output_tokens
    max_tokens, not_max_tokens = _max_tokens(request, traits, ceiling_tokens)
    around = Circumstances(max_tokens, ceiling_tokens, tools.forces, lacks_thinking(talk.turns))
    thinking = plan_thinking(request.reasoning, dialect, around)
    sampling, not_sampled = _sampling(request.sampling, dialect, thinking.is_on)
    others, not_others = _others(request)
    body: Wire = {"model": traits.name, "max_tokens": thinking.max_tokens}
    body |= _system(talk.system, answer.instruction) | {"messages": talk.turns}
    body |= _tools(tools) | _thinking(thinking, answer) | sampling | others
    not_thinking = () if thinking.met else ("reasoning_effort",)
    dropped = (*not_thinking, *not_max_tokens, *talk.dropped, *tools.dropped)
    return Encoded(body, (*dropped, *not_sampled, *not_others))


def _max_tokens(
    request: ChatRequest, traits: ModelTraits, ceiling_tokens: int
) -> tuple[int, tuple[str, ...]]:
    """Return `max_tokens`, which the API wants always, within the limit that is configured."""
    wanted = request.max_output_tokens
    if wanted is None:
        return ceiling_tokens, ()
    if traits.max_output_tokens is not None and wanted > traits.max_output_tokens:
        return traits.max_output_tokens, ("max_completion_tokens",)
    return wanted, ()


def _plan_answer(wanted: ResponseFormat | None, dialect: Dialect) -> _Answer:
    """Choose how JSON is asked for.

    Structured outputs where model and schema allow; else a tool whose arguments are the
    answer; else words, as for ``json_object``, which has no schema to enforce.
    """
    if wanted is None:
        return _Answer()
    if wanted.kind == "json_object" or wanted.schema is None:
        return _Answer(instruction=_JSON_ONLY)
    native = grammar_schema(wanted.schema) if dialect.structured else None
    if native is not None:
        return _Answer(native=native)
    if dialect.forced_tools and _is_object(wanted.schema):
        return _Answer(tool=wanted.schema)
    instruction = "Answer with JSON that matches this schema, and nothing else: no code fence.\n"
    return _Answer(instruction=instruction + json_text(wanted.schema))


def _is_object(schema: Mapping[str, Any]) -> bool:
    """Tell whether a schema describes an object, as a tool's arguments must be."""
    return schema.get("type", "object") == "object" and not {"anyOf", "oneOf"} & schema.keys()


def _system(blocks: Sequence[Wire], instruction: str | None) -> Wire:
    """Write the system prompt: plain where it is one plain text."""
    if instruction is not None:
        blocks = (*blocks, {"type": "text", "text": instruction})
    if not blocks:
        return {}
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return {"system": blocks[0]["text"]}
    return {"system": list(blocks)}


def _tools(plan: ToolPlan) -> Wire:
    wire: Wire = {"tools": plan.tools} if plan.tools else {}
    return wire if plan.choice is None else wire | {"tool_choice": plan.choice}


def _thinking(plan: ThinkingPlan, answer: _Answer) -> Wire:
    """Write ``thinking``, and the ``output_config`` that effort and schema share."""
    wire: Wire = {} if plan.config is None else {"thinking": dict(plan.config)}
    config: Wire = {} if plan.effort is None else {"effort": plan.effort}
    if answer.native is not None:
        config["format"] = {"type": "json_schema", "schema": dict(answer.native)}
    return wire | {"output_config": config} if config else wire


def _sampling(sampling: Sampling, dialect: Dialect, thinking: bool) -> tuple[Wire, list[str]]:
    """Return what of the sampling the model takes, and the names of what it does not."""
    wire, dropped = _randomness(sampling, dialect, thinking)
    if sampling.top_k is not None:
        if thinking or dialect.sampling == "none":
            dropped.append("top_k")
        else:
            wire["top_k"] = sampling.top_k
    stops = [text for text in sampling.stop if text.strip()]
    if stops:
        wire["stop_sequences"] = stops
    if len(stops) < len(sampling.stop):
        dropped.append("stop")
    return wire, dropped + _unknown_sampling(sampling)


def _randomness(sampling: Sampling, dialect: Dialect, thinking: bool) -> tuple[Wire, list[str]]:
    """Write temperature and top_p; 1, the default of both, loses nothing where left out."""
    temperature, top_p = sampling.temperature, sampling.top_p
    dropped: list[str] = []
    if temperature is not None and temperature > 1 and dialect.sampling != "none" and not thinking:
        dropped.append("temperature")  # the scale ends at 1
        temperature = 1.0
    if dialect.sampling == "one" and top_p not in (None, 1) and temperature == 1:
        temperature = None
    takes_temperature = dialect.sampling != "none" and (not thinking or temperature == 1)
    takes_top_p = (
        dialect.sampling != "none"
        and not (dialect.sampling == "one" and temperature is not None)
        and not (thinking and top_p is not None and top_p < 0.95)
    )
    wire: Wire = {}
    for name, value, taken in (
        ("temperature", temperature, takes_temperature),
        ("top_p", top_p, takes_top_p),
    ):
        if value is not None and taken:
            wire[name] = value
        elif value not in (None, 1):
            dropped.append(name)
    return wire, dropped


def _unknown_sampling(sampling: Sampling) -> list[str]:
    """Name the parameters that Anthropic lacks; their neutral values lose nothing."""
    said = {
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "logit_bias": sampling.logit_bias,
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs,
    }
    dropped = [name for name, value in said.items() if value]
    if sampling.seed is not None:
        dropped.append("seed")
    if sampling.n is not None and sampling.n != 1:
        dropped.append("n")
    return dropped


def _others(request: ChatRequest) -> tuple[Wire, list[str]]:
    """Write what concerns the call rather than the answer."""
    wire: Wire = {}
    dropped = ["metadata"] if request.metadata else []
    if request.user:
        wire["metadata"] = {"user_id": request.user}
    if request.service_tier is not None:
        tier = _SERVICE_TIERS.get(request.service_tier)
        if tier is None:
            dropped.append("service_tier")
        else:
            wire["service_tier"] = tier
    if request.prompt_cache_key is not None:
        dropped.append("prompt_cache_key")
    for name, value in request.extras.items():
        if name in _OWN_EXTRAS:
            wire[name] = value
        else:
            dropped.append(name)
    if request.stream:
        wire["stream"] = True
    return wire, dropped
