"""This module reads the shipped tables of models and prices, and looks models up in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from router.canonical.price import Price
from router.canonical.request import ModelTraits
from router.config.services import Service, service_of_model
from router.config.yaml_text import parse_yaml

TIERS = ("low", "medium", "high", "xhigh")
CAPABILITIES = frozenset(
    {
        "vision",
        "tools",
        "json_schema",
        "streaming",
        "audio",
        "documents",
        "reasoning",
        "embeddings",
        "images",
    }
)
# Ids end in a date (gpt-4o-2024-08-06, claude-sonnet-4-20250514) or a moving name.
_SUFFIX = re.compile(r"(-\d{4}-\d{2}-\d{2}|-\d{8}|-latest|:[a-z]+)$")
_SYNONYMS = {
    "image_input": "vision",
    "images_in": "vision",
    "function_calling": "tools",
    "tool_use": "tools",
    "tool_calls": "tools",
    "structured_output": "json_schema",
    "structured_outputs": "json_schema",
    "response_schema": "json_schema",
    "pdf": "documents",
    "thinking": "reasoning",
    "stream": "streaming",
    "embedding": "embeddings",
    "image_generation": "images",
}
# Parts of names that tell what a model is for, where nothing else does.
_MODES = (
    (re.compile(r"embed"), "embedding"),
    (re.compile(r"rerank"), "rerank"),
    (re.compile(r"moderation|guard"), "moderation"),
    (re.compile(r"whisper|transcribe"), "audio_transcription"),
    (re.compile(r"(^|[-/])tts|-tts|speech"), "audio_speech"),
    (re.compile(r"dall-e|gpt-image|imagen|flux|stable-diffusion"), "image_generation"),
)
_SIZE = re.compile(r"(?<![\d.a-z])(\d+(?:\.\d+)?)b\b")


@dataclass(frozen=True, slots=True)
class Row:
    """One model of the shipped table; None is unknown."""

    provider: str
    id: str
    name: str | None = None
    tier: str | None = None
    context_window_tokens: int | None = None
    max_output_tokens: int | None = None
    capabilities: frozenset[str] | None = None
    mode: str = "chat"
    is_offered: bool = True
    price: Price | None = None

    def traits(self, name: str) -> ModelTraits:
        """Return what is known of it under the provider's name for it."""
        return ModelTraits(
            name, self.context_window_tokens, self.max_output_tokens, self.capabilities
        )


@dataclass(frozen=True, slots=True)
class ModelsTable:
    """The shipped table.

    Attributes
    ----------
    rows : mapping of str to tuple of Row
        Provider -> its models, preferred first.
    """

    rows: Mapping[str, tuple[Row, ...]]
    by_id: Mapping[tuple[str, str], Row]

    def find(self, service: Service | None, model: str) -> Row | None:
        """Return what is known of a model, asked of a service under a name.

        The service's own block is looked at first; a model of another house is known by
        its house's block (Azure, a proxy, a server of one's own).
        """
        names = list(_spellings(model))
        houses = (service, *map(service_of_model, names))
        for house in dict.fromkeys(house.name for house in houses if house):
            for name in names:
                if row := self.by_id.get((house, name)):
                    return row
        return None


@lru_cache(maxsize=1)
def shipped() -> ModelsTable:
    """Return the table of ``config/models.yaml`` with the prices of ``config/prices.yaml``."""
    folder = Path(__file__).parent
    models = _read(folder / "models.yaml")
    prices = {
        (provider, model): price_from(rates)
        for provider, block in _read(folder / "prices.yaml").items()
        for model, rates in block["models"].items()
    }
    rows = {
        provider: tuple(
            _row(provider, model, facts, prices.get((provider, model)))
            for model, facts in block["models"].items()
        )
        for provider, block in models.items()
    }
    by_id = {(row.provider, row.id): row for block in rows.values() for row in block}
    for provider, block in models.items():
        for model, facts in block["models"].items():
            for other in facts.get("also", ()):
                by_id[provider, other] = by_id[provider, model]
    return ModelsTable(rows, by_id)


def price_from(rates: Mapping[str, Any]) -> Price:
    """Return a price of USD per million tokens under our YAML's names.

    Examples
    --------
    >>> price_from({"input": "0.10", "output": 0}).input_usd
    Decimal('0.10')
    """

    def rate(name: str) -> Decimal | None:
        value = rates.get(name)
        return None if value is None else Decimal(str(value))

    return Price(
        rate("input"), rate("output"), rate("cached"), rate("cache_write"), rate("reasoning")
    )


def capabilities_from(words: Iterable[str]) -> frozenset[str]:
    """Return capabilities in our words; streaming is a matter of course.

    Examples
    --------
    >>> sorted(capabilities_from(["function_calling", "Vision"]))
    ['streaming', 'tools', 'vision']
    """
    plain = (word.strip().lower().replace("-", "_").replace(" ", "_") for word in words)
    return frozenset({_SYNONYMS.get(word, word) for word in plain} | {"streaming"})


def mode_of(model: str) -> str:
    """Return what a model is for, judged by its name.

    Examples
    --------
    >>> mode_of("nomic-embed-text"), mode_of("gpt-4o")
    ('embedding', 'chat')
    """
    name = model.lower()
    return next((mode for pattern, mode in _MODES if pattern.search(name)), "chat")


def tier_by_size(model: str) -> str | None:
    """Return the tier of a local model whose name tells its billions of parameters.

    Examples
    --------
    >>> tier_by_size("qwen3:32b"), tier_by_size("llama3.2:1b"), tier_by_size("phi4")
    ('high', 'low', None)
    """
    sizes = [float(size) for size in _SIZE.findall(model.lower())]
    if not sizes:
        return None
    largest = max(sizes)
    return next(tier for limit, tier in _SIZES if largest <= limit)


_SIZES = ((4.5, "low"), (15.0, "medium"), (45.0, "high"), (float("inf"), "xhigh"))


def _spellings(model: str) -> Iterable[str]:
    """Yield the ids under which a model may stand in the table."""
    for name in dict.fromkeys((model, model.rsplit("/", 1)[-1])):
        yield name
        bare = _SUFFIX.sub("", name)
        if bare != name:
            yield bare


def _read(path: Path) -> dict[str, Any]:
    """Return the providers of a shipped table."""
    document, _ = parse_yaml(path.read_text(encoding="utf-8"))
    providers: dict[str, Any] = document["providers"]
    return providers


def _row(provider: str, model: str, facts: Mapping[str, Any], price: Price | None) -> Row:
    """Return one line of the table."""
    words = facts.get("capabilities")
    return Row(
        provider=provider,
        id=model,
        name=facts.get("name"),
        tier=facts.get("tier"),
        context_window_tokens=facts.get("context"),
        max_output_tokens=facts.get("output"),
        capabilities=None if words is None else capabilities_from(words),
        mode=facts.get("mode", "chat"),
        is_offered=facts.get("offer", True),
        price=price,
    )
