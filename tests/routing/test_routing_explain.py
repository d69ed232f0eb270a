from __future__ import annotations

import json
from random import Random
from typing import Any

from routing_samples import account, judged, snapshot, target

from router.canonical.prompt import PromptView
from router.canonical.secret import Secret
from router.config.snapshot import LearnedRouting, Rule, RuleCondition
from router.errors import RouterError
from router.providers.base import Account
from router.routing.constraints import needs_of
from router.routing.controls import read_controls
from router.routing.decide import decide
from router.routing.explain import explain
from router.routing.plan import plan
from router.state.health import Health

VIEW = PromptView(
    format="openai_chat", user_turns=("my private words",), has_image=True, input_chars=16
)


def explained(config: Any, body: dict[str, Any], health: Health | None = None) -> dict[str, Any]:
    controls, needs, health = read_controls(body, {}), needs_of(VIEW), health or Health()
    decision, planned, error = None, None, None
    try:
        decision = decide(config, VIEW, controls, judged(words=("x",)), health=health)
        planned = plan(config, decision, controls, needs, health, Random(1), 10.0)
    except RouterError as caught:
        error = caught
    told = explain(config, controls, needs, decision, planned, health, 10.0, error)
    again: dict[str, Any] = json.loads(json.dumps(told, allow_nan=False))
    return again


def test_an_explanation_tells_everything_and_is_json() -> None:
    health = Health()
    health.cooldowns.put_aside("tired:a", 30.0, 5.0)
    health.latency.record_success("well:a", 9.0, latency_ms=120.0, ttft_ms=40.0)
    config = snapshot(
        target("blind", capabilities=[]),
        target("a", "tired", price=(1, 2)),
        target("a", "well"),
        tasks={"general": {"low": ("blind", "a", "banned")}},
        routes={"learned": LearnedRouting(enabled=True)},
        rules=(Rule("night", RuleCondition(keys=("x",)), models=("a",)), Rule("eu")),
    )
    told = explained(config, {"allowed_models": ["a", "blind"]}, health)
    assert told["judgement"]["task"] == "general"
    assert told["judgement"]["signals"] == {"words": ["x"]}
    assert told["rules"] == [{"name": "night", "fired": False}, {"name": "eu", "fired": True}]
    assert told["needs"]["capabilities"] == ["vision"]
    by_model = {candidate["model"]: candidate for candidate in told["candidates"]}
    assert by_model["banned"]["left_out"] == "allowed_models"
    assert by_model["blind"]["targets"][0]["left_out"] == "capability"
    assert by_model["blind"]["targets"][0]["detail"] == "vision"
    tired, well = by_model["a"]["targets"]
    assert (tired["left_out"], tired["wait_s"]) == ("cooling_down", 25.0)
    assert well["planned"] is True
    assert well["live"]["ttft_ms"] == 40.0
    assert by_model["a"]["score"]["utility"] <= 1.0
    assert [one["target"] for one in told["plan"]["targets"]] == ["well:a"]
    assert "error" not in told


def test_an_explanation_of_a_refusal_tells_the_error_and_the_candidates() -> None:
    told = explained(snapshot(target("blind", capabilities=[])), {})
    assert told["plan"] is None
    assert told["error"]["code"] == "routing_constraints_unsatisfied"
    assert told["candidates"][0]["model"] == "blind"


def test_an_unknown_model_is_explained_too() -> None:
    told = explained(snapshot(target("gpt")), {"model": "gpx"})
    assert told["error"]["status"] == 404
    assert told["candidates"] == []


def test_no_secret_address_or_word_of_the_prompt_is_told() -> None:
    keyed = Account("acme", "openai", "openai", "https://secret-host", api_key=Secret("sk-hidden"))
    text = json.dumps(explained(snapshot(target("m", keyed)), {}))
    assert "sk-hidden" not in text
    assert "secret-host" not in text
    assert "private" not in text


def test_a_model_taken_from_another_route_is_among_the_candidates() -> None:
    config = snapshot(
        target("blind", account("b"), capabilities=[]),
        target("eye"),
        tasks={"general": {"low": ("blind",), "high": ("eye",)}},
    )
    told = explained(config, {})
    assert [candidate["model"] for candidate in told["candidates"]] == ["blind", "eye"]
    assert told["candidates"][1]["targets"][0]["planned"] is True
