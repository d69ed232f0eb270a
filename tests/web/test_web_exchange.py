"""A request's whole life, in front of mocked providers."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from router.app import create_app
from tests.web.gateway_app import ANSWER, CONFIG, FIRST, HELLO, SECOND, THIRD, audit, client

STREAM = (
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}\n\n'
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}\n\n'
    b"data: [DONE]\n\n"
)


@responses.activate
def test_the_providers_own_bytes_come_back_with_the_routers_headers(tmp_path: Path) -> None:
    responses.post(FIRST, json=ANSWER)
    answer = client(tmp_path).post("/v1/chat/completions", json=HELLO)
    assert answer.status_code == 200
    assert answer.data == json.dumps(ANSWER).encode()
    told = {name: answer.headers[name] for name in dict(answer.headers) if "x-router" in name}
    assert told.pop("x-router-config")
    assert told == {
        "x-router-task": "explicit",
        "x-router-complexity": "n/a",
        "x-router-source": "request",
        "x-router-model": "small",
        "x-router-provider": "openai",
        "x-router-account": "first",
        "x-router-attempts": "1",
    }
    assert answer.headers["x-request-id"]


@responses.activate
def test_the_provider_gets_our_key_and_nothing_of_the_callers(tmp_path: Path) -> None:
    responses.post(FIRST, json=ANSWER)
    client(tmp_path).post(
        "/v1/chat/completions",
        json=HELLO,
        headers={
            "Cookie": "session=1",
            "X-OpenWebUI-User-Email": "a@b.c",
            "X-Api-Key": "callers",
            "traceparent": "00-1-2-01",
        },
    )
    sent = responses.calls[0].request.headers
    assert sent["Authorization"] == "Bearer sk-first-secret"
    assert sent["traceparent"] == "00-1-2-01"
    assert not {"Cookie", "X-OpenWebUI-User-Email", "X-Api-Key"} & set(sent)


@responses.activate
def test_the_clients_request_id_is_kept_if_it_is_sane(tmp_path: Path) -> None:
    responses.post(FIRST, json=ANSWER)
    app = client(tmp_path)
    for sent, kept in (("req-1", True), ("a b", False), ("x" * 200, False)):
        headers = {"x-request-id": sent}
        answer = app.post("/v1/chat/completions", json=HELLO, headers=headers)
        assert (answer.headers["x-request-id"] == sent) is kept


@responses.activate
@pytest.mark.parametrize("failure", [429, 500, 502, 503, 504, 529, 401, 403])
def test_a_failing_account_hands_over_to_the_next(tmp_path: Path, failure: int) -> None:
    responses.post(FIRST, status=failure, json={"error": {"message": "no"}})
    responses.post(SECOND, json=ANSWER)
    answer = client(tmp_path).post("/v1/chat/completions", json=HELLO)
    assert answer.status_code == 200
    assert answer.headers["x-router-account"] == "second"
    assert answer.headers["x-router-attempts"] == "2"


@responses.activate
@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_request_at_fault_itself_is_not_tried_again(tmp_path: Path, status: int) -> None:
    responses.post(FIRST, status=status, json={"error": {"message": "your fault", "code": "c"}})
    answer = client(tmp_path).post("/v1/chat/completions", json=HELLO)
    assert answer.status_code == status
    assert answer.get_json()["error"]["message"] == "your fault"
    assert len(responses.calls) == 1


@responses.activate
def test_an_explicit_model_never_becomes_another_one(tmp_path: Path) -> None:
    responses.post(FIRST, status=500)
    responses.post(SECOND, body=requests.ConnectionError("https://second.example:443 refused"))
    answer = client(tmp_path).post("/v1/chat/completions", json=HELLO)
    error = answer.get_json()["error"]
    assert answer.status_code == 502
    assert answer.headers["x-should-retry"] == "false"
    attempts = error["metadata"]["attempts"]
    assert [a["account"] for a in attempts][:2] == ["first", "second"]
    assert {a["model"] for a in attempts} == {"small"}
    assert len(attempts) <= 3
    assert "example" not in answer.text
    assert "secret" not in answer.text


@responses.activate
def test_auto_falls_back_to_another_model_and_format(tmp_path: Path) -> None:
    responses.post(FIRST, status=500)
    responses.post(SECOND, status=500)
    responses.post(
        THIRD,
        json={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-x",
            "content": [{"type": "text", "text": "Hi there"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 5, "output_tokens": 2},
        },
    )
    answer = client(tmp_path).post("/v1/chat/completions", json={**HELLO, "model": "auto"})
    body = answer.get_json()
    assert answer.headers["x-router-model"] == "claude"
    assert answer.headers["x-router-source"] == "auto"
    assert body["choices"][0]["message"]["content"] == "Hi there"
    assert body["model"] == "claude-x"
    assert body["usage"]["total_tokens"] == 7


@responses.activate
def test_a_429_puts_the_account_aside_and_says_when_to_come_back(tmp_path: Path) -> None:
    responses.post(FIRST, status=429, headers={"retry-after": "60"}, json={"error": {}})
    responses.post(SECOND, status=429, headers={"retry-after": "30"}, json={"error": {}})
    app = client(tmp_path)
    assert app.post("/v1/chat/completions", json=HELLO).headers["Retry-After"] == "30"
    again = app.post("/v1/chat/completions", json=HELLO)
    assert again.status_code == 429
    assert 0 < int(again.headers["Retry-After"]) <= 30
    assert len(responses.calls) == 2


@responses.activate
def test_a_stream_is_relayed_without_the_usage_nobody_asked_for(tmp_path: Path) -> None:
    responses.post(FIRST, body=STREAM, content_type="text/event-stream")
    app = client(tmp_path)
    plain = app.post("/v1/chat/completions", json={**HELLO, "stream": True})
    asked = app.post(
        "/v1/chat/completions",
        json={**HELLO, "stream": True, "stream_options": {"include_usage": True}},
    )
    assert plain.mimetype == "text/event-stream"
    assert asked.data == STREAM
    assert b"usage" not in plain.data
    assert plain.data.endswith(b"data: [DONE]\n\n")
    assert b'"include_usage":true' in (responses.calls[0].request.body or b"")


@responses.activate
def test_a_stream_that_opens_with_an_error_fails_over(tmp_path: Path) -> None:
    first = b'data: {"error":{"message":"Overloaded","type":"overloaded_error"}}\n\n'
    responses.post(FIRST, body=first, content_type="text/event-stream")
    responses.post(SECOND, body=STREAM, content_type="text/event-stream")
    answer = client(tmp_path).post("/v1/chat/completions", json={**HELLO, "stream": True})
    assert answer.status_code == 200
    assert answer.headers["x-router-account"] == "second"


@responses.activate
def test_a_cut_stream_ends_in_an_error_and_never_in_done(tmp_path: Path) -> None:
    cut = STREAM.split(b"\n\n")[0] + b"\n\n"
    responses.post(FIRST, body=cut, content_type="text/event-stream")
    answer = client(tmp_path).post("/v1/chat/completions", json={**HELLO, "stream": True})
    assert b'"Hel"' in answer.data
    assert b'"error"' in answer.data
    assert b"[DONE]" not in answer.data
    assert audit(tmp_path)[-1]["outcome"] == "interrupted"


@responses.activate
def test_the_terminal_record_tells_what_became_of_the_request(tmp_path: Path) -> None:
    responses.post(FIRST, status=500)
    responses.post(SECOND, json=ANSWER)
    client(tmp_path).post("/v1/chat/completions", json={**HELLO, "user": "u"})
    events = [record["event"] for record in audit(tmp_path)]
    assert events == [
        "route_decision",
        "proxy_start",
        "proxy_attempt",
        "proxy_upstream_connected",
        "proxy_retry",
        "proxy_attempt",
        "proxy_upstream_connected",
        "proxy_response",
        "proxy_terminal",
    ]
    last = audit(tmp_path)[-1]
    assert (last["status"], last["outcome"], last["attempts"]) == (200, "success", 2)
    assert last["usage"]["total_tokens"] == 4
    assert last["account"] == "second"
    assert last["duration_ms"] >= last["ttft_ms"] > 0


@responses.activate
def test_no_word_of_the_prompt_is_on_record(tmp_path: Path) -> None:
    responses.post(FIRST, json=ANSWER)
    body = {"messages": [{"role": "user", "content": "xylophone zebra quartz"}]}
    client(tmp_path).post("/v1/chat/completions", json=body)
    written = (tmp_path / "logs" / "router_decisions.jsonl").read_text()
    assert not {"xylophone", "zebra", "quartz"} & set(written.replace('"', " ").split())


@responses.activate
def test_router_fields_never_reach_the_provider(tmp_path: Path) -> None:
    responses.post(FIRST, json=ANSWER)
    extra = {"models": ["large"], "allowed_models": ["small"], "provider": {"sort": "price"}}
    client(tmp_path).post("/v1/chat/completions", json={**HELLO, **extra, "custom": 1})
    sent = (responses.calls[0].request.body or b"").decode()
    assert '"custom":1' in sent
    assert not any(name in sent for name in ("allowed_models", "models", "provider"))


@responses.activate
def test_what_a_target_cannot_say_is_dropped_and_named_or_refused(tmp_path: Path) -> None:
    responses.post(
        THIRD,
        json={
            "type": "message",
            "id": "m",
            "model": "c",
            "role": "assistant",
            "content": [],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 0},
        },
    )
    app = client(tmp_path)
    body = {**HELLO, "model": "claude", "seed": 7}
    dropped = app.post("/v1/chat/completions", json=body)
    strict = app.post("/v1/chat/completions", json=body, headers={"x-router-strict": "true"})
    assert dropped.headers["x-router-dropped"] == "seed"
    assert audit(tmp_path)[-1]["event"] == "proxy_terminal"
    assert strict.status_code == 400
    assert strict.get_json()["error"]["param"] == "seed"


@responses.activate
def test_debug_headers_come_only_when_asked_for(tmp_path: Path) -> None:
    responses.post(FIRST, json=ANSWER)
    headers = {"x-router-debug": "true"}
    answer = client(tmp_path).post("/v1/chat/completions", json=HELLO, headers=headers)
    assert answer.headers["x-router-upstream-model"] == "small"
    assert answer.headers["x-router-attempted-targets"] == "first:small"
    assert answer.headers["x-router-auth-mode"] == "api_key"


@responses.activate
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"model": "small", "input": "text"}),
        ("/v1/moderations", {"model": "small", "input": "text"}),
        ("/v1/images/generations", {"model": "small", "prompt": "a cat"}),
        ("/v1/rerank", {"model": "small", "query": "q", "documents": []}),
    ],
)
def test_other_endpoints_pass_through(tmp_path: Path, path: str, body: dict[str, Any]) -> None:
    url = "https://first.example" + path
    responses.post(url, json={"data": [1], "usage": {"prompt_tokens": 2, "total_tokens": 2}})
    answer = client(tmp_path).post(path, json=body)
    assert answer.status_code == 200
    assert answer.get_json()["data"] == [1]
    assert audit(tmp_path)[-1]["usage"]["input_tokens"] == 2


@responses.activate
def test_binary_answers_pass_through(tmp_path: Path) -> None:
    url = "https://first.example/v1/audio/speech"
    responses.post(url, body=b"ID3\x00\xff", content_type="audio/mpeg")
    answer = client(tmp_path).post("/v1/audio/speech", json={"model": "small", "input": "Hi"})
    assert (answer.data, answer.mimetype) == (b"ID3\x00\xff", "audio/mpeg")


@responses.activate
@pytest.mark.parametrize(
    "path",
    [
        "/v1/../admin/config",
        "/v1/%2e%2e/admin",
        "/v1/..%2fadmin",
        "/v1//models",
        "/v1/a%00b",
        "/v1/%252e%252e/x",
        "/v1/a//b",
        "/v1/.hidden",
    ],
)
def test_no_path_leaves_v1(tmp_path: Path, path: str) -> None:
    answer = client(tmp_path).post(path, json={"model": "small"})
    assert answer.status_code == 404
    assert answer.get_json()["error"]["type"]
    assert not responses.calls


def test_an_unknown_model_is_a_404_that_names_the_nearest(tmp_path: Path) -> None:
    answer = client(tmp_path).post("/v1/chat/completions", json={**HELLO, "model": "smal"})
    error = answer.get_json()["error"]
    assert answer.status_code == 404
    assert error["code"] == "model_not_found"
    assert "small" in error["message"]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/v1/chat/completions", "GET", 405),
        ("/nowhere", "GET", 404),
        ("/v1/responses/resp_1", "GET", 400),
        ("/v1/models/none", "GET", 404),
        ("/v1beta/models/m:unknown", "POST", 404),
    ],
)
def test_errors_have_the_callers_shape(tmp_path: Path, path: str, method: str, status: int) -> None:
    answer = client(tmp_path).open(path, method=method, json={} if method == "POST" else None)
    assert answer.status_code == status
    assert answer.get_json()["error"]["message"]
    assert answer.headers["x-request-id"]


def test_a_wrong_content_type_is_a_415(tmp_path: Path) -> None:
    answer = client(tmp_path).post("/v1/chat/completions", data=b"{}", content_type="text/plain")
    assert answer.status_code == 415


@responses.activate
def test_constraints_that_leave_nothing_are_a_400_that_says_which(tmp_path: Path) -> None:
    body = {**HELLO, "model": "auto", "allowed_models": ["gpt-*"]}
    answer = client(tmp_path).post("/v1/chat/completions", json=body)
    error = answer.get_json()["error"]
    assert (answer.status_code, error["code"]) == (400, "routing_constraints_unsatisfied")
    assert error["metadata"]["constraint"] == "allowed_models"


@responses.activate
def test_a_passthrough_account_gets_the_callers_own_credential(tmp_path: Path) -> None:
    config = CONFIG.replace("api_key: sk-first-secret", "auth_mode: passthrough")
    responses.post(FIRST, json=ANSWER)
    app = client(tmp_path, config, INGRESS_API_KEYS="router-key")
    both = {"x-router-key": "router-key", "Authorization": "Bearer sk-callers"}
    body = {**HELLO, "model": "large"}
    assert app.post("/v1/chat/completions", json=body, headers=both).status_code == 200
    assert responses.calls[0].request.headers["Authorization"] == "Bearer sk-callers"
    alone = app.post(
        "/v1/chat/completions", json=body, headers={"Authorization": "Bearer router-key"}
    )
    assert alone.status_code == 401
    assert "x-router-key" in alone.get_json()["error"]["message"]
    assert len(responses.calls) == 1


@responses.activate
def test_tokens_are_counted_by_the_provider_or_estimated_and_marked(tmp_path: Path) -> None:
    responses.post(THIRD + "/count_tokens", json={"input_tokens": 42})
    app = client(tmp_path)
    messages = [{"role": "user", "content": "Hi there, how are you?"}]
    asked = app.post("/v1/messages/count_tokens", json={"model": "claude", "messages": messages})
    guess = app.post("/v1/messages/count_tokens", json={"model": "small", "messages": messages})
    unknown = app.post("/v1/messages/count_tokens", json={"model": "none", "messages": messages})
    assert asked.get_json() == {"input_tokens": 42}
    assert "x-router-estimated" not in asked.headers
    assert guess.get_json()["input_tokens"] > 0
    assert guess.headers["x-router-estimated"] == "true"
    assert unknown.status_code == 404
    ends = [record for record in audit(tmp_path) if record["event"] == "proxy_terminal"]
    assert [end["status"] for end in ends] == [200, 200, 404]


@responses.activate
def test_gemini_counts_what_it_would_be_sent(tmp_path: Path) -> None:
    config = CONFIG.replace("provider: anthropic", "provider: gemini")
    responses.post(
        "https://third.example/v1beta/models/claude:countTokens", json={"totalTokens": 9}
    )
    body = {
        "model": "claude",
        "system": "Be brief",
        "messages": [{"role": "user", "content": "Hi"}],
    }
    answer = client(tmp_path, config).post("/v1/messages/count_tokens", json=body)
    assert answer.get_json() == {"input_tokens": 9}
    assert "x-router-estimated" not in answer.headers
    asked = json.loads(responses.calls[0].request.body or b"")["generateContentRequest"]
    assert asked["model"] == "models/claude"
    assert asked["systemInstruction"] == {"parts": [{"text": "Be brief"}]}
    assert asked["contents"] == [{"role": "user", "parts": [{"text": "Hi"}]}]


LITELLM = """
model_list:
  - model_name: claude
    litellm_params: {model: anthropic/c, api_base: "https://third.example", api_key: sk-1}
  - model_name: lenient
    litellm_params:
      {model: anthropic/c, api_base: "https://third.example", api_key: sk-1, drop_params: true}
  - model_name: trimmed
    litellm_params:
      model: anthropic/c
      api_base: https://third.example
      api_key: sk-1
      additional_drop_params: [top_k]
  - model_name: smart
    litellm_params:
      model: auto_router/complexity_router
      complexity_router_config: {tiers: {SIMPLE: claude, MEDIUM: claude, COMPLEX: claude}}
  - model_name: "*"
    litellm_params: {model: "openai/*", api_base: "https://first.example/v1", api_key: sk-2}
litellm_settings: {drop_params: false}
general_settings: {default_models: {chat: claude, embedding: embed}}
"""
MESSAGE = {
    "type": "message",
    "id": "m",
    "model": "c",
    "role": "assistant",
    "content": [],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 0},
}


@responses.activate
def test_a_deployments_drop_params_wins_over_the_files(tmp_path: Path) -> None:
    responses.post(THIRD, json=MESSAGE)
    app = client(tmp_path, LITELLM)

    def status(model: str, headers: dict[str, str] | None = None, **more: Any) -> int:
        body = {**HELLO, "model": model, **more}
        return app.post("/v1/chat/completions", json=body, headers=headers or {}).status_code

    strict = {"x-router-strict": "true"}
    assert status("claude", seed=7) == 400
    assert status("lenient", seed=7) == 200
    assert status("lenient", strict, seed=7) == 400
    assert status("trimmed", top_k=3) == 200
    assert "top_k" not in json.loads(responses.calls[-1].request.body or b"")
    assert status("trimmed", strict, top_k=3) == 400
    assert status("trimmed", seed=7) == 400


@responses.activate
def test_a_complexity_routers_name_is_judged_as_auto_is(tmp_path: Path) -> None:
    responses.post(THIRD, json=MESSAGE)
    app = client(tmp_path, LITELLM)
    for body in ({**HELLO, "model": "smart"}, {"models": ["smart"], **HELLO, "model": "auto"}):
        answer = app.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-router-source"] == "auto"
        assert answer.headers["x-router-model"] == "claude"
    assert audit(tmp_path)[-1]["requested_model"] == "auto"


def test_every_answer_names_its_request(tmp_path: Path) -> None:
    app = client(tmp_path)
    for path in ("/v1/models", "/v1/models/small", "/v1beta/models", "/health", "/readyz"):
        assert app.get(path, headers={"x-request-id": "mine"}).headers["x-request-id"] == "mine"


def test_operators_read_how_many_models_are_listed(tmp_path: Path) -> None:
    app = client(tmp_path)
    listed = {model["id"] for model in app.get("/v1/models").get_json()["data"]}
    assert listed == {"auto", "small", "large", "claude"}
    assert app.get("/readyz").get_json()["models"] == 3


def test_operators_read_every_default_model(tmp_path: Path) -> None:
    app = client(tmp_path, LITELLM)
    told = app.get("/admin/backends").get_json()["default_models"]
    assert told == {"chat": "claude", "embedding": "embed"}


@responses.activate
def test_a_passthrough_credential_comes_where_the_providers_sdk_puts_it(tmp_path: Path) -> None:
    config = CONFIG.replace("api_key: sk-third-secret", "auth_mode: passthrough")
    responses.post(THIRD, json=MESSAGE)
    app = client(tmp_path, config, INGRESS_API_KEYS="router-key")
    body = {**HELLO, "model": "claude", "max_tokens": 5}
    both = {"x-router-key": "router-key", "x-api-key": "sk-callers"}
    assert app.post("/v1/messages", json=body, headers=both).status_code == 200
    assert responses.calls[0].request.headers["x-api-key"] == "sk-callers"
    ours = {"x-router-key": "router-key", "x-api-key": "router-key"}
    assert app.post("/v1/messages", json=body, headers=ours).status_code == 401
    assert len(responses.calls) == 1


def test_auto_without_any_known_model_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    app = create_app(environ={"BACKEND_BASE_URL": "https://any.example"}, root=tmp_path)
    answer = app.test_client().post("/v1/chat/completions", json={**HELLO, "model": "auto"})
    assert answer.status_code == 503
    error = answer.get_json()["error"]
    assert "set default_model" in error["message"]
    assert error["metadata"]["models"] == []


@responses.activate
def test_gemini_clients_count_tokens_at_any_provider(tmp_path: Path) -> None:
    responses.post(THIRD + "/count_tokens", json={"input_tokens": 7})
    app = client(tmp_path)
    contents = [{"role": "user", "parts": [{"text": "Hi there"}]}]
    path = "/v1beta/models/{}:countTokens"
    asked = app.post(path.format("claude"), json={"contents": contents})
    nested = {"generateContentRequest": {"model": "models/x", "contents": contents}}
    guess = app.post(path.format("small"), json=nested)
    assert asked.get_json() == {"totalTokens": 7}
    sent = json.loads(responses.calls[0].request.body or b"")
    assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi there"}]}]
    assert guess.get_json()["totalTokens"] > 0
    assert guess.headers["x-router-estimated"] == "true"
