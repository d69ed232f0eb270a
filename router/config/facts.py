"""This module joins what a configuration states of a model with what the tables know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from router.canonical.price import Price
from router.canonical.request import ModelTraits
from router.config.models_table import Row
from router.config.services import Service
from router.config.snapshot import ModelInfo
from router.providers.base import Account

_THOUSAND = Decimal(1000)
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a file says of a model; None is not said.

    Attributes
    ----------
    able, unable : frozenset of str
        Capabilities that are said one by one; the rest stays as it is known.
    """

    name: str | None = None
    description: str | None = None
    context_window_tokens: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[str] | None = None
    able: frozenset[str] = frozenset()
    unable: frozenset[str] = frozenset()
    mode: str | None = None
    tier: str | None = None
    created: int = 0
    price: Price | None = None
    metadata: Mapping[str, Any] | None = None


def traits_of(upstream: str, stated: Stated, row: Row | None) -> ModelTraits:
    """Return what is known of a model; the file's word wins over the table's."""
    known = row.traits(upstream) if row else ModelTraits(upstream)
    capabilities = known.capabilities if stated.capabilities is None else stated.capabilities
    if capabilities is not None:
        # With nothing known, `able` says nothing new: the unknown counts as able already.
        capabilities = (capabilities | stated.able) - stated.unable
    return ModelTraits(
        upstream,
        stated.context_window_tokens or known.context_window_tokens,
        stated.max_output_tokens or known.max_output_tokens,
        capabilities,
    )


def price_of(
    stated: Price | None, row: Row | None, service: Service | None, account: Account
) -> Price | None:
    """Return a target's price: the file's rates, else the list price at the house itself.

    A list price holds at the provider's own address only: behind another one a model may
    cost anything, or nothing.
    """
    listed = row.price if row and service and service.is_at(account.base_url) else None
    if listed is None or stated is None:
        return stated or listed
    if stated.input_usd is not None:
        # Their cache rates belong to their input rate, not to the file's.
        listed = replace(listed, cache_read_usd=None, cache_write_usd=None)
    return merged_price(stated, listed)


def price_per_thousand(input_usd: Decimal | None, output_usd: Decimal | None) -> Price | None:
    """Return the price that a profile names; one that names none leaves it unknown.

    Examples
    --------
    >>> price_per_thousand(Decimal("0.003"), Decimal(0)).input_usd
    Decimal('3.000')
    """
    if input_usd is None and output_usd is None:
        return None
    return Price(_times(input_usd, _THOUSAND), _times(output_usd, _THOUSAND))


def price_per_token(rates: Mapping[str, Any]) -> Price | None:
    """Return the price that LiteLLM's ``…_cost_per_token`` keys name, or None.

    Examples
    --------
    >>> price_per_token({"input_cost_per_token": Decimal("0.000003")}).input_usd
    Decimal('3.000000')
    """
    names = (
        "input_cost_per_token",
        "output_cost_per_token",
        "cache_read_input_token_cost",
        "cache_creation_input_token_cost",
        "output_cost_per_reasoning_token",
    )
    if not any(name in rates for name in names):
        return None
    return Price(*(_times(rates.get(name), _MILLION) for name in names))


def merged_price(first: Price | None, second: Price | None) -> Price | None:
    """Return the rates of the first, filled up from the second."""
    if first is None or second is None:
        return first or second
    return Price(
        _first(first.input_usd, second.input_usd),
        _first(first.output_usd, second.output_usd),
        _first(first.cache_read_usd, second.cache_read_usd),
        _first(first.cache_write_usd, second.cache_write_usd),
        _first(first.reasoning_usd, second.reasoning_usd),
    )


def model_info(
    model: str, owned_by: str, stated: Stated, row: Row | None, traits: ModelTraits | None
) -> ModelInfo:
    """Return what ``GET /v1/models`` tells of a model."""
    return ModelInfo(
        id=model,
        owned_by=owned_by,
        name=stated.name or (row.name if row else None),
        description=stated.description,
        created=stated.created,
        context_window_tokens=traits.context_window_tokens if traits else None,
        max_output_tokens=traits.max_output_tokens if traits else None,
        capabilities=traits.capabilities if traits else None,
        tier=stated.tier or (row.tier if row else None),
        mode=stated.mode or (row.mode if row else None),
        metadata=stated.metadata or {},
    )


def _first(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Return the first that is known; 0 is known."""
    return other if one is None else one


def _times(rate: Decimal | None, factor: Decimal) -> Decimal | None:
    """Return a rate per more tokens."""
    return None if rate is None else rate * factor
