from __future__ import annotations

from typing import Any

import pytest
from routing_samples import account, judged, snapshot, target

from router.canonical.prompt import PromptView
from router.config.snapshot import Fallbacks, LearnedRouting, ModelInfo, Rule, RuleCondition
from router.errors import ConstraintsUnsatisfied, PermissionDenied, UnknownModel
from router.routing.controls import read_controls
from router.routing.decide import decide
from router.routing.decision import Judgement, RouteDecision
from router.routing.rules import Circumstances

CHAT = PromptView(format="openai_chat", user_turns=("Hello",), user_chars=5, input_chars=5)
MODELS = [target(name) for name in ("small", "mid", "big", "coder", "spare")]
TASKS = {
    "general": {"low": ("small",), "medium": ("mid", "big"), "high": ("big",)},
    "coding": {"default": ("coder",), "xhigh": ("big",)},
}


def decision(
    body: dict[str, Any] | None = None, judge: Any = None, view: PromptView = CHAT, **fields: Any
) -> RouteDecision:
    config = fields.pop("config", None) or snapshot(
        *MODELS, tasks=TASKS, fallback_models=("spare", "big"), **fields.pop("snapshot", {})
    )
    return decide(config, view, read_controls(body or {}, {}), judge or judged(), **fields)


def never(view: PromptView) -> Judgement:
    raise AssertionError("the judge was asked")


def test_auto_takes_the_tier_then_the_fallbacks_each_once() -> None:
    chosen = decision(judge=judged("general", "medium"))
    assert chosen.candidates == ("mid", "big", "spare")
    assert chosen.source == "auto"
    assert (chosen.judgement.task, chosen.judgement.complexity) == ("general", "medium")


@pytest.mark.parametrize(
    ("tiers", "complexity", "expected"),
    [
        ({"medium": ("m",)}, "low", "m"),
        ({"default": ("d",)}, "low", "d"),
        ({"low": ("l",), "xhigh": ("x",)}, "medium", "x"),
        ({"high": ("h",), "default": ("d",)}, "xhigh", "h"),
        ({"low": ("l",), "default": ("d",)}, "xhigh", "d"),
        ({"default": ("d",), "high": ("h",)}, "n/a", "d"),
        ({"low": ("l",)}, "high", "fallen-to-default-model"),
        ({"low": (), "medium": ("m",)}, "low", "m"),
    ],
)
def test_tiers_fall_through(tiers: Any, complexity: Any, expected: str) -> None:
    config = snapshot(
        *(target(name) for name in ("fallen-to-default-model", "l", "m", "h", "x", "d")),
        tasks={"general": tiers},
    )
    assert decision(config=config, judge=judged("general", complexity)).model == expected


def test_a_task_without_route_is_general() -> None:
    chosen = decision(judge=judged("thinking", "high"))
    assert chosen.model == "big"
    assert chosen.trace["route_task"] == "general"


def test_without_any_route_the_default_model_answers() -> None:
    chosen = decision(config=snapshot(target("only")))
    assert chosen.candidates == ("only",)
    assert chosen.trace["selected_reason"] == "default_model"


def test_housekeeping_has_its_own_route_or_generals_lowest_tier() -> None:
    errand = judged("housekeeping", "xhigh")
    assert decision(judge=errand).model == "small"
    own = snapshot(*MODELS, tasks={**TASKS, "housekeeping": {"low": ("spare",)}})
    assert decision(config=own, judge=errand).model == "spare"


def test_embeddings_under_auto_go_to_models_made_for_them() -> None:
    config = snapshot(
        *MODELS,
        target("embedder"),
        tasks=TASKS,
        models={"embedder": ModelInfo("embedder", "x", mode="embedding")},
    )
    view = PromptView(format="openai_embeddings")
    assert decision(config=config, view=view, judge=judged("embeddings")).model == "embedder"


def test_an_explicit_model_goes_alone_and_the_judge_is_not_asked() -> None:
    chosen = decision({"model": "mid"}, judge=never)
    assert chosen.candidates == ("mid",)
    assert chosen.source == "request"
    assert (chosen.judgement.task, chosen.judgement.complexity) == ("explicit", "n/a")


def test_an_explicit_model_has_others_where_the_request_or_the_configuration_says() -> None:
    fallbacks = Fallbacks(on_error={"mid": ("big",)}, default=("spare",))
    configured = {"fallbacks": fallbacks}
    assert decision({"model": "mid"}, snapshot=configured).candidates == ("mid", "big")
    assert decision({"model": "coder"}, snapshot=configured).candidates == ("coder", "spare")
    listed = decision({"model": "mid", "models": ["mid", "small"]}, snapshot=configured)
    assert listed.candidates == ("mid", "small", "big")
    alone = {"model": "mid", "provider": {"allow_fallbacks": False}}
    assert decision(alone, snapshot=configured).candidates == ("mid",)


def test_an_alias_is_resolved_and_the_name_kept_for_the_record() -> None:
    chosen = decision({"model": "fast"}, snapshot={"aliases": {"fast": "small"}})
    assert chosen.candidates == ("small",)
    assert chosen.requested_model == "fast"


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UnknownModel) as caught:
        decision({"model": "smal"})
    assert caught.value.metadata["nearest"] == ["small"]


def test_a_model_that_is_not_the_callers_reads_like_an_unknown_one() -> None:
    with pytest.raises(UnknownModel) as caught:
        decision({"model": "big"}, may_use=lambda name: name != "big")
    assert "big" not in caught.value.metadata["nearest"]


def test_a_model_may_be_used_under_any_of_its_names() -> None:
    config = snapshot(target("openai/gpt", account("a", "openai")), aliases={"fast": "openai/gpt"})
    for key_glob in ("fast", "openai/gpt"):
        chosen = decision(
            {"model": "fast"}, config=config, may_use=lambda name, glob=key_glob: name == glob
        )
        assert chosen.model == "openai/gpt"


def test_a_known_model_whose_account_is_out_of_use_is_not_unknown() -> None:
    config = snapshot(target("a"), models={"lost": ModelInfo("lost", "x")})
    assert decision({"model": "lost"}, config=config).candidates == ("lost",)


def test_auto_leaves_out_what_the_caller_may_not_use() -> None:
    chosen = decision(judge=judged("general", "medium"), may_use=lambda name: name != "mid")
    assert chosen.candidates == ("big", "spare")
    assert chosen.left_out == {"mid": "not_permitted"}


def test_auto_takes_another_routes_model_before_it_gives_up() -> None:
    assert decision(may_use=lambda name: name == "coder").candidates == ("coder",)
    with pytest.raises(PermissionDenied):
        decision(may_use=lambda _: False)


def test_allowed_models_narrow_the_chain() -> None:
    chosen = decision({"allowed_models": ["b*"]}, judge=judged("general", "medium"))
    assert chosen.candidates == ("big",)
    assert chosen.left_out["mid"] == "allowed_models"


def test_allowed_models_may_name_the_provider_of_a_bare_model() -> None:
    config = snapshot(target("gpt", account("a", "openai")), target("claude", account("b", "x")))
    chosen = decision({"allowed_models": ["openai/*"]}, config=config)
    assert chosen.candidates == ("gpt",)


def test_allowed_models_that_cover_nothing_are_a_400_that_says_so() -> None:
    with pytest.raises(ConstraintsUnsatisfied) as caught:
        decision({"allowed_models": ["nobody/*"]})
    assert caught.value.http_status == 400
    assert caught.value.code == "routing_constraints_unsatisfied"
    assert caught.value.metadata["constraint"] == "allowed_models"
    assert "small" in caught.value.metadata["would_satisfy"]


def test_the_trace_names_what_system_a_named() -> None:
    trace = decision(judge=judged("coding", "xhigh")).trace
    assert trace["auto"] is True
    assert trace["routing_mode"] == "rule_chain"
    assert trace["route_task"] == "coding"
    assert trace["route_complexity"] == "xhigh"
    assert trace["route_model"] == "big"
    assert trace["fallback_config"] == ["spare", "big"]
    assert trace["default_chain"] == ["big", "spare"]
    assert trace["selected_reason"] == "task_route"


def test_learned_routing_ranks_and_shows_its_numbers() -> None:
    learned = LearnedRouting(enabled=True, task_candidates={"general": ("coder",)})
    dear, cheap = target("dear", price=(30, 60)), target("cheap", price=(0.1, 0.2))
    config = snapshot(
        dear,
        cheap,
        target("coder", price=(1, 1)),
        tasks={"general": {"low": ("dear", "cheap")}},
        routes={"learned": learned},
    )
    chosen = decision(config=config)
    assert chosen.candidates == ("cheap", "coder", "dear")
    assert [score["model"] for score in chosen.scores] == ["cheap", "coder", "dear"]
    assert chosen.trace["routing_mode"] == "learned_utility"
    assert set(chosen.trace["learned_candidates"]) == {"coder", "dear", "cheap"}
    assert chosen.trace["selected_score"] == chosen.scores[0]["utility"]


def test_learned_routing_leaves_housekeeping_alone() -> None:
    config = snapshot(*MODELS, tasks=TASKS, routes={"learned": LearnedRouting(enabled=True)})
    assert decision(config=config, judge=judged("housekeeping", "low")).scores == ()


def rule(**fields: Any) -> Rule:
    when = {k: v for k, v in fields.items() if k in RuleCondition.__dataclass_fields__}
    then = {k: v for k, v in fields.items() if k.startswith("then_")}
    return Rule(
        fields.get("name", "r"),
        RuleCondition(**when),
        **{k.removeprefix("then_"): v for k, v in then.items()},
    )


def test_the_first_rule_that_fires_decides() -> None:
    rules = (
        rule(name="no", tasks=("coding",), then_models=("big",)),
        rule(name="yes", then_models=("coder",)),
        rule(name="late", then_models=("mid",)),
    )
    chosen = decision(snapshot={"rules": rules})
    assert chosen.candidates == ("coder", "spare", "big")
    assert chosen.rule == "yes"
    assert chosen.trace["selected_reason"] == "rule:yes"


def test_a_rule_may_move_an_explicit_model() -> None:
    rules = (rule(models=("big",), then_models=("small",)),)
    chosen = decision({"model": "big"}, snapshot={"rules": rules})
    assert chosen.candidates == ("small",)
    assert chosen.source == "request"


def test_a_rule_may_replace_the_judgement_of_explicit_models_too() -> None:
    rules = (rule(tasks=("housekeeping",), then_task="general", then_complexity="low"),)
    chosen = decision(
        {"model": "big"}, judge=judged("housekeeping", "low"), snapshot={"rules": rules}
    )
    assert chosen.model == "small"
    untouched = decision({"model": "big"}, judge=judged("coding"), snapshot={"rules": rules})
    assert untouched.candidates == ("big",)
    assert untouched.judgement.task == "explicit"


def test_a_rule_may_name_an_account_only() -> None:
    chosen = decision(snapshot={"rules": (rule(then_account="eu"),)})
    assert chosen.account == "eu"
    assert chosen.model == "small"


@pytest.mark.parametrize(
    ("when", "fires"),
    [
        ({"models": ("auto",)}, True),
        ({"models": ("gpt*",)}, False),
        ({"complexities": ("low", "medium")}, True),
        ({"complexities": ("high",)}, False),
        ({"headers": {"x-team": "Blue*"}}, True),
        ({"headers": {"x-team": "red"}}, False),
        ({"headers": {"x-none": "*"}}, False),
        ({"keys": ("team-*",)}, True),
        ({"users": ("bob",)}, False),
        ({"endpoints": ("/v1/chat/*",)}, True),
        ({"endpoints": ("/v1/responses",)}, False),
        ({"tokens_over": 1}, True),
        ({"tokens_over": 2}, False),
        ({"has": frozenset({"tools"})}, True),
        ({"has": frozenset({"tools", "images"})}, False),
        ({"matches": r"(?i)\bhello\b"}, True),
        ({"matches": "^ello"}, False),
        ({"models": ("auto",), "users": ("bob",)}, False),
    ],
)
def test_conditions_of_rules(when: dict[str, Any], *, fires: bool) -> None:
    view = PromptView(
        format="openai_chat", user_turns=("Hello",), has_tools=True, input_chars=5, user_chars=5
    )
    seen = Circumstances(
        endpoint="/v1/chat/completions", key="team-1", user="ann", headers={"x-team": "blue-7"}
    )
    chosen = decision(
        view=view,
        circumstances=seen,
        snapshot={"rules": (rule(name="it", then_models=("coder",), **when),)},
    )
    assert (chosen.rule == "it") is fires
