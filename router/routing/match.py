"""This module finds the targets that serve a model id, however the caller wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

from router.canonical.request import ModelTraits
from router.config.snapshot import Snapshot, Wildcard
from router.errors import UnknownModel
from router.providers.base import Account, Target
from router.routing.controls import is_auto

_MAX_ALIAS_STEPS = 8
_NEAREST = 3
_COMPARED_CHARS = 80

# What a caller may put in the place of a wildcard: it becomes part of URLs and headers.
_SAFE_ID = re.compile(r"(?!.*(?:\.\.|//))[A-Za-z0-9._:@+\-][A-Za-z0-9._:@+/\-]{0,199}")


def matches_glob(model: str, pattern: str) -> bool:
    """Tell whether a glob covers a model id; one without ``/`` also matches the part behind it.

    Examples
    --------
    >>> matches_glob("openai/gpt-5", "openai/*"), matches_glob("openai/gpt-5", "gpt-*")
    (True, True)
    >>> matches_glob("gpt-5", "claude*")
    False
    """
    name, glob = model.lower(), pattern.lower()
    if fnmatchcase(name, glob):
        return True
    return "/" not in glob and "/" in name and fnmatchcase(name.partition("/")[2], glob)


def resolve(snapshot: Snapshot, model: str) -> str:
    """Follow aliases from a name that a caller used to a model id."""
    for _ in range(_MAX_ALIAS_STEPS):
        successor = snapshot.aliases.get(model)
        if successor is None or successor == model:
            return model
        model = successor
    return model


def leaves_choice(snapshot: Snapshot, model: str | None) -> bool:
    """Tell whether a name leaves the choice to the router: ``auto``, or an alias of it."""
    return model is None or is_auto(model) or is_auto(resolve(snapshot, model))


def targets_for(snapshot: Snapshot, model: str) -> tuple[Target, ...]:
    """Return the targets that serve a model, in configured order; () where none does.

    An alias stands for its model. An exact id wins; else a provider-qualified name
    (``openai/gpt-5``) finds a bare entry of that provider, and a bare name qualified
    ones; else the most specific wildcard. Accounts without a model list serve what the
    configuration knows, and with ``BACKEND_BASE_URL`` alone everything.
    """
    model = resolve(snapshot, model)
    found = snapshot.targets.get(model) or _qualified(snapshot, model)
    found += _open_targets(snapshot, model, found)
    return found or _wildcard_targets(snapshot, model)


def nearest(
    snapshot: Snapshot, model: str, may_use: Callable[[str], bool] = lambda _: True
) -> tuple[str, ...]:
    """Return the listed models most like a name, of those that the caller may use."""
    offered = {
        name.lower(): name
        for name, info in snapshot.models.items()
        if not info.hidden and may_use(name)
    }
    bare = {name.rpartition("/")[2]: name for name in offered}
    wanted = model.lower()[:_COMPARED_CHARS]
    close = get_close_matches(wanted, offered, _NEAREST, 0.5)
    close += [bare[hit] for hit in get_close_matches(wanted, bare, _NEAREST, 0.5)]
    return tuple(dict.fromkeys(offered[name] for name in close))[:_NEAREST]


def unknown_model(
    snapshot: Snapshot, model: str, may_use: Callable[[str], bool] = lambda _: True
) -> UnknownModel:
    """Return the 404 for a model that is not here, or not this caller's to know of."""
    hints = nearest(snapshot, model, may_use)
    advice = f"did you mean {' or '.join(hints)}?" if hints else "see GET /v1/models"
    return UnknownModel(
        f'model "{_shown(model)}" is not served here; {advice}',
        param="model",
        metadata={"nearest": list(hints)},
    )


def _shown(model: str) -> str:
    """Return a name that is safe to print and not too long."""
    printable = "".join(char if char.isprintable() else "?" for char in model)
    return printable if len(printable) <= 100 else printable[:100] + "…"


def _qualified(snapshot: Snapshot, model: str) -> tuple[Target, ...]:
    """Return targets whose id differs from the name only by their own provider's prefix."""
    return tuple(
        target
        for entry, targets in snapshot.targets.items()
        if _is_suffix(entry, model) or _is_suffix(model, entry)
        for target in targets
        if _prefix(entry, model).lower() == target.account.provider.lower()
    )


def _is_suffix(long: str, short: str) -> bool:
    """Tell whether one name is ``<prefix>/`` and the other."""
    return len(long) > len(short) + 1 and long.endswith(short) and long[-len(short) - 1] == "/"


def _prefix(one: str, other: str) -> str:
    """Return what the longer of two such names has in front."""
    long, short = (one, other) if len(one) > len(other) else (other, one)
    return long[: -len(short) - 1]


def _open_targets(snapshot: Snapshot, model: str, found: tuple[Target, ...]) -> tuple[Target, ...]:
    """Return targets of accounts without a model list, where they may serve the model."""
    if not snapshot.open_accounts or not _SAFE_ID.fullmatch(model):
        return ()
    if not found and model not in snapshot.models and snapshot.source.kind != "backend":
        return ()
    taken = {target.account.name for target in found}
    # A name qualified with a provider that we have is for that provider alone.
    prefix = model.partition("/")[0].lower() if "/" in model else ""
    is_qualified = any(prefix == known.provider.lower() for known in snapshot.accounts.values())
    return tuple(
        Target(model=model, account=account, traits=_open_traits(snapshot, account, model))
        for account in snapshot.open_accounts
        if account.name not in taken and (not is_qualified or account.provider.lower() == prefix)
    )


def _open_traits(snapshot: Snapshot, account: Account, model: str) -> ModelTraits:
    """Return what the configuration knows of a model that an open account serves."""
    name = _upstream_name(account, model)
    info = snapshot.models.get(model)
    if info is None:
        return ModelTraits(name)
    return ModelTraits(name, info.context_window_tokens, info.max_output_tokens, info.capabilities)


def _upstream_name(account: Account, model: str) -> str:
    """Return a model's id at the provider: without the provider's own prefix."""
    prefix, slash, rest = model.partition("/")
    return rest if slash and rest and prefix.lower() == account.provider.lower() else model


def _wildcard_targets(snapshot: Snapshot, model: str) -> tuple[Target, ...]:
    """Return the targets of the pattern with the most letters that covers the name."""
    if not snapshot.wildcards or not _SAFE_ID.fullmatch(model):
        return ()
    covering = [card for card in snapshot.wildcards if _wild(card.pattern, model) is not None]
    if not covering:
        return ()
    longest = max(len(card.pattern) for card in covering)
    return tuple(_filled(card, model) for card in covering if len(card.pattern) == longest)


def _wild(pattern: str, model: str) -> str | None:
    """Return what stands in the place of a pattern's ``*``, or None without a match."""
    head, _, tail = pattern.partition("*")
    if len(model) <= len(head) + len(tail) or not model.startswith(head):
        return None
    if not model.endswith(tail):
        return None
    return model[len(head) : len(model) - len(tail)]


def _filled(card: Wildcard, model: str) -> Target:
    """Return a wildcard's target with the name in place of its stars."""
    filling = _wild(card.pattern, model) or ""
    target = card.target
    return replace(
        target,
        model=target.model.replace("*", filling),
        traits=replace(target.traits, name=target.traits.name.replace("*", filling)),
    )
