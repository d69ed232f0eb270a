"""A client's own body goes to a provider of the same format, almost untouched."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from router.canonical.events import Frame
from router.canonical.request import ModelTraits
from router.canonical.signature import Signature, attach_to_id, seal
from router.formats.openai_chat import FORMAT

TRAITS = ModelTraits("up-1")
SIGNATURE = Signature("c2ln", "gemini")
SEALED = seal(SIGNATURE, "anthropic_messages")


def relayed(*messages: Any, **fields: Any) -> dict[str, Any]:
    body = {"model": "m", "messages": list(messages), **fields}
    before = deepcopy(body)
    result = FORMAT.passthrough_body(body, TRAITS)
    assert body == before
    return result


def test_only_the_model_changes_where_there_is_nothing_to_take_out() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "Hi", "x": [1]},
        {"role": "assistant", "tool_calls": [call], "reasoning_content": "hm"},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        "not a message",
    ]
    body = {"model": "m", "messages": messages, "n": 2, "x_vendor": {"a": None}}
    result = FORMAT.passthrough_body(body, TRAITS)
    assert result == {**body, "model": "up-1"}
    assert result["messages"] is messages


def test_streams_ask_for_usage_and_keep_their_other_options() -> None:
    assert relayed(stream=True)["stream_options"] == {"include_usage": True}
    kept = relayed(stream=True, stream_options={"include_obfuscation": False})
    assert kept["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert "stream_options" not in relayed(stream=False)


def test_ids_lose_the_signatures_that_they_carry() -> None:
    id_ = attach_to_id("a", SIGNATURE)
    call = {"id": id_, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    asked, answered = relayed(
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": id_, "content": "1"},
    )["messages"]
    assert asked == {"role": "assistant", "content": None, "tool_calls": [{**call, "id": "a"}]}
    assert answered == {"role": "tool", "tool_call_id": "a", "content": "1"}


def test_thinking_blocks_and_sealed_signatures_are_taken_out_everywhere() -> None:
    block = {"type": "thinking", "thinking": "hm", "signature": SEALED}
    call = {
        "id": "a",
        "extra_content": {"google": {"thought_signature": SEALED, "kept": 1}},
        "provider_specific_fields": {"thought_signature": "c2ln"},
    }
    message = {
        "role": "assistant",
        "content": "x",
        "thinking_blocks": [block],
        "provider_specific_fields": {"thinking_blocks": [block], "list": [SEALED, "b"]},
        "tool_calls": [call],
    }
    (clean,) = relayed(message)["messages"]
    assert clean == {
        "role": "assistant",
        "content": "x",
        "provider_specific_fields": {"list": ["b"]},
        "tool_calls": [
            {
                "id": "a",
                "extra_content": {"google": {"kept": 1}},
                "provider_specific_fields": {"thought_signature": "c2ln"},
            }
        ],
    }


def test_deep_nesting_is_no_hazard() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    message = {"role": "assistant", "content": "x", "extra_content": deep}
    (kept,) = FORMAT.passthrough_body({"messages": [message]}, TRAITS)["messages"]
    assert kept is message


USAGE = b'{"id":"c","choices":[],"usage":{"prompt_tokens":1}}'


@pytest.mark.parametrize(
    ("data", "body", "withheld"),
    [
        (USAGE, {"stream": True}, True),
        (USAGE, {"stream_options": None}, True),
        (USAGE.replace(b"[]", b"[ ]"), {"stream_options": {"include_usage": False}}, True),
        (USAGE, {"stream_options": {"include_usage": True}}, False),
        (b'{"choices":[{"delta":{}}],"usage":{"prompt_tokens":1}}', {}, False),
        (b'{"choices":[],"prompt_filter_results":[]}', {}, False),
        (b'{"choices":[],"usage":null}', {}, False),
        (b'{"choices":[{"delta":{"content":"\\"choices\\":[] \\"usage\\""}}]}', {}, False),
        (b'"choices":[] "usage"', {}, False),
        (b"[DONE]", {}, False),
    ],
)
def test_a_usage_chunk_that_nobody_asked_for_is_withheld(
    data: bytes, body: dict[str, Any], withheld: bool
) -> None:
    assert FORMAT.withholds(Frame("", data, b"data: " + data + b"\n\n"), body) is withheld
