"""The upstream side: requests are written for OpenAI-compatible providers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
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
from router.formats.base import Encoded
from router.formats.openai_chat import FORMAT

USER = Message("user", (Text("Hi"),))
TRAITS = ModelTraits("up-1")
F = Tool("f", "does f", {"type": "object"})
G = Tool("g")
SEARCH = Tool(
    "web_search", kind="hosted", data={"type": "web_search_x"}, origin="anthropic_messages"
)


def encode(traits: ModelTraits = TRAITS, **fields: Any) -> Encoded:
    request = ChatRequest(**{"model": "m", "messages": (USER,), **fields})
    return FORMAT.encode_request(request, traits)


def wire(*messages: Message) -> Any:
    return encode(messages=messages).body["messages"]


def test_a_plain_request_names_the_providers_model() -> None:
    assert encode() == Encoded({"model": "up-1", "messages": [{"role": "user", "content": "Hi"}]})


def test_streams_always_ask_for_usage() -> None:
    body = encode(stream=True, include_usage=False).body
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_what_cannot_be_said_or_told_back_is_dropped_by_name() -> None:
    encoded = encode(
        sampling=Sampling(temperature=0.5, top_k=3, logprobs=True, top_logprobs=2, n=2, seed=4),
        metadata={"a": "b"},
        service_tier="standard_only",
        extras={"context_management": {}},
    )
    assert encoded.dropped == (
        "top_k", "logprobs", "top_logprobs", "n", "metadata", "service_tier", "context_management"
    )  # fmt: skip
    assert encoded.body.keys() == {"model", "messages", "temperature", "seed"}


def test_one_answer_is_nothing_to_drop() -> None:
    assert encode(sampling=Sampling(n=1, logprobs=False)).dropped == ()


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("o3", "max_completion_tokens"),
        ("gpt-5-mini", "max_completion_tokens"),
        ("openai/o4-mini", "max_completion_tokens"),
        ("gpt-4o", "max_tokens"),
        ("gpt-oss-120b", "max_tokens"),
        ("olmo-2", "max_tokens"),
        ("mistral-large", "max_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_model_knows(name: str, field: str) -> None:
    body = encode(ModelTraits(name), max_output_tokens=9).body
    assert {key: body[key] for key in body if key.startswith("max")} == {field: 9}


def test_developer_messages_are_system_messages_but_to_openais_own() -> None:
    messages = (Message("developer", (Text("a"), Text("b"))),)
    assert wire(*messages) == [{"role": "system", "content": "a\n\nb"}]
    own = encode(ModelTraits("o3"), messages=messages).body["messages"]
    assert own == [{"role": "developer", "content": "a\n\nb"}]


@pytest.mark.parametrize("name", ["deepseek-v4-pro", "deepseek/deepseek-reasoner"])
def test_reasoning_that_led_to_calls_goes_back_to_models_that_want_it(name: str) -> None:
    history = (
        USER,
        Message("assistant", (Thinking("hm"), ToolCall("c1", "f", "{}"))),
        Message("user", (ToolResult("c1", (Text("r"),)),)),
        Message("assistant", (ToolCall("c2", "f", "{}"),)),
        Message("user", (ToolResult("c2", (Text("r"),)),)),
        Message("assistant", (Thinking("so"), Text("Done."))),
    )
    sent = encode(ModelTraits(name), messages=history).body["messages"]
    told = [message.get("reasoning_content") for message in sent]
    assert told == [None, "hm", None, "", None, None]
    assert not any("reasoning_content" in message for message in wire(*history))


def test_reasoning_and_signatures_of_the_history_are_left_out() -> None:
    signature = Signature("sig", "anthropic_messages")
    thoughts = (Thinking("hm", signature), RedactedThinking(signature))
    call = ToolCall("a", "f", '{"x":1}', Signature("c2ln", "gemini"))
    messages = wire(
        Message("assistant", thoughts),
        Message("assistant", (*thoughts, Text("A"), Text("B"), call)),
    )
    function = {"name": "f", "arguments": '{"x":1}'}
    assert messages == [
        {
            "role": "assistant",
            "content": "AB",
            "tool_calls": [{"id": "a", "type": "function", "function": function}],
        }
    ]


def test_a_refusal_keeps_its_field() -> None:
    (message,) = wire(Message("assistant", (Refusal("No."),)))
    assert message == {"role": "assistant", "content": None, "refusal": "No."}


def test_results_come_before_what_the_user_says() -> None:
    image = Media("image", "image/png", "AAAA")
    results = (
        ToolResult("a", (Text("1"), Text("2"), image)),
        ToolResult("b", (), is_error=True),
    )
    assert wire(Message("user", (Text("and?"), *results))) == [
        {"role": "tool", "tool_call_id": "a", "content": "1\n2"},
        {"role": "tool", "tool_call_id": "b", "content": ""},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "text", "text": "and?"},
            ],
        },
    ]


def test_long_ids_are_shortened_alike_in_call_and_result() -> None:
    id_ = "call_" + "x" * 60
    call = Message("assistant", (ToolCall(id_, "f"),))
    asked, answered = wire(call, Message("user", (ToolResult(id_, ()),)))
    assert asked["tool_calls"][0]["id"] == answered["tool_call_id"]
    assert len(answered["tool_call_id"]) <= 40


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (Media("image", url="https://e.org/a", detail="low"),
         {"type": "image_url", "image_url": {"url": "https://e.org/a", "detail": "low"}}),
        (Media("audio", "audio/x-wav", "AAAA"),
         {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        (Media("document", "application/pdf", "AAAA"),
         {"type": "file", "file": {"filename": "document.pdf",
                                   "file_data": "data:application/pdf;base64,AAAA"}}),
        (Media("document", file_id="file-1", origin="openai_responses"),
         {"type": "file", "file": {"file_id": "file-1"}}),
    ],
)  # fmt: skip
def test_media_become_parts(media: Media, part: dict[str, Any]) -> None:
    assert wire(Message("user", (media,))) == [{"role": "user", "content": [part]}]


def test_plain_text_documents_and_texts_become_one_string() -> None:
    document = Media("document", "text/plain", "of a file")
    assert wire(Message("user", (Text("Read"), document)))[0]["content"] == "Read\n\nof a file"


@pytest.mark.parametrize(
    "block",
    [
        Media("video", "video/mp4", "AAAA"),
        Media("document", url="https://e.org/a.pdf"),
        Media("audio", url="https://e.org/a.wav"),
        Media("document", file_id="f", origin="anthropic_messages"),
        Native("anthropic_messages", {"type": "x"}),
    ],
)
def test_content_that_cannot_be_said_is_refused_by_its_path(block: Any) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        wire(USER, Message("user", (Text("a"), block)))
    assert caught.value.param == "messages[1].content[1]"


def test_functions_are_offered() -> None:
    body = encode(tools=(F, replace(G, strict=True)), parallel_tool_calls=False).body
    assert body["parallel_tool_calls"] is False
    assert [tool["function"] for tool in body["tools"]] == [
        {"name": "f", "description": "does f", "parameters": {"type": "object"}},
        {"name": "g", "parameters": {"type": "object", "properties": {}}, "strict": True},
    ]


def test_free_text_tools_are_functions_of_one_string() -> None:
    grammar = {"format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}}
    tool = Tool("patch", "Edits.", kind="custom", data=grammar, namespace="fs")
    call = ToolCall("a", "patch", "*** x", custom=True, namespace="fs")
    body = encode(tools=(tool,), messages=(USER, Message("assistant", (call,)))).body
    (offered,) = body["tools"]
    assert offered["function"]["name"] == "fs__patch"
    assert offered["function"]["parameters"]["required"] == ["input"]
    assert offered["function"]["description"].endswith("start: X")
    made = body["messages"][1]["tool_calls"][0]["function"]
    assert made == {"name": "fs__patch", "arguments": '{"input":"*** x"}'}


@pytest.mark.parametrize(
    ("choice", "tools", "wanted"),
    [
        (ToolChoice("auto"), "fg", "auto"),
        (ToolChoice("none"), "fg", "none"),
        (ToolChoice("required"), "fg", "required"),
        (ToolChoice("named", ("f",)), "fg", {"type": "function", "function": {"name": "f"}}),
        (ToolChoice("named", ("f", "h")), "fh", "required"),
        (ToolChoice("named", ("f", "web_search")), "fg",
         {"type": "function", "function": {"name": "f"}}),
    ],
)  # fmt: skip
def test_tool_choices_are_written(choice: ToolChoice, tools: str, wanted: Any) -> None:
    offer = (F, G, Tool("h")) if "h" in tools else (F, G)
    body = encode(tools=offer, tool_choice=choice).body
    assert [tool["function"]["name"] for tool in body["tools"]] == list(tools)
    assert body["tool_choice"] == wanted


def test_a_choice_without_tools_is_not_sent() -> None:
    assert "tool_choice" not in encode(tool_choice=ToolChoice("auto")).body


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": (F, SEARCH)},
        {"tools": (F, SEARCH), "tool_choice": ToolChoice("required")},
        {"tools": (F, SEARCH), "tool_choice": ToolChoice("named", ("f",))},
    ],
)
def test_another_providers_tool_is_dropped_if_it_need_not_be_used(fields: dict[str, Any]) -> None:
    encoded = encode(**fields)
    assert encoded.dropped == ("tools[1].type",)
    assert [tool["function"]["name"] for tool in encoded.body["tools"]] == ["f"]


def test_another_providers_tool_alone_is_dropped_with_its_choice() -> None:
    encoded = encode(tools=(SEARCH,), tool_choice=ToolChoice("auto"))
    assert encoded.body.keys() == {"model", "messages"}
    assert encoded.dropped == ("tools[0].type",)


@pytest.mark.parametrize(
    ("tools", "choice"),
    [
        ((SEARCH,), ToolChoice("required")),
        ((SEARCH, F), ToolChoice("named", ("web_search",))),
    ],
)
def test_another_providers_tool_that_must_be_used_is_refused(
    tools: tuple[Tool, ...], choice: ToolChoice
) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        encode(tools=tools, tool_choice=choice)
    assert caught.value.param == "tools[0]"


def test_own_hosted_tools_are_sent_as_they_came() -> None:
    tool = replace(SEARCH, origin="openai_chat")
    assert encode(tools=(tool,)).body["tools"] == [{"type": "web_search_x"}]


def test_response_formats_are_written() -> None:
    schema = ResponseFormat("json_schema", {"type": "object"}, strict=True)
    assert encode(response_format=schema).body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "schema": {"type": "object"}, "strict": True},
    }
    plain = encode(response_format=ResponseFormat("json_object")).body["response_format"]
    assert plain == {"type": "json_object"}


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        (Reasoning("high"), "high"),
        (Reasoning("none", enabled=False), "none"),
        (Reasoning(budget_tokens=1024, enabled=True), "low"),
        (Reasoning(budget_tokens=4096), "medium"),
        (Reasoning(budget_tokens=30000), "high"),
        (Reasoning(budget_tokens=-1), None),
        (Reasoning(budget_tokens=0), None),
        (Reasoning(enabled=True), "medium"),
        (Reasoning(enabled=False), None),
        (None, None),
    ],
)
def test_reasoning_becomes_an_effort(reasoning: Reasoning | None, effort: str | None) -> None:
    assert encode(reasoning=reasoning).body.get("reasoning_effort") == effort


def test_no_effort_is_asked_of_a_model_that_does_not_reason() -> None:
    encoded = encode(ModelTraits("m", capabilities=frozenset()), reasoning=Reasoning("high"))
    assert "reasoning_effort" not in encoded.body
    assert encoded.dropped == ("reasoning_effort",)


texts = st.text(min_size=1, max_size=12)
user_blocks = st.one_of(
    st.builds(Text, texts),
    st.builds(Media, st.just("image"), st.just("image/png"), st.just("iVBORw0KGgo=")),
)
results = st.builds(ToolResult, texts, st.builds(Text, texts).map(lambda block: (block,)))
calls = st.builds(ToolCall, texts, texts, st.just('{"x":1}'))
user_messages = st.builds(
    Message, st.just("user"), st.lists(user_blocks, min_size=1, max_size=3).map(tuple)
)
result_messages = st.builds(
    Message, st.just("user"), st.lists(results, min_size=1, max_size=3).map(tuple)
)
answers = st.builds(
    lambda text, made: Message("assistant", (Text(text), *made)),
    texts,
    st.lists(calls, max_size=2),
)
conversations = st.lists(user_messages | answers, min_size=1, max_size=4)


def spoken(messages: tuple[Message, ...]) -> list[Any]:
    """Return what a conversation says, however texts are joined to parts and messages."""
    said: list[Any] = []
    for message in messages:
        for block in message.content:
            match block, said[-1] if said else None:
                case Text(text=text), (role, str(earlier)) if role == message.role:
                    said[-1] = (role, earlier + text.replace("\n", ""))
                case Text(text=text), _:
                    said.append((message.role, text.replace("\n", "")))
                case _:
                    said.append((message.role, block))
    return said


@given(conversations, result_messages)
def test_what_is_written_is_read_back(messages: list[Message], tail: Message) -> None:
    request = ChatRequest(
        "up-1",
        (*messages, tail),
        tools=(F,),
        tool_choice=ToolChoice("named", ("f",)),
        parallel_tool_calls=True,
        sampling=Sampling(temperature=0.5, stop=("x",), seed=1, logit_bias={"5": 1}),
        max_output_tokens=5,
        stream=True,
        response_format=ResponseFormat("json_schema", {"type": "object"}, "a", "b", True),
        reasoning=Reasoning("low"),
        user="u",
        service_tier="flex",
        prompt_cache_key="k",
    )
    body = orjson.loads(orjson.dumps(FORMAT.encode_request(request, TRAITS).body))
    back = FORMAT.decode_request(body)
    assert replace(back, messages=()) == replace(request, messages=())
    assert spoken(back.messages) == spoken(request.messages)
