"""Encoding requests for Gemini providers."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from router.canonical.messages import (
    Block,
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
from router.canonical.signature import Signature
from router.errors import UnsupportedFeature
from router.formats.gemini import FORMAT

FLASH = ModelTraits("gemini-2.5-flash")
THIRD = ModelTraits("gemini-3-flash-preview")
USER = Message("user", (Text("Hi"),))
OWN = Signature("b3du", "gemini")
FOREIGN = Signature("sig", "anthropic_messages")


def user(*blocks: Block) -> Message:
    return Message("user", blocks)


def model(*blocks: Block) -> Message:
    return Message("assistant", blocks)


def encode(request: ChatRequest, traits: ModelTraits = FLASH) -> dict[str, Any]:
    return FORMAT.encode_request(request, traits).body


def contents(*messages: Message, traits: ModelTraits = FLASH) -> Any:
    return encode(ChatRequest("m", messages), traits)["contents"]


def test_the_least_request_has_nothing_but_contents() -> None:
    assert encode(ChatRequest("m", (USER,))) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}]
    }


def test_system_messages_go_to_the_system_instruction_wherever_they_stand() -> None:
    messages = (
        Message("system", (Text("Be brief."),)),
        USER,
        Message("developer", (Text("Be kind."),)),
    )
    assert encode(ChatRequest("m", messages)) == {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
    }


def test_turns_of_one_role_are_merged_and_empty_ones_left_out() -> None:
    turns = contents(
        user(Text("a")),
        Message("system", (Text("s"),)),
        user(Text("b"), Text("")),
        model(Thinking("hm", OWN), RedactedThinking(FOREIGN)),
        user(Text("c")),
        model(Text("")),
    )
    assert turns == [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}]


def test_a_request_without_turns_is_refused() -> None:
    with pytest.raises(UnsupportedFeature):
        contents(Message("system", (Text("s"),)))


def test_results_answer_every_call_in_the_order_of_the_calls() -> None:
    turns = contents(
        USER,
        model(Text("Both."), ToolCall("c1", "f", '{"a": 1}'), ToolCall("c2", "g", "")),
        user(ToolResult("c2", (Text("two"),))),
        user(Text("and?"), ToolResult("c1", (Text('{"one": 1}'),))),
    )
    assert turns[1] == {
        "role": "model",
        "parts": [
            {"text": "Both."},
            {"functionCall": {"name": "f", "args": {"a": 1}}},
            {"functionCall": {"name": "g", "args": {}}},
        ],
    }
    assert turns[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "f", "response": {"one": 1}}},
            {"functionResponse": {"name": "g", "response": {"result": "two"}}},
            {"text": "and?"},
        ],
    }


def test_a_call_without_result_is_answered_as_unanswered() -> None:
    turns = contents(USER, model(ToolCall("c", "f")), user(Text("never mind")))
    assert turns[2]["parts"] == [
        {"functionResponse": {"name": "f", "response": {"error": "the call was not answered"}}},
        {"text": "never mind"},
    ]


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (ToolResult("c", (Text("plain"),)), {"result": "plain"}),
        (ToolResult("c", (Text("[1, 2]"),)), {"result": "[1, 2]"}),
        (ToolResult("c", (Text("{broken"),)), {"result": "{broken"}),
        (ToolResult("c", (Text('{"a": [1]}'),)), {"a": [1]}),
        (ToolResult("c", (Text("a"), Text("b"))), {"result": "a\nb"}),
        (ToolResult("c", ()), {"result": ""}),
        (ToolResult("c", (Text("no"),), is_error=True), {"error": "no"}),
    ],
)
def test_results_are_objects(result: ToolResult, response: dict[str, Any]) -> None:
    turns = contents(USER, model(ToolCall("c", "f")), user(result))
    assert turns[2]["parts"][0]["functionResponse"]["response"] == response


def test_a_result_without_its_call_is_refused_by_its_path() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        contents(USER, model(ToolCall("c", "f")), user(ToolResult("x", ())))
    assert caught.value.param == "messages[2].content[0]"


def test_images_of_a_result_stand_beside_it_before_gemini_3_and_inside_since() -> None:
    image = Media("image", "image/png", "QUJD")
    remote = Media("image", url="https://x.org/a.webp")
    result = ToolResult("c", (Text("shot"), image, remote))
    part = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    away = {"fileData": {"fileUri": "https://x.org/a.webp", "mimeType": "image/webp"}}
    messages = (USER, model(ToolCall("c", "f")), user(result))
    assert contents(*messages)[2]["parts"] == [
        {"functionResponse": {"name": "f", "response": {"result": "shot"}}},
        part,
        away,
    ]
    assert contents(*messages, traits=THIRD)[2]["parts"] == [
        {
            "functionResponse": {
                "name": "f",
                "id": "c",
                "response": {"result": "shot"},
                "parts": [part],
            }
        },
        away,
    ]


def test_own_signatures_go_back_and_foreign_ones_do_not() -> None:
    turns = contents(
        USER,
        model(
            Text("a", signature=OWN),
            Text("b", signature=FOREIGN),
            Media("image", "image/png", "QUJD", signature=OWN),
            ToolCall("c1", "f", signature=FOREIGN),
            ToolCall("c2", "f", signature=OWN),
        ),
    )
    assert [part.get("thoughtSignature") for part in turns[1]["parts"]] == [
        "b3du",
        None,
        "b3du",
        None,
        "b3du",
    ]


@pytest.mark.parametrize("name", ["gemini-3-pro-preview", "gemini-3.1-pro", "gemini-flash-latest"])
def test_gemini_3_gets_the_bypass_on_the_first_unsigned_call_of_each_step(name: str) -> None:
    turns = contents(
        USER,
        model(ToolCall("c1", "f", signature=FOREIGN), ToolCall("c2", "f")),
        user(ToolResult("c1", ()), ToolResult("c2", ())),
        model(ToolCall("c3", "f", signature=OWN)),
        user(ToolResult("c3", ())),
        traits=ModelTraits(name),
    )
    signatures = [
        part.get("thoughtSignature")
        for turn in turns
        for part in turn["parts"]
        if "functionCall" in part
    ]
    assert signatures == ["skip_thought_signature_validator", None, "b3du"]


def test_arguments_that_are_no_object_are_kept_as_text() -> None:
    turns = contents(
        USER,
        model(
            ToolCall("c1", "f", '{"a": '),
            ToolCall("c2", "patch", "*** Begin", custom=True),
            ToolCall("c3", "read", "{}", namespace="files"),
        ),
    )
    assert [part["functionCall"] for part in turns[1]["parts"]] == [
        {"name": "f", "args": {"arguments": '{"a": '}},
        {"name": "patch", "args": {"input": "*** Begin"}},
        {"name": "files__read", "args": {}},
    ]


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (
            Media("audio", "audio/wav", "QUJD"),
            {"inlineData": {"mimeType": "audio/wav", "data": "QUJD"}},
        ),
        (
            Media("document", "text/plain", "Grüße"),
            {
                "inlineData": {
                    "mimeType": "text/plain",
                    "data": base64.b64encode("Grüße".encode()).decode(),
                }
            },
        ),
        (
            Media("image", url="https://x.org/p.PNG?w=1"),
            {"fileData": {"fileUri": "https://x.org/p.PNG?w=1", "mimeType": "image/png"}},
        ),
        (
            Media("image", url="https://x.org/p"),
            {"fileData": {"fileUri": "https://x.org/p", "mimeType": "image/jpeg"}},
        ),
        (
            Media("video", url="https://youtu.be/abc"),
            {"fileData": {"fileUri": "https://youtu.be/abc"}},
        ),
        (
            Media("document", "application/pdf", file_id="files/abc", origin="gemini"),
            {"fileData": {"fileUri": "files/abc", "mimeType": "application/pdf"}},
        ),
    ],
)
def test_media(media: Media, part: dict[str, Any]) -> None:
    assert contents(user(media))[0]["parts"] == [part]


@pytest.mark.parametrize(
    "block",
    [
        Media("document", file_id="file-1", origin="openai_responses"),
        Media("image"),
        Native("anthropic_messages", {"type": "container_upload"}),
        ToolCall("c", "f"),
    ],
)
def test_content_that_gemini_cannot_be_sent_is_refused_by_its_path(block: Block) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        contents(USER, user(Text("x"), block))
    assert caught.value.param == "messages[1].content[1]"


def test_own_native_parts_go_back() -> None:
    part = {"executableCode": {"language": "PYTHON", "code": "1"}}
    assert contents(USER, model(Native("gemini", part)))[1]["parts"] == [part]


def test_tools_and_choice() -> None:
    schema = {
        "type": "object",
        "properties": {"node": {"$ref": "#/$defs/node"}},
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
        "additionalProperties": False,
    }
    tools = (
        Tool("walk", "Walks.", schema, strict=True),
        Tool("now"),
        Tool("read", parameters={}, namespace="files"),
        Tool("patch", "Patches.", kind="custom"),
        Tool("googleSearch", kind="hosted", data={"googleSearch": {}}, origin="gemini"),
    )
    body = encode(ChatRequest("m", (USER,), tools, ToolChoice("named", ("read", "walk"))))
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "walk", "description": "Walks.", "parametersJsonSchema": schema},
                {"name": "now"},
                {
                    "name": "files__read",
                    "parametersJsonSchema": {"type": "object", "properties": {}},
                },
                {
                    "name": "patch",
                    "description": "Patches.",
                    "parametersJsonSchema": {
                        "type": "object",
                        "properties": {"input": {"type": "string"}},
                        "required": ["input"],
                    },
                },
            ]
        },
        {"googleSearch": {}},
    ]
    assert body["toolConfig"] == {
        "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["files__read", "walk"]}
    }


@pytest.mark.parametrize(
    ("mode", "word"), [("auto", "AUTO"), ("none", "NONE"), ("required", "ANY")]
)
def test_choice_modes(mode: Any, word: str) -> None:
    body = encode(ChatRequest("m", (USER,), (Tool("f"),), ToolChoice(mode)))
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": word}}


def test_a_choice_without_functions_is_not_sent() -> None:
    assert "toolConfig" not in encode(ChatRequest("m", (USER,), (), ToolChoice("auto")))


def test_foreign_hosted_tools_are_dropped_by_path_unless_nothing_else_is_left() -> None:
    search = Tool("web_search", kind="hosted", data={"type": "web_search"}, origin="openai_chat")
    encoded = FORMAT.encode_request(ChatRequest("m", (USER,), (Tool("f"), search)), FLASH)
    assert encoded.dropped == ("tools[1].type",)
    with pytest.raises(UnsupportedFeature):
        encode(ChatRequest("m", (USER,), (search,)))
    with pytest.raises(UnsupportedFeature):
        encode(ChatRequest("m", (USER,), (Tool("f"), search), ToolChoice("named", ("web_search",))))


def test_generation_config() -> None:
    sampling = Sampling(0.5, 0.9, 40, 0.1, 0.2, 7, ("X",), logprobs=True, top_logprobs=3, n=2)
    shape = ResponseFormat("json_schema", {"type": "object"}, "answer", strict=True)
    request = ChatRequest(
        "m", (USER,), sampling=sampling, max_output_tokens=77, response_format=shape
    )
    assert encode(request)["generationConfig"] == {
        "maxOutputTokens": 77,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "stopSequences": ["X"],
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "candidateCount": 2,
        "responseLogprobs": True,
        "logprobs": 3,
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
    }


def test_a_json_object_is_asked_for_by_media_type_alone() -> None:
    request = ChatRequest("m", (USER,), response_format=ResponseFormat("json_object"))
    assert encode(request)["generationConfig"] == {"responseMimeType": "application/json"}


@pytest.mark.parametrize(
    ("name", "reasoning", "thinking"),
    [
        ("gemini-2.5-flash", Reasoning("low"), {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-2.5-flash", Reasoning("high"), {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-pro", Reasoning("max"), {"thinkingBudget": 32768, "includeThoughts": True}),
        ("gemini-2.5-flash", Reasoning("none"), {"thinkingBudget": 0}),
        ("gemini-2.5-pro", Reasoning(enabled=False), {"thinkingBudget": 128}),
        (
            "gemini-2.5-flash",
            Reasoning("high", budget_tokens=2000),
            {"thinkingBudget": 2000, "includeThoughts": True},
        ),
        (
            "gemini-2.5-flash-lite",
            Reasoning(budget_tokens=100),
            {"thinkingBudget": 512, "includeThoughts": True},
        ),
        (
            "gemini-2.5-pro",
            Reasoning(budget_tokens=-1),
            {"thinkingBudget": -1, "includeThoughts": True},
        ),
        ("gemini-2.5-pro", Reasoning(enabled=True), {"includeThoughts": True}),
        (
            "gemini-3-flash-preview",
            Reasoning("minimal"),
            {"thinkingLevel": "minimal", "includeThoughts": True},
        ),
        (
            "gemini-3.1-pro-preview",
            Reasoning("minimal"),
            {"thinkingLevel": "low", "includeThoughts": True},
        ),
        (
            "gemini-3.1-pro-preview",
            Reasoning("medium"),
            {"thinkingLevel": "medium", "includeThoughts": True},
        ),
        (
            "gemini-3-pro-preview",
            Reasoning("medium"),
            {"thinkingLevel": "high", "includeThoughts": True},
        ),
        (
            "gemini-3-flash-preview",
            Reasoning(budget_tokens=8000),
            {"thinkingLevel": "medium", "includeThoughts": True},
        ),
        ("gemini-3-flash-preview", Reasoning("none"), {"thinkingLevel": "minimal"}),
        ("gemini-3-pro-preview", Reasoning("none"), {"thinkingLevel": "low"}),
        (
            "gemini-flash-latest",
            Reasoning("medium"),
            {"thinkingBudget": 8192, "includeThoughts": True},
        ),
    ],
)
def test_thinking_by_generation(name: str, reasoning: Reasoning, thinking: dict[str, Any]) -> None:
    request = ChatRequest("m", (USER,), reasoning=reasoning)
    encoded = FORMAT.encode_request(request, ModelTraits(name))
    assert encoded.body["generationConfig"]["thinkingConfig"] == thinking
    assert encoded.dropped == ()


@pytest.mark.parametrize(
    "name", ["gemini-2.0-flash", "gemini-1.5-pro", "gemma-3-27b-it", "gemini-2.5-flash-image"]
)
def test_models_that_do_not_think_are_not_told_to(name: str) -> None:
    request = ChatRequest("m", (USER,), reasoning=Reasoning("high"))
    encoded = FORMAT.encode_request(request, ModelTraits(name))
    assert encoded.dropped == ("reasoning_effort",)
    assert "generationConfig" not in encoded.body
    off = ChatRequest("m", (USER,), reasoning=Reasoning("none"))
    assert FORMAT.encode_request(off, ModelTraits(name)).dropped == ()


def test_what_gemini_cannot_say_is_dropped_and_named() -> None:
    request = ChatRequest(
        "m",
        (USER,),
        sampling=Sampling(logit_bias={"1": 2}),
        parallel_tool_calls=False,
        metadata={"a": "b"},
        user="u",
        service_tier="flex",
        prompt_cache_key="k",
        extras={"verbosity": "low", "safetySettings": [], "generationConfig.seed2": 1},
    )
    encoded = FORMAT.encode_request(request, FLASH)
    assert set(encoded.dropped) == {
        "logit_bias",
        "parallel_tool_calls",
        "metadata",
        "user",
        "service_tier",
        "prompt_cache_key",
        "verbosity",
    }
    assert encoded.body["safetySettings"] == []
    assert encoded.body["generationConfig"] == {"seed2": 1}
