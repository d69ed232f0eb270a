"""Whatever JSON a client sends, in any format, to any provider: never a 500."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.app import create_app

TURN = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
PART = {"type": "text", "text": "hi"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CLAUDE_TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
CLAUDE_IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
}

# One body with about every field, for each format.
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "model": "gpt",
        "messages": [
            {"role": "system", "content": [PART]},
            {"role": "user", "content": [PART, IMAGE], "name": "n"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "ok"},
        ],
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "temperature": 1,
        "top_p": 0.5,
        "n": 1,
        "max_tokens": 5,
        "max_completion_tokens": 5,
        "stop": ["x"],
        "stream": False,
        "stream_options": {"include_usage": True},
        "seed": 1,
        "logit_bias": {"1": 1},
        "logprobs": True,
        "top_logprobs": 1,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "s", "schema": {"type": "object"}},
        },
        "reasoning_effort": "low",
        "parallel_tool_calls": True,
        "user": "u",
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "prompt_cache_key": "k",
    },
    "/v1/messages": {
        "model": "gpt",
        "max_tokens": 5,
        "system": [PART],
        "messages": [
            {"role": "user", "content": [PART, CLAUDE_IMAGE]},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [PART]}],
            },
        ],
        "tools": [CLAUDE_TOOL],
        "tool_choice": {"type": "tool", "name": "f"},
        "temperature": 1,
        "top_p": 0.5,
        "top_k": 5,
        "stop_sequences": ["x"],
        "stream": False,
        "metadata": {"user_id": "u"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    },
    "/v1/responses": {
        "model": "gpt",
        "instructions": "be",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "ok"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        "tool_choice": "auto",
        "text": {"format": {"type": "text"}},
        "reasoning": {"effort": "low"},
        "max_output_tokens": 5,
        "temperature": 1,
        "top_p": 0.5,
        "stream": False,
        "store": False,
        "metadata": {"a": "b"},
        "include": [],
    },
    "/v1beta/models/gpt:generateContent": {
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}, {"inlineData": {"data": "AAAA"}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
        ],
        "systemInstruction": {"parts": [{"text": "be"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
        "generationConfig": {
            "temperature": 1,
            "topP": 0.5,
            "topK": 5,
            "maxOutputTokens": 5,
            "stopSequences": ["x"],
            "candidateCount": 1,
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT"},
            "thinkingConfig": {"thinkingBudget": 5},
        },
        "safetySettings": [],
    },
    "/v1/completions": {"model": "gpt", "prompt": "hi", "max_tokens": 5, "stop": "x", "n": 1},
    "/v1/embeddings": {
        "model": "gpt",
        "input": ["hi"],
        "dimensions": 5,
        "encoding_format": "float",
    },
    "/v1/images/generations": {"model": "gpt", "prompt": "hi", "n": 1, "size": "1x1"},
}
MODELS = ("gpt", "claude", "gemini")
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    1e300,
    "",
    "x",
    "\x00\u2028\r\n",
    [],
    [None],
    [[]],
    {},
    {"type": None},
    {"type": "x"},
    [{"type": "text"}],
    [{"role": "user"}],
)

jsons = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**80), 2**80),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
        st.sampled_from(["user", "assistant", "tool", "text", "function", "auto", "object"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                (
                    "type",
                    "role",
                    "content",
                    "text",
                    "name",
                    "input",
                    "tools",
                    "parts",
                    "id",
                    "source",
                )
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    root: Path = tmp_path_factory.mktemp("fuzz")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
    accounts = "\n".join(
        f"  - {{name: {kind}, provider: {kind}, base_url: '{nobody}', api_key: k,"
        f" models: [{model}]}}"
        for model, kind in zip(MODELS, ("openai", "anthropic", "gemini"), strict=True)
    )
    (root / "config").mkdir()
    (root / "config" / "router.yaml").write_text(
        f"default_model: gpt\nmodels: [gpt, claude, gemini]\naccounts:\n{accounts}\n"
        "task_routes:\n  general: {low: gpt}\nmax_attempts: 1\naudit: {enabled: false}\n"
    )
    app = create_app({"ROUTING_CONFIG_PATH": str(root / "config" / "router.yaml")}, {}, root)
    return app.test_client()


def send(client: FlaskClient, path: str, model: str, body: Any) -> None:
    """Send a body; anything but a 500 will do, and a 400 must say why."""
    if isinstance(body, dict) and "model" in body and body["model"] == "gpt":
        body = {**body, "model": model}
    path = path.replace("models/gpt", f"models/{model}")
    answer = client.post(path, data=json.dumps(body), content_type="application/json")
    assert answer.status_code != 500, (path, model, body)
    if answer.status_code == 400:
        assert answer.json["error"]["message"]


def paths_in(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of each field, inner ones too."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [(*at, key) for key, _ in items] + [
        path for key, inner in items for path in paths_in(inner, (*at, key))
    ]


def replaced(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """Return a copy with one field replaced."""
    if not path:
        return odd
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], odd)
    return copy


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("path", BODIES)
def test_a_wrong_type_in_any_field_is_no_500(client: FlaskClient, path: str, model: str) -> None:
    body = BODIES[path]
    for place in paths_in(body):
        for odd in ODD:
            send(client, path, model, replaced(body, place, odd))


@pytest.mark.parametrize("path", BODIES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=jsons, model=st.sampled_from(MODELS), data=st.data())
def test_no_json_is_a_500(
    client: FlaskClient, path: str, value: Any, model: str, data: st.DataObject
) -> None:
    body = BODIES[path]
    place = data.draw(st.sampled_from(paths_in(body)))
    send(client, path, model, replaced(body, place, value))


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("levels", [100, 120, 260, 1000, 100_000])
def test_deep_json_is_a_400_that_names_the_field(
    client: FlaskClient, path: str, levels: int
) -> None:
    for field in BODIES[path]:
        for opening, closing in (("[", "]"), ('{"items":', "}")):
            deep = opening * levels + "1" + closing * levels
            rest = json.dumps({k: v for k, v in BODIES[path].items() if k != field})
            text = f'{{"{field}": {deep}, {rest[1:]}'
            answer = client.post(path, data=text, content_type="application/json")
            assert answer.status_code != 500, (path, field, levels)
            if levels > 200:
                assert answer.status_code == 400
            if 200 < levels < 1000:
                assert field in json.dumps(answer.json)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("levels", [100, 300, 1000, 100_000])
def test_deep_json_inside_a_string_is_no_500(client: FlaskClient, model: str, levels: int) -> None:
    for deep in ("[" * levels + "]" * levels, '{"a":' * levels + "1" + "}" * levels):
        call = {**CALL, "function": {"name": "f", "arguments": deep}}
        turns = [TURN, {"role": "assistant", "content": None, "tool_calls": [call]}]
        turns.append({"role": "tool", "tool_call_id": "c1", "content": deep})
        send(client, "/v1/chat/completions", "gpt", {"model": model, "messages": turns})
        items = [
            {"role": "user", "content": "hi"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": deep},
            {"type": "function_call_output", "call_id": "c1", "output": deep},
        ]
        send(client, "/v1/responses", "gpt", {"model": model, "input": items})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"x"',
        "1",
        "null",
        "true",
        "{",
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        "\ufeff{}",
        '{"a": 1} {}',
        "{'a': 1}",
    ],
)
@pytest.mark.parametrize("path", BODIES)
def test_what_is_no_json_object_is_a_400(client: FlaskClient, path: str, text: str) -> None:
    answer = client.post(path, data=text.encode(), content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["error"]["message"]


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_only_utf_8_is_read(client: FlaskClient, path: str, encoding: str) -> None:
    body = json.dumps({**BODIES[path], "user": "é"}, ensure_ascii=False).encode(encoding)
    assert client.post(path, data=body, content_type="application/json").status_code == 400
