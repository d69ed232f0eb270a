"""This module decodes a client's request for ``generateContent``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.request import ChatRequest
from router.errors import InvalidRequest
from router.formats.gemini.contents_decode import decode_contents, decode_system
from router.formats.gemini.fields import Fields, camel
from router.formats.gemini.settings_decode import (
    decode_choice,
    decode_reasoning,
    decode_sampling,
    decode_shape,
    decode_tools,
    generation_config,
    other_settings,
)

_READ = frozenset(
    {
        "model",
        "stream",
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "generationConfig",
    }
)


def decode_request(body: Mapping[str, Any]) -> ChatRequest:
    """Return the request.

    ``model`` and ``stream``, which this API has in the URL, are read off the body,
    where the web layer puts them.

    Raises
    ------
    InvalidRequest
        A field has the wrong type or value; `param` is its path.
    """
    if not isinstance(body, Mapping):
        raise InvalidRequest("the body must be a JSON object")
    fields = Fields(body)
    config = generation_config(fields)
    model = fields.text("model")
    return ChatRequest(
        model=model.removeprefix("models/") if model else None,
        messages=(*decode_system(fields), *decode_contents(fields)),
        tools=decode_tools(fields),
        tool_choice=decode_choice(fields),
        sampling=decode_sampling(config),
        max_output_tokens=config.integer("maxOutputTokens", minimum=1),
        stream=fields.boolean("stream") or False,
        response_format=decode_shape(config),
        reasoning=decode_reasoning(config),
        extras=_extras(fields, config),
    )


def _extras(body: Fields, config: Fields) -> dict[str, Any]:
    """Return what only Gemini knows, under camelCase names."""
    extras = {
        camel(name): value
        for name, value in body.value.items()
        if camel(name) not in _READ and value is not None
    }
    extras.update(other_settings(body, config))
    return extras
