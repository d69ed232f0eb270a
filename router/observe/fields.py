"""This module holds the fields that audit events share.

What callers chose (model names, ids, paths) is clipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from router.canonical.principal import Principal
from router.canonical.usage import Usage
from router.providers.base import Target

Record = dict[str, Any]
"""An audit event; its name stands under ``event``."""

MAX_CHARS = 256
_OPERATIONS = {
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
    "/v1/<path:path>": "passthrough",
}


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What every event of one request tells.

    Attributes
    ----------
    path : str
        Of the request, without its query.
    principal : Principal, optional
        None until the caller is known.
    config_digest : str
        Of the snapshot that serves the request.
    """

    request_id: str
    path: str
    stream: bool = False
    principal: Principal | None = None
    config_digest: str = ""


def start(event: str, facts: RequestFacts) -> Record:
    """Return what every event begins with."""
    return {"event": event, "request_id": clip(facts.request_id)}


def target_fields(target: Target) -> Record:
    """Return a target by name."""
    return {
        "target": clip(target.name),
        "account": target.account.name,
        "model": clip(target.model),
    }


def full_target_fields(target: Target) -> Record:
    """Return a target, its provider and its model's name there."""
    return {
        "target": clip(target.name),
        "account": target.account.name,
        "provider": target.account.provider,
        "model": clip(target.model),
        "upstream_model": clip(target.upstream_model),
    }


def usage_fields(usage: Usage) -> dict[str, int]:
    """Return token counts by name; all but ``reasoning_tokens`` sum to ``total_tokens``."""
    return {
        "input_tokens": usage.input_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "total_tokens": usage.total_tokens,
    }


def cost_text(cost_usd: Decimal | None) -> str | None:
    """Return a cost exactly, never as ``1E-7``.

    Examples
    --------
    >>> cost_text(Decimal("0.00000150"))
    '0.0000015'
    >>> cost_text(Decimal("30"))
    '30'
    """
    if cost_usd is None:
        return None
    plain = format(cost_usd, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def clip(text: str) -> str:
    """Return a caller's own words, bounded: a model name may come with 32 MiB."""
    return text[:MAX_CHARS]


def clip_optional(text: str | None) -> str | None:
    """Return the same of what may be missing."""
    return None if text is None else clip(text)


def milliseconds(value: float | None) -> float | None:
    """Return milliseconds, to the microsecond."""
    return None if value is None else round(value, 3)


def operation_of(endpoint: str) -> str:
    """Return OpenTelemetry's name (``gen_ai.operation.name``) for what a route's pattern serves.

    Examples
    --------
    >>> operation_of("/v1/messages"), operation_of("/v1/embeddings")
    ('chat', 'embeddings')
    """
    return _OPERATIONS.get(endpoint, "chat")
