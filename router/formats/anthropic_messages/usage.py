"""This module reads and writes Anthropic's token counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.usage import Usage


def decode_usage(raw: Any) -> Usage | None:
    """Return usage; None where nothing was counted.

    Anthropic's three input counts do not overlap, as ours; thinking is part of the output.

    Examples
    --------
    >>> decode_usage({"input_tokens": 3, "cache_read_input_tokens": 20, "output_tokens": 5})
    ... # doctest: +NORMALIZE_WHITESPACE
    Usage(input_tokens=3, cache_read_tokens=20, cache_write_tokens=0, output_tokens=5,
          reasoning_tokens=0)
    """
    if not isinstance(raw, Mapping) or not raw:
        return None
    details = raw.get("output_tokens_details")
    output_tokens = _count(raw, "output_tokens")
    return Usage(
        input_tokens=_count(raw, "input_tokens"),
        cache_read_tokens=_count(raw, "cache_read_input_tokens"),
        cache_write_tokens=_count(raw, "cache_creation_input_tokens"),
        output_tokens=output_tokens,
        reasoning_tokens=min(_count(details, "thinking_tokens"), output_tokens),
    )


_SERVICE_TIERS = frozenset({"standard", "priority", "batch"})


def encode_usage(usage: Usage | None, service_tier: str | None = None) -> dict[str, Any]:
    """Return `usage` on the wire; zeros where it is unknown, as clients want numbers.

    `service_tier` is part of it here, and left out where it is another format's word.
    """
    usage = usage or Usage()
    wire: dict[str, Any] = {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning_tokens:
        wire["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if service_tier in _SERVICE_TIERS:
        wire["service_tier"] = service_tier
    return wire


def _count(raw: Any, name: str) -> int:
    """Return a count, 0 where it is missing or no count."""
    value = raw.get(name) if isinstance(raw, Mapping) else None
    return value if type(value) is int and value > 0 else 0
