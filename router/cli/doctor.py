"""This module is ``open-llm-router doctor``: what is wrong, and what to do about it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial

import click
import orjson

from router.canonical.secret import Secret
from router.cli.findings import (
    Finding,
    Level,
    configuration,
    files,
    open_webui,
    port,
    versions,
)
from router.cli.settings import ROOT, read_settings
from router.config.load import load
from router.config.settings import Settings
from router.config.snapshot import Snapshot
from router.errors import AuthenticationFailed, ConfigError, RouterError, UpstreamAuthFailed
from router.providers.base import Account
from router.state.retry_tokens import RetryTokens
from router.upstream.credentials import Credentials
from router.upstream.probe import Answered, list_models, one_token
from router.upstream.transport import Transport

_TIMEOUT_S = 10.0
_LIVE_TIMEOUT_S = 60.0
_SKEW_S = 30.0
_MARKS = {"ok": "ok", "warning": "WARN", "error": "FAIL", "skipped": "--"}


@click.command("doctor")
@click.option("--live", is_flag=True, help="Also ask each account for one token (costs a little).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--config", "-c", help="Configuration file.")
def doctor_command(live: bool, as_json: bool, config: str | None) -> None:
    """Look at everything the gateway needs; exit code 1 if something is wrong."""
    found = examine(config, live)
    if as_json:
        click.echo(orjson.dumps([asdict(item) for item in found], option=orjson.OPT_INDENT_2))
    else:
        for line in as_text(found):
            click.echo(line)
    if any(item.level == "error" for item in found):
        sys.exit(1)


def examine(config: str | None, live: bool) -> list[Finding]:
    """Return what was found, in the order of looking."""
    try:
        settings = read_settings(config=config)
        snapshot = load(settings)
    except ConfigError as error:
        remedy = "open-llm-router check tells it again, once mended"
        return [
            *(Finding("error", "configuration", text, remedy) for text in error.problems),
            *versions(ROOT),
        ]
    return [
        *configuration(snapshot),
        *_accounts(settings, snapshot, live),
        *files(settings, snapshot),
        port(settings, snapshot),
        *versions(ROOT),
        *open_webui(settings, snapshot),
    ]


def as_text(found: Iterable[Finding]) -> list[str]:
    """Return the table."""
    rows = list(found)
    width = max(len(row.area) for row in rows)
    lines = []
    for row in rows:
        lines.append(f"{_MARKS[row.level]:5}{row.area:{width}}  {row.told}")
        if row.remedy and row.level in ("warning", "error"):
            lines.append(f"{'':5}{'':{width}}  -> {row.remedy}")
    wrong = sum(row.level == "error" for row in rows)
    warned = sum(row.level == "warning" for row in rows)
    return [*lines, "", f"{wrong} problem(s), {warned} warning(s)"]


def _accounts(settings: Settings, snapshot: Snapshot, live: bool) -> list[Finding]:
    """Call every account at the same time, each in a thread that may be left behind."""
    told: dict[str, list[Finding]] = {name: [] for name in snapshot.accounts}
    threads = [
        threading.Thread(
            target=lambda account=account: told[account.name].extend(
                _account(settings, snapshot, account, live)
            ),
            daemon=True,
        )
        for account in snapshot.accounts.values()
    ]
    until_s = time.monotonic() + _TIMEOUT_S + (_LIVE_TIMEOUT_S if live else 0) + 1
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until_s - time.monotonic()))
    silent = "no answer in time"
    remedy = "is base_url right, and does a firewall let the connection through?"
    return [
        finding
        for name, items in told.items()
        for finding in (items or [Finding("error", f"account {name}", silent, remedy)])
    ]


def _account(settings: Settings, snapshot: Snapshot, account: Account, live: bool) -> list[Finding]:
    """Return what one account answers."""
    area = f"account {account.name}"
    if account.kind == "demo":
        return [Finding("ok", area, "built in")]
    if account.auth_mode == "passthrough":
        return [Finding("skipped", area, "needs each caller's own credential")]
    transport = Transport(1, {}, RetryTokens(), time.monotonic)
    state_dir = settings.resolve(settings.state_dir)
    credentials = Credentials(transport.send, state_dir, time.time, time.monotonic)
    try:
        credential = credentials.find(account, None)
    except (AuthenticationFailed, UpstreamAuthFailed) as error:
        return [Finding("error", area, error.message, "sign in again, or set a refresh token")]
    found = _judged(area, "lists its models", list_models(transport.send, account, credential, 10))
    if live:
        found += _live(transport, snapshot, account, credential)
    return found


def _live(
    transport: Transport, snapshot: Snapshot, account: Account, credential: Secret | None
) -> list[Finding]:
    """Ask the account's first chat model for one token."""
    area = f"account {account.name}"
    targets = [
        target
        for model, served in snapshot.targets.items()
        for target in served
        if target.account.name == account.name
        and snapshot.models.get(model)
        and snapshot.models[model].mode in (None, "chat")
    ]
    if not targets:
        return [Finding("skipped", area, "has no chat model to ask")]
    ask: Callable[[], Answered] = partial(
        one_token, transport.send, targets[0], credential, _LIVE_TIMEOUT_S
    )
    try:
        return _judged(area, f"{targets[0].model} answers", ask())
    except RouterError as error:
        return [Finding("error", area, error.message, "see the model's entry")]


def _judged(area: str, what: str, answered: Answered) -> list[Finding]:
    """Return the verdict on an answer, and on the clock."""
    found = []
    if answered.error is None:
        found.append(Finding("ok", area, f"{what} ({answered.took_ms:.0f} ms)"))
    else:
        level: Level = "warning" if answered.status in (404, 405, 501) else "error"
        told = f"{what}: no; {answered.error.message}"
        if answered.status is not None:
            told += f" (status {answered.status})"
        found.append(Finding(level, area, told, _REMEDIES.get(answered.error.error_class, _ELSE)))
    if answered.skew_s is not None and abs(answered.skew_s) > _SKEW_S:
        told = f"this machine's clock is {answered.skew_s:+.0f} s off the provider's"
        found.append(Finding("error", "clock", told, "synchronise it: timedatectl set-ntp true"))
    return found


_ELSE = "the provider's status page, or the account's settings there, tell more"
_REMEDIES = {
    "auth": "the key is wrong, revoked, or of another account: set it anew",
    "connect": "is base_url right, does the server run, may this machine reach it?",
    "timeout": "is base_url right, and does a firewall let the connection through?",
    "rate_limit": "the account's limit or credit is used up: look at its billing page",
    "rejected": "this server has no list of models; try --live",
    "protocol": "base_url leads to something that is no such API: a login page, a proxy?",
}
