"""This module prices tokens, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from router.canonical.usage import Usage

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens of each kind; None is unknown, 0 is free.

    Attributes
    ----------
    cache_read_usd, cache_write_usd, reasoning_usd : Decimal, optional
        None charges the input (or, for reasoning, the output) rate.
    """

    input_usd: Decimal | None = None
    output_usd: Decimal | None = None
    cache_read_usd: Decimal | None = None
    cache_write_usd: Decimal | None = None
    reasoning_usd: Decimal | None = None

    def cost_usd(self, usage: Usage) -> Decimal | None:
        """Return what `usage` cost, or None where a rate that it needs is unknown.

        Examples
        --------
        >>> Price(Decimal(3), Decimal(15)).cost_usd(Usage(input_tokens=1000, output_tokens=100))
        Decimal('0.0045')
        """
        parts = self.parts_usd(usage)
        return None if parts is None else parts[0] + parts[1]

    def parts_usd(self, usage: Usage) -> tuple[Decimal, Decimal] | None:
        """Return what the prompt cost, and what the answer."""
        if self.input_usd is None or self.output_usd is None:
            return None
        reasoning_usd = self.output_usd if self.reasoning_usd is None else self.reasoning_usd
        read_usd = self.input_usd if self.cache_read_usd is None else self.cache_read_usd
        write_usd = self.input_usd if self.cache_write_usd is None else self.cache_write_usd
        prompt = (
            usage.input_tokens * self.input_usd
            + usage.cache_read_tokens * read_usd
            + usage.cache_write_tokens * write_usd
        )
        output = (
            usage.output_tokens - usage.reasoning_tokens
        ) * self.output_usd + usage.reasoning_tokens * reasoning_usd
        return prompt / _MILLION, output / _MILLION
