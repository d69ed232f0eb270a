"""A provider's signatures come back to it through any client, and reach no other provider.

Each case is a conversation of two turns: the provider thinks and calls a tool, the client
runs it and sends its history back, as its own SDK keeps it, or as a poorer client does that
knows texts and calls only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytest

from router.canonical.events import collect, replay
from router.canonical.messages import (
    Block,
    RedactedThinking,
    Text,
    Thinking,
    ToolCall,
)
from router.canonical.request import ModelTraits
from router.canonical.response import ChatResponse
from router.canonical.signature import ID_MARK, SEALED_MARK, Signature
from router.formats.registry import INGRESS, UPSTREAM
from router.formats.sse import frames

Wire = dict[str, Any]

MODELS = {
    "anthropic_messages": "claude-sonnet-4-5",
    "gemini": "gemini-3-pro-preview",
    "openai_chat": "some-model",
    "openai_responses": "gpt-5.2",
}
SIGNERS = ("anthropic_messages", "gemini", "openai_responses")
SECRETS = {
    "anthropic_messages": ("QU5USHNpZw+/==", "UkVEQUNURUQ+/w=="),
    "gemini": ("R0VNc2ln",),
    "openai_responses": ("RU5DUllQVEVE+/==",),
}
ANSWERS: dict[str, tuple[Block, ...]] = {
    "anthropic_messages": (
        Thinking("I look it up.", Signature("QU5USHNpZw+/==", "anthropic_messages")),
        RedactedThinking(Signature("UkVEQUNURUQ+/w==", "anthropic_messages")),
        Text("One moment."),
        ToolCall("toolu_1", "weather", '{"city": "Paris"}'),
    ),
    "gemini": (
        Thinking("I look it up."),
        ToolCall("call_r_0", "weather", '{"city": "Paris"}', Signature("R0VNc2ln", "gemini")),
        ToolCall("call_r_1", "weather", '{"city": "Rome"}'),
    ),
    "openai_responses": (
        Thinking("I look.", Signature("RU5DUllQVEVE+/==", "openai_responses", "rs_1")),
        ToolCall("call_1", "weather", '{"city": "Paris"}'),
    ),
}
SCHEMA: Wire = {"type": "object", "properties": {"city": {"type": "string"}}}
OPENINGS: dict[str, Wire] = {
    "openai_chat": {
        "model": "m",
        "messages": [{"role": "user", "content": "Weather?"}],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}],
        "reasoning_effort": "high",
        "max_completion_tokens": 9000,
    },
    "openai_responses": {
        "model": "m",
        "input": [{"role": "user", "content": "Weather?"}],
        "tools": [{"type": "function", "name": "weather", "parameters": SCHEMA}],
        "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "max_output_tokens": 9000,
    },
    "anthropic_messages": {
        "model": "m",
        "messages": [{"role": "user", "content": "Weather?"}],
        "tools": [{"name": "weather", "input_schema": SCHEMA}],
        "thinking": {"type": "enabled", "budget_tokens": 4000},
        "max_tokens": 9000,
    },
    "gemini": {
        "model": "m",
        "contents": [{"role": "user", "parts": [{"text": "Weather?"}]}],
        "tools": [{"functionDeclarations": [{"name": "weather", "parametersJsonSchema": SCHEMA}]}],
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 4000, "includeThoughts": True}},
    },
}


def whole(client: str, answer: ChatResponse) -> Wire:
    """Return the answer as a client gets it whole."""
    request = INGRESS[client].decode_request(OPENINGS[client])
    body: Wire = json.loads(orjson.dumps(INGRESS[client].encode_response(answer, request)))
    return body


def streamed(client: str, answer: ChatResponse) -> Wire:
    """Return the answer as a client's SDK adds its stream up."""
    request = INGRESS[client].decode_request({**OPENINGS[client], "stream": True})
    out = b"".join(INGRESS[client].encode_events(replay(answer), request))
    chunks = [orjson.loads(frame.data) for frame in frames([out]) if frame.data.startswith(b"{")]
    return ADDED_UP[client](chunks)


def add_up_chat(chunks: list[Wire]) -> Wire:
    message: Wire = {"role": "assistant", "content": "", "tool_calls": [], "thinking_blocks": []}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        delta = choice["delta"]
        message["content"] += delta.get("content") or ""
        message["thinking_blocks"] += delta.get("thinking_blocks", [])
        if thought := delta.get("reasoning_content"):
            message["reasoning_content"] = message.get("reasoning_content", "") + thought
        for piece in delta.get("tool_calls", []):
            if "id" in piece:
                message["tool_calls"].append(piece)
            else:
                function = message["tool_calls"][piece["index"]]["function"]
                function["arguments"] += piece["function"]["arguments"]
    return {"choices": [{"message": message}]}


def add_up_messages(events: list[Wire]) -> Wire:
    content: list[Wire] = []
    for event in events:
        if event["type"] == "content_block_start":
            content.append(event["content_block"])
        elif event["type"] == "content_block_delta":
            delta, block = event["delta"], content[event["index"]]
            match delta["type"]:
                case "input_json_delta":
                    block["json"] = block.get("json", "") + delta["partial_json"]
                case "signature_delta":
                    block["signature"] = delta["signature"]
                case kind:
                    key = kind.removesuffix("_delta")
                    block[key] += delta[key]
    for block in content:
        if "json" in block:
            block["input"] = json.loads(block.pop("json"))
    return {"content": content}


def add_up_responses(events: list[Wire]) -> Wire:
    items = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert items == events[-1]["response"]["output"]
    return {"output": items}


def add_up_gemini(chunks: list[Wire]) -> Wire:
    parts = [
        part
        for chunk in chunks
        for part in chunk["candidates"][0]["content"]["parts"]
        if part != {"text": ""}
    ]
    return {"candidates": [{"content": {"role": "model", "parts": parts}}]}


ADDED_UP: Mapping[str, Callable[[list[Wire]], Wire]] = {
    "openai_chat": add_up_chat,
    "openai_responses": add_up_responses,
    "anthropic_messages": add_up_messages,
    "gemini": add_up_gemini,
}


def next_turn(client: str, answer: Wire, *, poor: bool) -> Wire:
    """Return the second request: the history, and what the tools returned."""
    opening = OPENINGS[client]
    match client:
        case "openai_chat":
            message = answer["choices"][0]["message"]
            if poor:
                message = {key: message[key] for key in ("role", "content", "tool_calls")}
            results = [
                {"role": "tool", "tool_call_id": call["id"], "content": "rain"}
                for call in message["tool_calls"]
            ]
            return {**opening, "messages": [*opening["messages"], message, *results]}
        case "openai_responses":
            items = [i for i in answer["output"] if not poor or i["type"] != "reasoning"]
            results = [
                {"type": "function_call_output", "call_id": item["call_id"], "output": "rain"}
                for item in items
                if item["type"] == "function_call"
            ]
            return {**opening, "input": [*opening["input"], *items, *results]}
        case "anthropic_messages":
            content = [
                block
                for block in answer["content"]
                if not poor or block["type"] in ("text", "tool_use")
            ]
            results = [
                {"type": "tool_result", "tool_use_id": block["id"], "content": "rain"}
                for block in content
                if block["type"] == "tool_use"
            ]
            turns = [
                {"role": "assistant", "content": content},
                {"role": "user", "content": results},
            ]
            return {**opening, "messages": [*opening["messages"], *turns]}
        case _:
            parts = answer["candidates"][0]["content"]["parts"]
            if poor:
                parts = [{"functionCall": p["functionCall"]} for p in parts if "functionCall" in p]
            results = [
                {"functionResponse": {"name": "weather", "response": {"result": "rain"}}}
                for part in parts
                if "functionCall" in part
            ]
            turns = [{"role": "model", "parts": parts}, {"role": "user", "parts": results}]
            return {**opening, "contents": [*opening["contents"], *turns]}


def on_the_wire(client: str, provider: str, body: Wire) -> str:
    """Return the JSON that a provider is sent."""
    traits = ModelTraits(MODELS[provider])
    if client == provider:
        return orjson.dumps(INGRESS[client].passthrough_body(body, traits)).decode()
    encoded = UPSTREAM[provider].encode_request(INGRESS[client].decode_request(body), traits)
    return orjson.dumps(encoded.body).decode()


def answered(signer: str) -> ChatResponse:
    return ChatResponse("r", "m", ANSWERS[signer], "tool_calls")


CASES = pytest.mark.parametrize(
    ("client", "signer"),
    [(client, signer) for client in INGRESS for signer in SIGNERS if client != signer],
)
FORMS = pytest.mark.parametrize("form", [whole, streamed])


@CASES
@FORMS
def test_own_signatures_come_back_unchanged(
    client: str, signer: str, form: Callable[[str, ChatResponse], Wire]
) -> None:
    body = next_turn(client, form(client, answered(signer)), poor=False)
    wire = on_the_wire(client, signer, body)
    for secret in SECRETS[signer]:
        assert json.dumps(secret) in wire
    assert SEALED_MARK not in wire
    assert ID_MARK not in wire
    assert wire.count("rain") == sum(isinstance(b, ToolCall) for b in ANSWERS[signer])


@CASES
@FORMS
def test_a_signed_thought_comes_back_as_the_same_block(
    client: str, signer: str, form: Callable[[str, ChatResponse], Wire]
) -> None:
    body = next_turn(client, form(client, answered(signer)), poor=False)
    again = INGRESS[client].decode_request(body)
    signed = [block for turn in again.messages for block in turn.content if signature(block)]
    want = [block for block in ANSWERS[signer] if signature(block)]
    assert [signature(block) for block in signed] == [signature(block) for block in want]
    assert [type(block) for block in signed] == [type(block) for block in want]
    told = [block.text for block in signed if isinstance(block, Thinking)]
    assert told == [block.text for block in want if isinstance(block, Thinking)]


def signature(block: Block) -> Signature | None:
    return getattr(block, "signature", None)


@CASES
@FORMS
@pytest.mark.parametrize("poor", [False, True], ids=["sdk", "poor"])
def test_no_other_provider_is_sent_a_signature(
    client: str, signer: str, form: Callable[[str, ChatResponse], Wire], poor: bool
) -> None:
    body = next_turn(client, form(client, answered(signer)), poor=poor)
    for provider in UPSTREAM:
        if provider == signer:
            continue
        wire = on_the_wire(client, provider, body)
        assert not any(secret in wire for secret in SECRETS[signer]), provider
        assert SEALED_MARK not in wire
        assert ID_MARK not in wire
        assert wire.count("rain") == sum(isinstance(b, ToolCall) for b in ANSWERS[signer])


@CASES
def test_a_poor_client_can_go_on_at_the_same_provider(client: str, signer: str) -> None:
    body = next_turn(client, whole(client, answered(signer)), poor=True)
    wire = on_the_wire(client, signer, body)
    assert SEALED_MARK not in wire
    assert ID_MARK not in wire
    sent = json.loads(wire)
    if signer == "anthropic_messages":  # it refuses to think on where the thoughts are gone
        assert sent.get("thinking", {}).get("type") != "enabled" or SECRETS[signer][0] in wire
    if signer == "gemini":  # the signature travels in the call's id
        first = sent["contents"][1]["parts"][0]
        assert first["thoughtSignature"] == SECRETS["gemini"][0]


@pytest.mark.parametrize("signer", SIGNERS)
def test_at_home_nothing_is_touched(signer: str) -> None:
    answer = whole(signer, collect(replay(answered(signer))))
    body = next_turn(signer, answer, poor=False)
    sent = json.loads(on_the_wire(signer, signer, body))
    turns = {"anthropic_messages": "messages", "gemini": "contents", "openai_responses": "input"}
    wire = json.dumps(sent[turns[signer]])
    assert all(secret in wire for secret in SECRETS[signer])


def test_thoughts_of_two_providers_each_go_home() -> None:
    first = next_turn(
        "openai_chat", whole("openai_chat", answered("anthropic_messages")), poor=False
    )
    message = whole("openai_chat", answered("gemini"))["choices"][0]["message"]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "rain"}
        for call in message["tool_calls"]
    ]
    body = {**first, "messages": [*first["messages"], message, *results]}
    for provider in SIGNERS:
        wire = on_the_wire("openai_chat", provider, body)
        for signer, secrets in SECRETS.items():
            own = signer == provider and signer != "openai_responses"
            assert all((secret in wire) == own for secret in secrets), (provider, signer)
