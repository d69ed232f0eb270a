from __future__ import annotations

import pytest
from routing_samples import account, snapshot, target

from router.canonical.request import ModelTraits
from router.config.snapshot import ModelInfo, Source, Wildcard
from router.providers.base import Target
from router.routing.match import matches_glob, nearest, targets_for, unknown_model


def names(found: tuple[Target, ...]) -> list[str]:
    return [one.name for one in found]


def test_an_exact_id_finds_its_targets_in_configured_order() -> None:
    config = snapshot(target("gpt", "a"), target("gpt", "b"), target("other", "c"))
    assert names(targets_for(config, "gpt")) == ["a:gpt", "b:gpt"]


def test_an_alias_stands_for_its_model_even_twice_removed() -> None:
    config = snapshot(target("gpt"), aliases={"fast": "quick", "quick": "gpt"})
    assert names(targets_for(config, "fast")) == ["acme:gpt"]


def test_a_circle_of_aliases_ends() -> None:
    config = snapshot(target("gpt"), aliases={"a": "b", "b": "a"})
    assert targets_for(config, "a") == ()


def test_a_bare_name_finds_qualified_entries_of_their_own_provider_only() -> None:
    config = snapshot(
        target("openai/gpt", account("one", "OpenAI")),
        target("groq/gpt", account("two", "openai")),
    )
    assert names(targets_for(config, "gpt")) == ["one:openai/gpt"]


def test_a_qualified_name_finds_bare_entries_of_that_provider_only() -> None:
    config = snapshot(
        target("gpt", account("one", "openai")), target("gpt", account("two", "groq"))
    )
    assert names(targets_for(config, "OpenAI/gpt")) == ["one:gpt"]


def test_ids_with_slashes_can_be_qualified_too() -> None:
    config = snapshot(target("groq/meta/llama", account("g", "groq")))
    assert names(targets_for(config, "meta/llama")) == ["g:groq/meta/llama"]


def test_half_a_name_is_no_match() -> None:
    config = snapshot(target("openai/gpt-5", account("one", "openai")))
    assert targets_for(config, "5") == ()
    assert targets_for(config, "") == ()


def test_the_most_specific_wildcard_wins_and_its_star_is_filled_in() -> None:
    at = account("a", "openai")
    wide = Wildcard("*", Target("*", at, ModelTraits("*")))
    narrow = Wildcard("openai/*", Target("openai/*", at, ModelTraits("vendor-*-latest")))
    config = snapshot(wildcards=(wide, narrow))
    (found,) = targets_for(config, "openai/gpt-5")
    assert (found.model, found.upstream_model) == ("openai/gpt-5", "vendor-gpt-5-latest")
    (found,) = targets_for(config, "claude")
    assert (found.model, found.upstream_model) == ("claude", "claude")


def test_an_exact_id_wins_over_a_wildcard() -> None:
    wide = Wildcard("*", target("*", "wide"))
    config = snapshot(target("gpt", "narrow"), wildcards=(wide,))
    assert names(targets_for(config, "gpt")) == ["narrow:gpt"]


@pytest.mark.parametrize(
    "name",
    ["openai/../x", "openai//x", "openai/a b", "openai/a\n", "openai/?k=1", "openai/" + "x" * 300],
)
def test_a_wildcard_takes_no_name_that_could_change_a_url(name: str) -> None:
    config = snapshot(wildcards=(Wildcard("openai/*", target("openai/*")),))
    assert targets_for(config, name) == ()


def test_a_wildcard_needs_something_in_its_place() -> None:
    config = snapshot(wildcards=(Wildcard("openai/*", target("openai/*")),))
    assert targets_for(config, "openai/") == ()


def test_an_open_account_serves_what_the_configuration_knows() -> None:
    anyone = account("any", "openai")
    config = snapshot(
        target("gpt", "listed"),
        models={"openai/late": ModelInfo("openai/late", "x", context_window_tokens=9)},
        open_accounts=(anyone,),
        accounts={"any": anyone},
    )
    assert names(targets_for(config, "gpt")) == ["listed:gpt", "any:gpt"]
    (found,) = targets_for(config, "openai/late")
    assert found.traits == ModelTraits("late", context_window_tokens=9)
    assert targets_for(config, "never-heard-of") == ()


def test_an_open_account_does_not_serve_another_providers_model() -> None:
    mine, theirs = account("mine", "groq"), account("theirs", "openai")
    config = snapshot(
        target("openai/gpt", theirs),
        open_accounts=(mine,),
        accounts={"mine": mine, "theirs": theirs},
    )
    assert names(targets_for(config, "openai/gpt")) == ["theirs:openai/gpt"]


def test_a_single_backend_serves_any_name() -> None:
    default = account("default", "default")
    config = snapshot(
        open_accounts=(default,), accounts={"default": default}, source=Source("backend")
    )
    assert names(targets_for(config, "llama3:8b")) == ["default:llama3:8b"]


def test_the_nearest_names_are_told_those_that_the_caller_may_use_only() -> None:
    config = snapshot(target("gpt-4o"), target("gpt-4o-mini"), target("claude"))
    assert nearest(config, "gpt-4x")[0] == "gpt-4o"
    assert nearest(config, "gpt-4x", lambda name: "mini" in name) == ("gpt-4o-mini",)
    assert nearest(config, "zzz") == ()


def test_the_nearest_name_is_found_behind_a_provider_too() -> None:
    config = snapshot(target("anthropic/claude-sonnet"))
    assert nearest(config, "claude-sonet") == ("anthropic/claude-sonnet",)


def test_an_unknown_model_is_a_404_that_names_the_nearest_and_nothing_unprintable() -> None:
    error = unknown_model(snapshot(target("gpt-4o")), "gpt-4x\r\nX: 1" + "y" * 500)
    assert error.http_status == 404
    assert error.code == "model_not_found"
    assert "\n" not in error.message
    assert len(error.message) < 250
    assert "gpt-4o" in unknown_model(snapshot(target("gpt-4o")), "gpt-4").message


@pytest.mark.parametrize(
    ("model", "glob", "expected"),
    [
        ("openai/gpt-5", "openai/*", True),
        ("openai/gpt-5", "gpt-*", True),
        ("openai/gpt-5", "OPENAI/GPT*", True),
        ("openai/gpt-5", "*/claude", False),
        ("gpt-5", "openai/*", False),
        ("gpt-5", "gpt-?", True),
    ],
)
def test_globs(model: str, glob: str, *, expected: bool) -> None:
    assert matches_glob(model, glob) is expected
