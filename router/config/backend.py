"""This module builds the drafts without accounts in a file: one default backend, the demo."""

from __future__ import annotations

from collections.abc import Mapping

from router.canonical.request import ModelTraits
from router.config.addresses import BadAddress, checked_base_url
from router.config.draft import Draft
from router.config.facts import Stated, model_info, traits_of
from router.config.findings import Findings
from router.config.models_table import ModelsTable, mode_of
from router.config.secrets import is_sendable
from router.config.settings import Settings
from router.config.snapshot import ModelInfo, Source, Wildcard
from router.config.timing import base_timeouts
from router.providers.base import Account, Quirks, Target

_OLLAMA = "http://localhost:11434"
_DEMO_MODELS = {
    "demo-fast": ("Demo, fast", ("low", "medium")),
    "demo-smart": ("Demo, smart", ("high", "xhigh", "default")),
}


def backend_account(settings: Settings, findings: Findings) -> Account | None:
    """Return the single account of ``BACKEND_BASE_URL``, where a file names none.

    Without that variable it is an Ollama on this machine, as a file without accounts has
    always meant.
    """
    address = settings.backend_base_url
    if address is None:
        findings.note(
            "warning", "accounts", f"names no account; {_OLLAMA} is used, set BACKEND_BASE_URL"
        )
    try:
        base_url = checked_base_url(address or _OLLAMA)
    except BadAddress as exc:
        findings.problem("BACKEND_BASE_URL", str(exc))
        return None
    key = settings.backend_api_key
    if key and not is_sendable(key):
        findings.problem("BACKEND_API_KEY", "holds a line break or control character")
        return None
    if key is None:
        findings.note(
            "info",
            "BACKEND_API_KEY",
            'is not set; account "default" is called without Authorization',
        )
    return Account(
        name="default",
        provider="default",
        kind="openai",
        base_url=base_url,
        api_key=key,
        quirks=Quirks(responses_api=False),
    )


def read_backend(
    settings: Settings,
    table: ModelsTable,
    findings: Findings,
    discovered: Mapping[str, tuple[str, ...]],
) -> Draft:
    """Return the draft of ``BACKEND_BASE_URL`` alone: any model, and what it was found to have."""
    account = backend_account(settings, findings)
    if account is None:
        return Draft(source=Source("backend"))
    targets: dict[str, tuple[Target, ...]] = {}
    models: dict[str, ModelInfo] = {}
    for model in discovered.get(account.name, ()):
        row = table.find(None, model)
        traits = traits_of(model, Stated(), row)
        targets[model] = (Target(model, account, traits),)
        stated = Stated(mode=mode_of(model))
        models[model] = model_info(model, account.provider, stated, row, traits)
    if not models:
        findings.note("warning", "BACKEND_BASE_URL", "no model is known; requests must name theirs")
    return Draft(
        source=Source("backend"),
        accounts={account.name: account},
        targets=targets,
        models=models,
        open_accounts=(account,),
        wildcards=(Wildcard("*", Target("*", account, ModelTraits("*"))),),
        timeouts=base_timeouts(settings, {}),
        uses_table_tiers=True,
    )


def read_demo(settings: Settings) -> Draft:
    """Return the draft of the demo account: offline, two models."""
    account = Account(name="demo", provider="demo", kind="demo", base_url="demo://local")
    traits = {name: ModelTraits(name) for name in _DEMO_MODELS}
    return Draft(
        source=Source("demo"),
        accounts={account.name: account},
        targets={name: (Target(name, account, traits[name]),) for name in _DEMO_MODELS},
        models={
            name: model_info(name, "demo", Stated(name=title, mode="chat"), None, traits[name])
            for name, (title, _) in _DEMO_MODELS.items()
        },
        task_routes={
            "general": {
                tier: (name,) for name, (_, tiers) in _DEMO_MODELS.items() for tier in tiers
            }
        },
        default_model="demo-fast",
        timeouts=base_timeouts(settings, {}),
    )
