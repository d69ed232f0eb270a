"""This module is the composition root: the only place that wires the floors together."""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
from flask import Flask

from router.auth.jwks import JwksCache
from router.auth.jwt import verify
from router.background import Discovered, discover_ollama, watch_local_models
from router.canonical.principal import Principal
from router.canonical.prompt import PromptView
from router.config.holder import SnapshotHolder
from router.config.known_secrets import secrets_of
from router.config.last_good import load_and_keep, load_or_last_good
from router.config.settings import Settings
from router.config.snapshot import OAuthIngress, Snapshot
from router.errors import ConfigError
from router.observe.audit import Audit, AuditLog, NullAudit
from router.observe.logs import configure_logging, install_redaction
from router.observe.metrics import OTHER, Metrics
from router.observe.tracing import open_tracing
from router.observe.unpriced import Unpriced
from router.routing.classify import Judge
from router.routing.decision import Judgement
from router.state.affinity_open import open_affinities
from router.state.affinity_shared import SharedAffinities
from router.state.health import Health
from router.state.idempotency import IdempotentAnswers
from router.state.retry_tokens import CAPACITY, RetryTokens
from router.upstream.credentials import Credentials
from router.upstream.demo import DemoAdapter
from router.upstream.dispatch import Dispatcher
from router.upstream.fetch import Fetcher
from router.upstream.transport import Transport
from router.upstream.trial import Books, Clocks
from router.upstream.watch import ClientWatch
from router.web.application import flask_app
from router.web.breaker_gauges import BreakerGauges
from router.web.gateway import Clock, Gateway, Once
from router.worker import Worker, ending_in_sentences, in_background, read_body

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent
_POOL_SIZE = 2000
_SHOW_BREAKERS_EVERY_S = 5.0


def start() -> Flask:
    """Return the gateway for gunicorn, which ends in sentences where it cannot be configured."""
    with ending_in_sentences():
        return create_app()


def create_app(
    flags: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] | None = None,
    root: Path = ROOT,
) -> Flask:
    """Return the gateway.

    Parameters
    ----------
    flags : mapping, optional
        Settings that win over the environment.
    environ : mapping, optional
        The process environment; read anew at each reload where not given.
    root : Path
        Directory of ``.env``, ``config/``, ``logs/`` and ``run/``.

    Raises
    ------
    ConfigError
        The configuration cannot be used, and there is no last good one.
    """
    flags, environ = flags or {}, os.environ if environ is None else environ
    discovered: Discovered = {}

    def snapshot() -> Snapshot:
        return load_and_keep(flags, environ, root, discovered)

    at_start = Settings.read(flags, environ, root)
    configure_logging(at_start.log_level, at_start.log_format)
    first, refused = load_or_last_good(flags, environ, root, discovered)
    holder = SnapshotHolder(_first_then(first, snapshot))
    install_redaction(_known_secrets(holder))
    _say_what_runs(holder.current, refused)
    state_dir = at_start.resolve(at_start.state_dir)
    tokens = _retry_tokens(at_start.workers)
    transport = Transport(_POOL_SIZE, {"demo://": DemoAdapter()}, tokens, time.monotonic)
    counted = Metrics(_model_label(holder))
    worker = Worker(holder, snapshot, state_dir, counted.observe_reload)
    fetcher = Fetcher(transport.send, time.monotonic)
    affinities, secret = _affinities(at_start, state_dir)
    gateway = _gateway(
        holder, transport, fetcher, worker, counted, state_dir, root, affinities, secret
    )
    if at_start.tracing_enabled:
        named = at_start.service_name, at_start.otlp_endpoint
        gateway = replace(gateway, tracing=open_tracing(*named, time.time))
    in_background(BreakerGauges(gateway.health, holder, counted).show, _SHOW_BREAKERS_EVERY_S)
    watch_local_models(holder, fetcher, gateway.health)
    if holder.current.source.kind == "environment":
        discover_ollama(holder, fetcher, discovered, worker)
    app = flask_app(gateway)
    app.extensions["gateway"] = gateway
    app.extensions["worker"] = worker
    return app


def _first_then(first: Snapshot, load_again: Callable[[], Snapshot]) -> Callable[[], Snapshot]:
    """Return a loader that gives what is loaded already, and later loads anew."""
    loaded = [first]

    def load() -> Snapshot:
        return loaded.pop() if loaded else load_again()

    return load


def _gateway(
    holder: SnapshotHolder,
    transport: Transport,
    fetcher: Fetcher,
    worker: Worker,
    counted: Metrics,
    state_dir: Path,
    root: Path,
    affinities: SharedAffinities,
    affinity_secret: bytes,
) -> Gateway:
    """Put together what the web floor works with."""
    judge = Judge.from_file()
    clocks = Clocks(time.time, time.monotonic, gevent.sleep)
    state = Health()
    rng = random.Random()  # noqa: S311  spreads load and back-off; nothing secret
    credentials = Credentials(transport.send, state_dir, time.time, time.monotonic)
    books = Books(state, transport.tokens, clocks)
    return Gateway(
        holder=holder,
        dispatcher=Dispatcher(transport.send, credentials, books, rng),
        judge=_judge(judge),
        health=state,
        affinities=affinities,
        audit=_audit_logs(root, counted.audit_failed),
        verify_jwt=_jwt_verifier(fetcher),
        read_body=read_body,
        watch=ClientWatch,
        reload_all=worker.reload_all,
        clock=Clock(time.time, time.monotonic),
        rng=rng,
        affinity_secret=affinity_secret,
        metrics=counted,
        unpriced=Unpriced(),
        once=Once(IdempotentAnswers(state_dir / "idempotency.sqlite"), _in_thread, gevent.sleep),
        explain_judgement=judge.explain,
    )


def _retry_tokens(workers: int) -> RetryTokens:
    """Return a worker's share of the host's retries: amplification is a host's matter."""
    return RetryTokens(max(1, CAPACITY // workers))


def _known_secrets(holder: SnapshotHolder) -> Callable[[], tuple[str, ...]]:
    """Return a function that lists the secrets in force, gathered once for each snapshot."""
    gathered: tuple[Snapshot | None, tuple[str, ...]] = (None, ())

    def known() -> tuple[str, ...]:
        nonlocal gathered
        snapshot = holder.current
        if gathered[0] is not snapshot:
            gathered = (snapshot, secrets_of(snapshot))
        return gathered[1]

    return known


def _in_thread(work: Callable[[], Any]) -> Any:
    """Do a short blocking piece of work beside the event loop.

    Its errors cross over as values: gevent prints what a thread raises, unredacted.
    """
    result, error = gevent.get_hub().threadpool.apply(_caught, (work,))
    if error is not None:
        raise error
    return result


def _caught(work: Callable[[], Any]) -> tuple[Any, Exception | None]:
    try:
        return work(), None
    except (OSError, sqlite3.Error) as exc:
        return None, exc


def _judge(judge: Judge) -> Callable[[PromptView, Mapping[str, str], Snapshot], Judgement]:
    """Return the classifier, as the web floor asks it."""

    def judged(view: PromptView, headers: Mapping[str, str], _: Snapshot) -> Judgement:
        return judge.judge(view, headers)

    return judged


def _affinities(settings: Settings, state_dir: Path) -> tuple[SharedAffinities, bytes]:
    """Return conversations' seats, and the secret of their keys."""

    def warn(message: str, why: str) -> None:
        log.warning(message, extra={"error": why})

    try:
        return open_affinities(state_dir, settings.secrets.find("REDIS_URL"), time.time, warn)
    except ValueError:
        # Not in the library's words: they may quote the URL, password and all.
        raise ConfigError(["REDIS_URL: is not the URL of a Redis (redis://…)"]) from None


def _model_label(holder: SnapshotHolder) -> Callable[[str], str]:
    """Return what names a model in metrics: its id, or the pattern that it fits."""

    def label(model: str) -> str:
        snapshot = holder.current
        if model in snapshot.targets or model in snapshot.models:
            return model
        fitting = (wildcard for wildcard in snapshot.wildcards if wildcard.match(model))
        return next((wildcard.pattern for wildcard in fitting), OTHER)

    return label


def _audit_logs(root: Path, lost: Callable[[], None]) -> Callable[[Snapshot], Audit]:
    """Return the audit log of a snapshot; one open file per path, across reloads."""
    logs: dict[str, Audit] = {}
    off = NullAudit()

    def failed(exc: OSError) -> None:
        log.error("audit record lost", extra={"error": exc.strerror or str(exc)})

    def audit(snapshot: Snapshot) -> Audit:
        if not snapshot.audit.enabled:
            return off
        path = snapshot.audit.path
        if path not in logs:
            logs[path] = AuditLog(root / path, time.time, failed, on_lost=lost)
        return logs[path]

    return audit


def _jwt_verifier(fetcher: Fetcher) -> Callable[[str, OAuthIngress], Principal]:
    """Return the check of callers' JWTs; keys are fetched when first needed, and kept."""
    jwks = JwksCache(fetcher.get, time.monotonic)

    def verified(token: str, oauth: OAuthIngress) -> Principal:
        return verify(token, oauth, jwks, time.time())

    return verified


def _say_what_runs(snapshot: Snapshot, refused: ConfigError | None) -> None:
    """Tell the operator, in one line, what was found; one more for each warning."""
    if refused is not None:
        log.error(
            "configuration refused, the last good one is used",
            extra={"problems": "; ".join(refused.problems)},
        )
    unused = sum(note.level == "unused" for note in snapshot.notes)
    log.info(
        "configuration in use",
        extra={
            "source": snapshot.source.path or snapshot.source.kind,
            "config": snapshot.digest,
            "accounts": len(snapshot.accounts),
            "models": snapshot.listed_models,
            "unused_keys": unused or None,
        },
    )
    for note in snapshot.notes:
        if note.level in ("warning", "error"):
            log.warning(note.message, extra={"where": note.path})
