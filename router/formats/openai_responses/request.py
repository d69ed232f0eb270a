"""This module turns a client's Responses request into ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.messages import Message, Text
from router.canonical.request import ChatRequest, Reasoning, ResponseFormat, Sampling
from router.errors import InvalidRequest
from router.formats.openai_responses.fields import (
    boolean,
    count,
    mapping,
    number,
    required_string,
    string,
    wrong,
)
from router.formats.openai_responses.items import decode_input
from router.formats.openai_responses.tools import decode_tool_choice, decode_tools
from router.formats.openai_responses.vocabulary import JsonObject

_READ = frozenset(
    {
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "temperature",
        "top_p",
        "top_logprobs",
        "max_output_tokens",
        "stream",
        "text",
        "reasoning",
        "metadata",
        "user",
        "service_tier",
        "prompt_cache_key",
    }
)


def decode_request(body: JsonObject) -> ChatRequest:
    """Return the request; see `router.formats.base.Ingress.decode_request`.

    What only a stateful provider can serve is decoded as if it were not there: call
    `require_stateless` before.
    """
    text = mapping(body, "text") or {}
    tool_choice, tools = decode_tool_choice(
        body.get("tool_choice"), decode_tools(body.get("tools"))
    )
    return ChatRequest(
        model=string(body, "model"),
        messages=_instructions(body) + decode_input(body.get("input")),
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=boolean(body, "parallel_tool_calls"),
        sampling=Sampling(
            temperature=number(body, "temperature"),
            top_p=number(body, "top_p"),
            top_logprobs=count(body, "top_logprobs"),
        ),
        max_output_tokens=count(body, "max_output_tokens", minimum=1),
        stream=boolean(body, "stream") or False,
        response_format=_response_format(text),
        reasoning=_reasoning(body),
        metadata=mapping(body, "metadata"),
        user=string(body, "user") or string(body, "safety_identifier"),
        service_tier=string(body, "service_tier"),
        prompt_cache_key=string(body, "prompt_cache_key"),
        extras=_extras(body, text),
    )


def _instructions(body: JsonObject) -> tuple[Message, ...]:
    """Return the leading system message."""
    instructions = string(body, "instructions")
    return (Message("system", (Text(instructions),)),) if instructions else ()


def _response_format(text: JsonObject) -> ResponseFormat | None:
    """Return the shape asked for; plain text is none."""
    form = mapping(text, "format", "text")
    if form is None:
        return None
    match required_string(form, "type", "text.format"):
        case "text":
            return None
        case "json_object":
            return ResponseFormat("json_object")
        case "json_schema":
            schema = mapping(form, "schema", "text.format")
            if schema is None:
                raise wrong("text.format.schema", "an object")
            return ResponseFormat(
                "json_schema",
                schema=schema,
                name=string(form, "name", "text.format"),
                description=string(form, "description", "text.format"),
                strict=boolean(form, "strict", "text.format"),
            )
        case kind:
            raise InvalidRequest(
                f'"text.format.type": no output format "{kind}"', param="text.format.type"
            )


def _reasoning(body: JsonObject) -> Reasoning | None:
    """Return how much to think; ``generate_summary`` is the older name of ``summary``."""
    reasoning = mapping(body, "reasoning")
    if reasoning is None:
        return None
    summary = string(reasoning, "summary", "reasoning")
    return Reasoning(
        effort=string(reasoning, "effort", "reasoning"),
        summary=summary or string(reasoning, "generate_summary", "reasoning"),
    )


# Nothing is stored unless asked, and reasoning always travels with the answer.
_ANYWAY: Mapping[str, Any] = {
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "background": False,
    "truncation": "disabled",
}


def _extras(body: JsonObject, text: JsonObject) -> Mapping[str, Any]:
    """Return what has no meaning of ours; ``text.verbosity`` under the name Chat gives it.

    What asks for nothing but what happens anyway is no loss in any format, and left out.
    """
    extras = {
        key: value
        for key, value in body.items()
        if key not in _READ and value is not None and value != _ANYWAY.get(key)
    }
    if string(body, "user") is None:
        extras.pop("safety_identifier", None)  # it stands in `user` then
    if (verbosity := string(text, "verbosity", "text")) is not None:
        extras["verbosity"] = verbosity
    return extras
