"""Decoding a client's Responses request."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.messages import (
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
from router.canonical.request import ChatRequest, Reasoning, Tool, ToolChoice
from router.canonical.signature import Signature, attach_to_id, seal
from router.errors import InvalidRequest, UnsupportedFeature
from router.formats.openai_responses import FORMAT, require_stateless, stateful_fields

NAME = "openai_responses"


def decode(**body: Any) -> ChatRequest:
    return FORMAT.decode_request({"model": "m", "input": "hi", **body})


def decode_items(*items: dict[str, Any]) -> tuple[Message, ...]:
    return decode(input=list(items)).messages


def decode_part(part: dict[str, Any]) -> Any:
    return decode_items({"role": "user", "content": [part]})[0].content[0]


def test_a_string_is_one_user_turn_after_the_instructions() -> None:
    request = decode(instructions="Be brief.")
    assert request.messages == (
        Message("system", (Text("Be brief."),)),
        Message("user", (Text("hi"),)),
    )


def test_an_assistant_turn_gathers_thoughts_text_and_calls() -> None:
    messages = decode_items(
        {"role": "user", "content": "weather?"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "ok"}],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "x"},
        {"type": "function_call_output", "call_id": "c1", "output": "sun"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
        {"role": "user", "content": "thanks"},
    )
    assert [message.role for message in messages] == ["user", "assistant", "user", "user"]
    assert messages[1].content == (
        Thinking("hm"),
        Text("ok"),
        ToolCall("c1", "f", "{}"),
        ToolCall("c2", "patch", "x", custom=True),
    )
    assert messages[2].content == (
        ToolResult("c1", (Text("sun"),)),
        ToolResult("c2", (Text("done"),), custom=True),
    )


def test_developer_and_system_messages_stay_in_place() -> None:
    messages = decode_items(
        {"role": "developer", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "system", "content": "c"},
    )
    assert [message.role for message in messages] == ["developer", "user", "system"]


PDF = base64.b64encode(b"%PDF").decode()


@pytest.mark.parametrize(
    ("part", "media"),
    [
        (
            {"type": "input_image", "image_url": "https://a.example/x.png", "detail": "low"},
            Media("image", url="https://a.example/x.png", detail="low"),
        ),
        (
            {"type": "input_image", "image_url": "data:image/webp;base64,AAAA"},
            Media("image", "image/webp", "AAAA"),
        ),
        (
            {"type": "input_image", "file_id": "file-1"},
            Media("image", file_id="file-1", origin=NAME),
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
            Media("document", "application/pdf", PDF, filename="a.pdf"),
        ),
        (
            {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,aGk="},
            Media("document", "text/plain", "hi", filename="a.txt"),
        ),
        (
            {"type": "input_file", "file_data": "data:text/csv,a%2Cb"},
            Media("document", "text/csv", base64.b64encode(b"a,b").decode()),
        ),
        (
            {"type": "input_file", "file_url": "https://a.example/x.pdf"},
            Media("document", url="https://a.example/x.pdf"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            Media("audio", "audio/mpeg", "AAAA"),
        ),
    ],
)
def test_media_parts_are_read(part: dict[str, Any], media: Media) -> None:
    assert decode_part(part) == media


def test_a_refusal_is_kept_as_one() -> None:
    content = [{"type": "refusal", "refusal": "no"}]
    assert decode_items({"role": "assistant", "content": content})[0].content == (Refusal("no"),)


def test_tool_output_may_hold_images() -> None:
    output = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "https://a.example/x.png"},
    ]
    messages = decode_items({"type": "function_call_output", "call_id": "c", "output": output})
    picture = Media("image", url="https://a.example/x.png")
    assert messages[0].content == (ToolResult("c", (Text("see"), picture)),)


def test_encrypted_reasoning_keeps_its_item_id() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    (message,) = decode_items(item)
    assert message.content == (Thinking("", Signature("gAAA", NAME, "rs_1")),)


@pytest.mark.parametrize(
    ("summary", "block"),
    [
        ([], RedactedThinking(Signature("s", "anthropic_messages"))),
        (
            [{"type": "summary_text", "text": ""}],
            Thinking("", Signature("s", "anthropic_messages")),
        ),
        (
            [{"type": "summary_text", "text": "hm"}],
            Thinking("hm", Signature("s", "anthropic_messages")),
        ),
    ],
)
def test_sealed_reasoning_gives_the_foreign_signature_back(summary: list[Any], block: Any) -> None:
    sealed = seal(Signature("s", "anthropic_messages"), NAME)
    item = {"type": "reasoning", "id": "rs_9", "summary": summary, "encrypted_content": sealed}
    assert decode_items(item)[0].content == (block,)


def test_reasoning_that_says_and_proves_nothing_leaves_no_block() -> None:
    assert decode_items({"type": "reasoning", "id": "rs_1", "summary": []}) == ()


def test_a_signature_in_the_call_id_is_found_again() -> None:
    signature = Signature("a+/=", "gemini")
    carried = attach_to_id("call_1", signature)
    messages = decode_items(
        {"type": "function_call", "call_id": carried, "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": carried, "output": "x"},
    )
    assert messages[0].content == (ToolCall("call_1", "f", "{}", signature),)
    assert messages[1].content == (ToolResult("call_1", (Text("x"),)),)


@pytest.mark.parametrize("kind", ["web_search_call", "mcp_call", "local_shell_call", "brand_new"])
def test_hosted_items_stay_as_they_are(kind: str) -> None:
    item = {"type": kind, "id": "x_1"}
    assert decode_items(item) == (Message("assistant", (Native(NAME, item),)),)


def test_tools_of_every_kind_are_read() -> None:
    search = {"type": "web_search", "search_context_size": "low"}
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
    request = decode(
        tools=[
            {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True},
            {"type": "custom", "name": "patch", "format": grammar},
            {
                "type": "namespace",
                "name": "agents",
                "description": "All agents.",
                "tools": [{"type": "function", "name": "close", "description": "Close one."}],
            },
            search,
        ]
    )
    function, custom, spaced, hosted = request.tools
    assert function == Tool("f", parameters={"type": "object"}, strict=True)
    assert (custom.kind, custom.data) == ("custom", {"format": grammar})
    assert (spaced.name, spaced.namespace, spaced.description) == ("close", "agents", "Close one.")
    assert hosted == Tool("web_search", kind="hosted", data=search, origin=NAME)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        ({"type": "function", "name": "f"}, ToolChoice("named", ("f",))),
        ({"type": "custom", "name": "g"}, ToolChoice("named", ("g",))),
        ({"type": "web_search"}, ToolChoice("named", ("web_search",))),
    ],
)
def test_tool_choices_are_read(choice: Any, expected: ToolChoice) -> None:
    assert decode(tool_choice=choice).tool_choice == expected


def test_allowed_tools_narrow_the_list() -> None:
    tools = [{"type": "function", "name": name} for name in ("f", "g", "h")]
    allowed = [{"type": "function", "name": "f"}, {"type": "function", "name": "h"}]
    choice = {"type": "allowed_tools", "mode": "required", "tools": allowed}
    request = decode(tools=tools, tool_choice=choice)
    assert request.tool_choice == ToolChoice("required")
    assert [tool.name for tool in request.tools] == ["f", "h"]


def test_parameters_find_their_places() -> None:
    schema = {"type": "object"}
    request = decode(
        temperature=0.5,
        top_p=1,
        top_logprobs=3,
        max_output_tokens=100,
        stream=True,
        parallel_tool_calls=False,
        reasoning={"effort": "high", "summary": "auto"},
        text={
            "format": {"type": "json_schema", "name": "n", "schema": schema, "strict": True},
            "verbosity": "low",
        },
        metadata={"k": "v"},
        safety_identifier="u1",
        service_tier="flex",
        prompt_cache_key="p",
        store=False,
        include=["reasoning.encrypted_content"],
        truncation=None,
    )
    assert (request.sampling.temperature, request.sampling.top_p) == (0.5, 1)
    assert request.sampling.top_logprobs == 3
    assert (request.max_output_tokens, request.stream) == (100, True)
    assert request.parallel_tool_calls is False
    assert request.reasoning == Reasoning(effort="high", summary="auto")
    assert request.response_format is not None
    assert request.response_format.schema == schema
    assert (request.user, request.service_tier, request.prompt_cache_key) == ("u1", "flex", "p")
    assert request.extras == {"verbosity": "low"}


def test_what_happens_anyway_is_no_parameter_that_could_be_lost() -> None:
    reasoning = "reasoning.encrypted_content"
    assert decode(store=False, include=[reasoning], background=False).extras == {}
    asked = {"store": True, "include": [reasoning, "file_search_call.results"]}
    assert decode(**asked).extras == asked


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": None}, "input"),
        ({"input": 3}, "input"),
        ({"input": ["x"]}, "input[0]"),
        ({"input": [{"role": "user", "content": [{"type": "pixel"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"text": "x"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": None}]}, "input[0].content"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        (
            {"input": [{"type": "function_call", "name": "f", "call_id": "c", "arguments": {}}]},
            "input[0].arguments",
        ),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0].image_url",
        ),
        (
            {
                "input": [
                    {
                        "role": "user",
                        "content": [{"type": "input_image", "image_url": "data:image/png;base64"}],
                    }
                ]
            },
            "input[0].content[0].image_url",
        ),
        ({"tools": [{"name": "f"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        (
            {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "mcp"}]}]},
            "tools[0].tools[0].type",
        ),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"name": "f"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "x"}}, "tool_choice.mode"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
        ({"reasoning": {"effort": 3}}, "reasoning.effort"),
        ({"instructions": ["x"]}, "instructions"),
        ({"stream": "yes"}, "stream"),
        ({"model": 7}, "model"),
    ],
)
def test_a_malformed_field_is_named_by_its_path(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(**body)
    assert caught.value.param == param
    assert param in caught.value.message


FIELDS = [
    "model",
    "instructions",
    "tools",
    "tool_choice",
    "text",
    "reasoning",
    "stream",
    "metadata",
    "type",
    "role",
    "content",
    "name",
    "call_id",
    "arguments",
    "output",
    "summary",
    "encrypted_content",
    "id",
    "format",
    "schema",
    "image_url",
    "file_data",
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["message", "function_call", "reasoning", "input_image", "data:x", "user"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "input", "input"]), VALUES))
def test_no_body_crashes_the_decoder(body: dict[str, Any]) -> None:
    try:
        request = FORMAT.decode_request(body)
    except InvalidRequest as error:
        told = error.param
    else:
        told = type(request).__name__
    assert told


@given(st.dictionaries(st.sampled_from([*FIELDS, "input", "input"]), VALUES))
def test_no_body_crashes_the_view(body: dict[str, Any]) -> None:
    assert FORMAT.view(body).format == NAME


@given(st.dictionaries(st.sampled_from([*FIELDS, "input", "background"]), VALUES))
def test_no_body_crashes_the_search_for_state(body: dict[str, Any]) -> None:
    assert isinstance(stateful_fields(body), tuple)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"input": ["x", {"type": "item_reference", "id": "msg_1"}]}, "input[1]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
    ],
)
def test_what_needs_state_is_refused_by_name(body: dict[str, Any], field: str) -> None:
    assert stateful_fields(body) == (field,)
    with pytest.raises(UnsupportedFeature, match=r"instead|wait") as caught:
        require_stateless(body)
    assert caught.value.param == field
    assert field in caught.value.message


def test_storing_alone_needs_no_state() -> None:
    require_stateless({"input": "hi", "store": True, "previous_response_id": None})
