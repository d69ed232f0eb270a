"""This module turns our request into a body for a provider that speaks Responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from router.canonical.messages import RedactedThinking, Thinking
from router.canonical.request import ChatRequest, ModelTraits, Reasoning, ResponseFormat, Tool
from router.errors import UnsupportedFeature
from router.formats.base import Encoded
from router.formats.openai_responses.tools import encode_tool_choice, encode_tools, names_of
from router.formats.openai_responses.upstream_items import encode_items, split_instructions
from router.formats.openai_responses.vocabulary import NAME

# Fields without a canonical meaning that Responses knows, under the names it has for them.
_KNOWN_EXTRAS = frozenset(
    {
        "client_metadata",
        "context_management",
        "include",
        "max_tool_calls",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "store",
        "truncation",
    }
)
_ENCRYPTED = "reasoning.encrypted_content"
_SUMMARIES = frozenset({"auto", "concise", "detailed"})
_LOW_BUDGET_TOKENS, _MEDIUM_BUDGET_TOKENS = 4096, 16384


def encode_request(request: ChatRequest, traits: ModelTraits) -> Encoded:
    """Return the body; see `router.formats.base.Upstream.encode_request`.

    Nothing is stored at the provider unless the caller asked for it: reasoning travels
    encrypted instead, so that several turns work without state.
    """
    _refuse_forced_foreign(request)
    instructions, messages = split_instructions(request.messages)
    first = len(request.messages) - len(messages)
    body: dict[str, Any] = {
        "model": traits.name,
        "input": encode_items(messages, first),
        "store": False,
    }
    body |= _present(
        instructions=instructions,
        tools=encode_tools(request.tools),
        max_output_tokens=request.max_output_tokens,
        temperature=request.sampling.temperature,
        top_p=request.sampling.top_p,
        parallel_tool_calls=request.parallel_tool_calls if request.tools else None,
        text=_encode_text(request),
        reasoning=_encode_reasoning(request.reasoning),
        metadata=dict(request.metadata or {}),
        user=request.user,
        service_tier=request.service_tier,
        prompt_cache_key=request.prompt_cache_key,
        stream=request.stream or None,
    )
    if request.tool_choice is not None and "tools" in body:
        body["tool_choice"] = encode_tool_choice(request.tool_choice, request.tools)
    body |= {key: value for key, value in request.extras.items() if key in _KNOWN_EXTRAS}
    if not body["store"] and _reasons(request, traits):
        body["include"] = sorted({*body.get("include", ()), _ENCRYPTED})
    return Encoded(body, tuple(_dropped(request)))


def _present(**fields: Any) -> dict[str, Any]:
    """Return the fields that say something."""
    return {
        key: value for key, value in fields.items() if value is not None and value not in ({}, [])
    }


def _is_foreign(tool: Tool) -> bool:
    """Tell whether a tool is run by providers of another format."""
    return tool.kind == "hosted" and tool.origin != NAME


def _refuse_forced_foreign(request: ChatRequest) -> None:
    """Refuse a request that insists on a tool which this format's providers do not run."""
    if request.tool_choice is None or request.tool_choice.mode != "named":
        return
    forced = set(request.tool_choice.names)
    for position, tool in enumerate(request.tools):
        if _is_foreign(tool) and names_of(tool) & forced:
            raise UnsupportedFeature(
                f'the target does not run the tool "{tool.name}" that the request insists on',
                param=f"tools[{position}]",
            )


def _encode_text(request: ChatRequest) -> dict[str, Any]:
    """Return ``text``: the answer's shape and its verbosity."""
    form = request.response_format
    return _present(
        format=None if form is None else _encode_format(form),
        verbosity=request.extras.get("verbosity"),
    )


def _encode_format(form: ResponseFormat) -> dict[str, Any]:
    """Return ``text.format``; a schema must have a name here."""
    if form.kind == "json_object":
        return {"type": "json_object"}
    body = {"type": "json_schema", "name": form.name or "answer", "schema": form.schema or {}}
    return body | _present(description=form.description, strict=form.strict)


def _encode_reasoning(reasoning: Reasoning | None) -> dict[str, Any]:
    """Return ``reasoning``."""
    if reasoning is None:
        return {}
    summary = reasoning.summary
    if summary is not None and summary not in _SUMMARIES:
        summary = "auto"
    return _present(effort=effort_of(reasoning), summary=summary)


def effort_of(reasoning: Reasoning) -> str | None:
    """Return the effort asked for, a token budget told as the effort nearest to it.

    Examples
    --------
    >>> effort_of(Reasoning(budget_tokens=2048)), effort_of(Reasoning(budget_tokens=32000))
    ('low', 'high')
    >>> effort_of(Reasoning(enabled=False))
    'none'
    """
    if reasoning.effort is not None:
        return reasoning.effort
    budget = reasoning.budget_tokens
    if reasoning.enabled is False or budget == 0:
        return "none"
    if budget is None:
        return "medium" if reasoning.enabled else None
    if budget < 0:
        return None
    if budget <= _LOW_BUDGET_TOKENS:
        return "low"
    return "medium" if budget <= _MEDIUM_BUDGET_TOKENS else "high"


def _reasons(request: ChatRequest, traits: ModelTraits) -> bool:
    """Tell whether reasoning is in use: models that cannot reason refuse to encrypt it."""
    if request.reasoning is not None and effort_of(request.reasoning) != "none":
        return True
    if "reasoning" in (traits.capabilities or ()):
        return True
    return any(
        isinstance(block, Thinking | RedactedThinking)
        and block.signature is not None
        and block.signature.origin == NAME
        for message in request.messages
        for block in message.content
    )


def _dropped(request: ChatRequest) -> Iterator[str]:
    """Yield the names, in OpenAI's chat format, of what this format cannot say."""
    sampling = request.sampling
    unsaid = {
        "stop": sampling.stop or None,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "logit_bias": sampling.logit_bias or None,
        "top_k": sampling.top_k,
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs or None,
        "n": sampling.n if sampling.n != 1 else None,
    }
    yield from (name for name, value in unsaid.items() if value is not None and value is not False)
    yield from (f"tools.{tool.name}" for tool in request.tools if _is_foreign(tool))
    if request.tool_choice is not None and request.tool_choice.mode != "none" and not request.tools:
        yield "tool_choice"
    yield from sorted(request.extras.keys() - _KNOWN_EXTRAS - {"verbosity"})
