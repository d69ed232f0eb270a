from __future__ import annotations

from random import Random
from typing import Any

import pytest
from routing_samples import account, judged, snapshot, target

from router.canonical.prompt import PromptView
from router.config.snapshot import Fallbacks, ModelInfo, Rule, Snapshot
from router.errors import ConstraintsUnsatisfied, NoTargetAvailable, RateLimited
from router.routing.constraints import Needs, needs_of
from router.routing.controls import read_controls
from router.routing.decide import decide
from router.routing.decision import AttemptPlan
from router.routing.plan import PlanOptions, plan
from router.state.breaker import Ticket
from router.state.health import Health

CHAT = PromptView(format="openai_chat", user_turns=("Hi",))
NOW_S = 1000.0
DEFAULTS = PlanOptions()


def planned(
    config: Snapshot,
    body: dict[str, Any] | None = None,
    health: Health | None = None,
    view: PromptView = CHAT,
    needs: Needs | None = None,
    options: PlanOptions = DEFAULTS,
) -> AttemptPlan:
    controls = read_controls(body or {}, {})
    return plan(
        config,
        decide(config, view, controls, judged(), options.may_use),
        controls,
        needs or needs_of(view),
        health or Health(),
        Random(1),
        NOW_S,
        options,
    )


def names(found: AttemptPlan) -> list[str]:
    return [one.name for one in found.targets]


def broken(health: Health, name: str, at_s: float = NOW_S) -> None:
    for _ in range(5):
        health.breakers.record_failure(Ticket(name), "server_error", at_s)


def routed(*models: str) -> dict[str, Any]:
    return {"tasks": {"general": {"low": models}}}


A, B, C = (target(model, f"on-{model}") for model in "abc")


def test_models_come_in_the_order_decided_and_each_with_all_its_targets() -> None:
    config = snapshot(B, A, target("a", "two"), C, **routed("a", "c"))
    assert names(planned(config)) == ["on-a:a", "two:a", "on-c:c"]


def test_a_target_reached_by_two_names_is_tried_once() -> None:
    config = snapshot(A, aliases={"also": "a"}, **routed("a", "also"))
    assert names(planned(config)) == ["on-a:a"]


def test_targets_that_cool_down_or_are_broken_are_skipped_with_their_wait() -> None:
    health = Health()
    health.cooldowns.put_aside("on-a:a", 12.0, NOW_S)
    broken(health, "on-b:b")
    found = planned(snapshot(A, B, C, **routed("a", "b", "c")), health=health)
    assert names(found) == ["on-c:c"]
    assert [(left.target.model, left.reason, left.wait_s) for left in found.skipped] == [
        ("a", "cooling_down", 12.0),
        ("b", "breaker_open", 30.0),
    ]
    assert not found.forced


def test_where_all_are_broken_the_least_bad_one_is_tried() -> None:
    health = Health()
    broken(health, "on-a:a", at_s=NOW_S - 5)
    broken(health, "on-b:b", at_s=NOW_S - 20)
    found = planned(snapshot(A, B, **routed("a", "b")), health=health)
    assert names(found) == ["on-b:b"]
    assert found.forced
    assert [left.target.model for left in found.skipped] == ["a"]


def test_a_broken_target_is_tried_rather_than_one_that_asked_to_wait() -> None:
    health = Health()
    health.cooldowns.put_aside("on-a:a", 3.0, NOW_S)
    broken(health, "on-b:b")
    found = planned(snapshot(A, B, **routed("a", "b")), health=health)
    assert (names(found), found.forced) == (["on-b:b"], True)


def test_targets_that_all_await_their_probe_are_open_to_every_request() -> None:
    health = Health()
    broken(health, "on-a:a", at_s=NOW_S - 31)
    assert planned(snapshot(A), health=health).forced
    assert not planned(snapshot(A, B, **routed("a", "b")), health=health).forced


def test_where_all_cool_down_the_shortest_wait_is_told() -> None:
    health = Health()
    health.cooldowns.put_aside("on-a:a", 40.0, NOW_S)
    health.cooldowns.put_aside("on-b:b", 7.5, NOW_S)
    with pytest.raises(RateLimited) as caught:
        planned(snapshot(A, B, **routed("a", "b")), health=health)
    assert caught.value.retry_after_s == 7.5
    assert caught.value.headers["Retry-After"] == "8"


def test_a_model_without_any_account_in_use_is_a_503_that_says_so() -> None:
    config = snapshot(
        A, models={"lost": ModelInfo("lost", "x")}, disabled={"on-lost": "OPENAI_API_KEY not set"}
    )
    with pytest.raises(NoTargetAvailable) as caught:
        planned(config, {"model": "lost"})
    assert caught.value.metadata == {"models": ["lost"], "disabled_accounts": ["on-lost"]}


def test_auto_goes_to_another_route_where_its_own_has_no_account() -> None:
    config = snapshot(A, tasks={"general": {"low": ("gone",), "high": ("a",)}})
    assert names(planned(config)) == ["on-a:a"]


def test_auto_goes_to_another_route_where_its_own_cannot_see() -> None:
    blind = target("blind", capabilities=["tools"])
    config = snapshot(
        blind, A, tasks={"general": {"low": ("blind",)}, "image": {"default": ("a",)}}
    )
    found = planned(config, view=PromptView(format="openai_chat", has_image=True))
    assert names(found) == ["on-a:a"]
    assert [(left.target.model, left.detail) for left in found.skipped] == [("blind", "vision")]


def test_an_explicit_model_that_cannot_see_is_a_400_that_names_one_that_can() -> None:
    blind = target("blind", capabilities=["tools"])
    with pytest.raises(ConstraintsUnsatisfied) as caught:
        planned(
            snapshot(blind, A),
            {"model": "blind"},
            view=PromptView(format="openai_chat", has_image=True),
        )
    assert caught.value.metadata["constraint"] == "capability"
    assert caught.value.metadata["would_satisfy"] == ["a"]


def test_hints_never_name_what_the_caller_may_not_use() -> None:
    blind = target("blind", capabilities=[])
    with pytest.raises(ConstraintsUnsatisfied) as caught:
        planned(
            snapshot(blind, A, B),
            {"model": "blind"},
            needs=Needs(frozenset({"vision"})),
            options=PlanOptions(may_use=lambda name: name in {"blind", "b"}),
        )
    assert caught.value.metadata["would_satisfy"] == ["b"]


def test_a_prompt_too_long_for_an_explicit_model_goes_to_the_configured_larger_one() -> None:
    small, large = target("small", window=100), target("large", window=10_000)
    config = snapshot(small, large, fallbacks=Fallbacks(on_context_window={"small": ("large",)}))
    found = planned(config, {"model": "small"}, needs=Needs(input_tokens=500))
    assert names(found) == ["acme:large"]


def test_stand_ins_for_refusals_are_held_back() -> None:
    config = snapshot(
        A,
        B,
        C,
        fallbacks=Fallbacks(on_context_window={"a": ("b",)}, on_content_policy={"a": ("c",)}),
    )
    found = planned(config, {"model": "a"})
    assert names(found) == ["on-a:a"]
    assert [one.name for one in found.on_context_window] == ["on-b:b"]
    assert [one.name for one in found.on_content_policy] == ["on-c:c"]


def test_stand_ins_that_are_unwell_or_unfit_are_not_held_back() -> None:
    health = Health()
    health.cooldowns.put_aside("on-b:b", 9.0, NOW_S)
    blind = target("blind", capabilities=[])
    config = snapshot(A, B, blind, fallbacks=Fallbacks(on_content_policy={"a": ("b", "blind")}))
    found = planned(config, {"model": "a"}, health, needs=Needs(frozenset({"vision"})))
    assert found.on_content_policy == ()


def test_targets_the_caller_may_not_use_are_left_out() -> None:
    found = planned(
        snapshot(A, B, **routed("a", "b")), options=PlanOptions(may_use=lambda name: name == "b")
    )
    assert names(found) == ["on-b:b"]


def test_targets_without_the_endpoint_are_left_out_as_of_another_format() -> None:
    found = planned(
        snapshot(A, B, **routed("a", "b")), options=PlanOptions(serves=lambda one: one.model == "b")
    )
    assert names(found) == ["on-b:b"]
    assert [(left.target.model, left.reason) for left in found.skipped] == [("a", "format")]


def test_without_fallbacks_only_the_best_target_of_the_first_model_is_tried() -> None:
    config = snapshot(A, target("a", "two"), B, **routed("a", "b"))
    assert names(planned(config, {"provider": {"allow_fallbacks": False}})) == ["on-a:a"]


def test_without_fallbacks_the_models_that_the_request_lists_still_count() -> None:
    config = snapshot(A, B)
    body = {"model": "a", "models": ["b"], "provider": {"allow_fallbacks": False}}
    assert names(planned(config, body)) == ["on-a:a", "on-b:b"]


def test_without_fallbacks_an_order_is_tried_to_its_end_and_no_further() -> None:
    config = snapshot(*(target("a", account(name, name)) for name in ("x", "y", "z")))
    body = {"model": "a", "provider": {"order": ["z", "x"], "allow_fallbacks": False}}
    assert names(planned(config, body)) == ["z:a", "x:a"]


def test_a_sort_stays_within_each_model_unless_told_otherwise() -> None:
    config = snapshot(
        target("a", "dear", price=(9, 9)),
        target("a", "fair", price=(5, 5)),
        target("b", "cheap", price=(1, 1)),
    )
    body = {"model": "a", "models": ["b"], "provider": {"sort": "price"}}
    assert names(planned(config, body)) == ["fair:a", "dear:a", "cheap:b"]
    body["provider"] = {"sort": {"by": "price", "partition": "none"}}
    assert names(planned(config, body)) == ["cheap:b", "fair:a", "dear:a"]


def test_a_rules_account_is_the_only_one_used() -> None:
    config = snapshot(A, target("a", "eu"), rules=(Rule("r", account="eu"),))
    found = planned(config)
    assert names(found) == ["eu:a"]
    assert found.skipped[0].reason == "account"


def test_allowed_models_may_name_an_alias_of_the_configuration() -> None:
    config = snapshot(A, B, aliases={"fast": "a"}, tasks={"general": {"low": ("fast", "b")}})
    assert names(planned(config, {"allowed_models": ["fast"]})) == ["on-a:a"]


def test_providers_that_are_ruled_out_leave_a_400_naming_the_field() -> None:
    with pytest.raises(ConstraintsUnsatisfied) as caught:
        planned(snapshot(A), {"provider": {"only": ["nobody"]}})
    assert caught.value.param == "provider"
    assert caught.value.metadata["constraint"] == "provider_preferences"


def test_planning_takes_no_probe_slot() -> None:
    health = Health()
    broken(health, "on-a:a", at_s=NOW_S - 31)
    config = snapshot(A)
    planned(config, health=health)
    ticket = health.breakers.allow("on-a:a", NOW_S)
    assert isinstance(ticket, Ticket)
    assert ticket.kind == "probe"
