"""This module turns router.yaml into a draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from router.config.accounts import Builder
from router.config.backend import backend_account
from router.config.draft import Draft
from router.config.facts import (
    Stated,
    merged_price,
    model_info,
    price_of,
    price_per_thousand,
    traits_of,
)
from router.config.findings import Findings
from router.config.matching import Matcher
from router.config.models_table import ModelsTable, capabilities_from, price_from
from router.config.schema.problems import validate
from router.config.schema.router import RouterSchema
from router.config.services import service_named
from router.config.settings import Settings
from router.config.snapshot import ModelInfo, Source
from router.config.timing import base_timeouts
from router.providers.base import Account, Target

_FACTS = frozenset(
    {
        "id",
        "name",
        "description",
        "context_window",
        "context_length",
        "max_output_tokens",
        "capabilities",
        "mode",
        "tier",
        "created",
        "price",
    }
)


def read_router(
    document: Mapping[str, Any],
    path: str,
    settings: Settings,
    table: ModelsTable,
    findings: Findings,
    discovered: Mapping[str, tuple[str, ...]],
) -> Draft | None:
    """Return the draft of a router.yaml, or None where its shape is wrong."""
    loaded, problems = validate(RouterSchema(), document)
    for where, message in problems:
        findings.problem(where, message)
    if problems:
        return None
    timeouts = base_timeouts(settings, loaded.get("timeouts", {}))
    builder = Builder(settings.secrets, findings, timeouts)
    accounts, disabled = _accounts(loaded, builder, settings, findings)
    entries = loaded.get("accounts") or [{"provider": "default"}]
    matcher = Matcher(tuple(entry["provider"] for entry in entries))
    catalogue = _Catalogue(loaded, tuple(accounts.values()), matcher, table, discovered)
    names = catalogue.names(loaded.get("accounts", []))
    targets = {name: catalogue.targets(name) for name in names}
    models = {name: catalogue.info(name, targets[name]) for name in names}
    _note_unserved(targets, findings)
    _add_spellings(targets, models, matcher)
    return Draft(
        source=Source("router", path),
        accounts=accounts,
        disabled=disabled,
        targets=targets,
        models=models,
        open_accounts=tuple(account for account in accounts.values() if not account.models),
        timeouts=timeouts,
        shared=loaded,
    )


def _accounts(
    loaded: Mapping[str, Any], builder: Builder, settings: Settings, findings: Findings
) -> tuple[dict[str, Account], dict[str, str]]:
    """Return the usable accounts by name, and why each other is not used."""
    accounts: dict[str, Account] = {}
    disabled: dict[str, str] = {}
    if not loaded.get("accounts"):
        account = backend_account(settings, findings)
        return ({account.name: account} if account else {}), disabled
    for index, entry in enumerate(loaded["accounts"]):
        path, name = f"accounts[{index}]", entry["name"]
        if name in accounts or name in disabled:
            findings.problem(f"{path}.name", f'"{name}" names two accounts; rename one')
        built = builder.build(entry, path)
        if built.account:
            accounts[name] = built.account
        else:
            disabled[name] = built.reason
    return accounts, disabled


@dataclass(frozen=True, slots=True)
class _Catalogue:
    """Knows the file's models, and who serves them."""

    loaded: Mapping[str, Any]
    accounts: tuple[Account, ...]
    matcher: Matcher
    table: ModelsTable
    discovered: Mapping[str, tuple[str, ...]]

    def names(self, entries: list[Mapping[str, Any]]) -> list[str]:
        """Return the model ids: `models`, then what accounts list or were found to have.

        Where nothing lists a model, an open account serves what the routes name.
        """
        listed = list(self.loaded.get("models", {}))
        for entry in entries:
            # Accounts that are switched off still make their models known.
            account = Account(
                entry["name"], entry["provider"], "", "", models=entry.get("models", ())
            )
            listed += self._unlisted(account, listed)
        if not listed:
            listed = _routed(self.loaded)
        for account in self.accounts:
            for model in self.discovered.get(account.name, ()):
                if not account.models and model not in listed:
                    listed.append(model)
        return list(dict.fromkeys(listed))

    def _unlisted(self, account: Account, listed: list[str]) -> list[str]:
        """Return the account's models for which no listed id stands."""
        known = set(listed)
        new = [model for model in account.models if model not in known]
        standing = self.matcher.listed_bare(account, listed) if new else set()
        unlisted = []
        for model in new:
            bare = self.matcher.bare(model, account.provider)
            if bare not in standing:
                standing.add(bare)
                unlisted.append(model)
        return unlisted

    def targets(self, model: str) -> tuple[Target, ...]:
        """Return the targets of a model, in the accounts' order."""
        return tuple(
            self._target(model, account)
            for account in self.accounts
            if self.matcher.serves(account, model) and self._has(account, model)
        )

    def info(self, model: str, targets: tuple[Target, ...]) -> ModelInfo:
        """Return what is told of a model."""
        first = targets[0] if targets else None
        provider = first.account.provider if first else self.matcher.split(model)[0] or "unknown"
        upstream = first.upstream_model if first else model
        row = self.table.find(service_named(provider), upstream)
        traits = first.traits if first else None
        info = model_info(model, provider, self._stated(model), row, traits)
        return info if targets else replace(info, hidden=True)

    def _has(self, account: Account, model: str) -> bool:
        """Tell whether a model that only discovery named was found at this account."""
        if model in self.loaded.get("models", {}) or account.models:
            return True
        finders = [name for name, found in self.discovered.items() if model in found]
        return not finders or account.name in finders

    def _target(self, model: str, account: Account) -> Target:
        """Return the target of a model at an account that serves it."""
        service = service_named(account.provider)
        stated = self._stated(model)
        metadata = self.loaded.get("models", {}).get(model, {})
        upstream = metadata.get("id") or self.matcher.bare(model, account.provider)
        row = self.table.find(service, upstream)
        return Target(
            model=model,
            account=account,
            traits=traits_of(upstream, stated, row),
            price=price_of(stated.price, row, service, account),
        )

    def _stated(self, model: str) -> Stated:
        """Return what the file says of a model."""
        said = self.loaded.get("models", {}).get(model, {})
        profile = self.loaded.get("model_profiles", {}).get(model, {})
        words = said.get("capabilities")
        price = price_from(said["price"]) if "price" in said else None
        profiled = price_per_thousand(
            profile.get("cost_input_per_1k"), profile.get("cost_output_per_1k")
        )
        return Stated(
            name=said.get("name"),
            description=said.get("description"),
            context_window_tokens=said.get("context_window") or said.get("context_length"),
            max_output_tokens=said.get("max_output_tokens"),
            capabilities=None if words is None else capabilities_from(words),
            mode=said.get("mode"),
            tier=said.get("tier"),
            created=said.get("created", 0),
            price=merged_price(price, profiled),
            metadata={key: value for key, value in said.items() if key not in _FACTS},
        )


def _routed(loaded: Mapping[str, Any]) -> list[str]:
    """Return every model that the routes name."""
    named = [loaded["default_model"]] if loaded.get("default_model") else []
    for tiers in loaded.get("task_routes", {}).values():
        named.extend(model for models in tiers.values() for model in models)
    return [*named, *loaded.get("fallback_models", ())]


def _note_unserved(targets: Mapping[str, tuple[Target, ...]], findings: Findings) -> None:
    """Note models that no usable account serves."""
    for model, served in targets.items():
        if not served:
            findings.note(
                "warning",
                f'models["{model}"]',
                f'no usable account serves "{model}"; add it to an account\'s models',
            )


def _add_spellings(
    targets: dict[str, tuple[Target, ...]], models: dict[str, ModelInfo], matcher: Matcher
) -> None:
    """Add each id with and without its provider, hidden, where it is not an id itself."""
    found: dict[str, list[Target]] = {}
    for model, served in targets.items():
        prefix, bare = matcher.split(model)
        if prefix:
            found.setdefault(bare, []).extend(served)
            continue
        for target in served:
            found.setdefault(f"{target.account.provider}/{model}", []).append(target)
    for spelling, served_ in found.items():
        if spelling not in targets and served_:
            first = models[served_[0].model]
            targets[spelling] = tuple(served_)
            models[spelling] = hidden(first, spelling)


def hidden(model: ModelInfo, spelling: str) -> ModelInfo:
    """Return the entry of another spelling of a model: served, not listed."""
    return ModelInfo(
        id=spelling,
        owned_by=model.owned_by,
        context_window_tokens=model.context_window_tokens,
        max_output_tokens=model.max_output_tokens,
        capabilities=model.capabilities,
        mode=model.mode,
        alias_for=model.id,
        hidden=True,
    )
