"""The ingress side: Messages requests are read, and errors name the field at fault."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.messages import (
    Citation,
    Media,
    Message,
    Native,
    RedactedThinking,
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
from router.canonical.signature import Signature, attach_to_id, seal
from router.errors import InvalidRequest
from router.formats.anthropic_messages import FORMAT

NAME = "anthropic_messages"
HI = [{"role": "user", "content": "Hi"}]
SCHEMA = {"type": "object", "properties": {}}


def read(**body: Any) -> ChatRequest:
    return FORMAT.decode_request({"model": "m", "messages": HI, **body})


def blocks_of(*blocks: dict[str, Any], role: str = "user") -> tuple[Any, ...]:
    return read(messages=[{"role": role, "content": list(blocks)}]).messages[0].content


def test_the_smallest_request() -> None:
    assert read() == ChatRequest("m", (Message("user", (Text("Hi"),)),))


def test_every_parameter_has_its_place() -> None:
    request = read(
        max_tokens=100,
        system=[{"type": "text", "text": "Rules", "cache_control": {"type": "ephemeral"}}],
        temperature=0.5,
        top_p=1,
        top_k=4,
        stop_sequences=["END"],
        stream=True,
        metadata={"user_id": "u", "other": 1},
        service_tier="auto",
        container="c1",
        output_config={"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}},
    )
    assert request.messages[0] == Message(
        "system", (Text("Rules", cache_control={"type": "ephemeral"}),)
    )
    assert request.max_output_tokens == 100
    assert request.sampling == Sampling(0.5, 1, 4, stop=("END",))
    assert request.stream
    assert (request.user, request.metadata) == ("u", {"other": 1})
    assert request.service_tier == "auto"
    assert request.extras == {"container": "c1"}
    assert request.reasoning == Reasoning("high")
    assert request.response_format == ResponseFormat("json_schema", SCHEMA, strict=True)
    beta = read(output_format={"type": "json_schema", "schema": SCHEMA})
    assert beta.response_format == request.response_format


@pytest.mark.parametrize(
    ("body", "reasoning"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}}, Reasoning(enabled=False)),
        ({"thinking": {"type": "adaptive"}}, Reasoning(enabled=True)),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000, "display": "summarized"}},
            Reasoning(budget_tokens=2000, enabled=True, summary="auto"),
        ),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
            Reasoning("low", enabled=True),
        ),
    ],
)
def test_thinking_is_a_wish_for_reasoning(
    body: dict[str, Any], reasoning: Reasoning | None
) -> None:
    assert read(**body).reasoning == reasoning


@pytest.mark.parametrize(
    ("choice", "canonical", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("required"), False),
        ({"type": "none"}, ToolChoice("none"), None),
        (
            {"type": "tool", "name": "f", "disable_parallel_tool_use": False},
            ToolChoice("named", ("f",)),
            True,
        ),
    ],
)
def test_tool_choice(choice: dict[str, Any], canonical: ToolChoice, parallel: bool | None) -> None:
    request = read(tool_choice=choice)
    assert (request.tool_choice, request.parallel_tool_calls) == (canonical, parallel)


def test_tools_are_functions_unless_typed() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    toolset = {"type": "mcp_toolset", "mcp_server_name": "wiki"}
    request = read(
        tools=[
            {"name": "f", "description": "F", "input_schema": SCHEMA, "strict": True},
            {"type": "custom", "name": "g", "input_schema": SCHEMA},
            search,
            toolset,
        ]
    )
    assert request.tools == (
        Tool("f", "F", SCHEMA, True),
        Tool("g", None, SCHEMA),
        Tool("web_search", kind="hosted", data=search, origin=NAME),
        Tool("wiki", kind="hosted", data=toolset, origin=NAME),
    )


def test_user_blocks() -> None:
    assert blocks_of(
        {"type": "tool_result", "tool_use_id": "a", "content": "1", "is_error": True},
        {"type": "tool_result", "tool_use_id": "b"},
        {
            "type": "tool_result",
            "tool_use_id": "c",
            "content": [
                {"type": "text", "text": "2"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="},
                },
                {"type": "tool_reference", "tool_name": "t"},
            ],
        },
        {"type": "text", "text": "x"},
        {"type": "image", "source": {"type": "url", "url": "https://i.example"}},
        {
            "type": "document",
            "title": "T",
            "source": {"type": "text", "media_type": "text/plain", "data": "d"},
        },
        {"type": "document", "source": {"type": "file", "file_id": "f1"}},
        {
            "type": "document",
            "source": {"type": "content", "content": [{"type": "text", "text": "p"}]},
        },
        {"type": "container_upload", "file_id": "f2"},
    ) == (
        ToolResult("a", (Text("1"),), is_error=True),
        ToolResult("b", ()),
        ToolResult(
            "c",
            (
                Text("2"),
                Media("image", "image/png", "QQ=="),
                Text('{"type":"tool_reference","tool_name":"t"}'),
            ),
        ),
        Text("x"),
        Media("image", url="https://i.example"),
        Media("document", "text/plain", "d", filename="T"),
        Media("document", file_id="f1", origin=NAME),
        Media("document", "text/plain", "p"),
        Native(NAME, {"type": "container_upload", "file_id": "f2"}),
    )


def test_assistant_blocks() -> None:
    server = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    assert blocks_of(
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "thinking", "thinking": "open", "signature": ""},
        {"type": "redacted_thinking", "data": "blob"},
        server,
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
        role="assistant",
    ) == (
        Thinking("hm", Signature("sig", NAME)),
        Thinking("open"),
        RedactedThinking(Signature("blob", NAME)),
        Native(NAME, server),
        ToolCall("a", "f", '{"x":1}'),
    )


def test_signatures_of_other_formats_come_back_to_light() -> None:
    foreign = Signature("enc", "openai_responses", "rs_1")
    thought = Signature("s+/=", "gemini")
    call_id = attach_to_id("call_1", thought)
    request = read(
        messages=[
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "", "signature": seal(foreign, NAME)},
                    {"type": "redacted_thinking", "data": seal(foreign, NAME)},
                    {"type": "tool_use", "id": call_id, "name": "f", "input": {}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call_id}]},
        ]
    )
    assert request.messages[0].content == (
        Thinking("", foreign),
        RedactedThinking(foreign),
        ToolCall("call_1", "f", "{}", thought),
    )
    assert request.messages[1].content == (ToolResult("call_1", ()),)


def test_a_citation_that_we_made_up_is_not_taken_for_anthropics() -> None:
    (text,) = blocks_of(
        {
            "type": "text",
            "text": "a",
            "citations": [
                {"type": "char_location", "cited_text": "q", "document_title": "D"},
                {
                    "type": "web_search_result_location",
                    "url": "https://a.example",
                    "encrypted_index": seal(Signature("", "citation"), NAME),
                },
            ],
        },
        role="assistant",
    )
    native, foreign = text.citations
    assert (native.origin, native.title, native.quote) == (NAME, "D", "q")
    assert foreign == Citation(url="https://a.example")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["Hi"]}, "messages[0]"),
        ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"text": "a"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "x"}}]}
                ]
            },
            "messages[0].content[0].source.type",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_result"}]}]},
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_use"}]}]},
            "messages[0].content[0]",
        ),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_use", "id": "a", "name": "f", "input": "x"}],
                    }
                ]
            },
            "messages[0].content[0].input",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": []}]}
                        ],
                    }
                ]
            },
            "messages[0].content[0].content[0].type",
        ),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": "yes"}, "stream"),
        ({"system": 5}, "system"),
        ({"system": [{"type": "image"}]}, "system[0].type"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {"type": "deep"}}, "thinking.type"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1.5}}, "thinking.budget_tokens"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        ({"output_format": {"type": "json_schema"}}, "output_format.schema"),
        ({"metadata": []}, "metadata"),
        ({"model": 5}, "model"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**body)
    assert caught.value.param == param
    assert param in caught.value.message


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "source", "text", "id", "input"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)
FIELDS = ["messages", "system", "tools", "tool_choice", "thinking", "output_config", "metadata"]


@given(st.dictionaries(st.sampled_from(FIELDS), values))
def test_any_body_is_read_or_refused_and_can_be_glanced_at(body: dict[str, Any]) -> None:
    FORMAT.view(body)
    FORMAT.passthrough_body(body, ModelTraits("claude-sonnet-4-5"))
    error = None
    try:
        FORMAT.decode_request(body)
    except InvalidRequest as caught:
        error = caught
    assert error is None or error.param


def test_what_is_read_and_written_again_is_the_same() -> None:
    png = base64.b64encode(b"png").decode()
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 50,
        "system": "Rules",
        "messages": [
            {
                "role": "user",
                "content": [
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": png},
                    },
                    {"type": "text", "text": "Look", "cache_control": {"type": "ephemeral"}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "sig"},
                    {"type": "tool_use", "id": "a", "name": "f", "input": {"x": [1, {"y": None}]}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}],
            },
        ],
        "tools": [
            {"name": "f", "description": "F", "input_schema": SCHEMA},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "top_k": 3,
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "service_tier": "auto",
        "stream": True,
    }
    result = FORMAT.encode_request(FORMAT.decode_request(body), ModelTraits("claude-sonnet-4-5"))
    assert json.loads(json.dumps(result.body)) == body
    assert result.dropped == ()
