"""This module puts the targets of one model in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

from router.config.snapshot import RoutingStrategy
from router.providers.base import Target
from router.routing.constraints import Needs
from router.routing.controls import RequestControls, Sort
from router.state.health import Health

_EXPECTED_OUTPUT_TOKENS = 512
_UNKNOWN = float("inf")

Ordering = Callable[[Sequence[Target]], list[Target]]


def rank(
    targets: Sequence[Target],
    strategy: RoutingStrategy,
    controls: RequestControls,
    needs: Needs,
    health: Health,
    rng: Random,
    now_s: float,
    prefer: str | None = None,
) -> tuple[Target, ...]:
    """Put targets in the order in which they are to be tried.

    The request's ``sort`` replaces `strategy`; its ``provider.order`` comes before both.
    Lower `Target.order` always goes before higher, except where the request sorts.

    Parameters
    ----------
    prefer : str, optional
        `Target.name` of the conversation's last answer: first among targets of its own
        `order`, unless the request says otherwise.
    """
    if controls.sort is not None:
        ranked = sort_by(targets, controls.sort, needs, health, now_s)
    else:
        ordering = _ordering(strategy, needs, health, rng, now_s)
        groups = (_group(targets, order) for order in sorted({_order(t) for t in targets}))
        ranked = [t for group in groups for t in _preferred(ordering(group), prefer, health)]
    return tuple(_by_provider_order(ranked, controls.provider.order))


def sort_by(
    targets: Iterable[Target], sort: Sort, needs: Needs, health: Health, now_s: float
) -> list[Target]:
    """Sort targets as a request asks; those with nothing known about them go last."""
    if sort == "price":
        return sorted(targets, key=lambda target: estimated_cost_usd(target, needs))
    if sort == "latency":
        return sorted(targets, key=lambda target: latency_ms(target, health, now_s, _UNKNOWN))
    return sorted(targets, key=lambda target: -_tokens_per_s(target, health, now_s))


def estimated_cost_usd(target: Target, needs: Needs) -> float:
    """Return about what a request costs; infinite where the price is not known."""
    price = target.price
    if price is None or price.input_usd is None or price.output_usd is None:
        return _UNKNOWN
    output_tokens = needs.max_output_tokens or _EXPECTED_OUTPUT_TOKENS
    return float(needs.input_tokens * price.input_usd + output_tokens * price.output_usd) / 1e6


def latency_ms(target: Target, health: Health, now_s: float, unknown_ms: float) -> float:
    """Return the time to the first content, else to the whole answer, else `unknown_ms`."""
    pace = health.pace(target.name, now_s)
    if pace is None:
        return unknown_ms
    known = pace.ttft_ms if pace.ttft_ms is not None else pace.latency_ms
    return unknown_ms if known is None else known


def shuffled(targets: Sequence[Target], rng: Random) -> list[Target]:
    """Return a weighted random order: a target of weight 3 is first three times as often.

    Weights count where any is set, else ``rpm``, else ``tpm``, else all are equal. Those
    of weight 0 go last. (Efraimidis and Spirakis, 2006: sort by u ** (1 / weight).)
    """
    weights = _weights(targets)
    drawn = [
        (rng.random() ** (1 / weight) if weight > 0 else -1.0, -index)
        for index, weight in enumerate(weights)
    ]
    order = sorted(range(len(targets)), key=drawn.__getitem__, reverse=True)
    return [targets[index] for index in order]


def _ordering(
    strategy: RoutingStrategy, needs: Needs, health: Health, rng: Random, now_s: float
) -> Ordering:
    """Return what a strategy does to targets of equal `order`."""
    match strategy:
        case "simple-shuffle":
            return lambda group: shuffled(group, rng)
        case "least-busy":
            return lambda group: sorted(group, key=lambda t: health.in_flight(t.name))
        case "latency-based-routing":
            # Unknown counts as instant: each target is tried once before they compare.
            return lambda group: sorted(group, key=lambda t: _expected_ms(t, health, now_s))
        case "cost-based-routing":
            return lambda group: sorted(group, key=lambda t: estimated_cost_usd(t, needs))
        case "ordered":
            return list


def _expected_ms(target: Target, health: Health, now_s: float) -> float:
    """Return a target's latency, drawn out by the share of calls that fail."""
    pace = health.pace(target.name, now_s)
    failure_rate = 0.0 if pace is None else min(pace.failure_rate, 0.99)
    if pace is not None and pace.latency_ms is None and pace.ttft_ms is None and failure_rate > 0:
        # It has never answered, only failed: that is no reason to call it first.
        return _UNKNOWN
    return latency_ms(target, health, now_s, 0.0) / (1 - failure_rate)


def _order(target: Target) -> float:
    """Return the configured order; without one a target comes after all that have one."""
    return _UNKNOWN if target.order is None else target.order


def _group(targets: Iterable[Target], order: float) -> list[Target]:
    """Return the targets of one order, as configured."""
    return [target for target in targets if _order(target) == order]


def _preferred(ranked: list[Target], prefer: str | None, health: Health) -> list[Target]:
    """Put the conversation's target first, and local models in memory before other local ones.

    Local targets trade places among themselves only: a model that has still to be loaded
    is no reason to go to a provider that costs money.
    """
    if health.loaded:
        local = [target for target in ranked if target.name in health.loaded]
        ready = iter(sorted(local, key=lambda target: not health.loaded[target.name]))
        ranked = [next(ready) if target.name in health.loaded else target for target in ranked]
    if prefer is None:
        return ranked
    return sorted(ranked, key=lambda target: target.name != prefer)


def _by_provider_order(ranked: list[Target], names: tuple[str, ...]) -> list[Target]:
    """Put the providers or accounts that the request names first, in its order."""

    def position(target: Target) -> int:
        mine = (target.account.provider.lower(), target.account.name.lower())
        return min((index for index, name in enumerate(names) if name in mine), default=len(names))

    return sorted(ranked, key=position) if names else ranked


def _tokens_per_s(target: Target, health: Health, now_s: float) -> float:
    """Return the speed of a target; 0 where unknown."""
    pace = health.pace(target.name, now_s)
    return 0.0 if pace is None or pace.tokens_per_s is None else pace.tokens_per_s


def _weights(targets: Sequence[Target]) -> list[float]:
    """Return what shares out traffic: weights, else rpm, else tpm, else equal."""
    if any(target.weight != 1.0 for target in targets):
        return [target.weight for target in targets]
    for limits in ([t.rpm for t in targets], [t.tpm for t in targets]):
        known = [limit for limit in limits if limit is not None]
        if known:
            # One without a limit takes the mean share rather than none or all.
            mean = sum(known) / len(known)
            return [float(mean if limit is None else limit) for limit in limits]
    return [1.0] * len(targets)
