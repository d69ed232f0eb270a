"""This module names what the web floor works with; ``router.app`` puts it together."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from router.canonical.principal import Principal
from router.canonical.prompt import PromptView
from router.config.holder import SnapshotHolder
from router.config.snapshot import OAuthIngress, Snapshot
from router.observe.audit import Audit
from router.observe.metrics import Metrics
from router.observe.tracing import Tracing
from router.observe.unpriced import Unpriced
from router.routing.decision import Judgement
from router.state.affinity import Seats
from router.state.health import Health
from router.state.idempotency import IdempotentAnswers
from router.upstream.dispatch import Dispatcher

ReadBody = Callable[[Any, int, float], bytes]
"""Read at most so many bytes of a stream within so many seconds."""


class Stoppable(Protocol):
    """Something that must be stopped."""

    def stop(self) -> None:
        """Stop it."""
        ...


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks: seconds since the epoch, and seconds that never jump."""

    now: Callable[[], float]
    monotonic: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Once:
    """What serving a request with an Idempotency-Key once needs.

    Attributes
    ----------
    in_thread : callable
        Runs a short blocking call beside the event loop, and returns its result.
    sleep : callable
        Waits so many seconds.
    """

    answers: IdempotentAnswers
    in_thread: Callable[[Callable[[], Any]], Any]
    sleep: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything that a request needs, made once per worker.

    Attributes
    ----------
    judge : callable
        View and lower-case headers -> judgement.
    watch : callable
        Starts watching a client's socket; None where there is none.
    explain_judgement : callable
        View and lower-case headers -> what weighed, words of the prompt included: for the
        caller's eyes, never for a log.
    reload_all : callable
        Asks every worker to reload; returns once all run the new digest.
    once : Once, optional
        Serves requests with an Idempotency-Key once; None serves each of them.
    tracing : Tracing, optional
        Sends spans; None where that is not wanted, or not installed.
    """

    holder: SnapshotHolder
    dispatcher: Dispatcher
    judge: Callable[[PromptView, Mapping[str, str], Snapshot], Judgement]
    health: Health
    affinities: Seats
    audit: Callable[[Snapshot], Audit]
    verify_jwt: Callable[[str, OAuthIngress], Principal]
    read_body: ReadBody
    watch: Callable[[socket.socket | None], Stoppable]
    reload_all: Callable[[], Mapping[str, Any]]
    clock: Clock
    rng: random.Random
    affinity_secret: bytes
    metrics: Metrics
    unpriced: Unpriced
    once: Once | None = None
    tracing: Tracing | None = None
    explain_judgement: Callable[[PromptView, Mapping[str, str]], Mapping[str, Any]] = (
        lambda _view, _headers: {}
    )
