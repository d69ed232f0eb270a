from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.principal import Principal
from router.canonical.prompt import PromptView
from router.observe.fields import Record, RequestFacts
from router.observe.records import route_decision
from router.observe.replay_fields import recall, replay_fields
from router.routing.constraints import needs_of
from router.routing.controls import ProviderPreferences, RequestControls
from router.routing.decision import Judgement, RouteDecision

FACTS = RequestFacts("r", "/v1/chat/completions", principal=Principal("team", "key"))
JUDGED = Judgement("coding", "high", 0.6, {"p": {"coding": 0.9}})


def recorded(view: PromptView, controls: RequestControls, judged: Judgement | None) -> Record:
    """Return the decision's record as it is read back from the log."""
    decision = RouteDecision(controls.requested, "auto", JUDGED, ("big",), judged=judged)
    needs = needs_of(view, {"model": 1, "tools": 2})
    replay = replay_fields(view, controls, needs, decision, "c0ffee")
    record: Record = json.loads(json.dumps(route_decision(FACTS, decision, view, replay=replay)))
    return record


names = st.lists(st.text("abc/*", min_size=1, max_size=8), max_size=3).map(tuple)
wishes = st.builds(
    ProviderPreferences,
    order=names,
    only=names,
    ignore=names,
    sort=st.sampled_from([None, "price", "latency"]),
    across_models=st.booleans(),
    allow_fallbacks=st.booleans(),
    require_parameters=st.booleans(),
)
controls_ = st.builds(
    RequestControls,
    requested=st.sampled_from([None, "auto", "big"]),
    model=st.sampled_from([None, "big"]),
    variant=st.sampled_from([None, "floor"]),
    models=names,
    allowed_models=names,
    provider=wishes,
)
flags = st.booleans()
views = st.builds(
    PromptView,
    format=st.sampled_from(["openai_chat", "gemini"]),
    turn_count=st.integers(0, 9),
    has_image=flags,
    image_in_last_turn=flags,
    has_audio=flags,
    has_document=flags,
    has_tools=flags,
    in_tool_loop=flags,
    wants_json=flags,
    wants_schema=flags,
    stream=flags,
    reasoning_effort=st.sampled_from([None, "high"]),
    input_chars=st.integers(0, 10**6),
    user_chars=st.integers(0, 10**6),
    max_output_tokens=st.sampled_from([None, 1, 4096]),
)


@given(views, controls_, st.sampled_from([None, JUDGED]))
def test_what_is_recorded_is_recalled(
    view: PromptView, controls: RequestControls, judged: Judgement | None
) -> None:
    recalled = recall(recorded(view, controls, judged))
    assert recalled is not None
    assert recalled.view == view
    assert recalled.controls == controls
    assert recalled.judged == judged
    assert recalled.needs.capabilities == needs_of(view).capabilities
    assert recalled.needs.input_tokens == needs_of(view).input_tokens
    assert recalled.needs.max_output_tokens == view.max_output_tokens
    assert (recalled.endpoint, recalled.key) == ("/v1/chat/completions", "team")
    assert recalled.conversation == "c0ffee"


def test_no_word_of_the_prompt_is_recorded() -> None:
    view = PromptView("openai_chat", ("secret words",), 1, "secret system", "secret words")
    text = json.dumps(recorded(view, RequestControls(), JUDGED))
    assert "secret" not in text


def test_names_of_fields_are_recorded_only_where_they_count() -> None:
    view = PromptView("openai_chat")
    assert "parameters" not in recorded(view, RequestControls(), JUDGED)["replay"]
    strict = RequestControls(provider=ProviderPreferences(require_parameters=True))
    assert recorded(view, strict, JUDGED)["replay"]["parameters"] == ["model", "tools"]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"replay": None},
        {"replay": {"v": 99}},
        {"replay": {"v": 1, "turns": "many"}},
        {"replay": {"v": 1, "provider": 3}},
        {"payload_summary": None},
        {"payload_summary": {"input_chars": []}},
    ],
)
def test_a_record_that_holds_too_little_is_not_recalled(spoilt: Record) -> None:
    record = recorded(PromptView("openai_chat"), RequestControls(), JUDGED)
    assert recall({**record, **spoilt}) is None
