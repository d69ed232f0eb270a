"""This module says what each verb of ``smr-config`` changes in a configuration's text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from router.cli.yaml_edit import Path, append_item, set_value, value_at
from router.errors import ConfigError

SKELETON = """\
# Open-LLM Router; config/router.example.yaml shows every key. Check: open-llm-router check
default_model: ""

models: {}

accounts: []

task_routes: {}

fallback_models: []

retry_statuses: [429, 500, 502, 503, 504, 529]

complexity:
  low_max_chars: 1200
  medium_max_chars: 6000
  high_max_chars: 16000

model_profiles: {}

learned_routing:
  enabled: false
  bias: -4.0
  default_output_tokens: 512
  feature_weights: {}
  task_candidates: {}
  utility_weights: {cost: 12.0, latency: 0.2, failure: 3.0}
"""


@dataclass(slots=True)
class Draft:
    """A configuration's text while one verb works on it."""

    text: str

    def get(self, *path: str | int) -> Any:
        """Return the plain value at a path; None where there is none."""
        return value_at(yaml.safe_load(self.text), path)

    def set(self, path: Path, value: Any) -> None:
        """Set a value, unless it is that already."""
        if value_at(yaml.safe_load(self.text), path) != value:
            self.text = set_value(self.text, path, value)

    def append(self, path: Path, items: Sequence[Any]) -> None:
        """Add to a list what it does not have."""
        for item in items:
            if item not in (self.get(*path) or []):
                self.text = append_item(self.text, path, item)

    @property
    def is_litellm(self) -> bool:
        """The file is LiteLLM's."""
        return self.get("model_list") is not None


Edit = Callable[[Draft], None]


def add_account(
    name: str,
    provider: str,
    base_url: str | None,
    fields: Mapping[str, Any],
    models: Sequence[str],
    enabled: bool,
    set_default: bool,
) -> Edit:
    """Add an account, or change the one of that name; what is not given stays.

    Parameters
    ----------
    fields : mapping
        Those that were given; blank ones become null.
    models : sequence of str
        Ids without a slash get the provider before them.
    """

    def edit(draft: Draft) -> None:
        _refuse_litellm(draft, "add-account")
        qualified = [model if "/" in model else f"{provider}/{model}" for model in models]
        given = {key: None if value == "" else value for key, value in fields.items()}
        index = _account_index(draft, name)
        if index is None:
            entry: dict[str, Any] = {"name": name, "provider": provider, "base_url": base_url}
            entry |= {"auth_mode": "api_key", **given, "models": qualified, "enabled": enabled}
            draft.append(("accounts",), [_without_gaps(entry)])
        else:
            changed = {"provider": provider, "base_url": base_url, "enabled": enabled, **given}
            if draft.get("accounts", index, "auth_mode") is None:
                changed = {"auth_mode": "api_key", **changed}
            for key, value in changed.items():
                if key in given or value is not None:
                    draft.set(("accounts", index, key), value)
            draft.append(("accounts", index, "models"), qualified)
        add_models(draft, qualified)
        if set_default and qualified:
            draft.set(("default_model",), qualified[0])

    return edit


def add_model(model: str, account: str | None, set_default: bool) -> Edit:
    """Add a model, and have an account serve it."""

    def edit(draft: Draft) -> None:
        _refuse_litellm(draft, "add-model")
        if account is not None:
            index = _account_index(draft, account)
            if index is None:
                names = ", ".join(_account_names(draft)) or "none yet"
                raise ConfigError([f'there is no account "{account}"; there are: {names}'])
            draft.append(("accounts", index, "models"), [model])
        add_models(draft, [model])
        if set_default:
            draft.set(("default_model",), model)

    return edit


def set_route(task: str, tier: str, models: Sequence[str]) -> Edit:
    """Set the models of one task and tier."""

    def edit(draft: Draft) -> None:
        draft.set(("task_routes", task, tier), list(models))
        add_models(draft, models)

    return edit


def set_fallbacks(models: Sequence[str], append: bool) -> Edit:
    """Replace, or add to, the models that end every chain."""

    def edit(draft: Draft) -> None:
        if append:
            draft.append(("fallback_models",), models)
        else:
            draft.set(("fallback_models",), list(models))
        add_models(draft, models)

    return edit


def set_profile(model: str, values: Mapping[str, float]) -> Edit:
    """Set what is said of a model."""

    def edit(draft: Draft) -> None:
        for key, value in values.items():
            draft.set(("model_profiles", model, key), value)
        add_models(draft, [model])

    return edit


def set_candidates(task: str, models: Sequence[str], enable: bool) -> Edit:
    """Set the further models that learned routing considers for a task."""

    def edit(draft: Draft) -> None:
        draft.set(("learned_routing", "task_candidates", task), list(models))
        if enable:
            draft.set(("learned_routing", "enabled"), True)
        add_models(draft, models)

    return edit


def set_learned(
    values: Mapping[str, Any],
    utility: Mapping[str, float],
    features: Mapping[str, float],
    clear_features: bool,
) -> Edit:
    """Set how learned routing weighs; clearing comes before setting."""

    def edit(draft: Draft) -> None:
        for key, value in values.items():
            draft.set(("learned_routing", key), value)
        for key, weight in utility.items():
            draft.set(("learned_routing", "utility_weights", key), weight)
        if clear_features:
            draft.set(("learned_routing", "feature_weights"), {})
        for key, weight in features.items():
            draft.set(("learned_routing", "feature_weights", key), weight)

    return edit


def choose_default(draft: Draft) -> None:
    """Make the first model the default where there is none."""
    models = draft.get("models")
    if not draft.is_litellm and models and not draft.get("default_model"):
        draft.set(("default_model",), next(iter(models)))


def summary(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``show`` tells."""
    learned = document.get("learned_routing") or {}
    return {
        "default_model": document.get("default_model"),
        "models_count": len(document.get("models") or document.get("model_list") or ()),
        "accounts": [account.get("name") for account in document.get("accounts") or ()],
        "tasks": list(document.get("task_routes") or {}),
        "learned_enabled": bool(learned.get("enabled")),
    }


def add_models(draft: Draft, models: Sequence[str]) -> None:
    """Add to the root's models, a list or a mapping; a LiteLLM file has its model_list."""
    if draft.is_litellm:
        return
    for model in models:
        if isinstance(draft.get("models"), list) and draft.get("models"):
            draft.append(("models",), [model])
        elif model not in (draft.get("models") or {}):
            draft.set(("models", model), {})


def _refuse_litellm(draft: Draft, verb: str) -> None:
    if draft.is_litellm:
        raise ConfigError([f"{verb} does not edit LiteLLM files; add an entry to model_list"])


def _account_names(draft: Draft) -> list[Any]:
    return [account.get("name") for account in draft.get("accounts") or []]


def _account_index(draft: Draft, name: str) -> int | None:
    names = _account_names(draft)
    return names.index(name) if name in names else None


def _without_gaps(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a new account's entry without what was not given."""
    return {key: value for key, value in entry.items() if value is not None and value != []}
