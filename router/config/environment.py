"""This module builds a draft from provider keys in the environment, and from an Ollama."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from router.canonical.request import ModelTraits
from router.canonical.secret import Secret
from router.config.addresses import BadAddress, checked_base_url, ollama_base_url
from router.config.draft import Draft
from router.config.facts import Stated, model_info, price_of, traits_of
from router.config.findings import Findings
from router.config.models_table import ModelsTable, Row, mode_of, tier_by_size
from router.config.router_file import hidden
from router.config.secrets import is_sendable
from router.config.services import Service, service_named
from router.config.settings import Settings
from router.config.snapshot import ModelInfo, Source, Wildcard
from router.config.timing import base_timeouts
from router.providers.base import Account, Target

_HOSTED = ("openai", "anthropic", "gemini", "xai", "groq", "mistral", "deepseek", "openrouter")
_NO_ROW = Row("", "", mode="")


def has_provider(settings: Settings) -> bool:
    """Tell whether the environment names any provider."""
    secrets = settings.secrets
    named = (variable for name in _HOSTED for variable in _service(name).key_variables)
    return bool(secrets.find("OLLAMA_HOST")) or any(secrets.names(name) for name in named)


def read_environment(
    settings: Settings,
    table: ModelsTable,
    findings: Findings,
    discovered: Mapping[str, tuple[str, ...]],
) -> Draft:
    """Return the draft of the accounts that the environment has keys for.

    Each offers its models of the shipped table, and any other as ``provider/model``.
    Models of services that sell other houses' are named ``groq/…``, ``openrouter/…``.
    """
    accounts: dict[str, Account] = {}
    disabled: dict[str, str] = {}
    for name in _HOSTED:
        _add_hosted(_service(name), settings, findings, accounts, disabled)
    _add_ollama(settings, findings, accounts)
    targets: dict[str, tuple[Target, ...]] = {}
    models: dict[str, ModelInfo] = {}
    for account in accounts.values():
        for row in _rows(account, table, discovered):
            _add_model(account, row, targets, models)
    return Draft(
        source=Source("environment"),
        accounts=accounts,
        disabled=disabled,
        targets=targets,
        models=models,
        wildcards=tuple(
            Wildcard(f"{account.name}/*", Target(f"{account.name}/*", account, ModelTraits("*")))
            for account in accounts.values()
        ),
        timeouts=base_timeouts(settings, {}),
        uses_table_tiers=True,
    )


def _add_hosted(
    service: Service,
    settings: Settings,
    findings: Findings,
    accounts: dict[str, Account],
    disabled: dict[str, str],
) -> None:
    """Add the account of a hosted service, where one of its keys is set."""
    secrets = settings.secrets
    key = next((value for name in service.key_variables if (value := secrets.find(name))), None)
    if key is None:
        for name in service.key_variables:
            if secrets.names(name):
                disabled[service.name] = secrets.why_missing(name)
                findings.note("error", name, disabled[service.name])
        return
    if not is_sendable(Secret(key)):
        disabled[service.name] = "its key holds a line break or control character"
        findings.note("error", service.key_variables[0], disabled[service.name])
        return
    base_url = service.base_url or ""
    for variable in service.url_variables:
        if address := settings.env.get(variable, "").strip():
            base_url = _checked(address, variable, findings) or base_url
            break
    accounts[service.name] = Account(
        name=service.name,
        provider=service.name,
        kind=service.kind,
        base_url=base_url,
        api_key=Secret(key),
        quirks=service.quirks,
    )


def _add_ollama(settings: Settings, findings: Findings, accounts: dict[str, Account]) -> None:
    """Add the Ollama of ``OLLAMA_HOST``; its models are found in the background."""
    host = settings.secrets.find("OLLAMA_HOST")
    if host is None:
        return
    try:
        base_url = ollama_base_url(host)
    except BadAddress as exc:
        findings.problem("OLLAMA_HOST", str(exc))
        return
    service = _service("ollama")
    accounts["ollama"] = Account(
        name="ollama",
        provider="ollama",
        kind="openai",
        base_url=base_url,
        quirks=service.quirks,
    )


def _rows(
    account: Account, table: ModelsTable, discovered: Mapping[str, tuple[str, ...]]
) -> list[Row]:
    """Return an account's models: what it was found to have, else the table's."""
    if account.provider != "ollama":
        return [row for row in table.rows.get(account.provider, ()) if row.is_offered]
    rows = []
    for model in discovered.get(account.name, ()):
        known = table.find(None, model) or _NO_ROW
        mode = known.mode or mode_of(model)
        tier = tier_by_size(model) or known.tier
        rows.append(replace(known, provider="ollama", id=model, mode=mode, tier=tier, price=None))
    return rows


def _add_model(
    account: Account,
    row: Row,
    targets: dict[str, tuple[Target, ...]],
    models: dict[str, ModelInfo],
) -> None:
    """Add a model under its id, and hidden under ``provider/id``."""
    service = service_named(account.provider)
    qualified = f"{account.name}/{row.id}"
    model = qualified if service and service.is_reseller else row.id
    if model in targets:
        model = qualified
    traits = traits_of(row.id, Stated(), row)
    target = Target(model, account, traits, price=price_of(None, row, service, account))
    targets[model] = (target,)
    models[model] = model_info(model, account.provider, Stated(), row, traits)
    if qualified != model:
        targets[qualified] = (target,)
        models[qualified] = hidden(models[model], qualified)


def _checked(address: str, variable: str, findings: Findings) -> str | None:
    """Return a checked address; a bad one is a problem."""
    try:
        return checked_base_url(address)
    except BadAddress as exc:
        findings.problem(variable, str(exc))
        return None


def _service(name: str) -> Service:
    """Return a service of the table."""
    service = service_named(name)
    assert service is not None
    return service
