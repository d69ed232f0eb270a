"""This module encodes a request for a provider; the model stands in the URL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from router.canonical.request import ChatRequest, ModelTraits
from router.formats.base import Encoded
from router.formats.gemini.contents_encode import contents, system_instruction
from router.formats.gemini.generation_encode import generation_config
from router.formats.gemini.tools_encode import encode_choice, encode_tools

# Fields of Gemini's own that `decode_request` keeps; any caller may send them.
_OWN_EXTRAS = frozenset({"safetySettings", "cachedContent", "labels"})
_OWN_OBJECTS = ("generationConfig", "toolConfig")


def encode_request(request: ChatRequest, traits: ModelTraits) -> Encoded:
    """Return the body of ``generateContent`` and ``streamGenerateContent``.

    Raises
    ------
    UnsupportedFeature
        Content that Gemini cannot be sent, or a hosted tool that must be used.
    """
    tools, dropped_tools = encode_tools(request.tools)
    choice = encode_choice(request.tools, request.tool_choice)
    config, says_reasoning = generation_config(request, traits)
    body: dict[str, Any] = {
        "contents": contents(request.messages, traits.name),
        "systemInstruction": system_instruction(request.messages),
        "tools": tools or None,
        "toolConfig": {"functionCallingConfig": choice} if choice else None,
        "generationConfig": config or None,
    }
    body = {name: value for name, value in body.items() if value is not None}
    dropped = [*dropped_tools, *_unsaid(request), *_add_extras(body, request)]
    if not says_reasoning:
        dropped.append("reasoning_effort")
    return Encoded(body, tuple(dropped))


def _unsaid(request: ChatRequest) -> Iterator[str]:
    """Yield the parameters that Gemini has no word for."""
    if request.sampling.logit_bias:
        yield "logit_bias"
    if request.parallel_tool_calls is False:
        yield "parallel_tool_calls"
    for name in ("metadata", "user", "service_tier", "prompt_cache_key"):
        if getattr(request, name):
            yield name


def _add_extras(body: dict[str, Any], request: ChatRequest) -> Iterator[str]:
    """Put Gemini's own fields into the body; yield the names of the others."""
    for name, value in request.extras.items():
        outer, _, inner = name.partition(".")
        if name in _OWN_EXTRAS:
            body[name] = value
        elif outer in _OWN_OBJECTS and inner:
            body.setdefault(outer, {})[inner] = value
        else:
            yield name
