"""This module is what a worker does beside requests: it asks local servers what they have."""

from __future__ import annotations

from router.config.holder import SnapshotHolder
from router.state.health import Health
from router.upstream.fetch import Fetcher
from router.upstream.local_models import loaded_targets
from router.worker import Worker, in_background

_DISCOVER_EVERY_S = 60.0
_LOADED_EVERY_S = 10.0

Discovered = dict[str, tuple[str, ...]]
"""Account name -> models that it was found to have."""


def watch_local_models(holder: SnapshotHolder, fetcher: Fetcher, health: Health) -> None:
    """Ask local servers, now and then, which models they have in memory."""

    def ask() -> None:
        found = loaded_targets(holder.current, fetcher.get)
        health.loaded.clear()
        health.loaded.update(found)

    in_background(ask, _LOADED_EVERY_S)


def discover_ollama(
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
