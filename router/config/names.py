"""This module resolves the names of models that a configuration mentions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from router.config.draft import Alias, Draft
from router.config.findings import Findings, did_you_mean
from router.config.services import service_of_model
from router.config.snapshot import ModelInfo
from router.providers.base import Target

AUTO = "auto"


@dataclass(slots=True)
class Names:
    """Every name that a client or a route may use; grows where a pattern is named in full."""

    draft: Draft
    findings: Findings
    targets: dict[str, tuple[Target, ...]]
    models: dict[str, ModelInfo]
    aliases: dict[str, str]

    @classmethod
    def of(cls, draft: Draft, findings: Findings) -> Names:
        """Return the names of a draft, its aliases resolved."""
        names = cls(draft, findings, dict(draft.targets), dict(draft.models), {})
        if AUTO in names.targets:
            findings.note("warning", "models", f'"{AUTO}" is the router\'s own; rename the model')
        shared = [
            Alias(name, model, f"aliases.{name}")
            for name, model in draft.shared.get("aliases", {}).items()
        ]
        names._add_aliases([*draft.aliases, *shared], {alias.name for alias in shared})
        return names

    def resolve(self, name: str) -> str | None:
        """Return the model id that a name means, or None."""
        if name in self.aliases:
            return self.aliases[name]
        if name in self.targets:
            return name
        found = [target for w in self.draft.wildcards if (target := w.match(name))]
        if not found:
            return None
        # A pattern's model that is named in full is a model like any other, but unlisted.
        self.targets[name] = tuple(found)
        provider = found[0].account.provider
        self.models[name] = ModelInfo(name, provider, mode=_mode(name), hidden=True)
        return name

    def required(self, name: str, path: str) -> str | None:
        """Return the id of a name that must exist; it is a problem if it does not."""
        model = self.resolve(name)
        if model is None or model == AUTO:
            hint = did_you_mean(name, self._known())
            self.findings.problem(path, f'no model "{name}"{hint}')
            return None
        return model

    def wanted(self, name: str, path: str) -> str | None:
        """Return the id of a name, as `required` where the file is ours, noted in LiteLLM's."""
        if not self.draft.tolerates_dangling:
            return self.required(name, path)
        model = self.resolve(name)
        if model is None:
            hint = did_you_mean(name, self._known())
            self.findings.note("error", path, f'no model "{name}"{hint}')
        return model

    def required_all(self, names: tuple[str, ...], path: str) -> tuple[str, ...]:
        """Return the ids of names that must exist, without repetition."""
        found = (self.required(name, path) for name in names)
        return tuple(dict.fromkeys(model for model in found if model))

    def wanted_all(self, names: tuple[str, ...], path: str) -> tuple[str, ...]:
        """Return the ids of the names that exist, without repetition."""
        found = (self.wanted(name, path) for name in names)
        return tuple(dict.fromkeys(model for model in found if model))

    def _known(self) -> list[str]:
        """Return the names worth proposing."""
        own = (name for name, info in self.models.items() if info.alias_for is None)
        listed = (name for name, info in self.models.items() if not info.hidden)
        return [*own, *listed, *self.aliases]

    def _add_aliases(self, aliases: list[Alias], ours: set[str]) -> None:
        """Add aliases, chains of them followed."""
        by_name = {alias.name: alias for alias in aliases}
        for alias in by_name.values():
            if self._is_taken(alias):
                self.findings.note(
                    "warning", alias.path, f'"{alias.name}" is a model too; the model is used'
                )
                continue
            self.targets.pop(alias.name, None)
            end, seen = alias.model, {alias.name}
            while end in by_name and end not in seen and end not in self.draft.targets:
                seen.add(end)
                end = by_name[end].model
            check = self.required if alias.name in ours else self.wanted
            model = AUTO if end == AUTO else check(end, alias.path)
            if model:
                self.aliases[alias.name] = model
                self.models[alias.name] = self._info(alias, model)

    def _is_taken(self, alias: Alias) -> bool:
        """Tell whether a listed model already has an alias's name."""
        known = self.models.get(alias.name)
        return alias.name == AUTO or (known is not None and not known.hidden)

    def _info(self, alias: Alias, model: str) -> ModelInfo:
        """Return what is told of an alias."""
        known = self.models.get(model) or ModelInfo(model, "open-llm-router", mode="chat")
        return replace(
            known, id=alias.name, alias_for=model, hidden=alias.is_hidden, tier=None, name=None
        )


def _mode(model: str) -> str | None:
    """Return what a pattern's model is for, where its house is known."""
    return "chat" if service_of_model(model.rpartition("/")[2]) else None
