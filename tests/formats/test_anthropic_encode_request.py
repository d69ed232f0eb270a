"""The upstream side: canonical requests become bodies that the Messages API accepts."""

from __future__ import annotations

import base64
import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.messages import (
    Block,
    Media,
    Message,
    Native,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from router.canonical.request import (
    ChatRequest,
    ModelTraits,
    Reasoning,
    ResponseFormat,
    Sampling,
    Tool,
    ToolChoice,
)
from router.canonical.signature import Signature
from router.errors import UnsupportedFeature
from router.formats.anthropic_messages import FORMAT

SONNET_45 = ModelTraits("claude-sonnet-4-5")
OLD = ModelTraits("claude-3-5-haiku-latest")
HI = (Message("user", (Text("Hi"),)),)
MARK = {"type": "ephemeral"}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def ask(*messages: Message, model: ModelTraits = SONNET_45, **fields: Any) -> dict[str, Any]:
    return FORMAT.encode_request(ChatRequest("m", messages or HI, **fields), model).body


def dropped(model: ModelTraits = SONNET_45, **fields: Any) -> tuple[str, ...]:
    return FORMAT.encode_request(ChatRequest("m", HI, **fields), model).dropped


def user(*blocks: Block) -> Message:
    return Message("user", blocks)


def assistant(*blocks: Block) -> Message:
    return Message("assistant", blocks)


def tool(name: str, **fields: Any) -> Tool:
    return Tool(name, parameters=CITY, **fields)


def test_the_smallest_request_has_model_max_tokens_and_messages() -> None:
    assert ask() == {
        "model": "claude-sonnet-4-5",
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }


@pytest.mark.parametrize(
    ("wanted", "known", "sent"), [(77, None, 77), (None, 500, 500), (77, 500, 77), (900, 500, 500)]
)
def test_max_tokens_is_the_callers_within_what_the_model_can(
    wanted: int | None, known: int | None, sent: int
) -> None:
    traits = ModelTraits("claude-sonnet-4-5", max_output_tokens=known)
    result = FORMAT.encode_request(ChatRequest("m", HI, max_output_tokens=wanted), traits)
    assert result.body["max_tokens"] == sent
    assert ("max_completion_tokens" in result.dropped) == (wanted == 900)


def test_a_service_of_unknown_models_gets_a_modest_max_tokens() -> None:
    assert ask(model=ModelTraits("kimi-k2"))["max_tokens"] == 8192


def test_system_and_developer_messages_move_to_the_top() -> None:
    assert ask(Message("system", (Text("Be brief."),)), *HI)["system"] == "Be brief."
    body = ask(
        Message("system", (Text("One", cache_control=MARK), Text(""))),
        *HI,
        Message("developer", (Text("Two"),)),
    )
    assert body["system"] == [
        {"type": "text", "text": "One", "cache_control": MARK},
        {"type": "text", "text": "Two"},
    ]
    assert [turn["role"] for turn in body["messages"]] == ["user"]


def test_turns_of_one_role_are_joined_and_empty_text_left_out() -> None:
    body = ask(user(Text("a"), Text("")), user(Text(" \n")), user(Text("b")), assistant(Text("c")))
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "c"}]},
    ]


def test_results_of_tools_come_first_in_the_next_user_turn() -> None:
    body = ask(
        user(Text("go")),
        assistant(Text(""), ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "")),
        user(Text("also this")),
        user(ToolResult("b", (Text("two"),)), ToolResult("a", (), is_error=True)),
    )
    assert body["messages"][1]["content"] == [
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        {"type": "tool_use", "id": "b", "name": "g", "input": {}},
    ]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "b", "content": "two"},
        {"type": "tool_result", "tool_use_id": "a", "is_error": True},
        {"type": "text", "text": "also this"},
    ]


def test_ids_are_sanitised_alike_in_call_and_result() -> None:
    body = ask(
        assistant(ToolCall("functions.f:0", "f"), ToolCall("functions_f_0", "f")),
        user(ToolResult("functions.f:0", ()), ToolResult("functions_f_0", ())),
    )
    calls = [block["id"] for block in body["messages"][0]["content"]]
    results = [block["tool_use_id"] for block in body["messages"][1]["content"]]
    assert calls == results
    assert len(set(calls)) == 2
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", call) for call in calls)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [("not json", {"input": "not json"}), ("[1]", {"input": [1]}), ("null", {}), ("", {})],
)
def test_arguments_that_are_no_object_are_not_lost(arguments: str, given: dict[str, Any]) -> None:
    body = ask(assistant(ToolCall("a", "f", arguments)), user(ToolResult("a", ())))
    assert body["messages"][0]["content"][0]["input"] == given


def test_custom_tools_and_namespaces_become_functions() -> None:
    body = ask(
        assistant(ToolCall("a", "patch", "*** Begin", custom=True, namespace="edit")),
        user(ToolResult("a", (), custom=True)),
        tools=(Tool("patch", "Apply", kind="custom", namespace="edit"), Tool("now")),
        tool_choice=ToolChoice("named", ("patch",)),
    )
    call = body["messages"][0]["content"][0]
    assert (call["name"], call["input"]) == ("edit__patch", {"input": "*** Begin"})
    assert body["tools"][0]["name"] == "edit__patch"
    assert body["tools"][0]["input_schema"]["properties"]["input"]["type"] == "string"
    assert body["tools"][1] == {"name": "now", "input_schema": {"type": "object", "properties": {}}}
    assert body["tool_choice"] == {"type": "tool", "name": "edit__patch"}


@pytest.mark.parametrize(
    ("choice", "parallel", "wire"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("named", ("f",)), None, {"type": "tool", "name": "f"}),
        (ToolChoice("named", ("f", "g")), None, {"type": "any"}),
    ],
)
def test_tool_choice_has_four_words(
    choice: ToolChoice | None, parallel: bool | None, wire: dict[str, Any] | None
) -> None:
    tools = (tool("f"), tool("g"), tool("h"))
    body = ask(tools=tools, tool_choice=choice, parallel_tool_calls=parallel)
    assert body.get("tool_choice") == wire
    several = choice is not None and len(choice.names) > 1
    assert [t["name"] for t in body["tools"]] == (["f", "g"] if several else ["f", "g", "h"])


def test_a_choice_without_tools_says_nothing() -> None:
    assert "tool_choice" not in ask(tool_choice=ToolChoice("none"), parallel_tool_calls=False)


def test_models_that_refuse_forced_tools_get_auto() -> None:
    fields = {"tools": (tool("f"),), "tool_choice": ToolChoice("required")}
    newest = ModelTraits("claude-opus-5-5")
    assert ask(model=newest, **fields)["tool_choice"] == {"type": "auto"}
    assert dropped(newest, **fields) == ("tool_choice",)
    named = ask(model=newest, tools=(tool("f"), tool("g")), tool_choice=ToolChoice("named", ("g",)))
    assert [t["name"] for t in named["tools"]] == ["g"]


def test_tools_of_other_providers_are_dropped_by_name_or_refused() -> None:
    search = Tool(
        "web_search", kind="hosted", data={"type": "web_search"}, origin="openai_responses"
    )
    own = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}
    mine = Tool("web_search", kind="hosted", data=own, origin="anthropic_messages")
    result = FORMAT.encode_request(ChatRequest("m", HI, tools=(search, tool("f"), mine)), SONNET_45)
    assert [t["name"] for t in result.body["tools"]] == ["f", "web_search"]
    assert result.body["tools"][1] == own
    assert result.dropped == ("tools[0].type",)
    assert "tools" not in ask(tools=(search,), tool_choice=ToolChoice("auto"))
    with pytest.raises(UnsupportedFeature):
        ask(tools=(search,), tool_choice=ToolChoice("required"))
    with pytest.raises(UnsupportedFeature) as caught:
        ask(tools=(tool("f"), search), tool_choice=ToolChoice("named", ("web_search",)))
    assert caught.value.param == "tools[1].type"


def test_strict_tools_are_closed_where_the_model_has_them() -> None:
    strict = (tool("f", strict=True, cache_control=MARK),)
    sent = ask(tools=strict)["tools"][0]
    assert sent["strict"] is True
    assert sent["input_schema"]["additionalProperties"] is False
    assert sent["cache_control"] == MARK
    assert "strict" not in ask(model=OLD, tools=strict)["tools"][0]
    assert dropped(OLD, tools=strict) == ("tools[0].function.strict",)


def test_a_json_schema_is_said_natively_where_the_model_can() -> None:
    body = ask(response_format=ResponseFormat("json_schema", CITY))
    assert body["output_config"] == {
        "format": {"type": "json_schema", "schema": {**CITY, "additionalProperties": False}}
    }
    assert "tools" not in body


def test_a_json_schema_is_a_forced_tool_on_older_models() -> None:
    wanted = ResponseFormat("json_schema", CITY)
    body = ask(model=OLD, response_format=wanted)
    assert body["tools"][0]["input_schema"] == CITY
    assert body["tool_choice"]["name"] == body["tools"][0]["name"] == "final_json_answer"
    mixed = ask(model=OLD, response_format=wanted, tools=(tool("f"),))
    assert [t["name"] for t in mixed["tools"]] == ["f", "final_json_answer"]
    assert mixed["tool_choice"] == {"type": "any"}
    forced = ask(
        model=OLD, response_format=wanted, tools=(tool("f"),), tool_choice=ToolChoice("required")
    )
    assert [t["name"] for t in forced["tools"]] == ["f"]


def test_a_recursive_schema_stays_whole() -> None:
    tree = {
        "type": "object",
        "properties": {"left": {"$ref": "#/$defs/tree"}},
        "$defs": {"tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}},
    }
    wanted = ResponseFormat("json_schema", tree)
    assert ask(response_format=wanted)["tools"][0]["input_schema"] == tree
    newest = ask(model=ModelTraits("claude-opus-5-5"), response_format=wanted)
    assert "tools" not in newest
    assert '"$defs"' in newest["system"]


def test_json_object_is_asked_for_in_words() -> None:
    body = ask(
        Message("system", (Text("Rules"),)), *HI, response_format=ResponseFormat("json_object")
    )
    assert body["system"][0]["text"] == "Rules"
    assert "JSON object" in body["system"][1]["text"]


@pytest.mark.parametrize("effort", ["low", "medium", "high", "xhigh", "max"])
@pytest.mark.parametrize("max_tokens", [1, 1024, 1500, 4000, 20_000, None])
def test_a_thinking_budget_always_fits(effort: str, max_tokens: int | None) -> None:
    body = ask(reasoning=Reasoning(effort), max_output_tokens=max_tokens)
    budget = body["thinking"]["budget_tokens"]
    assert 1024 <= budget < body["max_tokens"]
    assert body["max_tokens"] >= (max_tokens or 0)


@given(st.integers(1, 200_000), st.integers(1, 200_000), st.integers(2000, 200_000))
def test_an_explicit_budget_always_fits_too(budget: int, max_tokens: int, ceiling: int) -> None:
    traits = ModelTraits("claude-sonnet-4-5", max_output_tokens=ceiling)
    body = ask(
        model=traits, reasoning=Reasoning(budget_tokens=budget), max_output_tokens=max_tokens
    )
    assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"] <= ceiling


@pytest.mark.parametrize(
    ("model", "reasoning", "thinking", "effort"),
    [
        (
            "claude-sonnet-4-0",
            Reasoning("medium"),
            {"type": "enabled", "budget_tokens": 4096},
            None,
        ),
        (
            "claude-opus-4-5",
            Reasoning("xhigh"),
            {"type": "enabled", "budget_tokens": 24_576},
            "high",
        ),
        ("claude-sonnet-4-6", Reasoning("xhigh"), {"type": "adaptive"}, "high"),
        (
            "claude-sonnet-4-6",
            Reasoning(budget_tokens=3000),
            {"type": "enabled", "budget_tokens": 3000},
            None,
        ),
        ("claude-sonnet-4-6", Reasoning(budget_tokens=-1), {"type": "adaptive"}, None),
        ("claude-opus-5", Reasoning("max"), {"type": "adaptive", "display": "summarized"}, "max"),
        (
            "claude-opus-5",
            Reasoning(budget_tokens=3000),
            {"type": "adaptive", "display": "summarized"},
            "medium",
        ),
        ("claude-sonnet-4-5", Reasoning("none"), None, None),
        ("claude-opus-4-8", Reasoning(enabled=False), None, None),
        ("claude-sonnet-5", Reasoning("minimal"), {"type": "disabled"}, None),
        ("claude-sonnet-5-5", Reasoning(budget_tokens=0), {"type": "between_tools"}, None),
        ("claude-opus-5-5", Reasoning("minimal"), None, "low"),
    ],
)
def test_each_generation_is_asked_to_think_in_its_own_way(
    model: str, reasoning: Reasoning, thinking: dict[str, Any] | None, effort: str | None
) -> None:
    result = FORMAT.encode_request(ChatRequest("m", HI, reasoning=reasoning), ModelTraits(model))
    assert result.body.get("thinking") == thinking
    assert result.body.get("output_config", {}).get("effort") == effort
    assert result.dropped == ()


def test_a_wish_that_cannot_be_met_is_named() -> None:
    assert dropped(OLD, reasoning=Reasoning("high")) == ("reasoning_effort",)
    assert dropped(ModelTraits("claude-opus-5-5"), reasoning=Reasoning("none")) == (
        "reasoning_effort",
    )
    unable = ModelTraits("claude-sonnet-4-5", capabilities=frozenset({"tools"}))
    assert dropped(unable, reasoning=Reasoning("high")) == ("reasoning_effort",)


def test_a_forced_tool_switches_thinking_off() -> None:
    fields = {
        "reasoning": Reasoning("max"),
        "tools": (tool("f"),),
        "tool_choice": ToolChoice("required"),
    }
    assert "thinking" not in ask(**fields)
    assert dropped(**fields) == ("reasoning_effort",)
    default_on = ask(model=ModelTraits("claude-opus-5"), **fields)
    assert default_on["thinking"] == {"type": "disabled"}
    assert default_on["output_config"] == {"effort": "high"}


SIGNED = Thinking("hm", Signature("sig", "anthropic_messages"))
CALL, RESULT = ToolCall("a", "f"), ToolResult("a", (Text("1"),))


def test_own_thoughts_go_back_first_and_foreign_ones_stay_out() -> None:
    redacted = RedactedThinking(Signature("blob", "anthropic_messages"))
    body = ask(
        user(Text("go")),
        assistant(
            Thinking("foreign", Signature("x", "gemini")),
            Thinking("unsigned"),
            RedactedThinking(Signature("y", "openai_responses")),
            Text("on it"),
            SIGNED,
            redacted,
            CALL,
        ),
        user(RESULT),
    )
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "blob"},
        {"type": "text", "text": "on it"},
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
    ]


@pytest.mark.parametrize(
    ("history", "is_on"),
    [
        ((assistant(SIGNED, CALL), user(RESULT)), True),
        ((assistant(CALL), user(RESULT)), False),
        ((assistant(Thinking("x", Signature("s", "gemini")), CALL), user(RESULT)), False),
        (
            (
                assistant(SIGNED, CALL),
                user(RESULT),
                assistant(ToolCall("b", "f")),
                user(ToolResult("b", ())),
            ),
            True,
        ),
        ((assistant(CALL), user(RESULT), assistant(Text("done")), user(Text("next"))), True),
        ((assistant(Text("Once upon")),), False),
    ],
)
def test_thinking_is_off_in_a_tool_loop_that_began_without_it(
    history: tuple[Message, ...], is_on: bool
) -> None:
    request = ChatRequest("m", (*HI, *history), reasoning=Reasoning("low"))
    result = FORMAT.encode_request(request, SONNET_45)
    assert ("thinking" in result.body) == is_on
    assert ("reasoning_effort" in result.dropped) != is_on
    adaptive = FORMAT.encode_request(request, ModelTraits("claude-sonnet-4-6"))
    assert adaptive.body["thinking"] == {"type": "adaptive"}


@pytest.mark.parametrize(
    ("model", "sampling", "sent", "lost"),
    [
        (
            "claude-sonnet-4-5",
            Sampling(temperature=0.2, top_k=5),
            {"temperature": 0.2, "top_k": 5},
            (),
        ),
        ("claude-sonnet-4-5", Sampling(temperature=1.7), {"temperature": 1.0}, ("temperature",)),
        (
            "claude-sonnet-4-5",
            Sampling(temperature=0.2, top_p=0.9),
            {"temperature": 0.2},
            ("top_p",),
        ),
        ("claude-sonnet-4-5", Sampling(temperature=1.0, top_p=0.9), {"top_p": 0.9}, ()),
        (
            "claude-3-opus-latest",
            Sampling(temperature=0.2, top_p=0.9),
            {"temperature": 0.2, "top_p": 0.9},
            (),
        ),
        (
            "claude-opus-4-7",
            Sampling(temperature=0.2, top_p=0.9, top_k=5),
            {},
            ("temperature", "top_p", "top_k"),
        ),
        ("claude-opus-4-7", Sampling(temperature=1, top_p=1), {}, ()),
    ],
)
def test_sampling_is_fitted_to_the_model(
    model: str, sampling: Sampling, sent: dict[str, Any], lost: tuple[str, ...]
) -> None:
    result = FORMAT.encode_request(ChatRequest("m", HI, sampling=sampling), ModelTraits(model))
    assert {k: v for k, v in result.body.items() if k in {"temperature", "top_p", "top_k"}} == sent
    assert result.dropped == lost


def test_thinking_leaves_little_of_sampling() -> None:
    sampling = Sampling(temperature=0.2, top_p=0.5, top_k=3)
    body = ask(reasoning=Reasoning("low"), sampling=sampling)
    assert not {"temperature", "top_p", "top_k"} & body.keys()
    assert dropped(reasoning=Reasoning("low"), sampling=sampling) == (
        "temperature",
        "top_p",
        "top_k",
    )
    assert ask(reasoning=Reasoning("low"), sampling=Sampling(top_p=0.97))["top_p"] == 0.97
    assert ask(reasoning=Reasoning("low"), sampling=Sampling(temperature=1))["temperature"] == 1


def test_what_anthropic_lacks_is_named_unless_neutral() -> None:
    said = Sampling(
        seed=0,
        presence_penalty=1,
        frequency_penalty=1,
        logit_bias={"1": 2},
        logprobs=True,
        top_logprobs=3,
        n=2,
        stop=("END", " \n"),
    )
    assert set(dropped(sampling=said)) == {
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "n",
        "stop",
    }
    assert ask(sampling=said)["stop_sequences"] == ["END"]
    neutral = Sampling(presence_penalty=0, frequency_penalty=0, logit_bias={}, logprobs=False, n=1)
    assert dropped(sampling=neutral) == ()


def test_the_call_itself_is_described() -> None:
    fields: dict[str, Any] = {
        "user": "u1",
        "metadata": {"a": "b"},
        "service_tier": "default",
        "prompt_cache_key": "k",
        "stream": True,
        "extras": {"verbosity": "low", "mcp_servers": [{"name": "x"}]},
    }
    body = ask(**fields)
    assert body["metadata"] == {"user_id": "u1"}
    assert body["service_tier"] == "standard_only"
    assert body["stream"] is True
    assert body["mcp_servers"] == [{"name": "x"}]
    assert set(dropped(**fields)) == {"metadata", "prompt_cache_key", "verbosity"}
    assert dropped(service_tier="flex") == ("service_tier",)


def test_media_that_the_model_reads_is_written() -> None:
    notes = base64.b64encode(b"# Notes").decode()
    body = ask(
        user(
            Media("image", "image/jpg", "QUJD", cache_control=MARK),
            Media("image", None, "iVBORw0KGgo="),
            Media("image", url="https://i.example/a.png"),
            Media("document", "application/pdf", "JVBER", filename="a.pdf"),
            Media("document", "text/plain", "plain"),
            Media("document", "text/markdown", notes),
            Media("document", file_id="file_1", origin="anthropic_messages"),
        )
    )
    assert [block["source"] for block in body["messages"][0]["content"]] == [
        {"type": "base64", "media_type": "image/jpeg", "data": "QUJD"},
        {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
        {"type": "url", "url": "https://i.example/a.png"},
        {"type": "base64", "media_type": "application/pdf", "data": "JVBER"},
        {"type": "text", "media_type": "text/plain", "data": "plain"},
        {"type": "text", "media_type": "text/plain", "data": "# Notes"},
        {"type": "file", "file_id": "file_1"},
    ]
    assert body["messages"][0]["content"][0]["cache_control"] == MARK
    assert body["messages"][0]["content"][3]["title"] == "a.pdf"


@pytest.mark.parametrize(
    "block",
    [
        Media("audio", "audio/wav", "UklG"),
        Media("video", url="https://v.example"),
        Media("image", "image/heic", "QUJD"),
        Media("document", "application/msword", "QUJD"),
        Media("document", "text/csv", "%%%"),
        Media("document", file_id="file-1", origin="openai_responses"),
        Native("gemini", {"executableCode": {}}),
        ToolResult("a", (Media("audio", "audio/wav", "UklG"),)),
    ],
)
def test_content_that_it_cannot_say_is_refused_by_path(block: Block) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        ask(user(Text("a"), block))
    assert str(caught.value.param).startswith("messages[0].content[1]")


def test_own_blocks_go_back_unchanged() -> None:
    own = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    body = ask(*HI, assistant(Text("a"), Native("anthropic_messages", own), SIGNED))
    assert [block["type"] for block in body["messages"][1]["content"]] == [
        "text",
        "server_tool_use",
        "thinking",
    ]
    assert body["messages"][1]["content"][1] == own


def test_refusals_and_prefills_are_text_without_trailing_blanks() -> None:
    body = ask(*HI, assistant(Refusal("No."), Text("Because \n")))
    assert [block["text"] for block in body["messages"][1]["content"]] == ["No.", "Because"]


def test_a_request_without_anything_to_answer_is_refused() -> None:
    with pytest.raises(UnsupportedFeature):
        ask(Message("system", (Text("Rules"),)), user(Text("  ")))


texts = st.sampled_from(["", " ", "a", "b c", "\n", "é\u2028"]).map(Text)
calls = st.builds(ToolCall, st.sampled_from(["a", "b.c", "d e", "é"]), st.just("f"))
thoughts = st.builds(
    Thinking,
    st.just("t"),
    st.sampled_from([None, Signature("s", "anthropic_messages"), Signature("s", "x")]),
)
results = st.builds(ToolResult, st.sampled_from(["a", "b.c", "d e", "é"]), st.tuples(texts))
conversations = st.lists(
    st.builds(assistant, *[texts | calls | thoughts] * 3)
    | st.builds(user, *[texts | results] * 3)
    | st.builds(lambda text: Message("system", (text,)), texts),
    min_size=1,
    max_size=8,
)


@given(conversations)
def test_every_conversation_keeps_the_rules_of_the_api(messages: list[Message]) -> None:
    try:
        body = ask(*messages, reasoning=Reasoning("high"))
    except UnsupportedFeature:
        return
    roles = [turn["role"] for turn in body["messages"]]
    assert all(first != second for first, second in itertools.pairwise(roles))
    for turn in body["messages"]:
        kinds = [block["type"] for block in turn["content"]]
        assert kinds
        results_count = kinds.count("tool_result")
        assert kinds[:results_count] == ["tool_result"] * results_count
        for block in turn["content"]:
            assert block["type"] != "text" or block["text"].strip()
            call_id = block.get("id", block.get("tool_use_id", "x"))
            assert re.fullmatch(r"[a-zA-Z0-9_-]+", call_id)
    said = body.get("system", "x")
    assert said.strip() if isinstance(said, str) else all(b["text"].strip() for b in said)
