from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from router.config import models_table
from router.config.models_table import CAPABILITIES, TIERS, mode_of, shipped, tier_by_size
from router.config.services import SERVICES, same_provider, service_named, service_of_model

ROOT = Path(models_table.__file__).parents[2]


def test_every_row_is_of_a_known_service_tier_and_capability() -> None:
    for provider, rows in shipped().rows.items():
        service = service_named(provider)
        assert service is not None
        assert service.name == provider
        for row in rows:
            assert row.tier in {None, *TIERS}
            assert row.capabilities is None or row.capabilities <= CAPABILITIES
            for tokens in (row.context_window_tokens, row.max_output_tokens):
                assert tokens is None or tokens >= 1024


def test_every_provider_of_the_environment_offers_several_tiers() -> None:
    for rows in shipped().rows.values():
        assert len({row.tier for row in rows if row.is_offered and row.tier}) >= 2


@pytest.mark.parametrize("name", ["models.yaml", "prices.yaml"])
def test_tables_say_their_source_and_day(name: str) -> None:
    document = yaml.safe_load((ROOT / "config" / name).read_text())
    for block in document["providers"].values():
        assert block["source"].startswith("https://")
        assert isinstance(block["date"], datetime.date)


def test_the_package_carries_the_same_tables_as_the_repository() -> None:
    for name in ("models.yaml", "prices.yaml"):
        assert (ROOT / "config" / name).samefile(ROOT / "router" / "config" / name)


def test_every_price_is_of_a_known_model() -> None:
    document = yaml.safe_load((ROOT / "config" / "prices.yaml").read_text())
    for provider, block in document["providers"].items():
        for model in block["models"]:
            assert (provider, model) in shipped().by_id


def test_prices_are_exact() -> None:
    row = shipped().by_id["openai", "gpt-5.2"]
    assert row.price is not None
    assert row.price.cache_read_usd == Decimal("0.175")


@pytest.mark.parametrize(
    ("service", "model", "found"),
    [
        ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4-0"),
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("azure", "gpt-4o", "gpt-4o"),
        (None, "anthropic/claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("openrouter", "anthropic/claude-haiku-4.5", "anthropic/claude-haiku-4.5"),
        ("groq", "openai/gpt-oss-120b", "openai/gpt-oss-120b"),
    ],
)
def test_models_are_found_under_their_spellings(
    service: str | None, model: str, found: str
) -> None:
    row = shipped().find(service_named(service) if service else None, model)
    assert row is not None
    assert row.id == found


@pytest.mark.parametrize("model", ["gpt-oss-120b", "my-model", "llama3:8b", ""])
def test_unknown_models_are_not_guessed(model: str) -> None:
    assert shipped().find(None, model) is None


def test_sizes_and_modes_are_read_from_names() -> None:
    assert tier_by_size("gemma3:4b") == "low"
    assert tier_by_size("qwen3:14b-q4_K_M") == "medium"
    assert tier_by_size("llama3.3:70b") == "xhigh"
    assert tier_by_size("mistral:latest") is None
    assert mode_of("text-embedding-3-small") == "embedding"
    assert mode_of("whisper-1") == "audio_transcription"
    assert mode_of("tts-1") == "audio_speech"
    assert mode_of("claude-opus-4") == "chat"


def test_no_name_means_two_services() -> None:
    names = [name for service in SERVICES for name in (service.name, *service.also)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "has_responses"),
    [
        ("openai", True),
        ("azure", True),
        ("xai", True),
        ("openrouter", True),
        ("groq", True),
        ("ollama", True),
        ("lm_studio", True),
        ("hosted_vllm", True),
        ("llamacpp", False),
        ("mistral", False),
        ("together_ai", False),
        ("fireworks_ai", False),
        ("perplexity", False),
        ("nvidia_nim", False),
        ("cohere", False),
    ],
)
def test_services_with_a_responses_api(name: str, has_responses: bool) -> None:
    service = service_named(name)
    assert service is not None
    assert service.quirks.responses_api is has_responses


def test_bare_names_and_synonyms_mean_their_house() -> None:
    for model, name in (
        ("gpt-4o", "openai"),
        ("o3", "openai"),
        ("claude-x", "anthropic"),
        ("gemini-2.5-pro", "gemini"),
        ("grok-4", "xai"),
    ):
        service = service_of_model(model)
        assert service is not None
        assert service.name == name
    assert service_of_model("gpt-oss:20b") is None
    assert same_provider("Grok", "xai")
    assert same_provider("My-GPU", "my-gpu")
    assert not same_provider("openai", "my-gpu")
