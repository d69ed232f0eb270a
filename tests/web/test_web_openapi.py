"""``/openapi.json`` is well formed, and says what the gateway serves: no more, no less."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask

from router.app import create_app
from router.web.openapi import describe
from tests.web.gateway_app import client

# What only refuses, or serves Google's callers on the paths that OpenAI's share.
UNTOLD = {
    "/v1/responses/{rest} get",
    "/v1/responses/{rest} post",
    "/v1/responses/{rest} delete",
    "/v1/models/{call} post",
    "/v1beta/models/{call} post",
}
_VARIABLE, _NAMED = re.compile(r"<(?:path:)?(\w+)>"), r"{\1}"
GEMINI_METHODS = {
    "/v1beta/models/{model}:generateContent post",
    "/v1beta/models/{model}:countTokens post",
    "/v1beta/models/{model}:streamGenerateContent post",
}


def operations() -> dict[str, Any]:
    return {
        f"{path} {method}": operation
        for path, item in describe()["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def served(app: Flask) -> set[str]:
    return {
        f"{_VARIABLE.sub(_NAMED, rule.rule)} {method.lower()}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_route_is_described_and_nothing_else(tmp_path: Path) -> None:
    app = create_app(environ={}, root=tmp_path)
    assert served(app) - UNTOLD == operations().keys() - GEMINI_METHODS


def test_every_reference_leads_somewhere() -> None:
    document = describe()
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_the_document_has_what_openapi_asks_for() -> None:
    document = describe()
    assert document["openapi"] == "3.1.0"
    assert {"title", "version"} <= document["info"].keys()
    names = [operation["operationId"] for operation in operations().values()]
    assert len(names) == len(set(names))
    for path, item in document["paths"].items():
        in_path = {p["name"] for p in item.get("parameters", ()) if p["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))
    for operation in operations().values():
        for status, answer in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d|default", status)
            assert "$ref" in answer or answer["description"]


def test_it_is_served(tmp_path: Path) -> None:
    answer = client(tmp_path).get("/openapi.json")
    assert (answer.status_code, answer.get_json()) == (200, describe())
