"""This module counts tokens between ``usageMetadata`` and our disjoint counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.usage import Usage, split_cached


def decode_usage(metadata: Mapping[str, Any]) -> Usage:
    """Return our counts.

    ``promptTokenCount`` includes cached tokens and excludes what tools put into the
    prompt; ``candidatesTokenCount`` excludes thoughts.

    Examples
    --------
    >>> decode_usage({"promptTokenCount": 10, "cachedContentTokenCount": 4,
    ...               "candidatesTokenCount": 3, "thoughtsTokenCount": 2})
    Usage(input_tokens=6, cache_read_tokens=4, cache_write_tokens=0, output_tokens=5, \
reasoning_tokens=2)
    """
    thoughts = _count(metadata, "thoughtsTokenCount")
    fresh, cached = split_cached(
        _count(metadata, "promptTokenCount"), _count(metadata, "cachedContentTokenCount")
    )
    return Usage(
        input_tokens=fresh + _count(metadata, "toolUsePromptTokenCount"),
        cache_read_tokens=cached,
        output_tokens=_count(metadata, "candidatesTokenCount") + thoughts,
        reasoning_tokens=thoughts,
    )


def encode_usage(usage: Usage) -> dict[str, int]:
    """Return ``usageMetadata``; counts of zero that say nothing are left out."""
    metadata = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": max(0, usage.output_tokens - usage.reasoning_tokens),
        "totalTokenCount": usage.total_tokens,
    }
    if usage.reasoning_tokens:
        metadata["thoughtsTokenCount"] = usage.reasoning_tokens
    if usage.cache_read_tokens:
        metadata["cachedContentTokenCount"] = usage.cache_read_tokens
    return metadata


def _count(metadata: Mapping[str, Any], name: str) -> int:
    """Return a count; what is none counts as zero."""
    value = metadata.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
