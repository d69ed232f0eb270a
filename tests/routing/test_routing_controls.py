from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InvalidRequest
from router.routing.controls import ROUTER_FIELDS, read_controls, strip_controls


@pytest.mark.parametrize("model", [None, "", "  ", "auto", "AUTO", "openrouter/auto", "Auto:nitro"])
def test_these_names_leave_the_choice_to_the_router(model: str | None) -> None:
    assert read_controls({"model": model}, {}).model is None


def test_a_body_without_model_leaves_the_choice_to_the_router() -> None:
    controls = read_controls({}, {})
    assert controls.model is None
    assert controls.requested is None


def test_a_suffix_is_taken_off_and_sorts() -> None:
    cheap = read_controls({"model": "openai/gpt-5:floor"}, {})
    fast = read_controls({"model": "openai/gpt-5:NITRO"}, {})
    assert (cheap.model, cheap.sort) == ("openai/gpt-5", "price")
    assert (fast.model, fast.sort) == ("openai/gpt-5", "throughput")
    assert cheap.requested == "openai/gpt-5:floor"


def test_other_suffixes_belong_to_the_name() -> None:
    assert read_controls({"model": "qwen3:8b"}, {}).model == "qwen3:8b"


def test_the_sort_that_is_named_wins_over_the_suffix() -> None:
    controls = read_controls({"model": "m:floor", "provider": {"sort": "latency"}}, {})
    assert controls.sort == "latency"


def test_without_model_the_first_of_models_is_asked_for() -> None:
    controls = read_controls({"models": ["a", "b"]}, {})
    assert (controls.model, controls.models) == ("a", ("b",))


def test_auto_with_models_stays_auto() -> None:
    controls = read_controls({"model": "auto", "models": ["a"]}, {})
    assert (controls.model, controls.models) == (None, ("a",))


def test_the_model_of_the_path_wins() -> None:
    assert read_controls({"model": "x"}, {}, path_model="gemini-2").model == "gemini-2"


def test_allowed_models_come_from_the_field_and_from_openrouters_plugin() -> None:
    body = {
        "allowed_models": ["openai/*"],
        "plugins": [{"id": "web"}, {"id": "auto-router", "allowed_models": ["claude*"]}],
    }
    assert read_controls(body, {}).allowed_models == ("openai/*", "claude*")


def test_the_provider_object_is_read_whole() -> None:
    body = {
        "provider": {
            "order": ["OpenAI"],
            "only": ["openai", "azure"],
            "ignore": ["Groq"],
            "sort": {"by": "price", "partition": "none"},
            "allow_fallbacks": False,
            "require_parameters": True,
        }
    }
    wishes = read_controls(body, {}).provider
    assert wishes.order == ("openai",)
    assert wishes.only == ("openai", "azure")
    assert wishes.ignore == ("groq",)
    assert (wishes.sort, wishes.across_models) == ("price", True)
    assert not wishes.allow_fallbacks
    assert wishes.require_parameters


def test_headers_ask_for_strictness_and_debugging_in_any_case() -> None:
    controls = read_controls({}, {"X-Router-Strict": "True", "x-router-debug": "true"})
    assert controls.strict
    assert controls.debug
    assert not read_controls({}, {"x-router-strict": "no"}).strict


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": 5}, "model"),
        ({"model": "x" * 300}, "model"),
        ({"models": "gpt"}, "models"),
        ({"models": ["a", 1]}, "models[1]"),
        ({"models": ["a"] * 65}, "models"),
        ({"allowed_models": [""]}, "allowed_models[0]"),
        ({"plugins": [{"id": "auto-router", "allowed_models": {}}]}, "plugins[0].allowed_models"),
        ({"provider": "openai"}, "provider"),
        ({"provider": {"only": "openai"}}, "provider.only"),
        ({"provider": {"order": [None]}}, "provider.order[0]"),
        ({"provider": {"sort": "beauty"}}, "provider.sort"),
        ({"provider": {"sort": {"by": []}}}, "provider.sort.by"),
        ({"provider": {"sort": {"partition": "half"}}}, "provider.sort.partition"),
        ({"provider": {"allow_fallbacks": "yes"}}, "provider.allow_fallbacks"),
        ({"provider": {"require_parameters": 1}}, "provider.require_parameters"),
    ],
)
def test_a_wrong_type_is_told_with_its_path(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_controls(body, {})
    assert caught.value.param == param


def test_null_is_as_good_as_absent() -> None:
    body = dict.fromkeys([*ROUTER_FIELDS, "model", "plugins"])
    assert read_controls(body, {}) == read_controls({}, {})


def test_router_fields_are_stripped_and_the_rest_stays() -> None:
    body = {
        "model": "auto",
        "models": ["a"],
        "allowed_models": ["b"],
        "provider": {},
        "route": "fallback",
        "plugins": [{"id": "auto-router"}, {"id": "web"}, "odd"],
        "vendor_field": 1,
    }
    assert strip_controls(body) == {
        "model": "auto",
        "plugins": [{"id": "web"}, "odd"],
        "vendor_field": 1,
    }


def test_plugins_that_were_ours_alone_go_away() -> None:
    assert strip_controls({"plugins": [{"id": "auto-router"}]}) == {}


def test_plugins_of_another_shape_are_not_ours() -> None:
    for plugins in ([], "x", {"id": "auto-router"}):
        assert strip_controls({"plugins": plugins}) == {"plugins": plugins}


def test_stripping_leaves_the_callers_body_alone() -> None:
    body = {"models": ["a"], "plugins": [{"id": "auto-router"}]}
    strip_controls(body)
    assert body == {"models": ["a"], "plugins": [{"id": "auto-router"}]}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "by", "sort", "order", "only", "allowed_models", "x"]), inner
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([*sorted(ROUTER_FIELDS), "model", "plugins", "other"]), json_values
    )
)
def test_any_body_is_read_or_refused_never_a_crash(body: dict[str, Any]) -> None:
    with suppress(InvalidRequest):
        read_controls(body, {})
    assert not ROUTER_FIELDS & strip_controls(body).keys()
