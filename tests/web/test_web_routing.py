"""What `auto` does over several requests, and how it explains itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import responses
from gateway_app import ANSWER, audit, client
from werkzeug.test import TestResponse

CONFIG = """
accounts:
  - {name: here, provider: demo, models: [small, big]}
task_routes:
  general: {low: small, medium: small, high: big}
  coding: {default: big}
  housekeeping: {default: small}
"""
CODE = "Write a Python function that merges two sorted linked lists, and prove it correct."
CHAT = "Good morning! How are you today?"
TITLE = {"x-openwebui-task": "title_generation"}


def ask(app: Any, *texts: str, headers: dict[str, str] | None = None, **body: Any) -> TestResponse:
    """Send a conversation whose user said `texts`."""
    messages: list[dict[str, str]] = []
    for text in texts:
        messages += [{"role": "user", "content": text}, {"role": "assistant", "content": "Well."}]
    sent = {"model": "auto", "messages": messages[:-1], **body}
    answer: TestResponse = app.post("/v1/chat/completions", json=sent, headers=headers or {})
    assert answer.status_code == 200, answer.text
    return answer


def model(answer: TestResponse) -> str:
    return answer.headers["x-router-model"]


def explain(app: Any, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = app.post("/v1/router/explain", json=body, headers=headers)
    assert answer.status_code == 200
    told: dict[str, Any] = answer.get_json()
    return told


def test_a_conversation_stays_with_its_model_in_every_worker_of_the_host(tmp_path: Path) -> None:
    one, other = client(tmp_path, CONFIG), client(tmp_path, CONFIG)
    assert model(ask(one, CODE)) == "big"
    assert model(ask(other, CODE, CHAT)) == "big"
    assert model(ask(other, CHAT)) == "small"


def test_affinity_can_be_switched_off(tmp_path: Path) -> None:
    app = client(tmp_path, CONFIG + "affinity: {enabled: false}")
    assert model(ask(app, CODE)) == "big"
    assert model(ask(app, CODE, CHAT)) == "small"
    assert not (tmp_path / "run" / "affinity.sqlite").exists()


def test_an_easier_turn_moves_down_where_caches_are_cold_at_once(tmp_path: Path) -> None:
    app = client(tmp_path, CONFIG + "affinity: {cold_after_s: 0}")
    assert model(ask(app, CODE)) == "big"
    assert model(ask(app, CODE, CHAT)) == "small"


def test_a_title_for_a_conversation_is_cheap_and_leaves_it_where_it_is(tmp_path: Path) -> None:
    app = client(tmp_path, CONFIG)
    session = {"x-openwebui-chat-id": "chat-1"}
    assert model(ask(app, CODE, headers=session)) == "big"
    title = ask(app, CODE, headers={**session, **TITLE})
    assert (model(title), title.headers["x-router-task"]) == ("small", "housekeeping")
    assert model(ask(app, CODE, CHAT, headers=session)) == "big"


def test_an_errand_for_a_named_model_stays_with_it(tmp_path: Path) -> None:
    assert model(ask(client(tmp_path, CONFIG), CODE, headers=TITLE, model="big")) == "big"


PROVIDER = """
accounts:
  - {name: oa, provider: openai, api_key: sk-1, models: [gpt-5.1, gpt-4.1]}
task_routes:
  general: {default: gpt-5.1}
  housekeeping: {default: MODEL}
"""


@pytest.mark.parametrize(
    ("target", "headers", "more", "expected"),
    [
        ("gpt-5.1", TITLE, {}, "none"),
        ("gpt-5.1", TITLE, {"reasoning_effort": "low"}, "low"),
        ("gpt-5.1", {}, {}, None),
        ("gpt-4.1", TITLE, {}, None),
        ("gpt-5.1", TITLE, {"model": "gpt-5.1"}, None),
    ],
)
@responses.activate
def test_reasoning_is_off_for_errands_alone_and_where_the_model_takes_it(
    tmp_path: Path,
    target: str,
    headers: dict[str, str],
    more: dict[str, Any],
    expected: str | None,
) -> None:
    responses.post("https://api.openai.com/v1/chat/completions", json=ANSWER)
    ask(client(tmp_path, PROVIDER.replace("MODEL", target)), CHAT, headers=headers, **more)
    sent = json.loads(responses.calls[0].request.body or b"")
    assert sent.get("reasoning_effort") == expected


def test_reasoning_is_off_across_formats_too(tmp_path: Path) -> None:
    with responses.RequestsMock() as mocked:
        mocked.post("https://api.openai.com/v1/chat/completions", json=ANSWER)
        app = client(tmp_path, PROVIDER.replace("MODEL", "gpt-5.1"))
        body = {"max_tokens": 9, "messages": [{"role": "user", "content": CHAT}], "model": "auto"}
        answer = app.post("/v1/messages", json=body, headers=TITLE)
        assert answer.status_code == 200
        assert json.loads(mocked.calls[0].request.body or b"")["reasoning_effort"] == "none"
        assert "x-router-dropped" not in answer.headers


RULES = (
    CONFIG
    + """
rules:
  - {name: batch, when: {header: {x-batch: "*"}}, then: {model: small}}
  - {name: chats, when: {endpoint: /v1/chat/*, task: coding}, then: {model: small}}
  - {name: last, then: {model: big}}
"""
)


def test_an_explanation_says_what_weighed_which_rule_fired_and_why_others_did_not(
    tmp_path: Path,
) -> None:
    body = {"messages": [{"role": "user", "content": CODE}]}
    told = explain(client(tmp_path, RULES), body)
    assert told["rules"] == [
        {"name": "batch", "fired": False, "unmet": "header"},
        {"name": "chats", "fired": True},
        {"name": "last", "fired": False, "unmet": "not reached: an earlier rule fired"},
    ]
    assert told["judgement"]["task"] == "coding"
    assert told["judgement"]["weighed_for"] == "coding"
    assert "python" in told["judgement"]["words"]
    assert told["plan"]["targets"][0]["target"] == "here:small"


def test_rules_look_at_headers_of_the_explained_request(tmp_path: Path) -> None:
    body = {"messages": [{"role": "user", "content": CODE}]}
    told = explain(client(tmp_path, RULES), body, **{"X-Batch": "7"})
    assert told["rules"][0] == {"name": "batch", "fired": True}


def test_explaining_calls_nobody_logs_nothing_and_takes_no_seat(tmp_path: Path) -> None:
    app = client(tmp_path, CONFIG)
    ask(app, CHAT)
    before = audit(tmp_path)
    explain(app, {"messages": [{"role": "user", "content": CODE}]})
    assert audit(tmp_path) == before
    assert model(ask(app, CODE)) == "big"


def test_the_audit_log_keeps_no_word_that_weighed(tmp_path: Path) -> None:
    app = client(tmp_path, RULES)
    ask(app, "Refactor my zyzzyva class in Python, please", user="somebody@example.org")
    text = json.dumps(audit(tmp_path))
    assert "zyzzyva" not in text
    assert "somebody" not in text
    assert '"replay"' in text


def test_debug_headers_tell_the_reasons_and_the_rule_when_asked(tmp_path: Path) -> None:
    app = client(tmp_path, RULES)
    told = ask(app, CODE, headers={"x-router-debug": "true"}).headers
    assert told["x-router-rule"] == "chats"
    assert told["x-router-reasons"] == "rule chats"
    assert told["x-router-attempted-targets"] == "here:small"
    assert "x-router-reasons" not in ask(app, CODE).headers


def test_the_status_counts_conversations_and_failures_of_their_stores(tmp_path: Path) -> None:
    app = client(tmp_path, CONFIG)
    ask(app, CHAT)
    told = app.get("/v1/router/status").get_json()["affinity"]
    assert told == {"conversations": 1, "store_failures": 0}
