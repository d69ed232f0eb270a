"""This module describes the HTTP API in OpenAPI 3.1, and serves it at ``/openapi.json``.

Bodies are the providers' own formats: of these it names what the gateway itself reads, and
leaves the rest open, as unknown fields are passed on.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from router import __version__
from router.web.admin.answers import json_answer

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_FLAG: Json = {"type": "boolean"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_ANY_OBJECT: Json = {"type": "object"}


def blueprint() -> Blueprint:
    """Return the route."""
    views = Blueprint("openapi", __name__)
    document = describe()

    @views.get("/openapi.json")
    def openapi() -> Response:
        return json_answer(document)

    return views


def describe() -> Json:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Open-LLM Router",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": (
                "One endpoint in front of any provider of language models. Every format is "
                "served by every provider; `model: auto` lets the router choose."
            ),
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"xApiKey": []}, {"googApiKey": []}, {"routerKey": []}, {}],
        "tags": [
            {"name": name, "description": text}
            for name, text in (
                ("models", "What may be called"),
                ("inference", "Requests to models"),
                ("router", "What the router would do, and its state"),
                ("admin", "For administrators' keys"),
                ("operations", "Health and metrics"),
            )
        ],
        "paths": {**_inference(), **_models(), **_router(), **_admin(), **_operations()},
        "components": _components(),
    }


def _inference() -> Json:
    return {
        "/v1/chat/completions": {
            "post": _call("chat", "OpenAI's Chat Completions", "ChatRequest", "ChatAnswer")
        },
        "/v1/responses": {
            "post": _call("responses", "OpenAI's Responses, without state", "ResponsesRequest")
        },
        "/v1/messages": {"post": _call("messages", "Anthropic's Messages", "MessagesRequest")},
        "/v1/messages/count_tokens": {
            "post": _call("countTokens", "Count a message's tokens", "MessagesRequest")
        },
        "/v1/completions": {
            "post": _call("completions", "OpenAI's legacy Completions", "CompletionsRequest")
        },
        "/v1/embeddings": {"post": _call("embeddings", "Embeddings", "EmbeddingsRequest")},
        "/v1beta/models/{model}:generateContent": {
            "parameters": [_path("model")],
            "post": _call("generateContent", "Gemini's generateContent", "GeminiRequest"),
        },
        "/v1beta/models/{model}:countTokens": {
            "parameters": [_path("model")],
            "post": _call("countTokensOfGemini", "Count a prompt's tokens", "GeminiRequest"),
        },
        "/v1beta/models/{model}:streamGenerateContent": {
            "parameters": [
                _path("model"),
                {
                    "name": "alt",
                    "in": "query",
                    "schema": {"type": "string", "enum": ["sse"]},
                    "description": "`sse` for server-sent events, else a JSON array.",
                },
            ],
            "post": _call("streamGenerateContent", "The same as a stream", "GeminiRequest"),
        },
        "/v1/{path}": {
            "parameters": [_path("path")],
            "post": {
                **_call(
                    "passthrough",
                    "Any other endpoint of the model's provider, as images/generations",
                    "OtherRequest",
                ),
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": _ref("OtherRequest")},
                        "multipart/form-data": {"schema": _ref("Form")},
                    },
                },
            },
        },
    }


def _models() -> Json:
    told = {"description": "In the shape that the caller's SDK expects"}
    listed = {**told, "content": _json_of("ModelList")}
    one = {**told, "content": _json_of("Model")}
    any_shape = {**told, "content": {"application/json": {"schema": _ANY_OBJECT}}}
    return {
        "/v1/models": {"get": _ask("listModels", "List the models", "models", listed)},
        "/v1/models/{model}": {
            "parameters": [_path("model")],
            "get": _ask("getModel", "One model", "models", one, 404),
        },
        "/v1beta/models": {
            "get": _ask("listGeminiModels", "The models, for Google's SDK", "models", any_shape)
        },
        "/v1beta/models/{model}": {
            "parameters": [_path("model")],
            "get": _ask("getGeminiModel", "One of them", "models", any_shape, 404),
        },
    }


def _router() -> Json:
    state = _answer("Breakers, cooldowns and paces of the worker that answers")
    decision = _answer("The decision, the plan, and why")
    return {
        "/v1/router/status": {"get": _ask("status", "What the router knows", "router", state)},
        "/v1/router/explain": {
            "post": {
                **_ask("explain", "How a request would be routed", "router", decision, 400, 413),
                "requestBody": _body("AnyRequest"),
            }
        },
    }


def _admin() -> Json:
    done = _answer("Every worker runs the new configuration")
    return {
        "/admin/reload-backends": {
            "post": {
                **_ask("reload", "Reload the configuration", "admin", done, 403),
                "responses": {
                    **_ask("reload", "", "admin", done, 403)["responses"],
                    "422": _answer("The configuration was refused; the one in use stays"),
                    "503": _answer("Some worker does not run it yet"),
                },
            }
        },
        "/admin/config": {
            "get": _ask(
                "config", "The configuration, masked", "admin", _answer("Without secrets"), 403
            )
        },
        "/admin/backends": {
            "get": _ask("backends", "The accounts", "admin", _answer("The accounts"), 403)
        },
    }


def _operations() -> Json:
    alive = _answer("The process answers")
    open_: Json = {"security": [{}]}
    ready = {
        **_ask("ready", "Can it work?", "operations", _answer("There is a target to call"), 503),
        **open_,
    }
    ready["responses"] = {"200": _answer("Ready"), "503": _answer("There is no usable target")}
    live = {
        path: {"get": {**_ask(name, "Does it live?", "operations", alive), **open_}}
        for path, name in (
            ("/", "root"),
            ("/health", "health"),
            ("/livez", "livez"),
            ("/health/liveliness", "liveliness"),
            ("/health/liveness", "liveness"),
        )
    }
    text = {"text/plain": {"schema": _TEXT}}
    return {
        **live,
        "/readyz": {"get": ready},
        "/health/readiness": {"get": {**ready, "operationId": "readiness"}},
        "/metrics": {
            "get": _ask(
                "metrics",
                "Prometheus metrics",
                "operations",
                {"description": "Text exposition", "content": text},
                404,
            )
        },
        "/openapi.json": {
            "get": _ask("openapi", "This document", "operations", _answer("OpenAPI 3.1"))
        },
    }


def _call(name: str, summary: str, request: str, answer: str | None = None) -> Json:
    """Return a request to a model."""
    content: Json = {
        "application/json": {"schema": _ref(answer) if answer else _ANY_OBJECT},
        "text/event-stream": {"schema": _TEXT},
    }
    headers = {title: {"$ref": f"#/components/headers/{title}"} for title in _HEADERS}
    good = {"description": "The answer", "headers": headers, "content": content}
    statuses = (400, 401, 403, 404, 408, 413, 415, 422, 429, 502, 503, 504)
    return {
        **_ask(name, summary, "inference", good, *statuses),
        "parameters": [{"$ref": f"#/components/parameters/{title}"} for title in _PARAMETERS],
        "requestBody": _body(request),
    }


def _ask(name: str, summary: str, tag: str, good: Json, *refusals: int) -> Json:
    """Return an operation; any may be refused for its credential."""
    errors = {str(status): {"$ref": "#/components/responses/Error"} for status in refusals}
    return {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "responses": {
            "200": good,
            "401": {"$ref": "#/components/responses/Error"},
            **errors,
            "default": {"$ref": "#/components/responses/Error"},
        },
    }


def _answer(text: str) -> Json:
    return {"description": text, "content": {"application/json": {"schema": _ANY_OBJECT}}}


def _json_of(schema: str) -> Json:
    return {"application/json": {"schema": _ref(schema)}}


def _body(schema: str) -> Json:
    return {"required": True, "content": _json_of(schema)}


def _ref(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}


def _components() -> Json:
    key = {"type": "apiKey", "in": "header"}
    return {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "xApiKey": {**key, "name": "x-api-key"},
            "googApiKey": {**key, "name": "x-goog-api-key"},
            "routerKey": {**key, "name": "x-router-key"},
        },
        "parameters": {
            title: {
                "name": title,
                "in": "header",
                "required": False,
                "description": text,
                "schema": _TEXT,
            }
            for title, text in _PARAMETERS.items()
        },
        "headers": {
            title: {"description": text, "schema": _TEXT} for title, text in _HEADERS.items()
        },
        "responses": {
            "Error": {
                "description": "Refused or failed, told in the caller's own format",
                "content": _json_of("Error"),
            }
        },
        "schemas": _schemas(),
    }


_PARAMETERS = {
    "x-request-id": "Your id of the request; told back, and in the audit log.",
    "x-router-debug": "`true` tells more headers.",
    "x-router-strict": "`true` refuses parameters that the model cannot be told.",
    "Idempotency-Key": "Whole answers only: a repeat is answered with what is stored.",
}
_HEADERS = {
    "x-request-id": "Id of the request.",
    "x-router-model": "The model that answered.",
    "x-router-provider": "Its provider.",
    "x-router-account": "The account that was used.",
    "x-router-task": "The task as judged; `explicit` where you named the model.",
    "x-router-complexity": "The complexity as judged.",
    "x-router-source": "`auto` or `request`.",
    "x-router-attempts": "How many calls it took.",
    "x-router-cost": "USD, of whole answers, where the price is known.",
    "x-router-dropped": "Parameters that the model could not be told.",
    "x-router-config": "Digest of the configuration.",
}


def _schemas() -> Json:
    model: Json = {
        "type": ["string", "null"],
        "maxLength": 256,
        "description": "A model's id, or `auto`.",
    }
    usage: Json = {
        "type": ["object", "null"],
        "properties": {"include": {"type": ["boolean", "null"]}},
        "description": "`include: true` tells the cost in the answer's usage.",
    }
    names: Json = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 256}}
    controls: Json = {
        "model": model,
        "models": {**names, "description": "Other models that may answer, in order."},
        "allowed_models": {**names, "description": "Globs."},
        "provider": {"type": "object", "description": "OpenRouter's preferences."},
        "usage": usage,
    }
    stream: Json = {"stream": _FLAG}
    messages: Json = {"type": "array", "minItems": 1, "items": _ref("Message")}
    return {
        "Message": {
            "type": "object",
            "required": ["role"],
            "properties": {"role": _TEXT, "content": {}},
        },
        "ChatRequest": _object({**controls, **stream, "messages": messages}, "messages"),
        "ChatAnswer": _object(
            {
                "id": _TEXT,
                "model": _TEXT,
                "choices": {"type": "array", "items": _ANY_OBJECT},
                "usage": _ref("Usage"),
            },
            "choices",
        ),
        "Usage": _object(
            {
                "prompt_tokens": _COUNT,
                "completion_tokens": _COUNT,
                "total_tokens": _COUNT,
                "cost": {"type": ["number", "null"], "description": "USD; null is unknown."},
                "cost_details": _ANY_OBJECT,
            }
        ),
        "ResponsesRequest": _object({**controls, **stream, "input": {}}, "input"),
        "MessagesRequest": _object(
            {**controls, **stream, "max_tokens": _COUNT, "messages": messages},
            "messages",
            "max_tokens",
        ),
        "CompletionsRequest": _object({**controls, **stream, "prompt": {}}, "prompt"),
        "EmbeddingsRequest": _object({**controls, "input": {}}, "input"),
        "GeminiRequest": _object({"contents": {"type": "array", "items": _ANY_OBJECT}}, "contents"),
        "OtherRequest": _object({**controls, **stream}),
        "AnyRequest": _object(controls),
        "Form": _object({"model": _TEXT, "file": {"type": "string", "format": "binary"}}),
        "Model": _object({"id": _TEXT, "object": _TEXT, "owned_by": _TEXT}, "id"),
        "ModelList": _object(
            {"object": _TEXT, "data": {"type": "array", "items": _ref("Model")}}, "data"
        ),
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["message"],
                    "properties": {"message": _TEXT, "type": _TEXT, "param": {}, "code": {}},
                }
            },
        },
    }


def _object(properties: Json, *required: str) -> Json:
    schema: Json = {"type": "object", "properties": properties}
    return {**schema, "required": list(required)} if required else schema
