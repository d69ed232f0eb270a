"""This module counts tokens, each kind once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one attempt consumed; the first four counts never overlap.

    Attributes
    ----------
    input_tokens : int
        Prompt tokens billed at the full rate, so without cache reads and writes.
    cache_read_tokens, cache_write_tokens : int
        Prompt tokens served from, and stored in, the provider's prompt cache.
    output_tokens : int
        Generated tokens, reasoning included.
    reasoning_tokens : int
        Part of `output_tokens`.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        """The whole prompt, as OpenAI counts it."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        """Prompt and output."""
        return self.prompt_tokens + self.output_tokens


def split_cached(prompt_tokens: int, cached_tokens: int) -> tuple[int, int]:
    """Split OpenAI's prompt total into disjoint counts.

    Parameters
    ----------
    prompt_tokens : int
        ``usage.prompt_tokens``: the whole prompt, cached part included.
    cached_tokens : int
        ``usage.prompt_tokens_details.cached_tokens``, a subset of the above.

    Returns
    -------
    input_tokens, cache_read_tokens : int
        Both at least 0; they sum to `prompt_tokens`.

    Examples
    --------
    >>> split_cached(100, 130)  # some servers report more cached than sent
    (0, 100)
    """
    # Clamp the cached count, not the difference, so that the sum still holds.
    cached = min(max(cached_tokens, 0), prompt_tokens)
    return prompt_tokens - cached, cached
