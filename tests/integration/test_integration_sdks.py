"""The official SDKs in front of the demo account and of a provider of each format.

What an SDK reads is checked by its own models, so these tests see what ours would miss.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from fault_gateway import KEY as FAULT_KEY
from fault_gateway import PROVIDER_KEY, FakeUpstream, upstream
from gateway_process import GatewayProcess, running
from pydantic import BaseModel

anthropic = pytest.importorskip("anthropic", reason="needs the test extra")

HELLO: Any = [{"role": "user", "content": "Say hello to the xylophonist"}]
SCHEMA: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
# Prefix of a model -> how LiteLLM's configuration names a provider of each format.
FORMATS = {
    "oa": ("openai/*", "/openai/v1"),
    "re": ("openai/responses/*", "/openai/v1"),
    "an": ("anthropic/*", "/anthropic"),
    "ge": ("gemini/*", "/gemini/v1beta"),
}
PREFIXES = pytest.mark.parametrize("prefix", FORMATS)
TEXT = "The quick brown fox jumps over the lazy dog"


class City(BaseModel):
    city: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with running(tmp_path_factory.mktemp("demo")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with upstream() as fake, running(tmp_path_factory.mktemp("four"), configured(fake)) as gateway:
        yield gateway


def configured(fake: FakeUpstream) -> str:
    models = [
        {
            "model_name": f"{prefix}/*",
            "litellm_params": {
                "model": model,
                "api_base": fake.url + path,
                "api_key": PROVIDER_KEY,
            },
        }
        for prefix, (model, path) in FORMATS.items()
    ]
    return json.dumps({"model_list": models, "general_settings": {"master_key": FAULT_KEY}})


def openai_client(gateway: GatewayProcess, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=30)


def anthropic_client(gateway: GatewayProcess, key: str = "none") -> Any:
    return anthropic.Anthropic(base_url=gateway.url, api_key=key, max_retries=0, timeout=30)


def test_structured_output_is_parsed(demo: GatewayProcess) -> None:
    with openai_client(demo) as client:
        chat = client.chat.completions.parse(model="auto", messages=HELLO, response_format=City)
        response = client.responses.parse(model="auto", input="Where?", text_format=City)
    assert isinstance(chat.choices[0].message.parsed, City)
    assert isinstance(response.output_parsed, City)


def test_responses_go_on_after_a_tool(demo: GatewayProcess) -> None:
    tools: Any = [
        {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False}
    ]
    turns: Any = list(HELLO)
    with openai_client(demo) as client:
        with client.responses.stream(
            model="auto", input=turns, tools=tools, tool_choice="required", store=False
        ) as stream:
            first = stream.get_final_response()
        (call,) = [item for item in first.output if item.type == "function_call"]
        turns += [item.model_dump(exclude_none=True) for item in first.output]
        turns.append(
            {"type": "function_call_output", "call_id": call.call_id, "output": "hail of frogs"}
        )
        final = client.responses.create(model="auto", input=turns, tools=tools, store=False)
    assert "city" in json.loads(call.arguments)
    assert "hail of frogs" in final.output_text


@pytest.mark.parametrize("streams", [False, True])
def test_messages_go_on_after_a_tool(demo: GatewayProcess, streams: bool) -> None:
    asked: dict[str, Any] = {
        "model": "auto",
        "max_tokens": 500,
        "tools": [{"name": "get_weather", "input_schema": SCHEMA}],
    }
    turns: Any = list(HELLO)
    with anthropic_client(demo) as client:
        choice = {"type": "any"}
        if streams:
            with client.messages.stream(messages=turns, tool_choice=choice, **asked) as stream:
                first = stream.get_final_message()
        else:
            first = client.messages.create(messages=turns, tool_choice=choice, **asked)
        (call,) = [block for block in first.content if block.type == "tool_use"]
        assert first.stop_reason == "tool_use"
        assert "city" in call.input
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "hail of frogs"}
        turns += [
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [result]},
        ]
        final = client.messages.create(messages=turns, **asked)
    assert final.stop_reason == "end_turn"
    assert "hail of frogs" in final.content[0].text


def test_tokens_are_counted_and_models_listed(demo: GatewayProcess) -> None:
    with anthropic_client(demo) as client:
        counted = client.messages.count_tokens(model="auto", messages=HELLO)
        listed = {model.id for model in client.models.list()}
    assert counted.input_tokens > 0
    assert {"auto", "demo-fast"} <= listed


def test_errors_are_each_sdks_own(four: GatewayProcess) -> None:
    bad: Any = "hot"
    with openai_client(four, FAULT_KEY) as client:
        with pytest.raises(openai.NotFoundError) as unknown:
            client.chat.completions.create(model="no-such", messages=HELLO)
        with pytest.raises(openai.BadRequestError) as wrong:
            client.chat.completions.create(model="an/ok", messages=HELLO, temperature=bad)
    assert unknown.value.code == "model_not_found"
    assert wrong.value.param == "temperature"
    with anthropic_client(four, FAULT_KEY) as client, pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="no-such", max_tokens=9, messages=HELLO)
    with (
        anthropic_client(four, "sk-wrong") as client,
        pytest.raises(anthropic.AuthenticationError),
    ):
        client.messages.create(model="oa/ok", max_tokens=9, messages=HELLO)


@PREFIXES
def test_chat_reaches_each_format(four: GatewayProcess, prefix: str) -> None:
    with openai_client(four, FAULT_KEY) as client:
        whole = client.chat.completions.create(model=f"{prefix}/ok", messages=HELLO)
        with client.chat.completions.stream(
            model=f"{prefix}/ok", messages=HELLO, stream_options={"include_usage": True}
        ) as stream:
            streamed = stream.get_final_completion()
    for answer in (whole, streamed):
        assert same_words(answer.choices[0].message.content)
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == 11


@PREFIXES
def test_responses_reach_each_format(four: GatewayProcess, prefix: str) -> None:
    with openai_client(four, FAULT_KEY) as client:
        whole = client.responses.create(model=f"{prefix}/ok", input="Hi")
        with client.responses.stream(model=f"{prefix}/ok", input="Hi") as stream:
            streamed = stream.get_final_response()
    for answer in (whole, streamed):
        assert same_words(answer.output_text)
        assert answer.status == "completed"
        assert answer.usage is not None
        assert answer.usage.input_tokens == 11


@PREFIXES
def test_messages_reach_each_format(four: GatewayProcess, prefix: str) -> None:
    with anthropic_client(four, FAULT_KEY) as client:
        asked: dict[str, Any] = {"model": f"{prefix}/ok", "max_tokens": 99, "messages": HELLO}
        whole = client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            streamed = stream.get_final_message()
    for answer in (whole, streamed):
        assert same_words(answer.content[0].text)
        assert answer.stop_reason == "end_turn"
        assert answer.usage.input_tokens == 11


def same_words(text: str | None) -> bool:
    """Tell whether an answer is the fake's; it streams with spaces of its own."""
    return bool(text) and (text or "").split()[:3] == TEXT.split()[:3]
