"""Small configurations that the routing tests share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from router.canonical.price import Price
from router.canonical.request import ModelTraits
from router.config.snapshot import ModelInfo, Routes, Snapshot, Source
from router.providers.base import Account, Target
from router.routing.decision import Judgement


def account(name: str, provider: str = "openai", url: str | None = None) -> Account:
    return Account(name, provider, "openai", url or f"https://{name}.example")


def target(
    model: str,
    on: str | Account = "acme",
    *,
    capabilities: Sequence[str] | None = None,
    window: int | None = None,
    max_output: int | None = None,
    price: tuple[float, float] | None = None,
    **fields: Any,
) -> Target:
    """Build a target; `on` is an account or the name of one."""
    at = account(on) if isinstance(on, str) else on
    traits = ModelTraits(
        model.rpartition("/")[2],
        window,
        max_output,
        None if capabilities is None else frozenset(capabilities),
    )
    cost = None if price is None else Price(Decimal(str(price[0])), Decimal(str(price[1])))
    return Target(model=model, account=at, traits=traits, price=cost, **fields)


def snapshot(
    *targets: Target,
    tasks: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None,
    default_model: str | None = None,
    fallback_models: tuple[str, ...] = (),
    routes: Mapping[str, Any] | None = None,
    models: Mapping[str, ModelInfo] | None = None,
    **fields: Any,
) -> Snapshot:
    """Build a snapshot of some targets; every model is listed."""
    by_model: dict[str, tuple[Target, ...]] = {}
    for one in targets:
        by_model[one.model] = (*by_model.get(one.model, ()), one)
    listed = {name: ModelInfo(name, "acme") for name in by_model}
    return Snapshot(
        digest="abc",
        source=fields.pop("source", Source("router")),
        accounts=fields.pop("accounts", {one.account.name: one.account for one in targets}),
        targets=by_model,
        models={**listed, **(models or {})},
        routes=Routes(
            default_model=default_model or next(iter(by_model), "none"),
            tasks=tasks or {},
            fallback_models=fallback_models,
            **(routes or {}),
        ),
        **fields,
    )


def judged(task: str = "general", complexity: Any = "low", **signals: Any) -> Any:
    """Return a judge that always says the same."""
    judgement = Judgement(task, complexity, 0.3, signals)
    return lambda _view: judgement
