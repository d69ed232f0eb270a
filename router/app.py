"""This module is the composition root: the only place that wires the floors together."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import gevent
from flask import Flask, g, request

from router.auth.jwks import JwksCache
from router.auth.jwt import verify
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
from router.routing.classify import Judge
from router.routing.decision import Judgement
from router.state.affinity import Affinities
from router.state.health import Health
from router.state.retry_tokens import RetryTokens
from router.upstream.credentials import Credentials
from router.upstream.demo import DemoAdapter
from router.upstream.dispatch import Dispatcher
from router.upstream.fetch import Fetcher
from router.upstream.transport import Transport
from router.upstream.trial import Books, Clocks
from router.upstream.watch import ClientWatch
from router.web import (
    chat,
    completions,
    embeddings,
    errors,
    gemini,
    health,
    messages,
    models,
    passthrough,
    status,
)
from router.web.admin import routes as admin
from router.web.gateway import Clock, Gateway
from router.web.guard import Guard
from router.web.headers import request_id
from router.worker import Worker, in_background, read_body

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent
_POOL_SIZE = 2000
_DISCOVER_EVERY_S = 60.0

Discovered = dict[str, tuple[str, ...]]


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
    install_redaction(lambda: secrets_of(holder.current))
    _say_what_runs(holder.current, refused)
    state_dir = at_start.resolve(at_start.state_dir)
    transport = Transport(_POOL_SIZE, {"demo://": DemoAdapter()})
    worker = Worker(holder, snapshot, state_dir)
    fetcher = Fetcher(transport.send, time.monotonic)
    gateway = _gateway(holder, transport, fetcher, worker, state_dir, root)
    if holder.current.source.kind == "environment":
        _discover_ollama(holder, fetcher, discovered, worker)
    return _flask_app(gateway, worker)


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
    state_dir: Path,
    root: Path,
) -> Gateway:
    """Put together what the web floor works with."""
    clocks = Clocks(time.time, time.monotonic, gevent.sleep)
    state = Health()
    rng = random.Random()  # noqa: S311  spreads load and back-off; nothing secret
    credentials = Credentials(transport.send, state_dir, time.time, time.monotonic)
    books = Books(state, RetryTokens(), clocks)
    return Gateway(
        holder=holder,
        dispatcher=Dispatcher(transport.send, credentials, books, rng),
        judge=_judge(),
        health=state,
        affinities=Affinities(),
        audit=_audit_logs(root),
        verify_jwt=_jwt_verifier(fetcher),
        read_body=read_body,
        watch=ClientWatch,
        reload_all=worker.reload_all,
        clock=Clock(time.time, time.monotonic),
        rng=rng,
        affinity_secret=os.urandom(32),
    )


def _flask_app(gateway: Gateway, worker: Worker) -> Flask:
    """Return the Flask application with all routes."""
    app = Flask("router", static_folder=None)
    app.url_map.merge_slashes = False
    app.extensions["gateway"] = gateway
    app.extensions["worker"] = worker

    @app.before_request
    def identify() -> None:
        g.request_id = request_id({name.lower(): value for name, value in request.headers.items()})

    errors.install(app, gateway)
    Guard(gateway).protect(app, health.OPEN_ENDPOINTS)
    for blueprint in (
        chat.blueprint(gateway),
        messages.blueprint(gateway),
        gemini.blueprint(gateway),
        completions.blueprint(gateway),
        embeddings.blueprint(gateway),
        models.blueprint(),
        status.blueprint(gateway),
        admin.blueprint(gateway),
        health.blueprint(gateway),
        passthrough.blueprint(gateway),
    ):
        app.register_blueprint(blueprint)
    return app


def _judge() -> Callable[[PromptView, Mapping[str, str], Snapshot], Judgement]:
    """Return the classifier, loaded once."""
    judge = Judge.from_file()

    def judged(view: PromptView, headers: Mapping[str, str], _: Snapshot) -> Judgement:
        return judge.judge(view, headers)

    return judged


def _audit_logs(root: Path) -> Callable[[Snapshot], Audit]:
    """Return the audit log of a snapshot; one open file per path, across reloads."""
    logs: dict[Path, Audit] = {}
    off = NullAudit()

    def failed(exc: OSError) -> None:
        log.error("audit record lost", extra={"error": exc.strerror or str(exc)})

    def audit(snapshot: Snapshot) -> Audit:
        if not snapshot.audit.enabled:
            return off
        path = root / snapshot.audit.path
        if path not in logs:
            logs[path] = AuditLog(path, time.time, failed)
        return logs[path]

    return audit


def _jwt_verifier(fetcher: Fetcher) -> Callable[[str, OAuthIngress], Principal]:
    """Return the check of callers' JWTs; keys are fetched when first needed, and kept."""
    jwks = JwksCache(fetcher.get, time.monotonic)

    def verified(token: str, oauth: OAuthIngress) -> Principal:
        return verify(token, oauth, jwks, time.time())

    return verified


def _discover_ollama(
    holder: SnapshotHolder, fetcher: Fetcher, discovered: Discovered, worker: Worker
) -> None:
    """Ask Ollamas for their models in the background; a change is a reload."""
    ollamas = [a for a in holder.current.accounts.values() if a.provider == "ollama"]

    def ask() -> None:
        found = {account.name: fetcher.ollama_models(account) for account in ollamas}
        news = {name: models for name, models in found.items() if models}
        if any(discovered.get(name) != models for name, models in news.items()):
            discovered.update(news)
            worker.reload()

    if ollamas:
        in_background(ask, _DISCOVER_EVERY_S)


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
            "models": len(snapshot.models),
            "unused_keys": unused or None,
        },
    )
    for note in snapshot.notes:
        if note.level in ("warning", "error"):
            log.warning(note.message, extra={"where": note.path})
