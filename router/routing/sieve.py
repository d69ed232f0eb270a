"""This module passes targets through a request's constraints, and remembers who fell out where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router.providers.base import Target
from router.routing.constraints import Constraint
from router.routing.decision import SkippedTarget


@dataclass(frozen=True, slots=True)
class Offer:
    """A target, and the candidate model that led to it."""

    model: str
    target: Target


@dataclass(frozen=True, slots=True)
class Sieved:
    """What constraints left of some offers.

    Attributes
    ----------
    emptied_by : Constraint, optional
        The one that left nothing; `rejected` is what it turned down.
    """

    kept: tuple[Offer, ...]
    skipped: tuple[SkippedTarget, ...] = ()
    emptied_by: Constraint | None = None
    rejected: tuple[Target, ...] = ()


def sieve(offers: Sequence[Offer], constraints: Sequence[Constraint]) -> Sieved:
    """Apply constraints one by one, so that the one which leaves nothing is known."""
    kept = tuple(offers)
    skipped: list[SkippedTarget] = []
    for constraint in constraints:
        verdicts = [(offer, constraint.missing(offer.target)) for offer in kept]
        passed = tuple(offer for offer, missing in verdicts if missing is None)
        skipped += [
            SkippedTarget(offer.target, constraint.name, detail=missing)
            for offer, missing in verdicts
            if missing is not None
        ]
        if kept and not passed:
            rejected = tuple(offer.target for offer in kept)
            return Sieved((), tuple(skipped), constraint, rejected)
        kept = passed
    return Sieved(kept, tuple(skipped))
