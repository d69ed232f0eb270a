from __future__ import annotations

from typing import Any

import pytest
from routing_samples import judged, snapshot, target

from router.canonical.prompt import PromptView
from router.config.snapshot import Rule
from router.routing.affinity import conversation_key, keeps_seat, next_seat, settle
from router.routing.controls import read_controls
from router.routing.decide import decide
from router.routing.decision import RouteDecision
from router.state.affinity import Seat

CHAT = PromptView(format="openai_chat", user_turns=("Hi",))
LOOP = PromptView(format="openai_chat", user_turns=("Hi",), in_tool_loop=True)
TASKS = {
    "general": {"low": ("small",), "medium": ("mid",), "high": ("big",)},
    "image": {"default": ("eye",)},
}
MODELS = [target(name) for name in ("small", "mid", "big", "eye")]
NOW_S = 1000.0


def decided(complexity: Any, task: str = "general", body: Any = None, **fields: Any) -> Any:
    config = snapshot(*MODELS, tasks=TASKS, **fields)
    return decide(config, CHAT, read_controls(body or {}, {}), judged(task, complexity))


def seat(model: str = "mid", complexity: str = "medium", age_s: float = 10.0) -> Seat:
    return Seat(model, f"acme:{model}", complexity, NOW_S - age_s)


def settled(decision: RouteDecision, at: Seat | None, view: PromptView = CHAT) -> Any:
    return settle(decision, at, view, NOW_S)


def test_without_a_seat_nothing_changes() -> None:
    decision = decided("low")
    assert settled(decision, None) == (decision, None)


def test_the_same_complexity_stays_and_says_why() -> None:
    decision, prefer = settled(decided("medium"), seat())
    assert decision.model == "mid"
    assert prefer == "acme:mid"
    assert decision.trace["selected_reason"] == "affinity"


def test_an_easier_turn_stays_while_the_cache_is_warm() -> None:
    decision, _ = settled(decided("low"), seat(age_s=299))
    assert decision.candidates == ("mid", "small")


def test_an_easier_turn_moves_down_once_the_cache_is_cold() -> None:
    decision, prefer = settled(decided("low"), seat(age_s=300))
    assert (decision.candidates, prefer) == (("small",), None)


def test_a_harder_turn_moves_up_at_once() -> None:
    assert settled(decided("high"), seat())[0].candidates == ("big",)


@pytest.mark.parametrize("complexity", ["low", "medium", "high"])
@pytest.mark.parametrize("age_s", [1.0, 9999.0])
def test_inside_a_tool_loop_nothing_moves(complexity: str, age_s: float) -> None:
    assert settled(decided(complexity), seat(age_s=age_s), LOOP)[0].model == "mid"


def test_a_new_image_moves_to_the_model_for_images() -> None:
    view = PromptView(format="openai_chat", has_image=True, image_in_last_turn=True)
    assert settled(decided("medium", "image"), seat(), view)[0].model == "eye"
    old_image = PromptView(format="openai_chat", has_image=True)
    assert settled(decided("medium", "image"), seat(), old_image)[0].model == "mid"


def test_housekeeping_explicit_models_and_rules_keep_off_the_seat() -> None:
    assert not keeps_seat(decided("low", "housekeeping"))
    assert not keeps_seat(decided("low", body={"model": "big"}))
    assert not keeps_seat(decided("low", rules=(Rule("r", models=("big",)),)))
    assert keeps_seat(decided("low"))
    errand = decided("low", "housekeeping")
    assert settled(errand, seat()) == (errand, None)


def test_a_seat_that_the_request_rules_out_is_left() -> None:
    decision = decided("medium", body={"allowed_models": ["small", "big"]})
    assert decision.left_out["mid"] == "allowed_models"
    assert settled(decision, seat())[0].model in {"small", "big"}


def test_the_new_seat_is_what_answered_and_keeps_the_complexity_it_stayed_for() -> None:
    stayed, _ = settled(decided("low"), seat())
    assert next_seat(stayed, seat(), "mid", "acme:mid", NOW_S) == Seat(
        "mid", "acme:mid", "medium", NOW_S
    )
    moved, _ = settled(decided("high"), seat())
    assert next_seat(moved, seat(), "big", "acme:big", NOW_S).complexity == "high"
    failed_over = next_seat(stayed, seat(), "small", "acme:small", NOW_S)
    assert (failed_over.model, failed_over.complexity) == ("small", "low")


def key(
    caller: str = "key-1",
    headers: Any = None,
    cache: str | None = None,
    first: str = "Hello",
    secret: bytes = b"s",
) -> str | None:
    return conversation_key(caller, headers or {}, cache, first, secret)


@pytest.mark.parametrize(
    "header",
    ["x-session-id", "Session-Id", "thread-id", "X-Session-Affinity", "X-OpenWebUI-Chat-Id"],
)
def test_clients_name_their_conversation_in_a_header(header: str) -> None:
    named = key(headers={header: "c1"})
    assert named == key(headers={header: "c1"}, first="Other words", cache="k")
    assert named != key(headers={header: "c2"})
    assert named != key()


def test_else_the_cache_key_else_the_first_words_name_it() -> None:
    assert key(cache="k") == key(cache="k", first="Other words") != key(cache="k2")
    assert key() == key() != key(first="Other words")


def test_callers_never_share_a_conversation() -> None:
    for fields in ({"headers": {"x-session-id": "c1"}}, {"cache": "k"}, {}):
        assert key("key-1", **fields) != key("key-2", **fields)


def test_the_key_cannot_be_guessed_without_the_secret_and_holds_no_words() -> None:
    assert key(secret=b"one") != key(secret=b"two")
    assert "Hello" not in (key() or "")


def test_parts_do_not_run_into_each_other() -> None:
    assert conversation_key("ab", {}, None, "c", b"") != conversation_key("a", {}, None, "bc", b"")


def test_what_cannot_be_told_apart_has_no_key() -> None:
    assert key(first="  ") is None
    assert key(headers={"x-session-id": " "}, first="") is None


def test_an_overlong_id_and_odd_text_do_no_harm() -> None:
    assert key(headers={"x-session-id": "x" * 9999}) == key()
    assert key(first="\ud800") is not None


def test_a_tool_loop_judged_hard_does_not_pin_the_next_user_turn_to_its_small_model() -> None:
    held = seat("small", "low")
    decision, _ = settled(decided("high"), held, LOOP)
    after = next_seat(decision, held, "small", "acme:small", NOW_S)
    assert after.complexity == "low"
    assert settled(decided("high"), after)[0].model == "big"
