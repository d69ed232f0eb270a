"""The ingress side: requests of chat clients are read and checked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.messages import (
    Media,
    Message,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from router.canonical.request import ChatRequest, Reasoning, ResponseFormat, ToolChoice
from router.canonical.signature import Signature, attach_to_id, seal
from router.errors import InvalidRequest, RouterError
from router.formats.openai_chat import FORMAT
from router.formats.openai_chat.tools import LEGACY

HI = [{"role": "user", "content": "Hi"}]
PNG = "data:image/png;base64,iVBORw0KGgo="


def decode(**fields: Any) -> ChatRequest:
    return FORMAT.decode_request({"model": "m", "messages": HI, **fields})


def conversation(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return decode(messages=list(messages)).messages


def part(value: dict[str, Any]) -> Any:
    return conversation({"role": "user", "content": [value]})[0].content[0]


def test_a_plain_request_is_read_with_its_defaults() -> None:
    request = FORMAT.decode_request({"model": "m", "messages": HI})
    assert request == ChatRequest("m", (Message("user", (Text("Hi"),)),), include_usage=False)


def test_parameters_are_read() -> None:
    request = decode(
        temperature=0,
        top_p=0.5,
        top_k=4,
        seed=7,
        stop=["a", "b"],
        n=2,
        stream=True,
        stream_options={"include_usage": True},
        user="u",
        metadata={"k": "v"},
        parallel_tool_calls=False,
        prompt_cache_key="c",
        service_tier="flex",
    )
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.seed) == (0, 0.5, 4, 7)
    assert (sampling.stop, sampling.n) == (("a", "b"), 2)
    assert (request.stream, request.include_usage, request.user) == (True, True, "u")
    assert (request.metadata, request.parallel_tool_calls) == ({"k": "v"}, False)
    assert (request.prompt_cache_key, request.service_tier) == ("c", "flex")


def test_unknown_fields_are_kept_and_nulls_are_absent() -> None:
    request = decode(verbosity="low", store=True, x_vendor={"a": 1}, temperature=None, audio=None)
    assert request.extras == {"verbosity": "low", "store": True, "x_vendor": {"a": 1}}


def test_max_completion_tokens_wins() -> None:
    assert decode(max_tokens=5, max_completion_tokens=7).max_output_tokens == 7
    assert decode(max_tokens=5).max_output_tokens == 5


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": ["Hi"]}, "messages[0]"),
        ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "king", "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [*HI, {"role": "user"}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": ["Hi"]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "thinking"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]},
            "messages[0].tool_calls[0].function",
        ),
        ({"model": 5}, "model"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"seed": 10**400}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"stop": ["a", 1]}, "stop[1]"),
        ({"stop": 1}, "stop"),
        ({"tools": {}}, "tools"),
        ({"tools": [{}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"reasoning_effort": 3}, "reasoning_effort"),
        ({"reasoning": {"max_tokens": "many"}}, "reasoning.max_tokens"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(**fields)
    assert caught.value.param == param
    assert param in caught.value.message


def test_roles_keep_their_place() -> None:
    messages = conversation(
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u", "name": "Ann", "x": 1},
        {"role": "developer", "content": [{"type": "text", "text": "d"}]},
    )
    assert messages == (
        Message("system", (Text("s"),)),
        Message("user", (Text("u"),), "Ann", {"x": 1}),
        Message("developer", (Text("d"),)),
    )


def test_tool_messages_in_a_row_become_one_user_message() -> None:
    calls = [
        {"id": i, "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
        for i in ("a", "b")
    ]
    messages = conversation(
        *HI,
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
        {"role": "user", "content": "go on"},
    )
    assert [message.role for message in messages] == ["user", "assistant", "user", "user"]
    assert messages[1].content == (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "f", '{"x":1}'))
    assert messages[2].content == (ToolResult("a", (Text("1"),)), ToolResult("b", (Text("2"),)))


@pytest.mark.parametrize(
    ("given_", "wanted"), [("", "{}"), (None, "{}"), ({"x": 1}, '{"x":1}'), ("{oops", "{oops")]
)
def test_arguments_are_json_text(given_: Any, wanted: str) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": given_}}
    (message,) = conversation({"role": "assistant", "tool_calls": [call]})
    assert message.content == (ToolCall("a", "f", wanted),)


def test_signatures_of_calls_come_from_ids_and_extra_fields() -> None:
    signature = Signature("c2ln", "gemini")
    function = {"name": "f", "arguments": "{}"}
    extra = {"google": {"thought_signature": "c2ln"}}
    carried, explicit, litellm = conversation(
        {
            "role": "assistant",
            "tool_calls": [
                {"id": attach_to_id("a", signature), "type": "function", "function": function},
                {"id": "b", "type": "function", "function": function, "extra_content": extra},
                {
                    "id": "c",
                    "type": "function",
                    "function": function,
                    "provider_specific_fields": {"thought_signature": "c2ln"},
                },
            ],
        }
    )[0].content
    for call, id_ in ((carried, "a"), (explicit, "b"), (litellm, "c")):
        assert call == ToolCall(id_, "f", "{}", signature)


def test_a_result_finds_its_call_through_an_id_with_a_signature() -> None:
    id_ = attach_to_id("a", Signature("c2ln", "gemini"))
    (message,) = conversation({"role": "tool", "tool_call_id": id_, "content": "1"})
    assert message.content == (ToolResult("a", (Text("1"),)),)


def test_thinking_blocks_come_back_with_their_signatures() -> None:
    foreign = Signature("opaque", "openai_responses", "rs_1")
    (message,) = conversation(
        {
            "role": "assistant",
            "content": "4",
            "reasoning_content": "Two and two.",
            "thinking_blocks": [
                {"type": "thinking", "thinking": "Two and two.", "signature": "sig"},
                {"type": "redacted_thinking", "data": seal(foreign, "anthropic_messages")},
            ],
        }
    )
    assert message.content == (
        Thinking("Two and two.", Signature("sig", "anthropic_messages")),
        RedactedThinking(foreign),
        Text("4"),
    )


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_bare_reasoning_is_thinking_without_signature(key: str) -> None:
    (message,) = conversation({"role": "assistant", "content": "4", key: "hm"})
    assert message.content == (Thinking("hm"), Text("4"))


def test_a_refusal_is_kept() -> None:
    (message,) = conversation({"role": "assistant", "content": None, "refusal": "No."})
    assert message.content == (Refusal("No."),)


def test_the_deprecated_functions_are_taken() -> None:
    request = decode(
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
        messages=[
            *HI,
            {"role": "assistant", "content": None, "function_call": {"name": "f"}},
            {"role": "function", "name": "f", "content": "1"},
        ],
    )
    call, result = request.messages[1].content[0], request.messages[2].content[0]
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert (call.id, call.arguments, result.name) == (result.call_id, "{}", "f")
    assert (request.tools[0].name, request.tools[0].origin) == ("f", LEGACY)
    assert request.tool_choice == ToolChoice("named", ("f",))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"type": "image_url", "image_url": {"url": "https://e.org/a.png", "detail": "low"}},
         Media("image", url="https://e.org/a.png", detail="low")),
        ({"type": "image_url", "image_url": PNG}, Media("image", "image/png", "iVBORw0KGgo=")),
        ({"type": "image_url", "image_url": {"url": "data:;base64,_9j_-4"}},
         Media("image", None, "/9j/+4")),
        ({"type": "image_url", "image_url": {"url": "data:;base64,/9j/4A"}},
         Media("image", "image/jpeg", "/9j/4A")),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
         Media("audio", "audio/mpeg", "AAAA")),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=",
                                   "filename": "a.pdf"}},
         Media("document", "application/pdf", "JVBERi0=", filename="a.pdf")),
        ({"type": "file", "file": {"file_data": "JVBERi0="}},
         Media("document", "application/pdf", "JVBERi0=")),
        ({"type": "file", "file": {"file_data": "data:text/plain;base64,SGk="}},
         Media("document", "text/plain", "Hi")),
        ({"type": "file", "file": {"file_id": "file-1"}},
         Media("document", file_id="file-1", origin="openai_chat")),
        ({"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}},
         Text("Hi", cache_control={"type": "ephemeral"})),
    ],
)  # fmt: skip
def test_parts_are_read(value: dict[str, Any], wanted: Any) -> None:
    assert part(value) == wanted


def test_a_data_url_without_base64_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="base64"):
        part({"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg/>"}})


def test_prompt_cache_markers_on_tools_and_whole_messages_are_kept() -> None:
    marker = {"type": "ephemeral"}
    tool = {"type": "function", "function": {"name": "f"}, "cache_control": marker}
    request = decode(
        tools=[tool], messages=[{"role": "system", "content": "s", "cache_control": marker}]
    )
    assert request.tools[0].cache_control == marker
    assert request.messages[0].content == (Text("s", cache_control=marker),)


def test_tools_of_other_kinds_are_hosted_or_custom() -> None:
    search = {"type": "browser_search", "depth": 2}
    custom = {"type": "custom", "custom": {"name": "sh", "description": "Shell"}}
    hosted, free = decode(tools=[search, custom]).tools
    assert (hosted.kind, hosted.data, hosted.origin) == ("hosted", search, "openai_chat")
    assert (free.kind, free.name, free.description) == ("custom", "sh", "Shell")


FUNCTION = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        (FUNCTION, ToolChoice("named", ("f",))),
        ({"type": "custom", "custom": {"name": "sh"}}, ToolChoice("named", ("sh",))),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [FUNCTION]}},
         ToolChoice("named", ("f",))),
    ],
)  # fmt: skip
def test_tool_choices_are_read(choice: Any, wanted: ToolChoice) -> None:
    assert decode(tool_choice=choice).tool_choice == wanted


def test_allowed_tools_that_need_not_be_used_limit_the_offer() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in "fgh"]
    allowed = {"mode": "auto", "tools": tools[:2]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    request = decode(tools=tools, tool_choice=choice)
    assert [tool.name for tool in request.tools] == ["f", "g"]
    assert request.tool_choice == ToolChoice("auto")


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"reasoning_effort": "high"}, Reasoning("high")),
        ({"reasoning_effort": "none"}, Reasoning("none", enabled=False)),
        ({"reasoning": {"max_tokens": 900, "exclude": True}}, Reasoning(budget_tokens=900)),
        ({"reasoning": {"enabled": True}}, Reasoning(enabled=True)),
        ({"reasoning": {"effort": "low"}, "reasoning_effort": "high"}, Reasoning("high")),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            Reasoning(budget_tokens=2000, enabled=True),
        ),
        ({"thinking": {"type": "disabled"}}, Reasoning(enabled=False)),
        ({"reasoning": {}}, None),
    ],
)
def test_reasoning_is_read_under_each_name(
    fields: dict[str, Any], wanted: Reasoning | None
) -> None:
    request = decode(**fields)
    assert request.reasoning == wanted
    assert request.extras == {}


def test_an_unknown_form_of_thinking_is_an_extra() -> None:
    request = decode(thinking={"level": 3})
    assert (request.reasoning, request.extras) == (None, {"thinking": {"level": 3}})


def test_response_formats_are_read() -> None:
    schema = {"name": "a", "schema": {"type": "object"}, "strict": True}
    form = decode(response_format={"type": "json_schema", "json_schema": schema}).response_format
    assert form == ResponseFormat("json_schema", {"type": "object"}, "a", None, True)
    assert decode(response_format={"type": "json_object"}).response_format == ResponseFormat(
        "json_object"
    )
    assert decode(response_format={"type": "text"}).response_format is None


KEYS = (
    *("model", "messages", "role", "content", "type", "text", "image_url", "url", "file"),
    *("file_data", "input_audio", "tools", "function", "name", "arguments", "tool_calls", "id"),
    *("tool_call_id", "tool_choice", "reasoning", "thinking_blocks", "max_tokens", "stop"),
    *("stream_options", "response_format", "json_schema", "thinking"),
)
WORDS = ("user", "assistant", "tool", "function", "text", "image_url", "file", "data:;base64,")
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=20,
)


def refusal(body: dict[str, Any]) -> RouterError | None:
    try:
        FORMAT.decode_request(body)
    except RouterError as error:
        return error
    return None


@given(st.dictionaries(st.sampled_from(KEYS), json_values, max_size=6))
def test_no_body_makes_the_decoder_crash_nor_the_view(body: dict[str, Any]) -> None:
    for candidate in (body, {**body, "messages": [body, *HI]}):
        FORMAT.view(candidate)
        error = refusal(candidate)
        assert error is None or (error.http_status == 400 and error.param)


def test_deep_nesting_is_no_hazard() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert decode(x=deep).extras["x"] is deep
    body = {"messages": HI, "tools": [deep], "stop": deep}
    assert FORMAT.view(body).last_turn == "Hi"
    with pytest.raises(InvalidRequest):
        FORMAT.decode_request(body)
