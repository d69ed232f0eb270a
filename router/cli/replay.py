"""This module puts recorded requests through another configuration; nobody is called.

What was live then is not known: every target counts as well, and learned routing sees the
configured figures alone. Conversations keep their seats as they would have.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from router.auth.guard import may_use
from router.canonical.principal import Principal
from router.canonical.usage import Usage
from router.cli.tally import Change, Tally
from router.config.snapshot import Rule, Snapshot
from router.errors import ConstraintsUnsatisfied, NoTargetAvailable, RouterError
from router.observe.replay_fields import Recalled, recall
from router.providers.base import Target
from router.routing import affinity
from router.routing.decide import EXPLICIT, decide
from router.routing.decision import RouteDecision
from router.routing.match import targets_for
from router.routing.plan import PlanOptions, plan
from router.routing.rules import Circumstances, unmet
from router.state.affinity import LONGEST_TTL_S, Affinities, Seat
from router.state.health import Health

_MAX_PENDING = 50_000
"""Decisions whose end has not been read yet; older ones are counted without their cost."""
_MAX_ROUTES = 5_000
"""Different changes told apart: models are callers' words where there are wildcards."""
_OTHERS = "(others)"

Record = Mapping[str, Any]


class CannotReplay(Exception):
    """The log does not hold what the new configuration asks about."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a request would go now.

    Attributes
    ----------
    model : str
        The model, or ``refused: …``.
    target : Target, optional
        The first one called; None where it is refused or no account is in use here.
    """

    model: str
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class _Pending:
    """A request that was decided again, and waits for its recorded end."""

    selected: str
    kind: str
    outcome: Outcome


class Replay:
    """Replays records, oldest first, in constant memory.

    Parameters
    ----------
    snapshot : Snapshot
        The new configuration.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.tally = Tally()
        self._snapshot = snapshot
        self._seats = Affinities(ttl_s=LONGEST_TTL_S)
        self._pending: OrderedDict[str, _Pending] = OrderedDict()

    def run(self, records: Iterable[Record]) -> Tally:
        """Take in all records, and return what was found."""
        for record in records:
            match record.get("event"):
                case "route_decision":
                    self._decided(record)
                case "proxy_terminal":
                    self._ended(record)
        while self._pending:
            self._close(self._pending.popitem(last=False)[1], {})
        return self.tally

    def _decided(self, record: Record) -> None:
        """Decide a request again."""
        stamp = record.get("ts_ms")
        at_ms = stamp if isinstance(stamp, int) else 0
        self.tally.first_ms = at_ms if self.tally.first_ms is None else self.tally.first_ms
        self.tally.last_ms = at_ms
        recalled = recall(record)
        if recalled is None:
            self.tally.not_replayed["recorded without what deciding again needs"] += 1
            return
        try:
            outcome = self._again(recalled, record, at_ms / 1000)
        except CannotReplay as why:
            self.tally.not_replayed[str(why)] += 1
            return
        kind = f"{record.get('task')}/{record.get('complexity')}"
        pending = _Pending(str(record.get("selected_model")), kind, outcome)
        self._pending[str(record.get("request_id"))] = pending
        while len(self._pending) > _MAX_PENDING:
            self._close(self._pending.popitem(last=False)[1], {})

    def _ended(self, record: Record) -> None:
        """Compare with what was, once it is known how the request ended."""
        pending = self._pending.pop(str(record.get("request_id")), None)
        if pending is not None:
            self._close(pending, record)

    def _close(self, pending: _Pending, end: Record) -> None:
        """Count one request."""
        before = _first_called(end) or pending.selected
        if end.get("outcome") == "error" and not end.get("attempts"):
            before = f"refused: {end.get('error_type')}"
        key = (before, pending.outcome.model)
        if key not in self.tally.routes and len(self.tally.routes) >= _MAX_ROUTES:
            key = (_OTHERS, _OTHERS) if key[0] == key[1] else (_OTHERS, "elsewhere")
        change = self.tally.routes.setdefault(key, Change())
        change.add(pending.kind, _cost(end), _new_cost(end, pending.outcome.target))

    def _again(self, recalled: Recalled, record: Record, now_s: float) -> Outcome:
        """Return where a request would go."""
        snapshot, controls = self._snapshot, recalled.controls
        circumstances = Circumstances(endpoint=recalled.endpoint, key=recalled.key)
        self._check_rules(recalled, circumstances)
        judged = recalled.judged

        def judge(_: Any) -> Any:
            if judged is None:
                raise CannotReplay("the judge was not asked then (explicit model, no such rule)")
            return judged

        caller = self._caller(recalled.key)
        decision: RouteDecision | None = None
        try:
            decision = decide(
                snapshot,
                recalled.view,
                controls,
                judge,
                lambda model: may_use(caller, model),
                circumstances,
            )
            decision, prefer = self._settled(decision, recalled, record, now_s)
            planned = plan(
                snapshot,
                decision,
                controls,
                recalled.needs,
                Health(),
                random.Random(0),  # noqa: S311  the same answer each time it is asked
                now_s,
                PlanOptions(may_use=lambda model: may_use(caller, model), prefer=prefer),
            )
        except NoTargetAvailable:
            # Its account may well be in use where the keys are.
            return Outcome(decision.model if decision else "refused: no target")
        except ConstraintsUnsatisfied as error:
            return Outcome(f"refused: {error.code} ({error.metadata.get('constraint')})")
        except RouterError as error:
            return Outcome(f"refused: {error.code or error.wire_type}")
        target = planned.targets[0]
        self._sit(decision, recalled, target, now_s)
        return Outcome(target.model, target)

    def _check_rules(self, recalled: Recalled, circumstances: Circumstances) -> None:
        """Refuse where a rule that may fire asks for what is not recorded."""
        for rule in self._snapshot.rules:
            is_judged = recalled.judged is not None
            unknown = _unknown(rule, is_judged=is_judged)
            known = replace(rule.when, matches=None, headers={}, users=())
            if not is_judged:
                known = replace(known, tasks=(), complexities=())
            judgement = recalled.judged or EXPLICIT
            model = recalled.controls.model
            if unmet(known, model, recalled.view, judgement, circumstances) is not None:
                continue  # it cannot fire, whatever is not known
            if unknown:
                raise CannotReplay(f"{rule.name} asks for {unknown}, which is not recorded")
            return

    def _caller(self, key: str) -> Principal:
        """Return what the caller of then may use now."""
        for known in self._snapshot.auth.keys.values():
            if known.name == key:
                return Principal(key, "key", known.models, known.is_admin)
        return Principal(key or "local", "open")

    def _settled(
        self, decision: RouteDecision, recalled: Recalled, record: Record, now_s: float
    ) -> tuple[RouteDecision, str | None]:
        """Let the conversation stay where it would sit by now."""
        settings = self._snapshot.affinity
        if not settings.enabled or not recalled.conversation or not affinity.keeps_seat(decision):
            return decision, None
        seat = self._seats.seat(recalled.conversation, now_s)
        if seat is None:
            seat = self._seat_before_the_log(record, now_s)
        elif now_s - seat.used_at_s >= settings.ttl_s:
            seat = None
        return affinity.settle(decision, seat, recalled.view, now_s, settings.cold_after_s)

    def _seat_before_the_log(self, record: Record, now_s: float) -> Seat | None:
        """Return the seat of a conversation that began before the log does."""
        trace = record.get("decision_trace")
        stayed = isinstance(trace, Mapping) and trace.get("selected_reason") == "affinity"
        model = str(record.get("selected_model"))
        targets = targets_for(self._snapshot, model) if stayed else ()
        if not targets:
            return None
        return Seat(targets[0].model, targets[0].name, str(record.get("complexity")), now_s)

    def _sit(
        self, decision: RouteDecision, recalled: Recalled, target: Target, now_s: float
    ) -> None:
        """Remember the conversation's model, as if it had answered."""
        key = recalled.conversation
        if key and affinity.keeps_seat(decision):
            before = self._seats.seat(key, now_s)
            seat = affinity.next_seat(decision, before, target.model, target.name, now_s)
            self._seats.sit(key, seat)


def _unknown(rule: Rule, *, is_judged: bool) -> str:
    """Return what a rule asks that is not recorded; empty where it asks nothing such."""
    asked = {
        "task": bool(rule.when.tasks) and not is_judged,
        "complexity": bool(rule.when.complexities) and not is_judged,
        "matches": rule.when.matches is not None,
        "header": bool(rule.when.headers),
        "user": bool(rule.when.users),
    }
    return ", ".join(name for name, is_asked in asked.items() if is_asked)


def _first_called(end: Record) -> str | None:
    """Return the model of the first target called."""
    called = end.get("attempted_targets")
    if not isinstance(called, list) or not called:
        return None
    return str(called[0]).partition(":")[2] or None


def _cost(end: Record) -> Decimal | None:
    """Return what a request cost, as recorded."""
    cost = end.get("cost_usd")
    try:
        return None if cost is None else Decimal(str(cost))
    except InvalidOperation:
        return None


def _new_cost(end: Record, target: Target | None) -> Decimal | None:
    """Return what the recorded tokens cost at another target's price."""
    usage = end.get("usage")
    if target is None or target.price is None or not isinstance(usage, Mapping):
        return None
    names = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
    counts = {name: int(usage.get(name) or 0) for name in (*names, "reasoning_tokens")}
    return target.price.cost_usd(Usage(**counts))
