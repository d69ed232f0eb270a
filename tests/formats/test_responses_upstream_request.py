"""Encoding our request for a provider that speaks Responses."""

from __future__ import annotations

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
from router.formats.base import Encoded
from router.formats.openai_responses import FORMAT

NAME = "openai_responses"
TRAITS = ModelTraits("gpt-x")
HELLO = Message("user", (Text("hi"),))


def encode(*messages: Message, **fields: Any) -> Encoded:
    return FORMAT.encode_request(ChatRequest("m", messages or (HELLO,), **fields), TRAITS)


def test_a_plain_request_is_small_and_stores_nothing() -> None:
    encoded = encode()
    assert encoded.dropped == ()
    content = [{"type": "input_text", "text": "hi"}]
    assert encoded.body == {
        "model": "gpt-x",
        "input": [{"type": "message", "role": "user", "content": content}],
        "store": False,
    }


def test_leading_system_messages_become_instructions_and_the_rest_stay() -> None:
    body = encode(
        Message("system", (Text("a"),)),
        Message("system", (Text("b"), Text("c"))),
        HELLO,
        Message("system", (Text("d"),)),
        Message("developer", (Text("e"),)),
    ).body
    assert body["instructions"] == "a\n\nb\nc"
    assert [item["role"] for item in body["input"]] == ["user", "system", "developer"]


def test_a_tool_turn_becomes_flat_items() -> None:
    picture = Media("image", "image/png", "AAAA")
    body = encode(
        HELLO,
        Message(
            "assistant",
            (
                Thinking("hm", Signature("gAAA", NAME, "rs_1")),
                Thinking("foreign", Signature("x", "gemini")),
                Thinking("unsigned"),
                RedactedThinking(Signature("gBBB", NAME, "rs_2")),
                Text("let me see"),
                Refusal("not that"),
                ToolCall("c1", "f", '{"a":1}', Signature("s", "gemini")),
                ToolCall("c2", "patch", "free", custom=True),
                ToolCall("c3", "close", "{}", namespace="agents"),
            ),
        ),
        Message(
            "user",
            (
                ToolResult("c1", (Text("sun"),)),
                ToolResult("c2", (Text("see"), picture), custom=True),
                ToolResult("c3", ()),
                Text("go on"),
            ),
        ),
    ).body
    summary = [{"type": "summary_text", "text": "hm"}]
    assert body["input"][1:] == [
        {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gAAA"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gBBB"},
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "let me see", "annotations": []},
                {"type": "refusal", "refusal": "not that"},
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
        {"type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "free"},
        {
            "type": "function_call",
            "call_id": "c3",
            "name": "close",
            "arguments": "{}",
            "namespace": "agents",
        },
        {"type": "function_call_output", "call_id": "c1", "output": "sun"},
        {
            "type": "custom_tool_call_output",
            "call_id": "c2",
            "output": [
                {"type": "input_text", "text": "see"},
                {
                    "type": "input_image",
                    "detail": "auto",
                    "image_url": "data:image/png;base64,AAAA",
                },
            ],
        },
        {"type": "function_call_output", "call_id": "c3", "output": ""},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "go on"}],
        },
    ]
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["store"] is False


def test_an_id_too_long_is_shortened_alike_for_call_and_result() -> None:
    call, result = encode(
        Message("assistant", (ToolCall("x" * 65, "f"),)),
        Message("user", (ToolResult("x" * 65, ()),)),
    ).body["input"]
    assert call["call_id"] == result["call_id"]
    assert len(call["call_id"]) <= 64


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (Message("user", (Media("video", url="https://a.example/v"),)), "messages[0].content[0]"),
        (
            Message("user", (Media("image", file_id="f", origin="gemini"),)),
            "messages[0].content[0]",
        ),
        (
            Message("assistant", (Text("x"), Media("image", "image/png", "AAAA"))),
            "messages[0].content[1]",
        ),
        (
            Message("assistant", (Native("anthropic_messages", {"type": "server_tool_use"}),)),
            "messages[0].content[0]",
        ),
        (Message("system", (Media("image", "image/png", "A"),)), "messages[0].content[0]"),
        (
            Message("user", (ToolResult("c", (Text(""), Media("video", data="A"))),)),
            "messages[0].content[0].content[1]",
        ),
    ],
)
def test_content_without_words_is_refused_by_its_path(message: Message, param: str) -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        encode(message)
    assert caught.value.param == param


def test_parameters_are_said_where_the_format_has_them() -> None:
    body = encode(
        max_output_tokens=99,
        sampling=Sampling(temperature=0.1, top_p=0.9),
        reasoning=Reasoning(effort="low", summary="anything"),
        response_format=ResponseFormat("json_schema", {"type": "object"}, strict=True),
        metadata={"a": "b"},
        user="u",
        service_tier="flex",
        prompt_cache_key="k",
        stream=True,
        extras={"verbosity": "low", "truncation": "auto", "include": ["file_search_call.results"]},
    ).body
    del body["input"]
    assert body == {
        "model": "gpt-x",
        "store": False,
        "max_output_tokens": 99,
        "temperature": 0.1,
        "top_p": 0.9,
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {
            "format": {
                "type": "json_schema",
                "name": "answer",
                "schema": {"type": "object"},
                "strict": True,
            },
            "verbosity": "low",
        },
        "metadata": {"a": "b"},
        "user": "u",
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "stream": True,
        "truncation": "auto",
        "include": ["file_search_call.results", "reasoning.encrypted_content"],
    }


def test_a_penalty_of_nothing_is_no_loss() -> None:
    sampling = Sampling(presence_penalty=0.0, frequency_penalty=0, logit_bias={}, top_logprobs=0)
    assert encode(sampling=sampling).dropped == ()


def test_what_cannot_be_said_is_named() -> None:
    sampling = Sampling(
        stop=("x",),
        seed=1,
        presence_penalty=-0.5,
        frequency_penalty=1,
        logit_bias={"1": 2},
        top_k=4,
        logprobs=True,
        top_logprobs=2,
        n=2,
    )
    encoded = encode(sampling=sampling, extras={"modalities": ["text"]})
    assert set(encoded.dropped) == {
        "stop",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "top_k",
        "logprobs",
        "top_logprobs",
        "n",
        "modalities",
    }
    assert encoded.body.keys() == {"model", "input", "store"}


def test_defaults_of_chat_are_not_named() -> None:
    assert encode(sampling=Sampling(n=1, logprobs=False)).dropped == ()


@pytest.mark.parametrize(
    ("reasoning", "effort"),
    [
        (Reasoning(budget_tokens=1024), "low"),
        (Reasoning(budget_tokens=8000), "medium"),
        (Reasoning(budget_tokens=60000), "high"),
        (Reasoning(budget_tokens=-1), None),
        (Reasoning(budget_tokens=0), "none"),
        (Reasoning(enabled=True), "medium"),
        (Reasoning(enabled=False), "none"),
        (Reasoning(effort="xhigh", budget_tokens=1), "xhigh"),
    ],
)
def test_budgets_become_efforts(reasoning: Reasoning, effort: str | None) -> None:
    body = encode(reasoning=reasoning).body
    assert body.get("reasoning", {}).get("effort") == effort
    assert ("include" in body) == (effort != "none")


def test_a_caller_that_stores_gets_no_encrypted_reasoning() -> None:
    body = encode(reasoning=Reasoning(effort="low"), extras={"store": True}).body
    assert body["store"] is True
    assert "include" not in body


SEARCH = Tool("web_search", kind="hosted", data={"type": "web_search", "size": "low"}, origin=NAME)
FOREIGN = Tool("bash", kind="hosted", data={"type": "bash_20250124"}, origin="anthropic_messages")
GRAMMAR = {"type": "grammar", "syntax": "regex", "definition": "a+"}


def test_tools_are_flat_and_strictness_is_always_told() -> None:
    encoded = encode(
        tools=(
            Tool("f", "does", {"type": "object"}, strict=True),
            Tool("g"),
            Tool(
                "patch",
                kind="custom",
                data={"format": {"type": "grammar", "grammar": GRAMMAR}},
                origin="openai_chat",
            ),
            Tool("a", namespace="ns", data={"namespace_description": "All."}, origin=NAME),
            Tool("b", namespace="ns"),
            SEARCH,
            FOREIGN,
        ),
        tool_choice=ToolChoice("auto"),
        parallel_tool_calls=False,
    )
    empty = {"type": "object", "properties": {}}
    assert encoded.body["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "does",
            "parameters": {"type": "object"},
            "strict": True,
        },
        {"type": "function", "name": "g", "parameters": empty, "strict": False},
        {"type": "custom", "name": "patch", "format": GRAMMAR},
        {
            "type": "namespace",
            "name": "ns",
            "description": "All.",
            "tools": [
                {"type": "function", "name": "a", "parameters": empty, "strict": False},
                {"type": "function", "name": "b", "parameters": empty, "strict": False},
            ],
        },
        {"type": "web_search", "size": "low"},
    ]
    assert encoded.dropped == ("tools.bash",)
    assert encoded.body["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ToolChoice("required"), "required"),
        (ToolChoice("named", ("f",)), {"type": "function", "name": "f"}),
        (ToolChoice("named", ("web_search",)), {"type": "web_search"}),
        (ToolChoice("named", ("patch",)), {"type": "custom", "name": "patch"}),
        (
            ToolChoice("named", ("f", "patch")),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [
                    {"type": "function", "name": "f"},
                    {"type": "custom", "name": "patch"},
                ],
            },
        ),
    ],
)
def test_tool_choices_are_said(choice: ToolChoice, said: Any) -> None:
    tools = (Tool("f"), Tool("patch", kind="custom"), SEARCH)
    assert encode(tools=tools, tool_choice=choice).body["tool_choice"] == said


def test_insisting_on_a_foreign_tool_is_refused() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        encode(tools=(Tool("f"), FOREIGN), tool_choice=ToolChoice("named", ("bash",)))
    assert caught.value.param == "tools[1]"


WORDS = st.text(min_size=1, max_size=12)
MEDIA = st.sampled_from(
    [
        Media("image", "image/png", "AAAA", detail="high"),
        Media("image", url="https://a.example/x.png", detail="auto"),
        Media("document", "application/pdf", "AAAA", filename="a.pdf"),
        Media("document", "text/plain", "plain text", filename="a.txt"),
        Media("document", file_id="file-1", origin=NAME),
        Media("audio", "audio/wav", "AAAA"),
    ]
)
SIGNED = st.builds(Thinking, WORDS, st.builds(Signature, WORDS, st.just(NAME), WORDS))
CALLS = st.builds(
    ToolCall,
    id=st.text("abc", min_size=1, max_size=60),
    name=st.text("fgh", min_size=1),
    arguments=st.just('{"a": 1}'),
    custom=st.booleans(),
    namespace=st.none() | st.just("ns"),
)
RESULTS = st.builds(
    ToolResult,
    call_id=st.text("abc", min_size=1, max_size=60),
    content=st.lists(st.builds(Text, WORDS) | MEDIA, min_size=1, max_size=3).map(tuple),
    custom=st.booleans(),
)


def turn(role: Any, blocks: st.SearchStrategy[Block]) -> st.SearchStrategy[Message]:
    content = st.lists(blocks, min_size=1, max_size=4).map(tuple)
    return st.builds(Message, st.just(role), content)


TURNS = st.tuples(
    turn("user", st.builds(Text, WORDS) | MEDIA),
    turn("assistant", st.builds(Text, WORDS) | st.builds(Refusal, WORDS) | SIGNED | CALLS),
    turn("user", RESULTS),
    turn("developer", st.builds(Text, WORDS)),
)


@given(st.lists(TURNS, min_size=1, max_size=2).map(lambda turns: sum(turns, ())))
def test_decoding_what_was_encoded_gives_the_same_conversation(
    messages: tuple[Message, ...],
) -> None:
    assert FORMAT.decode_request(encode(*messages).body).messages == messages
