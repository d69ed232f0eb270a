"""This module asks local model servers which models they have in memory.

Loading a model takes seconds to minutes, so of two local servers the one that has it
ready is the better one. Sources: https://docs.ollama.com/api/ps,
https://lmstudio.ai/docs/developer/rest, and llama.cpp's tools/server/README.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from router.config.services import service_named
from router.config.snapshot import Snapshot
from router.errors import UpstreamError
from router.providers import addresses
from router.providers.base import Account, Target

_ANSWER_S = 1.0

Get = Callable[[str, Account, float], bytes]
"""Returns a document within so many seconds; raises `UpstreamError`."""

IsLoaded = Callable[[str], bool]
"""Tells whether a server has a model, by the server's own name for it, in memory."""


def loaded_targets(snapshot: Snapshot, get: Get) -> dict[str, bool]:
    """Return which local targets have their model in memory, by `Target.name`.

    Only targets that another local one may stand in for are asked for. A server that
    does not answer has nothing ready.

    Parameters
    ----------
    get : callable
        `Fetcher.get`.
    """
    rivals = [target for targets in snapshot.targets.values() for target in _rivals(targets)]
    accounts = {target.account.name: target.account for target in rivals}
    has = {name: _asked(account, get) for name, account in accounts.items()}
    return {target.name: has[target.account.name](target.upstream_model) for target in rivals}


def _rivals(targets: Iterable[Target]) -> list[Target]:
    """Return a model's local targets, where there are several."""
    local = [target for target in targets if _service(target.account) in _QUESTIONS]
    return local if len(local) > 1 else []


def _asked(account: Account, get: Get) -> IsLoaded:
    """Ask a server what it has loaded."""
    path, read = _QUESTIONS[_service(account)]
    url = addresses.root(account.base_url) + path
    try:
        body = orjson.loads(get(url, account, _ANSWER_S))
    except (UpstreamError, orjson.JSONDecodeError):
        return lambda _: False
    return read(body)


def _service(account: Account) -> str:
    """Return the well-known name of an account's service, or nothing."""
    service = service_named(account.provider)
    return "" if service is None else service.name


def _ollama(body: Any) -> IsLoaded:
    """Read ``/api/ps``; a name without a tag means ``latest``."""
    names = {str(item.get("name")) for item in _items(body, "models")}
    return lambda model: model in names or f"{model}:latest" in names


def _lmstudio(body: Any) -> IsLoaded:
    """Read ``/api/v0/models``."""
    names = {item.get("id") for item in _items(body, "data") if item.get("state") == "loaded"}
    return lambda model: model in names


def _llamacpp(body: Any) -> IsLoaded:
    """Read ``/v1/models``; a server without states has one model, for every name, loaded."""
    items = _items(body, "data")
    states = {item.get("id"): _state(item) for item in items}
    if not any(states.values()):
        return lambda _: bool(items)
    return lambda model: states.get(model) == "loaded"


def _state(item: Mapping[str, Any]) -> str | None:
    """Return a model's state, as llama.cpp's router mode tells it."""
    status = item.get("status")
    return status.get("value") if isinstance(status, Mapping) else None


def _items(body: Any, key: str) -> list[Mapping[str, Any]]:
    """Return a list of objects in a body, whatever the body is."""
    items = body.get(key) if isinstance(body, Mapping) else None
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


_QUESTIONS: Mapping[str, tuple[str, Callable[[Any], IsLoaded]]] = {
    "ollama": ("/api/ps", _ollama),
    "lmstudio": ("/api/v0/models", _lmstudio),
    "llamacpp": ("/v1/models", _llamacpp),
}
