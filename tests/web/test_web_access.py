"""Who may call what, and what the lists show them."""

from pathlib import Path
from typing import Any

import pytest
import responses

from tests.web.gateway_app import ANSWER, CONFIG, FIRST, HELLO, audit, client

KEY = {"INGRESS_API_KEYS": "client-key", "ROUTER_ADMIN_API_KEYS": "admin-key"}
PROTECTED = [
    ("GET", "/v1/models"),
    ("GET", "/v1/models/small"),
    ("GET", "/v1beta/models"),
    ("GET", "/v1/router/status"),
    ("POST", "/v1/router/explain"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1beta/models/small:generateContent"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/anything/else"),
    ("POST", "/admin/reload-backends"),
    ("GET", "/admin/config"),
    ("GET", "/admin/backends"),
    ("GET", "/nowhere"),
]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize("headers", [{}, bearer("wrong"), {"x-api-key": "wrong"}])
def test_every_route_but_health_needs_the_key(
    tmp_path: Path, method: str, path: str, headers: dict[str, str]
) -> None:
    app = client(tmp_path, **KEY)
    answer = app.open(path, method=method, headers=headers, data=b"not even JSON")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "wrong" not in answer.text


@pytest.mark.parametrize("path", ["/", "/health", "/livez", "/readyz", "/health/readiness"])
def test_health_answers_everybody(tmp_path: Path, path: str) -> None:
    assert client(tmp_path, **KEY).get(path).status_code == 200


@responses.activate
@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "x-goog-api-key", "x-router-key"])
def test_a_key_is_taken_where_each_sdk_puts_it(tmp_path: Path, name: str) -> None:
    responses.post(FIRST, json=ANSWER)
    value = "Bearer client-key" if name == "Authorization" else "client-key"
    answer = client(tmp_path, **KEY).post("/v1/chat/completions", json=HELLO, headers={name: value})
    assert answer.status_code == 200
    assert "client-key" not in str(responses.calls[0].request.headers)


def test_a_key_in_the_query_string_is_no_key(tmp_path: Path) -> None:
    answer = client(tmp_path, **KEY).get("/v1/models?key=client-key&api_key=client-key")
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/admin/config", "/admin/backends"])
def test_a_clients_key_is_no_administrators(tmp_path: Path, path: str) -> None:
    app = client(tmp_path, **KEY)
    assert app.get(path, headers=bearer("client-key")).status_code == 403
    answer = app.get(path, headers=bearer("admin-key"))
    assert answer.status_code == 200
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("environ", "headers"),
    [
        ({"REMOTE_ADDR": "192.0.2.7"}, {}),
        ({"REMOTE_ADDR": "127.0.0.1"}, {"X-Forwarded-For": "192.0.2.7"}),
        ({"REMOTE_ADDR": "127.0.0.1"}, {"Origin": "https://evil.example"}),
        ({"REMOTE_ADDR": "127.0.0.1"}, {"Host": "evil.example"}),
    ],
)
def test_without_keys_only_programs_on_this_machine_are_served(
    tmp_path: Path, environ: dict[str, str], headers: dict[str, str]
) -> None:
    app = client(tmp_path)
    answer = app.get("/v1/models", environ_base=environ, headers=headers)
    assert answer.status_code == 403
    assert "INGRESS_API_KEYS" in answer.get_json()["error"]["message"]
    assert app.get("/v1/models").status_code == 200


def test_an_explicitly_open_gateway_serves_strangers_but_lets_none_administrate(
    tmp_path: Path,
) -> None:
    app = client(tmp_path, INGRESS_AUTH_REQUIRED="false")
    stranger = {"REMOTE_ADDR": "192.0.2.7"}
    assert app.get("/v1/models", environ_base=stranger).status_code == 200
    assert app.get("/admin/config", environ_base=stranger).status_code == 403


def test_a_refusal_is_told_in_the_callers_format_and_on_record(tmp_path: Path) -> None:
    app = client(tmp_path, **KEY)
    anthropic = app.post("/v1/messages", json={}).get_json()
    gemini = app.post("/v1beta/models/small:generateContent", json={}).get_json()
    assert anthropic["type"] == "error"
    assert anthropic["error"]["type"] == "authentication_error"
    assert gemini["error"]["status"] == "UNAUTHENTICATED"
    last = audit(tmp_path)[-1]
    assert (last["event"], last["status"]) == ("proxy_terminal", 401)


LIMITED = (
    CONFIG
    + """
keys:
  - {name: team-a, key: team-a-key, models: ["small"]}
  - {name: boss, key: boss-key}
"""
)


@responses.activate
def test_a_key_with_a_model_list_sees_and_uses_only_these(tmp_path: Path) -> None:
    responses.post(FIRST, json=ANSWER)
    app = client(tmp_path, LIMITED)
    limited = bearer("team-a-key")
    listed = [m["id"] for m in app.get("/v1/models", headers=limited).get_json()["data"]]
    assert "small" in listed
    assert not {"large", "claude"} & set(listed)
    assert app.get("/v1/models/large", headers=limited).status_code == 404
    refused = app.post("/v1/chat/completions", json={**HELLO, "model": "large"}, headers=limited)
    assert refused.status_code == 404
    assert "claude" not in refused.text
    used = app.post("/v1/chat/completions", json={**HELLO, "model": "auto"}, headers=limited)
    assert used.headers["x-router-model"] == "small"


def test_the_model_list_has_each_callers_shape(tmp_path: Path) -> None:
    app = client(tmp_path)
    openai = app.get("/v1/models").get_json()
    anthropic = app.get("/v1/models", headers={"anthropic-version": "2023-06-01"}).get_json()
    gemini = app.get("/v1beta/models").get_json()
    below_v1 = app.get("/v1/models", headers={"x-goog-api-key": "any"})
    assert below_v1.get_json() == gemini
    assert openai["object"] == "list"
    assert openai["data"][0]["id"] == "auto"
    assert all({"id", "object", "created", "owned_by"} <= set(entry) for entry in openai["data"])
    assert anthropic["data"][0]["type"] == "model"
    assert gemini["models"][0]["name"] == "models/auto"


def test_an_unchanged_model_list_is_a_304(tmp_path: Path) -> None:
    app = client(tmp_path)
    etag = app.get("/v1/models").headers["ETag"]
    again = app.get("/v1/models", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


def test_a_reload_takes_a_good_file_and_refuses_a_bad_one(tmp_path: Path) -> None:
    app = client(tmp_path, **KEY)
    file = tmp_path / "config" / "router.yaml"
    before = config_of(app)
    file.write_text(CONFIG.replace("  claude: {}", "  claude: {}\n  extra: {}"))
    good = app.post("/admin/reload-backends", headers=bearer("admin-key"))
    assert good.status_code == 200
    assert good.get_json()["status"] == "success"
    assert good.get_json()["backends_count"] == 3
    after = config_of(app)
    file.write_text("models: [")
    bad = app.post("/admin/reload-backends", headers=bearer("admin-key"))
    assert bad.status_code == 422
    assert bad.get_json()["problems"]
    assert before != after == config_of(app)


def config_of(app: Any) -> str:
    return str(app.get("/readyz").get_json()["config"])
