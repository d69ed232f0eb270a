"""This module writes a request's story into the audit log, and its end exactly once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Literal

from router.canonical.events import Event, Failed, MessageStart, MessageStop, UsageSeen
from router.canonical.usage import Usage
from router.config.snapshot import Snapshot
from router.errors import ClientClosed, NoTargetAvailable, RouterError, UpstreamError
from router.observe import attempt_records, records
from router.observe.audit import Audit
from router.observe.fields import Record, RequestFacts
from router.observe.logs import log_request
from router.providers.base import Target
from router.routing.decision import Attempt, AttemptPlan, Outcome, RouteDecision
from router.routing.retry import Step
from router.web.gateway import Clock, Gateway
from router.web.telemetry import Telemetry

OutcomeName = Literal["success", "error", "interrupted", "client_closed"]


class Story:
    """What happens to one request; a `Journal` for dispatch.

    Parameters
    ----------
    audit : Audit
        Of the snapshot that serves the request.
    requested : str, optional
        The model as the caller named it.
    max_attempts : int
        As the configuration allows.
    telemetry : Telemetry, optional
        Counts the request; None where it is part of another.
    """

    def __init__(
        self,
        audit: Audit,
        clock: Clock,
        facts: RequestFacts,
        requested: str | None,
        max_attempts: int,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._audit = audit
        self._clock = clock
        self._facts = facts
        self._requested = requested
        self._max_attempts = max_attempts
        self._telemetry = telemetry
        self._started_s = clock.monotonic()
        self._untold: list[Record] = []
        self._decision: RouteDecision | None = None
        self._plan: AttemptPlan | None = None
        self._ttft_ms: float | None = None
        self.outcome: OutcomeName | None = None
        self.error_type: str | None = None
        self.attempts: tuple[Attempt, ...] = ()
        self.target: Target | None = None
        self.dropped: tuple[str, ...] = ()
        self.usage: Usage | None = None
        self.cost_usd: Decimal | None = None

    @classmethod
    def begin(
        cls,
        gateway: Gateway,
        snapshot: Snapshot,
        facts: RequestFacts,
        requested: str | None,
        telemetry: Telemetry | None = None,
    ) -> Story:
        """Return the story of a request that a snapshot serves."""
        audit, attempts = gateway.audit(snapshot), snapshot.retry.max_attempts
        return cls(audit, gateway.clock, facts, requested, attempts, telemetry)

    def decided(self, decision: RouteDecision, record: Record) -> None:
        """Note the decision; `record` is its event."""
        self._decision = decision
        self._untold.append(record)

    def planned(self, plan: AttemptPlan) -> None:
        """Note the plan, and what was left out for its health."""
        assert self._decision is not None
        self._plan = plan
        self._untold.append(records.proxy_start(self._facts, self._decision, plan))
        self._untold += attempt_records.skip_records(self._facts, plan)

    def attempt_started(self, target: Target, number: int) -> None:
        """Tell that a target is called, and all that led to it: who waits wants to see why."""
        if self._telemetry is not None:
            self._telemetry.attempt(number, self.elapsed_ms())
        facts, total = self._facts, self._max_attempts
        self._untold.append(attempt_records.proxy_attempt(facts, target, number, total))
        self._tell()

    def connected(self, attempt: Attempt) -> None:
        """Tell that a provider's headers came."""
        self._untold.append(attempt_records.proxy_upstream_connected(self._facts, attempt))

    def attempt_failed(self, attempt: Attempt, error: UpstreamError, step: Step) -> None:
        """Tell that an attempt failed, and whether another follows."""
        if error.facts.status is None:
            record = attempt_records.proxy_request_error(self._facts, attempt, self._max_attempts)
            self._untold.append(record)
        if step.action != "stop":
            self._untold.append(attempt_records.proxy_retry(self._facts, attempt))

    def put_aside(self, attempt: Attempt, wait_s: float) -> None:
        """Tell that a 429 puts account and model aside."""
        self._untold.append(attempt_records.proxy_rate_limited(self._facts, attempt, wait_s))

    def answered(self, target: Target, dropped: tuple[str, ...]) -> None:
        """Note which target answers, and that its first content is here."""
        self.target, self.dropped = target, dropped
        self._ttft_ms = self.elapsed_ms()

    def seen(self, event: Event) -> None:
        """Look at an event on its way to the caller."""
        match event:
            case MessageStart(usage=Usage() as usage) | UsageSeen(usage=usage):
                self.usage = usage
            case MessageStop(usage=usage):
                self.usage = usage or self.usage
                self.end("success", 200)
            case Failed(error=error):
                self.end("interrupted", 200, error.error_class)
            case _:
                pass

    def end(
        self,
        outcome: OutcomeName,
        status: int,
        error_type: str | None = None,
        note: str | None = None,
    ) -> None:
        """Write the terminal record; only the first call has an effect."""
        if self.outcome is not None:
            return
        self.outcome, self.error_type = outcome, error_type
        price = self.target.price if self.target else None
        self.cost_usd = price.cost_usd(self.usage) if price and self.usage else None
        told = Outcome(
            status=status,
            outcome=outcome,
            attempts=self.attempts,
            target=self.target,
            usage=self.usage,
            cost_usd=self.cost_usd,
            ttft_ms=self._ttft_ms,
            duration_ms=self.elapsed_ms(),
            error_type=error_type,
        )
        if self.target is not None and outcome == "success":
            self._untold.append(records.proxy_response(self._facts, told))
        if outcome == "error" and self.attempts and self._plan is not None:
            self._untold.append(records.proxy_exhausted(self._facts, told, self._plan))
        terminal = records.proxy_terminal(
            self._facts,
            self._decision,
            told,
            requested_model=self._requested,
            note=note,
            dropped=self.dropped,
        )
        self._untold.append(terminal)
        self._tell()
        log_request(self._facts, self._decision, told)
        if self._telemetry is not None:
            self._telemetry.end(told, self._decision)

    def failed(self, error: RouterError) -> None:
        """Write the terminal record of a request that is answered with an error."""
        if isinstance(error, ClientClosed):
            self.end("client_closed", error.http_status, error.wire_type)
        else:
            if isinstance(error, NoTargetAvailable) and self._decision and not self.attempts:
                plan = self._plan or AttemptPlan(())
                self._untold.append(records.proxy_no_target(self._facts, self._decision, plan))
            constraint = error.metadata.get("constraint")
            note = f"constraint:{constraint}" if constraint else None
            self.end("error", error.http_status, error.code or error.wire_type, note)

    def client_closed(self) -> None:
        """Write the terminal record of a request whose caller left."""
        self.end("client_closed", ClientClosed.status, ClientClosed.type)

    def _tell(self) -> None:
        """Write what is not on record yet, in one go."""
        self._audit.write(*self._untold)
        self._untold.clear()

    def elapsed_ms(self) -> float:
        """Milliseconds since the request came."""
        return (self._clock.monotonic() - self._started_s) * 1000


def redacted(event: Event, words: str) -> Event:
    """Return a failure in words that the caller may read; other events as they are."""
    if not isinstance(event, Failed):
        return event
    facts = event.error.facts
    detail = replace(facts.detail, message=words) if facts.detail else None
    error = type(event.error)(words, replace(facts, detail=detail))
    return Failed(error)
