from __future__ import annotations

import math
from typing import Any

import pytest
from routing_samples import snapshot, target

from router.canonical.prompt import PromptView
from router.config.snapshot import LearnedRouting, ModelProfile
from router.routing.decision import Judgement
from router.routing.learned import MIN_SAMPLES, features, rank_by_utility
from router.state.health import Health

VIEW = PromptView(format="openai_chat", input_chars=4000, user_chars=2000, max_output_tokens=1000)
CODING = Judgement("coding", "high", 0.8, {"code_score": 3, "think_score": "odd"})


def scores(
    *models: str, health: Health | None = None, targets: Any = (), **routes: Any
) -> dict[str, Any]:
    listed = targets or [target(name) for name in models]
    config = snapshot(*listed, routes=routes)
    ranked = rank_by_utility(models, config, VIEW, CODING, health or Health(), 0.0)
    return {str(score["model"]): score for score in ranked}


def test_features_have_system_as_names() -> None:
    seen = features(VIEW, CODING)
    assert seen["text_kchars"] == 2.0
    assert seen["code_score"] == 3.0
    assert seen["think_score"] == 0.0
    assert seen["complexity_score"] == 0.8
    assert seen["max_output_k_tokens"] == 1.0
    assert seen["task_coding"] == 1.0
    assert seen["task_general"] == 0.0


def test_the_formula_by_hand() -> None:
    profile = ModelProfile(
        quality_bias=1.0,
        quality_sensitivity=2.0,
        cost_input_per_1k_usd=0.01,
        cost_output_per_1k_usd=0.02,
        latency_ms=1500,
        failure_rate=0.1,
    )
    learned = LearnedRouting(feature_weights={"complexity_score": 1.0, "code_score": 0.5})
    score = scores("m", profiles={"m": profile}, learned=learned)["m"]
    quality = 1 / (1 + math.exp(-(-4.0 + 1.0 + 2.0 * (0.8 + 1.5))))
    cost_usd = 1.0 * 0.01 + 1.0 * 0.02
    assert score["quality_probability"] == pytest.approx(quality, abs=1e-5)
    assert score["estimated_cost"] == pytest.approx(cost_usd)
    expected = quality - 12 * cost_usd - 0.2 * 1.5 - 3 * 0.1
    assert score["utility"] == pytest.approx(expected, abs=1e-5)
    assert score["inputs"]["weighed_features"] == pytest.approx(2.3)


def test_a_price_stands_in_for_a_cost_that_is_not_configured() -> None:
    found = scores(
        "m", targets=[target("m", "dear", price=(10, 20)), target("m", "cheap", price=(1, 2))]
    )
    assert found["m"]["estimated_cost"] == pytest.approx(0.001 + 0.002)


def test_a_profile_may_name_the_model_without_its_provider() -> None:
    found = scores("acme/m", profiles={"m": ModelProfile(latency_ms=700)})
    assert found["acme/m"]["estimated_latency_ms"] == 700


def test_live_figures_replace_configured_ones_once_there_are_enough() -> None:
    health = Health()
    profiles = {"m": ModelProfile(latency_ms=9000, failure_rate=0.5)}
    for _ in range(MIN_SAMPLES - 1):
        health.latency.record_success("acme:m", 0.0, latency_ms=100)
    early = scores("m", profiles=profiles, health=health)["m"]
    assert (early["estimated_latency_ms"], early["inputs"]["live"]) == (9000, False)
    health.latency.record_success("acme:m", 0.0, latency_ms=100)
    late = scores("m", profiles=profiles, health=health)["m"]
    assert (late["estimated_latency_ms"], late["estimated_failure_rate"]) == (100, 0.0)
    assert late["inputs"]["live"] is True


def test_equal_models_keep_their_order() -> None:
    assert list(scores("b", "a", "c")) == ["b", "a", "c"]


@pytest.mark.parametrize("bias", [-1e9, 1e9])
def test_wild_weights_do_not_overflow(bias: float) -> None:
    found = scores("m", profiles={"m": ModelProfile(quality_bias=bias)})
    assert 0.0 <= found["m"]["quality_probability"] <= 1.0
