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
from router.routing.decision import Judgement
from router.state.affinity import Affinities
from router.state.health import Health
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
class Gateway:
    """Everything that a request needs, made once per worker.

    Attributes
    ----------
    judge : callable
        View and lower-case headers -> judgement.
    watch : callable
        Starts watching a client's socket; None where there is none.
    reload_all : callable
        Asks every worker to reload; returns once all run the new digest.
    """

    holder: SnapshotHolder
    dispatcher: Dispatcher
    judge: Callable[[PromptView, Mapping[str, str], Snapshot], Judgement]
    health: Health
    affinities: Affinities
    audit: Callable[[Snapshot], Audit]
    verify_jwt: Callable[[str, OAuthIngress], Principal]
    read_body: ReadBody
    watch: Callable[[socket.socket | None], Stoppable]
    reload_all: Callable[[], Mapping[str, Any]]
    clock: Clock
    rng: random.Random
    affinity_secret: bytes
