"""This module turns a decision into targets to try, in order, and says what was left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from router.config.snapshot import Snapshot
from router.errors import NoTargetAvailable, RateLimited, RouterError
from router.providers.base import Target
from router.routing.chain import distinct
from router.routing.constraints import Constraint, Needs, constraints_of, unsatisfied
from router.routing.controls import RequestControls
from router.routing.decide import permitted
from router.routing.decision import AttemptPlan, RouteDecision, SkippedTarget
from router.routing.match import targets_for
from router.routing.rank import rank, sort_by
from router.routing.sieve import Offer, Sieved, sieve
from router.state.health import Health


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What a plan asks of its surroundings; the defaults ask nothing.

    Attributes
    ----------
    may_use : callable
        Tells whether the caller may use a model id.
    serves : callable
        Tells whether a target has an endpoint for the operation.
    cannot_say : callable
        Parameters that a target's wire format cannot express, for ``require_parameters``.
    prefer : str, optional
        `Target.name` that the conversation was last answered by.
    """

    may_use: Callable[[str], bool] = lambda _: True
    serves: Callable[[Target], bool] = lambda _: True
    cannot_say: Callable[[Target], Collection[str]] = lambda _: ()
    prefer: str | None = None


@dataclass(frozen=True, slots=True)
class _Planner:
    """What every step of one plan looks at."""

    snapshot: Snapshot
    controls: RequestControls
    needs: Needs
    health: Health
    rng: Random
    now_s: float
    options: PlanOptions
    account: str | None

    def offers(self, models: Iterable[str]) -> list[Offer]:
        """Return all targets of some models, each once, that the caller may use."""
        found: dict[str, Offer] = {}
        for model in models:
            targets = targets_for(self.snapshot, model)
            if permitted(self.snapshot, model, targets, self.options.may_use):
                for target in targets:
                    found.setdefault(target.name, Offer(model, target))
        return list(found.values())

    def fitting(self, offers: Sequence[Offer]) -> Sieved:
        """Return what the request's constraints leave of some offers."""
        return sieve(offers, self.constraints(offers))

    def constraints(self, offers: Sequence[Offer]) -> tuple[Constraint, ...]:
        """Return the request's constraints, aliases known."""
        served = Constraint(
            "format",
            lambda target: None if self.options.serves(target) else "no such endpoint",
            "name a model of a provider that has this endpoint",
        )
        asked_as = {offer.target.name: (offer.model,) for offer in offers}
        named = constraints_of(
            self.controls, self.needs, self.account, self.options.cannot_say, asked_as
        )
        return (served, *named)

    def ranked(self, offers: Sequence[Offer]) -> list[Offer]:
        """Order models as decided, and the targets of each by strategy and request."""
        by_model: dict[str, list[Target]] = {}
        for offer in offers:
            by_model.setdefault(offer.model, []).append(offer.target)
        wishes = self.controls.provider
        ranked = []
        for model, targets in by_model.items():
            order = rank(
                targets,
                self.snapshot.strategy,
                self.controls,
                self.needs,
                self.health,
                self.rng,
                self.now_s,
                self.options.prefer,
            )
            if not wishes.allow_fallbacks and not wishes.order:
                order = order[:1]
            ranked += [Offer(model, target) for target in order]
        if self.controls.sort is None or not wishes.across_models:
            return ranked
        names = {offer.target.name: offer for offer in ranked}
        best = sort_by(
            (offer.target for offer in ranked),
            self.controls.sort,
            self.needs,
            self.health,
            self.now_s,
        )
        return [names[target.name] for target in best]

    def healthy(
        self, offers: Sequence[Offer], skipped: list[SkippedTarget]
    ) -> tuple[tuple[Target, ...], bool]:
        """Leave out what is unwell; where all breakers are open, return the least bad target.

        Returns
        -------
        targets : tuple of Target
            Empty where every target cools down.
        forced : bool
            No target's breaker is closed: go through it, as nothing better is left.
        """
        targets, unwell = [], []
        for offer in offers:
            block = self.health.block(offer.target.name, self.now_s)
            if block is None:
                targets.append(offer.target)
            else:
                unwell.append(SkippedTarget(offer.target, block.reason, block.wait_s))
        broken = [left for left in unwell if left.reason == "breaker_open"]
        if targets or not broken:
            skipped += unwell
            # Of targets that all await their probe only one request would get through.
            trusted = any(self.health.is_trusted(t.name, self.now_s) for t in targets)
            return tuple(targets), bool(targets) and not trusted
        least_bad = min(broken, key=lambda left: (self._failure_rate(left), left.wait_s or 0.0))
        skipped += [left for left in unwell if left is not least_bad]
        return (least_bad.target,), True

    def _failure_rate(self, left: SkippedTarget) -> float:
        """Return how often a target failed lately, in steps too coarse for noise."""
        pace = self.health.pace(left.target.name, self.now_s)
        return 1.0 if pace is None else round(pace.failure_rate, 1)


def plan(
    snapshot: Snapshot,
    decision: RouteDecision,
    controls: RequestControls,
    needs: Needs,
    health: Health,
    rng: Random,
    now_s: float,
    options: PlanOptions = PlanOptions(),
) -> AttemptPlan:
    """Return the targets to try, in order.

    Candidates come first; where hard constraints leave none of them, ``auto`` looks at the
    models of its other routes. Targets that cool down or whose breaker is open are
    skipped, and take no part in the count of attempts.

    Raises
    ------
    ConstraintsUnsatisfied
        The request's own constraints leave no target; says which, and what would do.
    RateLimited
        Every target cools down; carries the shortest wait.
    NoTargetAvailable
        No account is in use for any of the candidates.
    """
    planner = _Planner(snapshot, controls, needs, health, rng, now_s, options, decision.account)
    first = planner.fitting(planner.offers(_candidates(decision, controls)))
    second = Sieved(())
    if not first.kept and controls.provider.allow_fallbacks:
        spares = (*_longer(snapshot, decision, first), *decision.reserve)
        second = planner.fitting(planner.offers(spares))
    kept = first.kept or second.kept
    if not kept:
        raise _nothing_fits(planner, decision, first)
    skipped = [*first.skipped, *second.skipped]
    targets, forced = planner.healthy(planner.ranked(kept), skipped)
    if not targets:
        raise _all_cooling(skipped)
    fallbacks = snapshot.fallbacks
    return AttemptPlan(
        targets=targets,
        skipped=tuple(skipped),
        forced=forced,
        on_context_window=_held_back(planner, decision, fallbacks.on_context_window),
        on_content_policy=_held_back(planner, decision, fallbacks.on_content_policy),
    )


def _candidates(decision: RouteDecision, controls: RequestControls) -> tuple[str, ...]:
    """Return the models to try; without fallbacks the first, and those the request lists."""
    if controls.provider.allow_fallbacks:
        return decision.candidates
    return tuple(
        model
        for index, model in enumerate(decision.candidates)
        if index == 0 or model in controls.models
    )


def _longer(snapshot: Snapshot, decision: RouteDecision, first: Sieved) -> tuple[str, ...]:
    """Return the configured stand-ins, where the prompt is too long for every candidate."""
    if first.emptied_by is None or first.emptied_by.name != "context_window":
        return ()
    return _stand_ins(decision, snapshot.fallbacks.on_context_window)


def _stand_ins(
    decision: RouteDecision, configured: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return what is configured to stand in for any of the candidates."""
    return distinct(model for asked in decision.candidates for model in configured.get(asked, ()))


def _held_back(
    planner: _Planner, decision: RouteDecision, configured: Mapping[str, tuple[str, ...]]
) -> tuple[Target, ...]:
    """Return targets for after a refusal, those that are well and fit the request."""
    models = _stand_ins(decision, configured)
    if not models or not planner.controls.provider.allow_fallbacks:
        return ()
    kept = planner.fitting(planner.offers(models)).kept
    return tuple(
        offer.target
        for offer in planner.ranked(kept)
        if planner.health.block(offer.target.name, planner.now_s) is None
    )


def _nothing_fits(planner: _Planner, decision: RouteDecision, first: Sieved) -> RouterError:
    """Return the error that says why not one target is left."""
    if first.emptied_by is not None:
        everything = planner.offers(planner.snapshot.targets)
        return unsatisfied(first.emptied_by, first.rejected, (offer.target for offer in everything))
    models = [model for model in decision.candidates if model]
    if models:
        told = f"no account in use serves {', '.join(models)}"
    else:
        told = "no model is known that auto could choose; name one, or set default_model"
    disabled = sorted(planner.snapshot.disabled)
    return NoTargetAvailable(told, metadata={"models": models, "disabled_accounts": disabled})


def _all_cooling(skipped: Sequence[SkippedTarget]) -> RateLimited:
    """Return the 429 that tells the shortest wait."""
    cooling = {
        left.target.name: left.wait_s
        for left in skipped
        if left.reason == "cooling_down" and left.wait_s is not None
    }
    wait_s = min(cooling.values())
    return RateLimited(
        f"every target was rate limited by its provider; try again in {wait_s:.0f} s",
        retry_after_s=wait_s,
        metadata={"cooling_down_s": {name: round(left_s, 1) for name, left_s in cooling.items()}},
    )
