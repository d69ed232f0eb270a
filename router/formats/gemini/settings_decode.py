"""This module reads tools, tool choice and ``generationConfig`` of a client's request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from router.canonical.request import Reasoning, ResponseFormat, Sampling, Tool, ToolChoice
from router.errors import InvalidRequest
from router.formats.gemini.fields import Fields, camel
from router.formats.gemini.media import NAME
from router.formats.gemini.schema import from_openapi

_MODES = {"AUTO": "auto", "VALIDATED": "auto", "ANY": "required", "NONE": "none"}
_UNSET_MODE = "MODE_UNSPECIFIED"
_LEVELS = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high"}
_UNSET_LEVEL = "THINKING_LEVEL_UNSPECIFIED"
_JSON = "application/json"
_PLAIN = "text/plain"

_READ = frozenset(
    {
        "maxOutputTokens",
        "temperature",
        "topP",
        "topK",
        "stopSequences",
        "seed",
        "presencePenalty",
        "frequencyPenalty",
        "candidateCount",
        "responseLogprobs",
        "logprobs",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "_responseJsonSchema",
        "thinkingConfig",
    }
)


def decode_tools(body: Fields) -> tuple[Tool, ...]:
    """Return the tools: functions, and those that Google runs itself."""
    tools: list[Tool] = []
    for item, path in body.list("tools"):
        entry = Fields.of(item, path)
        for declared, where in entry.list("functionDeclarations"):
            tools.append(_function(Fields.of(declared, where)))
        tools.extend(
            Tool(camel(name), kind="hosted", data={camel(name): value}, origin=NAME)
            for name, value in entry.value.items()
            if camel(name) != "functionDeclarations" and value is not None
        )
    return tuple(tools)


def _function(declared: Fields) -> Tool:
    """Return a function, its schema as JSON Schema."""
    name = declared.text("name")
    if not name:
        raise InvalidRequest(f"{declared.at('name')} is missing", param=declared.at("name"))
    schema: Mapping[str, Any] | None = None
    given = declared.object("parametersJsonSchema")
    if given is not None:
        schema = given.value
    elif declared.raw("parameters") is not None:
        schema = from_openapi(declared.raw("parameters"), declared.at("parameters"))
    return Tool(name, declared.text("description"), schema)


def decode_choice(body: Fields) -> ToolChoice | None:
    """Return which functions the model may or must call."""
    config = body.object("toolConfig")
    calling = config.object("functionCallingConfig") if config is not None else None
    if calling is None:
        return None
    mode = calling.word("mode", {**_MODES, _UNSET_MODE: None})
    names = calling.texts("allowedFunctionNames")
    if mode in (None, _UNSET_MODE):
        return None
    if mode == "ANY":
        return ToolChoice("named", names) if names else ToolChoice("required")
    return ToolChoice("none" if mode == "NONE" else "auto")


def decode_sampling(config: Fields) -> Sampling:
    """Return how tokens are drawn."""
    return Sampling(
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.integer("topK"),
        presence_penalty=config.number("presencePenalty"),
        frequency_penalty=config.number("frequencyPenalty"),
        seed=config.integer("seed"),
        stop=config.texts("stopSequences"),
        logprobs=config.boolean("responseLogprobs"),
        top_logprobs=config.integer("logprobs"),
        n=config.integer("candidateCount", minimum=1),
    )


def decode_shape(config: Fields) -> ResponseFormat | None:
    """Return the shape that the answer must have."""
    given = config.object("responseJsonSchema") or config.object("_responseJsonSchema")
    if given is not None:
        return ResponseFormat("json_schema", given.value)
    media_type = config.text("responseMimeType")
    if media_type not in (None, _JSON, _PLAIN):
        return None
    if config.raw("responseSchema") is not None:
        schema = from_openapi(config.raw("responseSchema"), config.at("responseSchema"))
        return ResponseFormat("json_schema", schema)
    return ResponseFormat("json_object") if media_type == _JSON else None


def decode_reasoning(config: Fields) -> Reasoning | None:
    """Return how much the model is to think; who asks for thoughts wants thinking."""
    thinking = config.object("thinkingConfig")
    if thinking is None:
        return None
    level = thinking.word("thinkingLevel", {**_LEVELS, _UNSET_LEVEL: None})
    budget_tokens = thinking.integer("thinkingBudget", minimum=-1)
    told = thinking.boolean("includeThoughts")
    effort = _LEVELS.get(level or "")
    if budget_tokens == 0:
        return Reasoning(budget_tokens=0, enabled=False)
    asked = effort is not None or budget_tokens is not None or told
    return Reasoning(
        effort=effort,
        budget_tokens=budget_tokens,
        enabled=True if asked else None,
        summary="auto" if told else None,
    )


def other_settings(body: Fields, config: Fields) -> Iterator[tuple[str, Any]]:
    """Yield settings that only Gemini knows, by their paths."""
    for spelt, value in config.value.items():
        name = camel(spelt) if not spelt.startswith("_") else spelt
        if name in _READ or value is None or _says_text_only(name, value):
            continue
        yield f"generationConfig.{name}", value
    media_type = config.text("responseMimeType")
    if media_type not in (None, _JSON, _PLAIN):
        yield "generationConfig.responseMimeType", media_type
        if config.raw("responseSchema") is not None:
            yield "generationConfig.responseSchema", config.raw("responseSchema")
    tool_config = body.object("toolConfig")
    for spelt, value in tool_config.value.items() if tool_config is not None else ():
        if camel(spelt) != "functionCallingConfig" and value is not None:
            yield f"toolConfig.{camel(spelt)}", value


def _says_text_only(name: str, value: Any) -> bool:
    """Tell whether a setting asks for what every model does."""
    return name == "responseModalities" and value in ([], ["TEXT"], ["text"])


def generation_config(body: Fields) -> Fields:
    """Return ``generationConfig``, empty where absent."""
    return body.object("generationConfig") or Fields({}, "generationConfig")
