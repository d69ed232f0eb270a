"""This module holds a chat request as we mean it, whatever format it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from router.canonical.messages import Message


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer.

    Attributes
    ----------
    kind : str
        ``function``: JSON arguments by `parameters`. ``custom``: free text (Responses).
        ``hosted``: run by the provider; `data` is the tool as format `origin` wrote it.
    namespace : str, optional
        Responses namespace; formats without namespaces offer ``<namespace>__<name>``.
    """

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None
    kind: Literal["function", "custom", "hosted"] = "function"
    namespace: str | None = None
    data: Mapping[str, Any] | None = None
    origin: str | None = None
    cache_control: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Which tools the model may or must use.

    Attributes
    ----------
    mode : str
        ``auto``, ``none``, ``required`` (any of them), or ``named``: those in `names`.
    """

    mode: Literal["auto", "none", "required", "named"]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """Shape that the answer must have: ``json_object`` or ``json_schema``."""

    kind: Literal["json_object", "json_schema"]
    schema: Mapping[str, Any] | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """How much the model is to think.

    Attributes
    ----------
    effort : str, optional
        As OpenAI names it: none, minimal, low, medium, high, xhigh, max.
    budget_tokens : int, optional
        As Anthropic and Gemini name it; -1 lets the model choose (Gemini).
    enabled : bool, optional
        False switches thinking off, True on, None leaves it to the model.
    summary : str, optional
        Responses' ``reasoning.summary``; any value asks that thoughts be told.
    """

    effort: str | None = None
    budget_tokens: int | None = None
    enabled: bool | None = None
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; None where the caller left it to the model."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: Mapping[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One generation asked for.

    Attributes
    ----------
    max_output_tokens : int, optional
        Under whichever of its names it came; ``max_completion_tokens`` wins.
    include_usage : bool
        The caller wants usage in its stream (always True outside OpenAI Chat).
    extras : mapping
        Fields of the caller's format without a canonical meaning, as sent. Across
        formats they are dropped and named.
    """

    model: str | None
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = Sampling()
    max_output_tokens: int | None = None
    stream: bool = False
    include_usage: bool = True
    response_format: ResponseFormat | None = None
    reasoning: Reasoning | None = None
    metadata: Mapping[str, Any] | None = None
    user: str | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """What is known of an upstream model; None is unknown and counts as able.

    Attributes
    ----------
    name : str
        The provider's own id of the model.
    capabilities : frozenset of str, optional
        Of ``vision``, ``tools``, ``json_schema``, ``streaming``, ``audio``,
        ``documents``, ``reasoning``, ``embeddings``, ``images``.
    """

    name: str
    context_window_tokens: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[str] | None = None
