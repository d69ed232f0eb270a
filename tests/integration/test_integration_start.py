"""A server without any configuration answers the official OpenAI SDK from the demo account."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from gateway_process import GatewayProcess, running

TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]
USER: Any = [{"role": "user", "content": "Say hello to the xylophonist"}]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with running(tmp_path_factory.mktemp("demo")) as gateway:
        yield gateway


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{gateway.url}/v1", api_key="none", max_retries=0, timeout=30
    ) as client:
        yield client


def test_readiness_says_that_the_demo_runs(gateway: GatewayProcess) -> None:
    told = gateway.readiness()
    assert (told["status"], told["source"]) == ("ready", "demo")
    assert "demo" in told["note"]


@pytest.mark.parametrize("path", ["/", "/health", "/livez", "/health/liveliness"])
def test_liveness_is_answered(gateway: GatewayProcess, path: str) -> None:
    assert gateway.request("GET", path).json()["status"] == "ok"


def test_auto_is_answered_with_who_and_why(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="auto", messages=USER)
    said = answer.choices[0].message.content or ""
    assert answer.model.startswith("demo-")
    assert answer.model in said
    assert "general" in said
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


def test_a_named_model_answers_itself(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="demo-smart", messages=USER)
    assert answer.model == "demo-smart"


def test_a_stream_comes_piece_by_piece(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="auto", messages=USER, stream=True, stream_options={"include_usage": True}
    )
    arrivals = [(time.monotonic(), chunk) for chunk in stream]
    chunks = [chunk for _, chunk in arrivals]
    pieces = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    reasons = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert "xylophonist" in "".join(pieces)
    assert sum(bool(piece) for piece in pieces) > 10
    assert reasons[-1] == "stop"
    assert chunks[-1].usage is not None
    assert arrivals[-1][0] - arrivals[0][0] > 0.2, "all pieces came at once"


def test_a_tool_is_called_and_its_result_read(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="auto", messages=USER, tools=TOOLS, tool_choice="required"
    )
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls is not None
    call: Any = message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert "city" in json.loads(call.function.arguments)

    result = {"role": "tool", "tool_call_id": call.id, "content": "hail of frogs"}
    turns: Any = [*USER, message.model_dump(exclude_none=True), result]
    final = client.chat.completions.create(model="auto", messages=turns, tools=TOOLS)
    assert "hail of frogs" in (final.choices[0].message.content or "")


def test_a_streamed_tool_call_is_put_together_by_the_sdk(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="auto", messages=USER, tools=TOOLS, tool_choice="required"
    ) as stream:
        final: Any = stream.get_final_completion()
    call = final.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert "city" in json.loads(call.function.arguments)


def test_models_are_listed_and_told_one_by_one(client: openai.OpenAI) -> None:
    listed = {model.id for model in client.models.list()}
    assert {"auto", "demo-fast", "demo-smart"} <= listed
    assert client.models.retrieve("demo-fast").id == "demo-fast"


def test_the_responses_api_answers(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="auto", input="Say hello to the xylophonist")
    assert answer.status == "completed"
    assert "xylophonist" in answer.output_text


def test_the_responses_api_streams(client: openai.OpenAI) -> None:
    events: list[Any] = list(
        client.responses.create(model="auto", input="Say hello to the xylophonist", stream=True)
    )
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert text == events[-1].response.output_text
    assert "xylophonist" in text


def test_embeddings_are_made_for_each_input(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="auto", input=["one", "two"])
    assert [item.index for item in answer.data] == [0, 1]
    assert len(answer.data[0].embedding) == len(answer.data[1].embedding) > 0
    assert answer.data[0].embedding != answer.data[1].embedding


def test_an_unknown_model_is_named_in_the_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="demo-fats", messages=USER)
    assert raised.value.code == "model_not_found"
    assert "demo-fast" in str(raised.value)


def test_the_answer_tells_how_it_was_routed(gateway: GatewayProcess) -> None:
    answer = gateway.chat("Hello", model="auto")
    headers = {name.lower() for name in answer.headers}
    told = ("model", "provider", "account", "task", "complexity", "source", "attempts", "config")
    assert {f"x-router-{name}" for name in told} | {"x-request-id"} <= headers
    assert answer.headers["x-router-config"] == gateway.readiness()["config"]


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "status"),
    [
        ("GET", "/nowhere", b"", "", 404),
        ("DELETE", "/v1/chat/completions", b"", "", 405),
        ("POST", "/v1/chat/completions", b"hello", "text/plain", 415),
        ("POST", "/v1/chat/completions", b"{", "application/json", 400),
        ("POST", "/v1/chat/completions", b"[" * 100_000, "application/json", 400),
        ("POST", "/v1/%2e%2e/admin/config", b"{}", "application/json", 404),
    ],
)
def test_errors_have_openais_shape(
    gateway: GatewayProcess, method: str, path: str, body: bytes, content_type: str, status: int
) -> None:
    answer = gateway.request(method, path, data=body, headers={"content-type": content_type})
    assert answer.status_code == status
    assert {"message", "type", "param", "code"} <= answer.json()["error"].keys()


def test_a_web_page_cannot_use_the_open_gateway(gateway: GatewayProcess) -> None:
    for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
        answer = gateway.request(
            "POST",
            "/v1/chat/completions",
            json={"model": "auto", "messages": USER},
            headers=headers,
        )
        assert answer.status_code == 403


def test_the_audit_log_tells_the_outcome_without_the_prompt(gateway: GatewayProcess) -> None:
    request_id = gateway.chat("Praise the zygomorphic orchid", model="auto").headers["x-request-id"]
    text = gateway.audit_path.read_text()
    records = [json.loads(line) for line in text.splitlines()]
    mine = [record for record in records if record.get("request_id") == request_id]
    assert "route_decision" in {record["event"] for record in mine}
    assert mine[-1]["event"] == "proxy_terminal"
    assert mine[-1]["outcome"] == "success"
    assert "zygomorphic" not in text


def test_a_bad_file_at_the_first_start_is_told_in_sentences(tmp_path: Path) -> None:
    server = GatewayProcess(tmp_path, "models: 5\nbogus: 1\n")
    try:
        assert server.process.wait(30) != 0
    finally:
        server.stop()
    errors = [line for line in server.log.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert all("router.yaml" in line for line in errors)
    assert "Traceback" not in server.log
