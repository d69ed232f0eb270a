"""Whole answers, both ways."""

from __future__ import annotations

import pytest

from router.canonical.messages import (
    Citation,
    Media,
    Native,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from router.canonical.request import ChatRequest
from router.canonical.response import ChatResponse
from router.canonical.signature import Signature, is_sealed
from router.canonical.usage import Usage
from router.errors import ProtocolViolation, StreamInterrupted, UpstreamAuthFailed
from router.formats.gemini import FORMAT

REQUEST = ChatRequest("m", ())

ANSWER = ChatResponse(
    id="r1",
    model="gemini-2.5-flash",
    blocks=(
        Thinking("why", Signature("dGhvdWdodA==", "gemini")),
        Text("so", signature=Signature("dGV4dA==", "gemini")),
        Media("image", "image/png", "QUJD"),
        Native("gemini", {"executableCode": {"language": "PYTHON", "code": "1"}}),
        ToolCall("c1", "f", '{"a":1}', Signature("Y2FsbA==", "gemini")),
    ),
    stop_reason="tool_calls",
    stop_detail="STOP",
    usage=Usage(input_tokens=4, cache_read_tokens=6, output_tokens=9, reasoning_tokens=5),
)


def test_decoding_what_was_encoded_gives_the_same_answer() -> None:
    assert FORMAT.decode_response(FORMAT.encode_response(ANSWER, REQUEST)) == ANSWER


def test_the_body_of_an_answer() -> None:
    answer = ChatResponse("r", "m", (Text("hi"),), "length", usage=Usage(3, 2, 1, 5, 4))
    assert FORMAT.encode_response(answer, REQUEST) == {
        "candidates": [
            {
                "content": {"parts": [{"text": "hi"}], "role": "model"},
                "finishReason": "MAX_TOKENS",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 6,
            "candidatesTokenCount": 1,
            "thoughtsTokenCount": 4,
            "cachedContentTokenCount": 2,
            "totalTokenCount": 11,
        },
        "modelVersion": "m",
        "responseId": "r",
    }


@pytest.mark.parametrize(
    ("reason", "detail", "word"),
    [
        ("stop", "end_turn", "STOP"),
        ("tool_calls", "tool_use", "STOP"),
        ("stop_sequence", None, "STOP"),
        ("pause", None, "STOP"),
        ("length", "max_tokens", "MAX_TOKENS"),
        ("content_filter", "refusal", "SAFETY"),
        ("content_filter", "SPII", "SPII"),
        ("content_filter", "OTHER", "SAFETY"),  # a blocked prompt's word means another thing here
        ("stop", "MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL"),
    ],
)
def test_finish_reasons_back(reason: str, detail: str | None, word: str) -> None:
    answer = ChatResponse("r", "m", (), reason, detail)  # type: ignore[arg-type]
    assert FORMAT.encode_response(answer, REQUEST)["candidates"][0]["finishReason"] == word


def test_foreign_signatures_are_sealed_and_come_back_as_they_were() -> None:
    thinking = Thinking("why", Signature("sig", "anthropic_messages"))
    redacted = RedactedThinking(Signature("data", "anthropic_messages"))
    call = ToolCall("c", "f", "{}", Signature("enc", "openai_responses", "rs_1"))
    body = FORMAT.encode_response(
        ChatResponse("r", "m", (thinking, redacted, call), "tool_calls"), REQUEST
    )
    content = body["candidates"][0]["content"]
    assert all(is_sealed(part["thoughtSignature"]) for part in content["parts"])
    request = FORMAT.decode_request({"contents": [{"parts": [{"text": "q"}]}, content]})
    assert request.messages[1].content == (thinking, redacted, call)


def test_what_gemini_has_no_part_for_is_left_out() -> None:
    blocks = (Native("anthropic_messages", {"type": "server_tool_use"}), Text(""), Refusal("No."))
    body = FORMAT.encode_response(ChatResponse("r", "m", blocks, "content_filter"), REQUEST)
    assert body["candidates"][0]["content"]["parts"] == [{"text": "No."}]


def test_namespaced_and_free_text_calls() -> None:
    blocks = (
        ToolCall("c1", "read", "{}", namespace="files"),
        ToolCall("c2", "patch", "*** Begin", custom=True),
    )
    body = FORMAT.encode_response(ChatResponse("r", "m", blocks, "tool_calls"), REQUEST)
    assert [part["functionCall"] for part in body["candidates"][0]["content"]["parts"]] == [
        {"id": "c1", "name": "read", "args": {}},
        {"id": "c2", "name": "patch", "args": {"input": "*** Begin"}},
    ]


def test_citations_become_grounding_in_bytes_of_the_whole_text() -> None:
    blocks = (
        Text("Köln. "),
        Text("Größe", citations=(Citation("https://x.org", "X", start=0, end=3),)),
    )
    body = FORMAT.encode_response(ChatResponse("r", "m", blocks, "stop"), REQUEST)
    assert body["candidates"][0]["groundingMetadata"] == {
        "groundingChunks": [{"web": {"uri": "https://x.org", "title": "X"}}],
        "groundingSupports": [
            {
                "segment": {"startIndex": 7, "endIndex": 11, "text": "Grö"},
                "groundingChunkIndices": [0],
            }
        ],
    }


def test_googles_own_grounding_is_kept_as_it_came() -> None:
    own = {"groundingChunks": [{"web": {"uri": "u"}}], "searchEntryPoint": {"renderedContent": ""}}
    answer = ChatResponse("r", "m", (Text("x"),), "stop", extras={"groundingMetadata": own})
    body = FORMAT.encode_response(answer, REQUEST)
    assert body["candidates"][0]["groundingMetadata"] == own


def test_an_error_under_status_200_is_raised() -> None:
    with pytest.raises(UpstreamAuthFailed):
        FORMAT.decode_response({"error": {"code": 403, "status": "PERMISSION_DENIED"}})


@pytest.mark.parametrize("body", [{}, {"candidates": []}, {"usageMetadata": {}}, {"choices": []}])
def test_a_body_of_another_form_is_a_protocol_violation(body: dict[str, object]) -> None:
    with pytest.raises(ProtocolViolation):
        FORMAT.decode_response(body)


def test_an_array_without_finish_reason_was_cut() -> None:
    chunk = {"candidates": [{"content": {"parts": [{"text": "a"}]}}]}
    with pytest.raises(StreamInterrupted):
        FORMAT.decode_response([chunk])  # type: ignore[arg-type]


def test_created_and_service_tier_are_read() -> None:
    answer = FORMAT.decode_response(
        {
            "candidates": [{"finishReason": "STOP"}],
            "createTime": "2026-02-17T04:28:08.913596Z",
            "usageMetadata": {"promptTokenCount": 1, "serviceTier": "standard"},
        }
    )
    assert (answer.created, answer.service_tier) == (1771302488, "default")
