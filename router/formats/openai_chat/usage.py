"""This module converts token counts between OpenAI's way of counting and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.usage import Usage, split_cached


def decode_usage(body: Any) -> Usage | None:
    """Return the counts of a ``usage`` object, or None where it holds none.

    Examples
    --------
    >>> decode_usage({"prompt_tokens": 9, "completion_tokens": 2,
    ...               "prompt_tokens_details": {"cached_tokens": 4}})
    ... # doctest: +NORMALIZE_WHITESPACE
    Usage(input_tokens=5, cache_read_tokens=4, cache_write_tokens=0, output_tokens=2,
          reasoning_tokens=0)
    """
    if not isinstance(body, Mapping) or not ("prompt_tokens" in body or "total_tokens" in body):
        return None
    output_tokens = _count(body, "completion_tokens")
    prompt_tokens = _count(body, "prompt_tokens")
    if "prompt_tokens" not in body:  # Voyage's embeddings
        prompt_tokens = max(_count(body, "total_tokens") - output_tokens, 0)
    details = body.get("prompt_tokens_details")
    # DeepSeek's own name, older than the details.
    cached = _count(details, "cached_tokens") or _count(body, "prompt_cache_hit_tokens")
    input_tokens, read_tokens = split_cached(prompt_tokens, cached)
    # OpenRouter counts cache writes inside the prompt, as it does cache reads.
    write_tokens = min(_count(details, "cache_write_tokens"), input_tokens)
    reasoning_tokens = _count(body.get("completion_tokens_details"), "reasoning_tokens")
    # xAI counts reasoning beside the completion; the total gives it away.
    total_tokens = prompt_tokens + output_tokens + reasoning_tokens
    if reasoning_tokens and _count(body, "total_tokens") == total_tokens:
        output_tokens += reasoning_tokens
    return Usage(
        input_tokens=input_tokens - write_tokens,
        cache_read_tokens=read_tokens,
        cache_write_tokens=write_tokens,
        output_tokens=output_tokens,
        reasoning_tokens=min(reasoning_tokens, output_tokens),
    )


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Return the ``usage`` object: the prompt includes its cached part, output its reasoning."""
    prompt_details = {"cached_tokens": usage.cache_read_tokens}
    if usage.cache_write_tokens:
        prompt_details["cache_write_tokens"] = usage.cache_write_tokens
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _count(body: Any, key: str) -> int:
    """Return a count; 0 for anything else, as a wrong count must not fail an answer."""
    value = body.get(key) if isinstance(body, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return int(value) if 0 <= value < 2**53 else 0
