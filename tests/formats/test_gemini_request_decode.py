"""Decoding what Gemini clients send."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.messages import (
    Media,
    Message,
    Native,
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
from router.canonical.signature import Signature, seal
from router.errors import InvalidRequest
from router.formats.gemini import FORMAT

HI = {"role": "user", "parts": [{"text": "Hi"}]}
USER = Message("user", (Text("Hi"),))


def decode(**body: Any) -> ChatRequest:
    return FORMAT.decode_request({"contents": [HI], **body})


def turns(*contents: Any) -> tuple[Message, ...]:
    return FORMAT.decode_request({"contents": list(contents)}).messages


def test_model_and_stream_come_from_where_the_web_layer_puts_them() -> None:
    request = decode(model="models/gemini-2.5-pro", stream=True)
    assert (request.model, request.stream, request.extras) == ("gemini-2.5-pro", True, {})
    assert decode().model is None


@pytest.mark.parametrize(
    "contents", ["Hi", HI, [HI], [{"parts": {"text": "Hi"}}], [{"parts": ["Hi"]}], ["Hi"]]
)
def test_lenient_forms_of_contents(contents: Any) -> None:
    assert FORMAT.decode_request({"contents": contents}).messages == (USER,)


@pytest.mark.parametrize("instruction", ["Be brief.", {"parts": [{"text": "Be brief."}]}])
@pytest.mark.parametrize("name", ["systemInstruction", "system_instruction"])
def test_system_instructions(name: str, instruction: Any) -> None:
    assert decode(**{name: instruction}).messages == (
        Message("system", (Text("Be brief."),)),
        USER,
    )


def test_snake_case_says_the_same() -> None:
    camel = {
        "contents": [
            HI,
            {"role": "model", "parts": [{"functionCall": {"name": "f"}, "thoughtSignature": "c2"}]},
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "f", "response": {"output": "1"}}},
                    {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
                ],
            },
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {
            "maxOutputTokens": 5,
            "topP": 0.5,
            "responseMimeType": "application/json",
            "responseSchema": {"type": "STRING"},
            "thinkingConfig": {"thinkingBudget": 9, "includeThoughts": True},
        },
    }
    snake = {
        "contents": [
            HI,
            {
                "role": "model",
                "parts": [{"function_call": {"name": "f"}, "thought_signature": "c2"}],
            },
            {
                "role": "user",
                "parts": [
                    {"function_response": {"name": "f", "response": {"output": "1"}}},
                    {"inline_data": {"mime_type": "image/png", "data": "QUJD"}},
                ],
            },
        ],
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {}}]}],
        "tool_config": {
            "function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}
        },
        "generation_config": {
            "max_output_tokens": 5,
            "top_p": 0.5,
            "response_mime_type": "application/json",
            "response_schema": {"type": "STRING"},
            "thinking_config": {"thinking_budget": 9, "include_thoughts": True},
        },
    }
    request = FORMAT.decode_request(camel)
    assert FORMAT.decode_request(snake) == request
    assert request.tool_choice == ToolChoice("named", ("f",))
    assert request.reasoning == Reasoning(None, 9, True, "auto")


def test_results_without_ids_are_paired_by_name_and_order() -> None:
    messages = turns(
        HI,
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "f", "args": {"a": 1}}},
                {"functionCall": {"name": "g"}},
                {"functionCall": {"name": "f", "args": {"a": 2}}},
            ],
        },
        {
            "role": "function",
            "parts": [
                {"functionResponse": {"name": "g", "response": {"output": "G"}}},
                {"functionResponse": {"name": "f", "response": {"x": [1]}}},
                {"functionResponse": {"name": "f", "response": {"error": "bad"}}},
            ],
        },
    )
    assert messages[1].content == (
        ToolCall("call_0", "f", '{"a":1}'),
        ToolCall("call_1", "g", "{}"),
        ToolCall("call_2", "f", '{"a":2}'),
    )
    assert messages[2].content == (
        ToolResult("call_1", (Text("G"),), name="g"),
        ToolResult("call_0", (Text('{"x":[1]}'),), name="f"),
        ToolResult("call_2", (Text("bad"),), is_error=True, name="f"),
    )


def test_ids_of_the_client_are_kept_and_win_over_order() -> None:
    messages = turns(
        HI,
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "f", "id": "one"}},
                {"functionCall": {"name": "f", "id": "two"}},
            ],
        },
        {
            "parts": [
                {"functionResponse": {"name": "f", "id": "two", "response": {"result": "2"}}},
                {"functionResponse": {"name": "f", "id": "one", "response": {"result": "1"}}},
            ]
        },
    )
    assert [block.call_id for block in messages[2].content if isinstance(block, ToolResult)] == [
        "two",
        "one",
    ]


def test_a_call_left_unanswered_does_not_take_a_later_calls_result() -> None:
    call = {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}
    answer = {"parts": [{"functionResponse": {"name": "f", "response": {"result": "now"}}}]}
    messages = turns(HI, call, HI, call, answer)
    assert messages[-1].content == (ToolResult("call_1", (Text("now"),), name="f"),)


def test_chunks_of_a_stream_kept_as_parts_are_put_together() -> None:
    sealed = seal(Signature("sig", "anthropic_messages"), "gemini")
    messages = turns(
        HI,
        {
            "role": "model",
            "parts": [
                {"text": "Th", "thought": True},
                {"text": "ink", "thought": True},
                {"text": "", "thought": True, "thoughtSignature": sealed},
                {"text": "more", "thought": True},
                {"text": "An"},
                {"text": "swer"},
                {"text": "", "thoughtSignature": "b3du"},
                {"text": ""},
            ],
        },
    )
    assert messages[1].content == (
        Thinking("Think", Signature("sig", "anthropic_messages")),
        Thinking("more"),
        Text("Answer", signature=Signature("b3du", "gemini")),
    )


def test_media_native_parts_and_stored_files() -> None:
    (message,) = turns(
        {
            "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "-_8"}},
                {"inlineData": {"mimeType": "text/plain", "data": "R3LDvMOfZQ=="}},
                {"fileData": {"fileUri": "https://x.org/a.mp3"}},
                {"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}},
                {
                    "fileData": {
                        "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1",
                        "mimeType": "application/pdf",
                    }
                },
                {"fileData": {"fileUri": "gs://b/v.mp4"}, "videoMetadata": {"fps": 1}},
            ]
        }
    )
    assert message.content == (
        Media("image", "image/png", "+/8="),
        Media("document", "text/plain", "Grüße"),
        Media("audio", "audio/mp3", url="https://x.org/a.mp3"),
        Media("video", url="https://www.youtube.com/watch?v=1"),
        Media(
            "document",
            "application/pdf",
            file_id="https://generativelanguage.googleapis.com/v1beta/files/1",
            origin="gemini",
        ),
        Native("gemini", {"fileData": {"fileUri": "gs://b/v.mp4"}, "videoMetadata": {"fps": 1}}),
    )


def test_tools_with_openapi_schemas_and_hosted_ones() -> None:
    parameters = {
        "type": "OBJECT",
        "properties": {
            "type": {"type": "STRING", "enum": ["OBJECT"], "nullable": True},
            "tags": {"type": "ARRAY", "items": {"type": "STRING"}, "min_items": "1"},
            "any": {"any_of": [{"type": "NUMBER"}, {"type": "TYPE_UNSPECIFIED"}]},
        },
        "property_ordering": ["tags", "type"],
        "required": ["type"],
    }
    request = decode(
        tools=[
            {"functionDeclarations": [{"name": "f", "description": "F", "parameters": parameters}]},
            {"google_search": {}, "codeExecution": {}},
        ]
    )
    assert request.tools == (
        Tool(
            "f",
            "F",
            {
                "type": "object",
                "properties": {
                    "type": {"type": ["string", "null"], "enum": ["OBJECT"]},
                    "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                    "any": {"anyOf": [{"type": "number"}, {}]},
                },
                "required": ["type"],
            },
        ),
        Tool("googleSearch", kind="hosted", data={"googleSearch": {}}, origin="gemini"),
        Tool("codeExecution", kind="hosted", data={"codeExecution": {}}, origin="gemini"),
    )


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "VALIDATED"}, ToolChoice("auto")),
        ({"mode": "any"}, ToolChoice("required")),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "MODE_UNSPECIFIED"}, None),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice("named", ("f", "g"))),
    ],
)
def test_tool_choice(config: dict[str, Any], choice: ToolChoice | None) -> None:
    assert decode(toolConfig={"functionCallingConfig": config}).tool_choice == choice


@pytest.mark.parametrize(
    ("thinking", "reasoning"),
    [
        ({"includeThoughts": True}, Reasoning(enabled=True, summary="auto")),
        ({"thinkingBudget": 0}, Reasoning(budget_tokens=0, enabled=False)),
        ({"thinkingBudget": -1}, Reasoning(budget_tokens=-1, enabled=True)),
        ({"thinkingLevel": "LOW"}, Reasoning("low", enabled=True)),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, Reasoning()),
    ],
)
def test_thinking(thinking: dict[str, Any], reasoning: Reasoning) -> None:
    assert decode(generationConfig={"thinkingConfig": thinking}).reasoning == reasoning


@pytest.mark.parametrize(
    ("config", "shape"),
    [
        ({"responseMimeType": "application/json"}, ResponseFormat("json_object")),
        ({"responseMimeType": "text/plain"}, None),
        ({"responseJsonSchema": {"a": 1}}, ResponseFormat("json_schema", {"a": 1})),
        (
            {"responseMimeType": "application/json", "responseSchema": {"type": "ARRAY"}},
            ResponseFormat("json_schema", {"type": "array"}),
        ),
    ],
)
def test_shape_of_the_answer(config: dict[str, Any], shape: ResponseFormat | None) -> None:
    request = decode(generationConfig=config)
    assert (request.response_format, request.extras) == (shape, {})


def test_what_only_gemini_knows_is_kept_by_path_and_goes_back_to_gemini() -> None:
    body = {
        "contents": [HI],
        "safetySettings": [{"category": "C", "threshold": "T"}],
        "cachedContent": "cachedContents/1",
        "labels": {"team": "a"},
        "generationConfig": {
            "temperature": 1,
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
            "responseMimeType": "text/x.enum",
            "responseSchema": {"type": "STRING", "enum": ["A"]},
        },
        "toolConfig": {"retrievalConfig": {"languageCode": "de"}},
    }
    request = FORMAT.decode_request({**body, "generationConfig": {**body["generationConfig"]}})  # type: ignore[dict-item]
    assert set(request.extras) == {
        "safetySettings",
        "cachedContent",
        "labels",
        "generationConfig.mediaResolution",
        "generationConfig.responseMimeType",
        "generationConfig.responseSchema",
        "toolConfig.retrievalConfig",
    }
    assert request.sampling == Sampling(temperature=1)
    assert FORMAT.encode_request(request, ModelTraits("gemini-2.5-flash")).body == body


def test_the_modality_that_every_model_has_is_no_extra() -> None:
    assert decode(generationConfig={"responseModalities": ["TEXT"]}).extras == {}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": 5}, "contents"),
        ({"contents": [5]}, "contents[0]"),
        ({"contents": [{"role": "user"}]}, "contents[0].parts"),
        ({"contents": [{"role": "robot", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": [5]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text"),
        (
            {"contents": [{"parts": [{"text": "a", "inlineData": {}}]}]},
            "contents[0].parts[0]",
        ),
        (
            {"contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "*"}}]}]},
            "contents[0].parts[0].inline_data.data",
        ),
        (
            {"contents": [{"parts": [{"inlineData": {"data": "QUJD"}}]}]},
            "contents[0].parts[0].inlineData.mimeType",
        ),
        (
            {"contents": [{"parts": [{"fileData": {}}]}]},
            "contents[0].parts[0].fileData.fileUri",
        ),
        (
            {"contents": [{"parts": [{"functionCall": {"name": "f"}}]}]},
            "contents[0].parts[0].functionCall",
        ),
        (
            {"contents": [{"role": "model", "parts": [{"functionCall": {}}]}]},
            "contents[0].parts[0].functionCall.name",
        ),
        (
            {
                "contents": [
                    {"role": "model", "parts": [{"functionCall": {"name": "f", "args": []}}]}
                ]
            },
            "contents[0].parts[0].functionCall.args",
        ),
        (
            {"contents": [{"parts": [{"functionResponse": {"name": "f", "response": {}}}]}]},
            "contents[0].parts[0].functionResponse",
        ),
        (
            {"contents": [HI], "systemInstruction": {"parts": [{"inlineData": {}}]}},
            "systemInstruction.parts[0]",
        ),
        ({"contents": [HI], "tools": "x"}, "tools"),
        (
            {"contents": [HI], "tools": [{"functionDeclarations": [{}]}]},
            "tools[0].functionDeclarations[0].name",
        ),
        (
            {
                "contents": [HI],
                "tools": [{"functionDeclarations": [{"name": "f", "parameters": 5}]}],
            },
            "tools[0].functionDeclarations[0].parameters",
        ),
        (
            {"contents": [HI], "toolConfig": {"functionCallingConfig": {"mode": "SOME"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        (
            {"contents": [HI], "generation_config": {"max_output_tokens": 0}},
            "generation_config.max_output_tokens",
        ),
        (
            {"contents": [HI], "generationConfig": {"temperature": "hot"}},
            "generationConfig.temperature",
        ),
        (
            {"contents": [HI], "generationConfig": {"topK": 1.5}},
            "generationConfig.topK",
        ),
        (
            {"contents": [HI], "generationConfig": {"stopSequences": [1]}},
            "generationConfig.stopSequences[0]",
        ),
        (
            {"contents": [HI], "generationConfig": {"thinkingConfig": {"thinkingLevel": "MOST"}}},
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_path(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        FORMAT.decode_request(body)
    assert caught.value.param == param


def test_schemas_nested_too_deeply_are_refused_instead_of_crashing() -> None:
    schema: dict[str, Any] = {}
    for _ in range(500):
        schema = {"items": schema}
    with pytest.raises(InvalidRequest):
        decode(tools=[{"functionDeclarations": [{"name": "f", "parameters": schema}]}])


def test_a_conversation_survives_encoding_and_decoding() -> None:
    request = ChatRequest(
        model=None,
        messages=(
            Message("system", (Text("Be brief."),)),
            Message("user", (Text("Hi"), Media("image", "image/png", "QUJD"))),
            Message(
                "assistant",
                (
                    Text("Sure.", signature=Signature("dA", "gemini")),
                    ToolCall("c1", "f", '{"a":1}', Signature("cw", "gemini")),
                    ToolCall("c2", "f", "{}"),
                ),
            ),
            Message(
                "user",
                (
                    ToolResult("c1", (Text("one"),), name="f"),
                    ToolResult("c2", (Text("bad"),), is_error=True, name="f"),
                    Text("so?"),
                ),
            ),
        ),
        tools=(Tool("f", "F", {"type": "object", "properties": {}}),),
        tool_choice=ToolChoice("required"),
        sampling=Sampling(0.5, 0.9, 40, stop=("X",), seed=1),
        max_output_tokens=9,
        response_format=ResponseFormat("json_schema", {"type": "object"}),
    )
    body = FORMAT.encode_request(request, ModelTraits("gemini-3-pro-preview")).body
    assert FORMAT.decode_request(body) == request


FIELDS = st.sampled_from(
    [
        "contents",
        "role",
        "parts",
        "text",
        "thought",
        "functionCall",
        "functionResponse",
        "name",
        "id",
        "args",
        "response",
        "inlineData",
        "fileData",
        "mimeType",
        "data",
        "fileUri",
        "systemInstruction",
        "tools",
        "functionDeclarations",
        "parameters",
        "toolConfig",
        "functionCallingConfig",
        "mode",
        "generationConfig",
        "maxOutputTokens",
        "thinkingConfig",
        "thinkingBudget",
        "responseSchema",
        "stopSequences",
        "thoughtSignature",
        "model",
        "stream",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.sampled_from(["", "model"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=15,
)


@given(body=st.dictionaries(FIELDS, JSON, max_size=6))
def test_no_body_whatever_crashes_decoding_or_viewing(body: dict[str, Any]) -> None:
    FORMAT.view(body)
    FORMAT.passthrough_body(body, ModelTraits("gemini-3-pro-preview"))
    with suppress(InvalidRequest):
        assert FORMAT.decode_request(body).messages
