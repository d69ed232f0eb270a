"""Every client format in front of every provider format keeps the contract of `formats.base`.

The cases are generated from the registry and from the samples in ``golden/``: a format that
is added there is tested against all others without a line here but its request sample.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.canonical.events import (
    Event,
    Failed,
    Frame,
    MessageStart,
    MessageStop,
    Opaque,
    collect,
    replay,
)
from router.canonical.messages import Block, Media, Refusal, Text, ToolCall, ToolResult
from router.canonical.request import ChatRequest, ModelTraits
from router.canonical.response import ChatResponse
from router.canonical.usage import Usage
from router.errors import (
    AttemptsExhausted,
    RouterError,
    UnsupportedFeature,
    UpstreamError,
    UpstreamFacts,
    UpstreamUnavailable,
)
from router.formats.base import Ingress, Upstream
from router.formats.classify import classify
from router.formats.openai_completions import FORMAT as COMPLETIONS
from router.formats.registry import INGRESS, UPSTREAM
from router.formats.sse import frames

GOLDEN = Path(__file__).parent / "golden"
STREAMS = [
    pytest.param(path.parent.name, path.read_bytes(), id=f"{path.parent.name}-{path.stem}")
    for path in sorted(GOLDEN.glob("*/*.sse"))
    if path.parent.name in UPSTREAM and path.stem != "failed"
]
BODIES = [
    pytest.param(path.parent.name, path.read_bytes(), id=f"{path.parent.name}-{path.stem}")
    for path in sorted(GOLDEN.glob("*/*.json"))
    if path.parent.name in UPSTREAM
]
INTEGERS = st.integers(-(2**63), 2**63 - 1)  # what our JSON parser reads as integers
CLIENTS = pytest.mark.parametrize("client", sorted(INGRESS))
# What a provider understands of a request is read by its own format's client side.
PROVIDERS = pytest.mark.parametrize("provider", sorted(UPSTREAM.keys() & INGRESS.keys()))
MODELS = {
    "anthropic_messages": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-pro",
    "openai_chat": "gpt-5.2",
    "openai_responses": "gpt-5.2",
}

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
NODE: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}},
    "required": ["name"],
    "additionalProperties": False,
}
RECURSIVE: dict[str, Any] = {**NODE, "$defs": {"node": NODE}}
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Paris", "Łódź"]}},
    "required": ["city"],
}

# The same conversation, as each client's own SDK writes it: a system prompt, a picture, two
# parallel calls (one without arguments), their results (one an error where that can be said).
REQUESTS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is here?\u2028"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                ],
            },
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {
                        "id": "call_a",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Łódź"}'},
                    },
                    {
                        "id": "call_b",
                        "type": "function",
                        "function": {"name": "now", "arguments": ""},
                    },
                ],
            },
            {"role": "tool", "tool_call_id": "call_a", "content": "rain"},
            {"role": "tool", "tool_call_id": "call_b", "content": "noon"},
            {"role": "user", "content": "And tomorrow?"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "weather", "description": "Tells it.", "parameters": WEATHER},
            },
            {"type": "function", "function": {"name": "now"}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "max_completion_tokens": 500,
        "temperature": 0.5,
    },
    "openai_responses": {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is here?\u2028"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
                ],
            },
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
            },
            {
                "type": "function_call",
                "call_id": "call_a",
                "name": "weather",
                "arguments": '{"city":"Łódź"}',
            },
            {"type": "function_call", "call_id": "call_b", "name": "now", "arguments": ""},
            {"type": "function_call_output", "call_id": "call_a", "output": "rain"},
            {"type": "function_call_output", "call_id": "call_b", "output": "noon"},
            {"role": "user", "content": "And tomorrow?"},
        ],
        "tools": [
            {
                "type": "function",
                "name": "weather",
                "description": "Tells it.",
                "parameters": WEATHER,
            },
            {"type": "function", "name": "now", "parameters": None},
        ],
        "tool_choice": {"type": "function", "name": "weather"},
        "max_output_tokens": 500,
        "temperature": 0.5,
        "store": False,
    },
    "anthropic_messages": {
        "model": "m",
        "system": "Be brief.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is here?\u2028"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I look."},
                    {
                        "type": "tool_use",
                        "id": "call_a",
                        "name": "weather",
                        "input": {"city": "Łódź"},
                    },
                    {"type": "tool_use", "id": "call_b", "name": "now", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_a", "content": "rain"},
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_b",
                        "content": [{"type": "text", "text": "noon"}],
                    },
                    {"type": "text", "text": "And tomorrow?"},
                ],
            },
        ],
        "tools": [
            {"name": "weather", "description": "Tells it.", "input_schema": WEATHER},
            {"name": "now", "input_schema": {"type": "object", "properties": {}}},
        ],
        "tool_choice": {"type": "tool", "name": "weather"},
        "max_tokens": 500,
        "temperature": 0.5,
    },
    "gemini": {
        "model": "m",
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "What is here?\u2028"},
                    {"inlineData": {"mimeType": "image/png", "data": PNG}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "I look."},
                    {"functionCall": {"name": "weather", "args": {"city": "Łódź"}}},
                    {"functionCall": {"name": "now"}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "weather", "response": {"result": "rain"}}},
                    {"functionResponse": {"name": "now", "response": {"result": "noon"}}},
                    {"text": "And tomorrow?"},
                ],
            },
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "weather",
                        "description": "Tells it.",
                        "parametersJsonSchema": WEATHER,
                    },
                    {"name": "now"},
                ]
            }
        ],
        "toolConfig": {
            "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}
        },
        "generationConfig": {"maxOutputTokens": 500, "temperature": 0.5},
    },
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "node", "schema": RECURSIVE, "strict": True},
        }
    },
    "openai_responses": {
        "text": {
            "format": {"type": "json_schema", "name": "node", "schema": RECURSIVE, "strict": True}
        }
    },
    "anthropic_messages": {
        "output_config": {"format": {"type": "json_schema", "schema": RECURSIVE}}
    },
    "gemini": {
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseJsonSchema": RECURSIVE,
        }
    },
}
PLAIN: dict[str, dict[str, Any]] = {
    "openai_chat": {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    "openai_responses": {"model": "m", "input": "Hi"},
    "anthropic_messages": {
        "model": "m",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Hi"}],
    },
    "gemini": {"model": "m", "contents": [{"parts": [{"text": "Hi"}]}]},
}
ERROR_BODIES: dict[str, tuple[int, dict[str, Any]]] = {
    "openai_chat": (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}),
    "openai_responses": (429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}),
    "anthropic_messages": (
        429,
        {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
    ),
    "gemini": (
        429,
        {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}},
    ),
}
ERROR_FRAMES: dict[str, bytes] = {
    "openai_chat": b'data: {"error":{"message":"down","code":"server_error"}}\n\n',
    "openai_responses": (
        b'event: error\ndata: {"type":"error","code":"server_error","message":"down"}\n\n'
    ),
    "anthropic_messages": (
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"down"}}\n\n'
    ),
    "gemini": b'data: {"error":{"code":500,"message":"down","status":"INTERNAL"}}\r\n\r\n',
}


def as_both(name: str) -> tuple[Ingress, Upstream]:
    return INGRESS[name], UPSTREAM[name]


def asked(client: str, **fields: Any) -> ChatRequest:
    return INGRESS[client].decode_request({**PLAIN[client], **fields})


def sent(client: str, provider: str, body: Mapping[str, Any]) -> tuple[ChatRequest, list[str]]:
    """Return what the provider understands of a client's body, and what was left out."""
    request = INGRESS[client].decode_request(body)
    encoded = UPSTREAM[provider].encode_request(request, ModelTraits(MODELS[provider]))
    on_the_wire = json.loads(orjson.dumps(encoded.body))  # it must be JSON
    understood = INGRESS[provider].decode_request({"model": MODELS[provider], **on_the_wire})
    return understood, list(encoded.dropped)


def blocks_of(request: ChatRequest, kind: type[Block]) -> list[Any]:
    return [block for turn in request.messages for block in turn.content if isinstance(block, kind)]


def texts_of(request: ChatRequest, *roles: str) -> str:
    """Return what was said by some roles; where blocks and turns end is each format's affair."""
    return "".join(
        block.text
        for turn in request.messages
        if turn.role in roles
        for block in turn.content
        if isinstance(block, Text)
    )


@CLIENTS
@PROVIDERS
def test_no_content_of_a_request_is_lost(client: str, provider: str) -> None:
    got, dropped = sent(client, provider, REQUESTS[client])
    assert texts_of(got, "system", "developer") == "Be brief."
    assert texts_of(got, "user") == "What is here?\u2028And tomorrow?"
    assert texts_of(got, "assistant") == "I look."
    assert [(block.media_type, block.data) for block in blocks_of(got, Media)] == [
        ("image/png", PNG)
    ]
    calls = blocks_of(got, ToolCall)
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("weather", {"city": "Łódź"}),
        ("now", {}),
    ]
    results = {
        result.call_id: "".join(part.text for part in result.content)
        for result in blocks_of(got, ToolResult)
    }
    assert [results[call.id] for call in calls] == ["rain", "noon"]
    assert not dropped


@CLIENTS
@PROVIDERS
def test_tools_and_settings_are_kept(client: str, provider: str) -> None:
    got, _ = sent(client, provider, REQUESTS[client])
    assert got.tools[0].name == "weather"
    assert got.tools[0].description == "Tells it."
    schema = dict(got.tools[0].parameters or {})
    assert schema["properties"]["city"]["enum"] == ["Paris", "Łódź"]
    assert schema["required"] == ["city"]
    assert got.tool_choice is not None
    assert got.tool_choice.names == ("weather",)
    assert got.max_output_tokens == 500
    assert got.sampling.temperature == 0.5


@CLIENTS
@PROVIDERS
def test_a_recursive_schema_reaches_the_provider_whole(client: str, provider: str) -> None:
    got, dropped = sent(client, provider, {**PLAIN[client], **SCHEMAS[client]})
    if got.response_format is not None:
        schema = dict(got.response_format.schema or {})
    else:
        (stand_in,) = got.tools  # for models without structured outputs
        schema = dict(stand_in.parameters or {})
    assert schema["properties"]["next"] == {"$ref": "#/$defs/node"}
    assert schema["$defs"]["node"]["required"] == ["name"]
    assert "response_format" not in dropped


@CLIENTS
@PROVIDERS
def test_what_a_provider_cannot_be_told_is_named(client: str, provider: str) -> None:
    names = {
        "openai_chat": {"stop": ["END"], "seed": 7},
        "openai_responses": {},
        "anthropic_messages": {"stop_sequences": ["END"]},
        "gemini": {"generationConfig": {"stopSequences": ["END"], "seed": 7}},
    }
    body = {**PLAIN[client], **names[client]}
    wanted = INGRESS[client].decode_request(body).sampling
    got, dropped = sent(client, provider, body)
    assert got.sampling.stop == wanted.stop or "stop" in dropped
    assert got.sampling.seed == wanted.seed or "seed" in dropped


@PROVIDERS
def test_content_that_a_provider_cannot_take_is_refused_by_name(provider: str) -> None:
    video = {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}}
    body = {"model": "m", "contents": [{"role": "user", "parts": [video, {"text": "Hi"}]}]}
    if provider == "gemini":
        got, _ = sent("gemini", provider, body)
        assert [block.kind for block in blocks_of(got, Media)] == ["video"]
        return
    with pytest.raises(UnsupportedFeature) as caught:
        sent("gemini", provider, body)
    assert caught.value.param


def said(response: ChatResponse) -> dict[str, Any]:
    """Return what every format can tell of an answer."""
    return {
        "text": "".join(block.text for block in response.blocks if isinstance(block, Text)),
        "calls": [
            (block.name, arguments_of(block))
            for block in response.blocks
            if isinstance(block, ToolCall)
        ],
        "usage": response.usage,
    }


def arguments_of(call: ToolCall) -> Any:
    """Return a call's arguments; free text as formats without such tools have to write it."""
    return {"input": call.arguments} if call.custom else json.loads(call.arguments)


def plain_usage(usage: Usage | None, client: str) -> Usage | None:
    """Return counts as a client's format has them: not all tell cache writes or reasoning."""
    if usage is None or client in ("openai_chat", "openai_responses"):
        return usage
    if client == "anthropic_messages":
        return Usage(
            usage.input_tokens,
            usage.cache_read_tokens,
            usage.cache_write_tokens,
            usage.output_tokens,
        )
    return Usage(
        usage.input_tokens + usage.cache_write_tokens,
        usage.cache_read_tokens,
        0,
        usage.output_tokens,
        usage.reasoning_tokens,
    )


# Words of one format that another has no word of its own for.
SAME_ENDS = {
    "stop": {"stop"},
    "stop_sequence": {"stop_sequence", "stop"},
    "tool_calls": {"tool_calls"},
    "length": {"length"},
    "content_filter": {"content_filter"},
    "pause": {"pause", "stop", "length"},
}


def assert_same_answer(got: ChatResponse, want: ChatResponse, client: str) -> None:
    assert said(got) | {"usage": None} == said(want) | {"usage": None}
    if want.usage is not None:
        assert plain_usage(got.usage, client) == plain_usage(want.usage, client)
    assert got.stop_reason in SAME_ENDS[want.stop_reason]


@CLIENTS
@pytest.mark.parametrize(("provider", "raw"), BODIES)
def test_a_whole_answer_reaches_every_client(client: str, provider: str, raw: bytes) -> None:
    want = UPSTREAM[provider].decode_response(orjson.loads(raw))
    body = INGRESS[client].encode_response(want, asked(client))
    got = UPSTREAM[client].decode_response(json.loads(orjson.dumps(body)))
    assert_same_answer(got, with_refusal_as_text(want, client), client)


@CLIENTS
@pytest.mark.parametrize(("provider", "raw"), STREAMS)
def test_a_stream_reaches_every_client(client: str, provider: str, raw: bytes) -> None:
    events = list(UPSTREAM[provider].decode_events(frames([raw])))
    want = collect(iter(events))
    out = b"".join(INGRESS[client].encode_events(iter(events), streaming(client)))
    got = collect(UPSTREAM[client].decode_events(frames([out])))
    assert_same_answer(got, with_refusal_as_text(want, client), client)


@CLIENTS
@pytest.mark.parametrize(("provider", "raw"), STREAMS)
def test_a_stream_and_the_whole_answer_say_the_same(client: str, provider: str, raw: bytes) -> None:
    want = collect(UPSTREAM[provider].decode_events(frames([raw])))
    whole = INGRESS[client].encode_response(want, asked(client))
    streamed = b"".join(INGRESS[client].encode_events(replay(want), streaming(client)))
    again = collect(UPSTREAM[client].decode_events(frames([streamed])))
    assert said(again) == said(UPSTREAM[client].decode_response(json.loads(orjson.dumps(whole))))


def with_refusal_as_text(response: ChatResponse, client: str) -> ChatResponse:
    """Return an answer as clients without a place for refusals are told it."""
    refused = any(isinstance(block, Refusal) for block in response.blocks)
    if not refused or client in ("openai_chat", "openai_responses"):
        return response
    blocks = tuple(
        Text(block.text) if isinstance(block, Refusal) else block for block in response.blocks
    )
    reason = "content_filter" if client == "anthropic_messages" else response.stop_reason
    return replace(response, blocks=blocks, stop_reason=reason)


def streaming(client: str) -> ChatRequest:
    options = {"stream_options": {"include_usage": True}} if client == "openai_chat" else {}
    return asked(client, stream=True, **options)


@CLIENTS
@pytest.mark.parametrize(("provider", "raw"), STREAMS)
def test_an_encoder_says_one_thing_for_each_event(client: str, provider: str, raw: bytes) -> None:
    pulled: list[Event] = []

    def watched() -> Iterator[Event]:
        for event in UPSTREAM[provider].decode_events(frames([raw])):
            pulled.append(event)
            yield event

    told = 0
    for piece in INGRESS[client].encode_events(watched(), streaming(client)):
        told += 1
        assert len(pulled) == told, "an event waited for its successor"
        assert not piece or piece.endswith((b"\n\n", b"\r\n\r\n")), "half a frame"
    assert told == len(pulled)


@pytest.mark.parametrize(("provider", "raw"), STREAMS)
def test_every_frame_is_told_before_the_next_is_pulled(provider: str, raw: bytes) -> None:
    pulled: list[Frame] = []

    def watched() -> Iterator[Frame]:
        for frame in frames([raw]):
            pulled.append(frame)
            yield frame

    seen: set[int] = set()
    for _ in UPSTREAM[provider].decode_events(watched()):
        seen.add(len(pulled))
    assert seen >= set(range(1, len(pulled) + 1))


@given(data=st.data())
@pytest.mark.parametrize(("provider", "raw"), STREAMS)
def test_any_split_of_the_bytes_gives_the_same_stream(
    provider: str, raw: bytes, data: st.DataObject
) -> None:
    client = data.draw(st.sampled_from(sorted(INGRESS)))
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=9))
    at = [0, *sorted(cuts), len(raw)]
    pieces = [raw[start:end] for start, end in pairwise(at)]
    assert told_to(client, provider, pieces) == told_to(client, provider, [raw])


@pytest.mark.parametrize(("provider", "raw"), STREAMS)
def test_single_bytes_give_the_same_events(provider: str, raw: bytes) -> None:
    pieces = [bytes([byte]) for byte in raw]
    decode = UPSTREAM[provider].decode_events
    assert list(decode(frames(pieces))) == list(decode(frames([raw])))


def told_to(client: str, provider: str, pieces: Iterable[bytes]) -> list[dict[str, Any]]:
    """Return what a client gets, without the ids and times that are made up on the way."""
    events = UPSTREAM[provider].decode_events(frames(pieces))
    out = b"".join(INGRESS[client].encode_events(events, streaming(client)))
    return [meaning(frame) for frame in frames([out])]


def meaning(frame: Frame) -> dict[str, Any]:
    if not frame.data.startswith(b"{"):
        return {"data": frame.data}
    return dict(without_made_up(orjson.loads(frame.data)))


def without_made_up(value: Any) -> Any:
    if isinstance(value, dict):
        made_up = {"id", "created", "created_at", "completed_at", "item_id"}
        return {key: without_made_up(item) for key, item in value.items() if key not in made_up}
    return [without_made_up(item) for item in value] if isinstance(value, list) else value


@CLIENTS
@pytest.mark.parametrize(("provider", "raw"), STREAMS)
def test_a_cut_stream_is_never_a_clean_end(client: str, provider: str, raw: bytes) -> None:
    whole = [frame.raw for frame in frames([raw])]
    for kept in range(1, len(whole)):
        events = list(UPSTREAM[provider].decode_events(frames(whole[:kept])))
        last = next(event for event in reversed(events) if not isinstance(event, Opaque))
        if isinstance(last, MessageStop):
            continue  # the rest said nothing that the end needs
        assert isinstance(last, Failed)
        out = b"".join(INGRESS[client].encode_events(iter(events), streaming(client)))
        told = list(UPSTREAM[client].decode_events(frames([out])))
        assert not any(isinstance(event, MessageStop) for event in told)
        assert isinstance(told[-1], Failed)


@pytest.mark.parametrize(("provider", "raw"), STREAMS)
def test_half_a_stream_has_failed(provider: str, raw: bytes) -> None:
    whole = [frame.raw for frame in frames([raw])]
    events = list(UPSTREAM[provider].decode_events(frames(whole[: len(whole) // 2])))
    assert isinstance(events[-1], Failed)


@CLIENTS
@pytest.mark.parametrize(("provider", "raw"), STREAMS)
def test_an_error_in_mid_stream_is_told_and_ends_it(client: str, provider: str, raw: bytes) -> None:
    whole = [frame.raw for frame in frames([raw])]
    pieces = [*whole[: len(whole) // 2], ERROR_FRAMES[provider], *whole[len(whole) // 2 :]]
    events = list(UPSTREAM[provider].decode_events(frames(pieces)))
    failures = [event for event in events if isinstance(event, Failed)]
    assert len(failures) == 1
    assert isinstance(failures[0].error, UpstreamUnavailable)
    out = b"".join(INGRESS[client].encode_events(iter(events), streaming(client)))
    told = list(UPSTREAM[client].decode_events(frames([out])))
    assert isinstance(told[-1], Failed)
    assert not any(isinstance(event, MessageStop) for event in told)


@pytest.mark.parametrize(("provider", "raw"), STREAMS)
def test_unknown_events_comments_and_odd_line_ends_change_nothing(
    provider: str, raw: bytes
) -> None:
    decode = UPSTREAM[provider].decode_events
    want = list(decode(frames([raw])))
    noise = b': ping\n\nevent: vendor.news\ndata: {"type": "vendor.news", "x": [1]}\n\n'
    noisy = noise + noise.join(frame.raw for frame in frames([raw]))
    crlf = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    for variant in (noisy, crlf, raw.replace(b"data: ", b"data:")):
        got = list(decode(frames([variant])))
        assert meaningful(got) == meaningful(want)


def meaningful(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Opaque)]


@CLIENTS
@PROVIDERS
def test_a_providers_error_is_told_in_the_clients_form(client: str, provider: str) -> None:
    status, body = ERROR_BODIES[provider]
    detail = UPSTREAM[provider].decode_error(status, orjson.dumps(body))
    error = classify(UpstreamFacts(status=status, detail=detail))
    told = INGRESS[client].encode_error(AttemptsExhausted(error, detail.message, ()))
    again = UPSTREAM[client].decode_error(429, orjson.dumps(told))
    assert "slow down" in again.message
    assert_error_form(client, told)


def assert_error_form(client: str, told: Mapping[str, Any]) -> None:
    error = told["error"]
    match client:
        case "anthropic_messages":
            assert told["type"] == "error"
            assert isinstance(error["type"], str)
        case "gemini":
            assert isinstance(error["code"], int)
            assert isinstance(error["status"], str)
        case _:
            assert {"message", "type", "param", "code"} <= error.keys()


@CLIENTS
@given(
    body=st.binary(max_size=80)
    | st.recursive(
        st.none() | st.booleans() | INTEGERS | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "message", "code", "detail"]), inner, max_size=3
            )
        ),
        max_leaves=9,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_a_provider_answers_an_error_can_be_told(client: str, body: bytes) -> None:
    for upstream in UPSTREAM.values():
        detail = upstream.decode_error(500, body)
        told = INGRESS[client].encode_error(classify(UpstreamFacts(status=500, detail=detail)))
        assert_error_form(client, told)


@PROVIDERS
@given(
    body=st.recursive(
        st.none() | st.booleans() | INTEGERS | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "choices",
                        "message",
                        "content",
                        "candidates",
                        "parts",
                        "text",
                        "output",
                        "type",
                        "usage",
                        "tool_calls",
                        "function",
                        "delta",
                        "usageMetadata",
                        "status",
                        "id",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_an_odd_answer_is_an_answer_or_an_upstream_error(provider: str, body: Any) -> None:
    if not isinstance(body, dict):
        body = {"choices": body, "content": body, "candidates": body, "output": body}
    try:
        response = UPSTREAM[provider].decode_response(body)
    except UpstreamError:
        return
    for client in INGRESS:
        orjson.dumps(INGRESS[client].encode_response(response, asked(client)))


@PROVIDERS
def test_the_legacy_endpoint_stands_in_front_of_every_provider(provider: str) -> None:
    body = {"model": "m", "prompt": "Once upon", "max_tokens": 9, "stream": True, "stop": "."}
    request = COMPLETIONS.decode_request(body)
    encoded = UPSTREAM[provider].encode_request(request, ModelTraits(MODELS[provider]))
    understood = INGRESS[provider].decode_request({"model": "m", **encoded.body})
    assert texts_of(understood, "user") == "Once upon"
    assert understood.max_output_tokens in (9, 16)  # Responses takes no fewer than 16
    assert understood.sampling.stop == (".",) or "stop" in encoded.dropped


@pytest.mark.parametrize(("provider", "raw"), STREAMS)
def test_the_legacy_endpoint_tells_every_providers_text(provider: str, raw: bytes) -> None:
    request = COMPLETIONS.decode_request({"model": "m", "prompt": "Once", "stream": True})
    events = list(UPSTREAM[provider].decode_events(frames([raw])))
    pieces = list(COMPLETIONS.encode_events(iter(events), request))
    assert len(pieces) == len(events)
    out = list(frames(pieces))
    assert out[-1].data == b"[DONE]"
    chunks = [orjson.loads(frame.data) for frame in out[:-1]]
    streamed = "".join(choice["text"] for chunk in chunks for choice in chunk["choices"])
    whole = COMPLETIONS.encode_response(collect(iter(events)), request)
    assert streamed == whole["choices"][0]["text"]


@CLIENTS
def test_an_error_before_anything_was_said_is_one_frame(client: str) -> None:
    events: list[Event] = [MessageStart("r", "m"), Failed(UpstreamUnavailable("gone"))]
    out = b"".join(INGRESS[client].encode_events(iter(events), streaming(client)))
    assert b"gone" in out
    assert isinstance(list(UPSTREAM[client].decode_events(frames([out])))[-1], Failed)


@CLIENTS
def test_every_error_of_the_tree_has_a_form(client: str) -> None:
    for kind in (RouterError, *subclasses(RouterError)):
        try:
            error = kind("words")
        except TypeError:
            continue  # made of other errors
        assert_error_form(client, INGRESS[client].encode_error(error))


def subclasses(kind: type[RouterError]) -> Iterator[type[RouterError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)
