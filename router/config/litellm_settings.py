"""This module reads the ``…_settings`` sections of a LiteLLM file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from router.config.draft import Alias
from router.config.findings import Findings
from router.config.snapshot import Fallbacks, RetryPolicy, RoutingStrategy
from router.config.timing import without_answer
from router.providers.base import Timeouts

_DEFAULT_RETRIES = RetryPolicy().max_attempts - 1
_FALLBACK_KINDS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
# Balancing by shared counters; weights by rpm and tpm come nearest.
_AS_SHUFFLE = ("usage-based-routing", "usage-based-routing-v2")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the sections say, in our terms."""

    aliases: tuple[Alias, ...]
    fallbacks: Fallbacks
    retry: RetryPolicy
    timeouts: Timeouts
    strategy: RoutingStrategy
    drop_params: bool
    max_body_bytes: int | None
    default_model: str | None
    default_models: Mapping[str, str]


def read_settings(
    loaded: Mapping[str, Any],
    shared: Mapping[str, Any],
    timeouts: Timeouts,
    findings: Findings,
) -> Rules:
    """Return what a validated LiteLLM file says beside its ``model_list``."""
    router = loaded.get("router_settings", {})
    litellm = loaded.get("litellm_settings", {})
    general = loaded.get("general_settings", {})
    default_models = general.get("default_models", {})
    _note_default_models(default_models, findings)
    size_mb = general.get("max_request_size_mb")
    return Rules(
        aliases=_aliases(router, litellm),
        fallbacks=_fallbacks(router, litellm),
        retry=_retry({**litellm, **router}),
        timeouts=_timeouts(router, litellm, shared, timeouts),
        strategy=_strategy(router.get("routing_strategy"), findings),
        drop_params=litellm.get("drop_params", True),
        max_body_bytes=None if size_mb is None else max(1, int(size_mb * 1024 * 1024)),
        default_model=default_models.get("chat") or general.get("completion_model"),
        default_models=default_models,
    )


def _note_default_models(default_models: Mapping[str, str], findings: Findings) -> None:
    """Note that of the defaults only ``chat`` chooses a model."""
    for kind in default_models:
        if kind != "chat":
            findings.note(
                "unused",
                f"general_settings.default_models.{kind}",
                "told by /admin/backends, and chooses nothing",
            )


def _aliases(router: Mapping[str, Any], litellm: Mapping[str, Any]) -> tuple[Alias, ...]:
    """Return both sections' further names."""
    places = (
        ("router_settings.model_group_alias", router.get("model_group_alias", {})),
        ("litellm_settings.model_alias_map", litellm.get("model_alias_map", {})),
    )
    return tuple(
        Alias(name, model, f"{path}.{name}", is_hidden)
        for path, aliases in places
        for name, (model, is_hidden) in aliases.items()
    )


def _fallbacks(router: Mapping[str, Any], litellm: Mapping[str, Any]) -> Fallbacks:
    """Return the other models of each; ``*`` stands for those without their own."""
    kinds = [{**litellm.get(kind, {}), **router.get(kind, {})} for kind in _FALLBACK_KINDS]
    default = router.get("default_fallbacks") or litellm.get("default_fallbacks") or ()
    default = default or kinds[0].pop("*", ())
    return Fallbacks(kinds[0], kinds[1], kinds[2], default)


def _retry(settings: Mapping[str, Any]) -> RetryPolicy:
    """Return how often to try; no retries means no failover either."""
    policy = RetryPolicy(
        cooldown_s=settings.get("cooldown_time", RetryPolicy().cooldown_s),
        cooldowns=not settings.get("disable_cooldowns", False),
        allowed_fails=settings.get("allowed_fails"),
    )
    retries = settings.get("num_retries")
    if retries == 0:
        return replace(policy, max_attempts=1)
    more = settings.get("max_fallbacks", 0)
    return replace(policy, max_attempts=1 + (retries or _DEFAULT_RETRIES) + more)


def _timeouts(
    router: Mapping[str, Any],
    litellm: Mapping[str, Any],
    shared: Mapping[str, Any],
    timeouts: Timeouts,
) -> Timeouts:
    """Return the deadlines; our own `timeouts` key wins."""
    silence = router.get("timeout") or litellm.get("request_timeout")
    if silence:
        timeouts = without_answer(timeouts, silence)
    if "stream_timeout" in router:
        timeouts = replace(timeouts, first_content_s=router["stream_timeout"])
    return replace(timeouts, **shared.get("timeouts", {}))


def _strategy(named: str | None, findings: Findings) -> RoutingStrategy:
    """Return how deployments are balanced; by chance, as LiteLLM does, if nothing is said."""
    if named is None:
        return "simple-shuffle"
    for strategy in get_args(RoutingStrategy):
        if strategy == named:
            return strategy  # type: ignore[no-any-return]
    path = "router_settings.routing_strategy"
    if named in _AS_SHUFFLE:
        findings.note("warning", path, f"{named} is done as simple-shuffle, by rpm and tpm")
    else:
        findings.note("error", path, f'"{named}" is not known; simple-shuffle is used')
    return "simple-shuffle"
