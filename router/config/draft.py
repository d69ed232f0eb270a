"""This module holds what every source of configuration is turned into before compiling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from router.config.snapshot import (
    Fallbacks,
    ModelInfo,
    RetryPolicy,
    RoutingStrategy,
    Source,
    Wildcard,
)
from router.providers.base import Account, Target, Timeouts


@dataclass(frozen=True, slots=True)
class Alias:
    """A further name of a model, or of ``auto``."""

    name: str
    model: str
    path: str
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class AdminKey:
    """LiteLLM's ``master_key``: the text, or why it is missing."""

    value: str | None
    path: str


@dataclass(frozen=True, slots=True)
class Draft:
    """One source, read and checked, its references to models not yet.

    Attributes
    ----------
    targets : mapping of str to tuple of Target
        Hidden spellings of an id (with and without its provider) included.
    models : mapping of str to ModelInfo
        In configured order.
    shared : mapping
        The keys of `router.config.schema.shared`, validated.
    default_model : str, optional
        Where the source has a word of its own for it.
    default_models : mapping of str to str
        LiteLLM's, as configured.
    uses_table_tiers : bool
        Whether models may be sorted into tiers by the table where no routes are given.
    tolerates_dangling : bool
        True for LiteLLM's own keys: a name without a model is noted, not refused.
    fallback_path : str
        Where the `fallbacks` stand, for messages.
    """

    source: Source
    accounts: Mapping[str, Account] = field(default_factory=dict)
    disabled: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    models: Mapping[str, ModelInfo] = field(default_factory=dict)
    open_accounts: tuple[Account, ...] = ()
    wildcards: tuple[Wildcard, ...] = ()
    aliases: tuple[Alias, ...] = ()
    fallbacks: Fallbacks = Fallbacks()  # noqa: RUF009
    retry: RetryPolicy = RetryPolicy()  # noqa: RUF009
    timeouts: Timeouts = Timeouts()  # noqa: RUF009
    strategy: RoutingStrategy = "ordered"
    drop_params: bool = True
    max_body_bytes: int | None = None
    task_routes: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    default_model: str | None = None
    default_models: Mapping[str, str] = field(default_factory=dict)
    uses_table_tiers: bool = False
    tolerates_dangling: bool = False
    master_key: AdminKey | None = None
    shared: Mapping[str, Any] = field(default_factory=dict)
