"""This module turns a LiteLLM ``config.yml`` into a draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from router.canonical.request import ModelTraits
from router.config.accounts import Builder
from router.config.draft import AdminKey, Alias, Draft
from router.config.facts import model_info, price_of, traits_of
from router.config.findings import Findings
from router.config.litellm_auto import is_auto_router, read_auto_router
from router.config.litellm_entry import Deployment, Unusable, deadlines, read_deployment
from router.config.litellm_settings import Rules, read_settings
from router.config.models_table import ModelsTable, mode_of
from router.config.router_file import hidden
from router.config.schema.litellm import EntrySchema, LiteLLMSchema, body_fields, unused
from router.config.schema.problems import validate
from router.config.schema.shared import SharedSchema
from router.config.secrets import Secrets
from router.config.services import SERVICES
from router.config.settings import Settings
from router.config.snapshot import ModelInfo, Source, Wildcard
from router.config.timing import base_timeouts
from router.providers.base import Account, Target

_BODY_FIELDS = body_fields()


def read_litellm(
    document: Mapping[str, Any],
    path: str,
    settings: Settings,
    table: ModelsTable,
    findings: Findings,
) -> Draft | None:
    """Return the draft of a LiteLLM file, or None where its shape is wrong."""
    own = {key: document[key] for key in document if str(key) in SharedSchema().fields}
    theirs = {key: value for key, value in document.items() if key not in own}
    before = len(findings.problems)
    shared = _checked(SharedSchema(), own, "", findings)
    loaded = _checked(LiteLLMSchema(), theirs, "", findings)
    entries = _entries(loaded.get("model_list", []), findings)
    if len(findings.problems) > before:
        return None
    for where, reason in unused(LiteLLMSchema(), theirs):
        findings.note("unused", where, reason)
    if not entries:
        findings.problem("model_list", "is empty; add an entry with model_name and litellm_params")
        return None
    secrets = Secrets({**_variables(loaded, settings), **settings.env})
    timeouts = base_timeouts(settings, {})
    rules = read_settings(loaded, shared, timeouts, findings)
    reader = _Reader(Builder(secrets, findings, rules.timeouts), rules, table, findings, settings)
    for index, entry in entries:
        reader.add(entry, f"model_list[{index}]")
    return reader.draft(path, loaded, shared)


def _checked(
    schema: Any, document: Mapping[str, Any], path: str, findings: Findings
) -> dict[str, Any]:
    """Return what a part says, its problems reported."""
    loaded, problems = validate(schema, document)
    for where, message in problems:
        findings.problem(f"{path}.{where}" if path and where else path or where, message)
    return loaded


def _entries(listed: list[Any], findings: Findings) -> list[tuple[int, dict[str, Any]]]:
    """Return the valid entries with their places; unused keys of each are noted."""
    schema = EntrySchema()
    entries = []
    for index, raw in enumerate(listed):
        path = f"model_list[{index}]"
        entry = _checked(schema, raw, path, findings)
        if entry:
            entries.append((index, entry))
            for where, reason in unused(schema, raw):
                findings.note("unused", f"{path}.{where}", reason)
    return entries


def _variables(loaded: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """Return ``environment_variables``, their references resolved."""
    given = loaded.get("environment_variables", {})
    texts = {str(name): str(value) for name, value in given.items() if value is not None}
    return {name: settings.secrets.expand(text).text or "" for name, text in texts.items()}


@dataclass(slots=True)
class _Reader:
    """Gathers deployments; deployments of one credential share an account."""

    builder: Builder
    rules: Rules
    table: ModelsTable
    findings: Findings
    settings: Settings
    accounts: dict[str, Account] = field(default_factory=dict)
    disabled: dict[str, str] = field(default_factory=dict)
    targets: dict[str, list[Target]] = field(default_factory=dict)
    models: dict[str, ModelInfo] = field(default_factory=dict)
    wildcards: list[Wildcard] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    routes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    spellings: dict[str, list[Target]] = field(default_factory=dict)
    by_credential: dict[Any, list[str]] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, entry: dict[str, Any], path: str) -> None:
        """Add one entry of ``model_list``."""
        params, name = entry["litellm_params"], entry["model_name"].strip()
        if is_auto_router(params):
            self._add_auto_router(name, params, path)
            return
        if params["model"] == "*" and not {"api_base", "custom_llm_provider"} & params.keys():
            self._add_everything(name, entry, path)
            return
        deployment = read_deployment(entry, path, self.builder)
        if isinstance(deployment, Unusable):
            self.findings.note("error", path, f'"{name}" is not served: {deployment.reason}')
            self._know(name)
            return
        if params["model"].startswith("bedrock/"):
            self.findings.note(
                "warning", path, f'"{name}" is asked of Anthropic\'s own API, not of Bedrock'
            )
        self._add_deployment(deployment)

    def _add_deployment(self, deployment: Deployment) -> None:
        """Add a target, or a pattern, with its account."""
        account = self._account(deployment)
        name = deployment.model
        if account is None:
            self._know(name)
            return
        target = self._target(deployment, account)
        if "*" in name:
            self._add_wildcard(name, target, deployment.path)
            return
        self.targets.setdefault(name, []).append(target)
        upstream = deployment.address.upstream
        row = self._row(deployment)
        info = model_info(name, account.provider, deployment.stated, row, target.traits)
        mode = info.mode or mode_of(upstream)
        alias_for = upstream if upstream != name else None
        known = self.models.get(name)
        if known is None or known.hidden:
            self.models[name] = replace(info, mode=mode, alias_for=alias_for)
        elif known.alias_for != alias_for:
            self.models[name] = replace(known, alias_for=None)
        for spelling in dict.fromkeys((upstream, deployment.params["model"])):
            self.spellings.setdefault(spelling, []).append(target)

    def _account(self, deployment: Deployment) -> Account | None:
        """Return the account of a deployment; None, and noted once, where it is disabled."""
        account, model = deployment.account, deployment.model
        if deployment.missing:
            reason = "; ".join(deployment.missing)
            if reason not in self.disabled.values():
                name = self._free_name(deployment)
                self.disabled[name] = reason
                self.findings.note(
                    "error", deployment.path, f'account "{name}" is disabled: {reason}'
                )
            return None
        credential = (
            account.provider,
            account.base_url,
            account.api_key.value if account.api_key else None,
            account.organization,
            account.api_version,
            tuple(sorted(account.headers.items())),
            account.quirks.responses_api,
            deployment.own_name,
        )
        for name in self.by_credential.setdefault(credential, []):
            # Breakers and cooldowns are kept by account and model: never share both.
            if (name, model) not in self.used:
                break
        else:
            name = self._free_name(deployment)
            self.by_credential[credential].append(name)
            self.accounts[name] = replace(account, name=name)
            if account.api_key is None and account.kind != "demo":
                self.builder.note_no_key(name, deployment.path)
        self.used.add((name, model))
        return self.accounts[name]

    def _free_name(self, deployment: Deployment) -> str:
        """Return a name that no account has: its own id, else the provider's, numbered."""
        wanted = deployment.own_name or deployment.account.provider
        plain = "".join(char if " " < char < "\x7f" else "-" for char in wanted) or "account"
        taken = self.accounts.keys() | self.disabled.keys()
        number = self.counts.get(plain, 0) + 1
        while (name := plain if number == 1 else f"{plain}-{number}") in taken:
            number += 1
        self.counts[plain] = number
        return name

    def _target(self, deployment: Deployment, account: Account) -> Target:
        """Return a deployment's target."""
        params = deployment.params
        row = self._row(deployment)
        defaults = {key: params[key] for key in _BODY_FIELDS if key in params}
        return Target(
            model=deployment.model,
            account=account,
            traits=traits_of(deployment.address.upstream, deployment.stated, row),
            price=price_of(deployment.stated.price, row, deployment.address.service, account),
            defaults={**params.get("extra_body", {}), **defaults},
            weight=params.get("weight", 1.0),
            rpm=params.get("rpm"),
            tpm=params.get("tpm"),
            order=params.get("order"),
            timeouts=deadlines(params, self.rules.timeouts),
            drop_params=params.get("drop_params"),
            extra_drop=params.get("additional_drop_params", ()),
        )

    def _row(self, deployment: Deployment) -> Any:
        """Return what the table knows of a deployment's model."""
        return self.table.find(deployment.address.service, deployment.address.upstream)

    def _add_wildcard(self, name: str, target: Target, path: str) -> None:
        """Add a pattern; one star on each side at most."""
        if name.count("*") > 1 or target.upstream_model.count("*") > 1:
            self.findings.note("error", path, f'"{name}" is not served: use one * only')
            return
        traits = ModelTraits(target.upstream_model)
        self.wildcards.append(Wildcard(name, replace(target, traits=traits)))

    def _add_everything(self, name: str, entry: dict[str, Any], path: str) -> None:
        """Add ``*``: any model of each service whose key is there, by its prefix."""
        if name != "*":
            self.findings.note("error", path, f'"{name}" is not served: a model "*" needs "*"')
            return
        keyed = [
            service
            for service in SERVICES
            if service.base_url and any(map(self.builder.secrets.find, service.key_variables))
        ]
        if not keyed:
            self.findings.note("error", path, '"*" is not served: no provider key is set')
        for service in keyed:
            pattern = f"{service.name}/*"
            params = {**entry["litellm_params"], "model": pattern}
            deployment = read_deployment(
                {**entry, "model_name": pattern, "litellm_params": params}, path, self.builder
            )
            if isinstance(deployment, Deployment):
                self._add_deployment(deployment)

    def _add_auto_router(self, name: str, params: Mapping[str, Any], path: str) -> None:
        """Add a complexity router: its name means ``auto``, its tiers are routes."""
        routes = read_auto_router(name, params, path, self.findings)
        if routes is not None:
            self.routes.update(routes)
            self.aliases.append(Alias(name, "auto", path))

    def _know(self, name: str) -> None:
        """Keep a name known although nothing serves it, so that it is no typing error."""
        if "*" not in name:
            self.targets.setdefault(name, [])
            self.models.setdefault(name, ModelInfo(name, "unknown", hidden=True))

    def draft(self, path: str, loaded: Mapping[str, Any], shared: Mapping[str, Any]) -> Draft:
        """Return everything gathered."""
        for spelling, served in self.spellings.items():
            if spelling not in self.targets:
                self.targets[spelling] = served
                self.models[spelling] = hidden(self.models[served[0].model], spelling)
        general = loaded.get("general_settings", {})
        rules = self.rules
        return Draft(
            source=Source("litellm", path),
            accounts=self.accounts,
            disabled=self.disabled,
            targets={name: tuple(served) for name, served in self.targets.items()},
            models=self.models,
            wildcards=tuple(self.wildcards),
            aliases=(*self.aliases, *rules.aliases),
            fallbacks=rules.fallbacks,
            retry=rules.retry,
            timeouts=rules.timeouts,
            strategy=rules.strategy,
            drop_params=rules.drop_params,
            max_body_bytes=rules.max_body_bytes,
            task_routes={"general": self.routes} if self.routes else {},
            default_model=rules.default_model,
            default_models=rules.default_models,
            uses_table_tiers=True,
            tolerates_dangling=True,
            master_key=self._master_key(general),
            shared=shared,
        )

    def _master_key(self, general: Mapping[str, Any]) -> AdminKey | None:
        """Return ``general_settings.master_key``; missing, it still switches auth on."""
        path, secrets = "general_settings.master_key", self.builder.secrets
        if general.get("master_key"):
            resolved = secrets.expand(general["master_key"])
        elif secrets.names("LITELLM_MASTER_KEY"):
            resolved = secrets.variable("LITELLM_MASTER_KEY")
        else:
            return None
        if resolved.secret is None:
            self.findings.note("error", path, "; ".join(resolved.missing) or "is blank")
        return AdminKey(resolved.text, path)
