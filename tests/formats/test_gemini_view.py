"""What routing sees of a Gemini request, and what passes through unchanged."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from router.canonical.events import Frame
from router.canonical.prompt import PromptView
from router.canonical.request import ModelTraits
from router.canonical.signature import Signature, seal
from router.formats.gemini import FORMAT

SEALED = seal(Signature("sig", "anthropic_messages"), "gemini")
SECOND = ModelTraits("gemini-2.5-flash")
THIRD = ModelTraits("gemini-3-flash-preview")


def test_a_glance_at_a_conversation() -> None:
    tools = [{"functionDeclarations": [{"name": "f"}]}]
    call = {"functionCall": {"name": "f"}}
    response = {"functionResponse": {"name": "f", "response": {}}}
    body = {
        "contents": [
            {"role": "user", "parts": [{"text": "one"}]},
            {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "ok"}, call]},
            {"role": "user", "parts": [response]},
            {"role": "model", "parts": [{"text": "done"}]},
            {
                "parts": [
                    {"text": "two"},
                    {"inlineData": {"mimeType": "image/png", "data": ""}},
                    {"file_data": {"file_uri": "https://x.org/a.pdf"}},
                    {"text": "three"},
                ]
            },
        ],
        "systemInstruction": {"parts": [{"text": "sys"}]},
        "tools": tools,
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {
            "maxOutputTokens": 9,
            "responseMimeType": "application/json",
            "thinkingConfig": {"thinkingLevel": "HIGH"},
        },
        "stream": True,
    }
    texts = "one" + "ok" + "done" + "two\nthree" + "sys"
    assert FORMAT.view(body) == PromptView(
        format="gemini",
        user_turns=("one", "two\nthree"),
        turn_count=2,
        system="sys",
        first_user="one",
        has_image=True,
        image_in_last_turn=True,
        has_document=True,
        has_tools=True,
        tool_choice="required",
        wants_json=True,
        reasoning_effort="high",
        stream=True,
        messages_count=5,
        input_chars=len(texts) + sum(len(orjson.dumps(part)) for part in (tools, call, response)),
        user_chars=len("one" + "two\nthree"),
        max_output_tokens=9,
    )


def test_only_the_last_eight_turns_are_kept_and_the_first_is_remembered() -> None:
    view = FORMAT.view({"contents": [{"parts": [{"text": str(n)}]} for n in range(10)]})
    assert view.user_turns == tuple("23456789")
    assert (view.turn_count, view.first_user) == (10, "0")


def test_a_tool_result_last_is_the_middle_of_a_loop() -> None:
    response = {"functionResponse": {"name": "f", "response": {"a": 1}}}
    contents = [{"parts": [{"text": "q"}]}, {"role": "user", "parts": [response]}]
    assert FORMAT.view({"contents": contents}).in_tool_loop
    assert not FORMAT.view({"contents": contents[:1]}).in_tool_loop


@pytest.mark.parametrize(
    ("config", "effort"),
    [
        ({"thinkingBudget": 100}, "budget"),
        ({"thinking_budget": 0}, "none"),
        ({"includeThoughts": True}, None),
    ],
)
def test_reasoning(config: dict[str, Any], effort: str | None) -> None:
    view = FORMAT.view({"generationConfig": {"thinkingConfig": config}})
    assert view.reasoning_effort == effort


@pytest.mark.parametrize("schema", ["responseSchema", "response_json_schema"])
def test_a_schema_wants_json(schema: str) -> None:
    view = FORMAT.view({"generationConfig": {schema: {"type": "object"}}})
    assert (view.wants_json, view.wants_schema) == (True, True)


def test_named_functions_are_a_named_choice() -> None:
    config = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}
    assert FORMAT.view({"toolConfig": config}).tool_choice == "named"


def test_passthrough_takes_out_what_the_web_layer_put_in_and_nothing_else() -> None:
    body = {
        "contents": [{"parts": [{"text": "x", "thoughtSignature": "b3du", "odd": 1}]}, "odd"],
        "unknown": {"a": None},
    }
    assert FORMAT.passthrough_body({**body, "model": "m", "stream": True}, THIRD) == body


@pytest.mark.parametrize("name", ["thoughtSignature", "thought_signature"])
def test_passthrough_takes_out_foreign_signatures(name: str) -> None:
    call = {"functionCall": {"name": "f"}}
    body = {
        "contents": [
            {"role": "model", "parts": [{"text": "a", "thought": True, name: SEALED}]},
            {"role": "model", "parts": [{**call, name: SEALED}, {**call, name: "b3du"}]},
        ]
    }
    assert FORMAT.passthrough_body(body, SECOND)["contents"] == [
        {"role": "model", "parts": [{"text": "a", "thought": True}]},
        {"role": "model", "parts": [call, {**call, name: "b3du"}]},
    ]
    assert body["contents"][0]["parts"][0][name] == SEALED  # type: ignore[index]


def test_gemini_3_gets_the_bypass_for_a_foreign_signature_on_a_call() -> None:
    call = {"functionCall": {"name": "f"}}
    body = {"contents": [{"role": "model", "parts": [{**call, "thoughtSignature": SEALED}]}]}
    assert FORMAT.passthrough_body(body, THIRD)["contents"][0]["parts"] == [
        {**call, "thoughtSignature": "skip_thought_signature_validator"}
    ]


def test_no_frame_is_withheld() -> None:
    assert not FORMAT.withholds(Frame("", b"{}", b"data: {}\r\n\r\n"), {})
