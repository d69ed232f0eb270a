"""This module compiles a draft into a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from router.config.auth import ingress_auth
from router.config.digest import digest_of
from router.config.draft import Draft
from router.config.findings import Findings, did_you_mean
from router.config.names import AUTO, Names
from router.config.routes import build_routes
from router.config.schema.problems import join
from router.config.settings import Settings
from router.config.snapshot import (
    AffinitySettings,
    AuditSettings,
    Fallbacks,
    Limits,
    MetricsSettings,
    RetryPolicy,
    Rule,
    RuleCondition,
    Snapshot,
)

_GLOB = frozenset("*?[")
# The transport ignores these (trust_env is off); an operator may count on them.
_IGNORED_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE")


def compile_draft(draft: Draft, settings: Settings, findings: Findings) -> Snapshot:
    """Return the snapshot; problems and notes go to `findings`."""
    shared = draft.shared
    names = Names.of(draft, findings)
    routes = build_routes(draft, names)
    fallbacks = _fallbacks(draft, names)
    rules = _rules(shared.get("rules", []), draft, names)
    _check_key_models(shared.get("keys", []), names)
    auth = ingress_auth(settings, draft.master_key, shared.get("keys", []), findings)
    _note_environment(settings, findings)
    snapshot = Snapshot(
        digest="",
        source=draft.source,
        accounts=draft.accounts,
        targets=names.targets,
        models=names.models,
        routes=routes,
        disabled=draft.disabled,
        open_accounts=draft.open_accounts,
        aliases=names.aliases,
        # The longest pattern says most, so it is looked at first.
        wildcards=tuple(sorted(draft.wildcards, key=lambda wildcard: -len(wildcard.pattern))),
        fallbacks=fallbacks,
        retry=_retry(draft.retry, shared),
        timeouts=draft.timeouts,
        strategy=shared.get("routing_strategy", draft.strategy),
        drop_params=shared.get("drop_params", draft.drop_params),
        auth=auth,
        audit=_audit(settings, shared.get("audit", {})),
        limits=_limits(draft),
        state_dir=settings.state_dir,
        rules=rules,
        default_models=draft.default_models,
        affinity=AffinitySettings(**shared.get("affinity", {})),
        metrics=_metrics(settings, shared.get("metrics", {})),
    )
    return replace(snapshot, digest=digest_of(snapshot), notes=tuple(findings.notes))


def _retry(policy: RetryPolicy, shared: Mapping[str, Any]) -> RetryPolicy:
    """Return when to try again; the file's own keys win."""
    if "retry_statuses" in shared:
        policy = replace(policy, statuses=frozenset(shared["retry_statuses"]))
    return replace(policy, max_attempts=shared.get("max_attempts", policy.max_attempts))


def _audit(settings: Settings, given: Mapping[str, Any]) -> AuditSettings:
    """Return the audit log's settings; the environment wins over the file."""
    usual = AuditSettings()
    enabled = settings.audit_enabled
    path = settings.audit_path or given.get("path", usual.path)
    return AuditSettings(
        enabled=given.get("enabled", usual.enabled) if enabled is None else enabled,
        path=str(settings.resolve(path)),
        content=settings.audit_content or given.get("content", usual.content),
    )


def _metrics(settings: Settings, given: Mapping[str, Any]) -> MetricsSettings:
    """Return the metrics' settings; the environment wins over the file."""
    metrics = MetricsSettings(**given)
    enabled = settings.metrics_enabled
    return metrics if enabled is None else replace(metrics, enabled=enabled)


def _limits(draft: Draft) -> Limits:
    """Return what a request may be."""
    given = dict(draft.shared.get("limits", {}))
    if draft.max_body_bytes is not None:
        given.setdefault("max_body_bytes", draft.max_body_bytes)
    return replace(Limits(), **given)


def _fallbacks(draft: Draft, names: Names) -> Fallbacks:
    """Return the other models of explicit ones, LiteLLM's and ours."""
    theirs = draft.fallbacks
    ours = dict(draft.shared.get("fallbacks", {}))
    default = ours.pop("*", None)
    return Fallbacks(
        on_error={
            **_checked(theirs.on_error, "fallbacks", names, is_ours=False),
            **_checked(ours, "fallbacks", names, is_ours=True),
        },
        on_context_window=_checked(
            theirs.on_context_window, "context_window_fallbacks", names, is_ours=False
        ),
        on_content_policy=_checked(
            theirs.on_content_policy, "content_policy_fallbacks", names, is_ours=False
        ),
        default=names.wanted_all(theirs.default, "default_fallbacks")
        if default is None
        else names.required_all(default, 'fallbacks["*"]'),
    )


def _checked(
    given: Mapping[str, tuple[str, ...]], path: str, names: Names, *, is_ours: bool
) -> dict[str, tuple[str, ...]]:
    """Return fallbacks between models that exist."""
    one, several = (
        (names.required, names.required_all) if is_ours else (names.wanted, names.wanted_all)
    )
    checked = {}
    for name, others in given.items():
        model = one(name, join(path, name))
        found = several(others, join(path, name))
        if model and found:
            checked[model] = found
    return checked


def _rules(given: list[Mapping[str, Any]], draft: Draft, names: Names) -> tuple[Rule, ...]:
    """Return the rules, their models and accounts checked."""
    rules = []
    for index, entry in enumerate(given):
        path, then = f"rules[{index}]", entry["then"]
        models = then.get("models", ()) or ((then["model"],) if "model" in then else ())
        account = then.get("account")
        known = [*draft.accounts, *draft.disabled]
        if account is not None and account not in known:
            names.findings.problem(
                f"{path}.then.account", f'no account "{account}"{did_you_mean(account, known)}'
            )
        rules.append(
            Rule(
                name=entry.get("name", path),
                when=_condition(entry.get("when", {})),
                models=names.required_all(models, f"{path}.then.model"),
                task=then.get("task"),
                complexity=then.get("complexity"),
                account=account,
            )
        )
    return tuple(rules)


def _condition(given: Mapping[str, Any]) -> RuleCondition:
    """Return when a rule fires."""
    return RuleCondition(
        models=given.get("model", ()),
        tasks=given.get("task", ()),
        complexities=given.get("complexity", ()),
        headers={name.lower(): glob for name, glob in given.get("header", {}).items()},
        keys=given.get("key", ()),
        users=given.get("user", ()),
        endpoints=given.get("endpoint", ()),
        tokens_over=given.get("tokens_over"),
        has=frozenset(given.get("has", ())),
        matches=given.get("matches"),
    )


def _check_key_models(keys: list[Mapping[str, Any]], names: Names) -> None:
    """Refuse a key that names a model which is not there; patterns are not judged."""
    for index, entry in enumerate(keys):
        for model in entry.get("models", ()):
            if model != AUTO and not _GLOB & set(model):
                names.required(model, f"keys[{index}].models")


def _note_environment(settings: Settings, findings: Findings) -> None:
    """Note variables that other programs follow and this one does not."""
    for name in _IGNORED_VARIABLES:
        if settings.env.get(name) or settings.env.get(name.lower()):
            remedy = "ca_bundle" if name.endswith("BUNDLE") else "proxy"
            findings.note("info", name, f"is not followed; set {remedy} of the account instead")
