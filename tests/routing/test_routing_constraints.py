from __future__ import annotations

import pytest
from routing_samples import account, target

from router.canonical.prompt import PromptView
from router.providers.base import Quirks
from router.routing.constraints import Needs, constraints_of, needs_of, unsatisfied
from router.routing.controls import RequestControls, read_controls
from router.routing.sieve import Offer, sieve

ANY = RequestControls()


def survivors(needs: Needs, *targets: object, controls: RequestControls = ANY) -> list[str]:
    offers = [Offer(one.model, one) for one in targets]  # type: ignore[attr-defined]
    return [offer.model for offer in sieve(offers, constraints_of(controls, needs)).kept]


def test_a_view_tells_what_is_needed() -> None:
    view = PromptView(
        format="openai_chat",
        has_image=True,
        has_tools=True,
        has_audio=True,
        has_document=True,
        wants_schema=True,
        stream=True,
        input_chars=401,
        max_output_tokens=9,
    )
    needs = needs_of(view, {"temperature": 1})
    assert needs.capabilities == {
        "vision", "tools", "audio", "documents", "json_schema", "streaming",
    }  # fmt: skip
    assert (needs.input_tokens, needs.max_output_tokens) == (101, 9)
    assert needs.parameters == {"temperature"}


def test_a_plain_json_object_needs_no_schema_support() -> None:
    assert not needs_of(PromptView(format="openai_chat", wants_json=True)).capabilities


def test_embeddings_need_an_embedding_model() -> None:
    assert needs_of(PromptView(format="openai_embeddings")).capabilities == {"embeddings"}


def test_what_is_not_known_counts_as_able() -> None:
    needs = Needs(frozenset({"vision"}), 10**9, 10**9)
    assert survivors(needs, target("unknown")) == ["unknown"]


def test_a_known_lack_of_a_capability_rules_out() -> None:
    needs = Needs(frozenset({"vision", "tools"}))
    able = target("able", capabilities=["vision", "tools", "audio"])
    blind = target("blind", capabilities=["tools"])
    assert survivors(needs, blind, able) == ["able"]


@pytest.mark.parametrize(("tokens", "fits"), [(1000, True), (1100, True), (1101, False)])
def test_a_prompt_may_be_a_tenth_over_the_window(tokens: int, *, fits: bool) -> None:
    assert bool(survivors(Needs(input_tokens=tokens), target("m", window=1000))) is fits


@pytest.mark.parametrize(("tokens", "fits"), [(None, True), (500, True), (501, False)])
def test_the_output_asked_for_must_be_possible(tokens: int | None, *, fits: bool) -> None:
    assert bool(survivors(Needs(max_output_tokens=tokens), target("m", max_output=500))) is fits


def test_only_and_ignore_name_providers_or_accounts_in_any_case() -> None:
    eu, us = target("eu-model", account("EU", "OpenAI")), target("us-model", account("us", "groq"))
    for wish, left in [
        ({"only": ["openai"]}, ["eu-model"]),
        ({"only": ["eu", "us"]}, ["eu-model", "us-model"]),
        ({"ignore": ["GROQ"]}, ["eu-model"]),
        ({"ignore": ["eu"]}, ["us-model"]),
        ({"order": ["groq"]}, ["eu-model", "us-model"]),
        ({"order": ["groq"], "allow_fallbacks": False}, ["us-model"]),
    ]:
        assert survivors(Needs(), eu, us, controls=read_controls({"provider": wish}, {})) == left


def test_require_parameters_leaves_out_targets_known_to_refuse_one() -> None:
    picky = account("picky")
    quirky = type(picky)("quirky", "openai", "openai", "https://q", quirks=Quirks(drop=("seed",)))
    needs = Needs(parameters=frozenset({"seed", "reasoning_effort"}))
    all_of_them = (
        target("dropped", quirky),
        target("extra", extra_drop=("seed",)),
        target("thoughtless", capabilities=["tools"]),
        target("fine", capabilities=["reasoning"]),
    )
    strict = read_controls({"provider": {"require_parameters": True}}, {})
    assert survivors(needs, *all_of_them, controls=strict) == ["fine"]
    assert len(survivors(needs, *all_of_them)) == 4


def test_formats_may_say_which_parameters_they_cannot_say() -> None:
    strict = read_controls({"provider": {"require_parameters": True}}, {})
    needs = Needs(parameters=frozenset({"logit_bias"}))
    constraints = constraints_of(strict, needs, cannot_say=lambda _: {"logit_bias", "n"})
    sieved = sieve([Offer("m", target("m"))], constraints)
    assert sieved.emptied_by is not None
    assert sieved.emptied_by.name == "require_parameters"
    assert sieved.skipped[0].detail == "logit_bias"


def test_the_first_constraint_that_leaves_nothing_is_named() -> None:
    blind = target("blind", capabilities=["tools"])
    short = target("short", window=10)
    needs = Needs(frozenset({"vision"}), input_tokens=100)
    sieved = sieve([Offer(t.model, t) for t in (blind, short)], constraints_of(ANY, needs))
    assert sieved.kept == ()
    assert sieved.emptied_by is not None
    assert sieved.emptied_by.name == "context_window"
    assert [(left.target.model, left.reason) for left in sieved.skipped] == [
        ("blind", "capability"),
        ("short", "context_window"),
    ]


def test_nothing_offered_is_not_a_constraints_fault() -> None:
    assert sieve([], constraints_of(ANY, Needs())).emptied_by is None


def test_the_error_says_what_is_missing_and_what_would_do() -> None:
    blind = target("blind", capabilities=[])
    needs = Needs(frozenset({"vision"}))
    sieved = sieve([Offer("blind", blind)], constraints_of(ANY, needs))
    assert sieved.emptied_by is not None
    error = unsatisfied(sieved.emptied_by, sieved.rejected, [blind, target("seeing")])
    assert error.http_status == 400
    assert error.code == "routing_constraints_unsatisfied"
    assert "capability" in error.message
    assert "vision" in error.message
    assert error.metadata == {
        "constraint": "capability",
        "rejected": {"acme:blind": "vision"},
        "would_satisfy": ["seeing"],
    }
