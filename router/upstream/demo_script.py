"""This module is what the demo account says: plain rules, no model, and honest about it."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_DIMENSIONS = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What the demo says: text, or the call of a tool (name and JSON arguments)."""

    text: str = ""
    tool: tuple[str, str] | None = None


def answer(body: Mapping[str, Any], why: str) -> Answer:
    """Return the answer to an OpenAI chat body.

    Parameters
    ----------
    why : str
        Why the router chose this model, in its words.
    """
    messages = [message for message in body.get("messages", []) if isinstance(message, dict)]
    tool = _wanted_tool(body, messages)
    if tool is not None:
        return Answer(tool=(str(tool.get("name")), _sample_json(tool.get("parameters"))))
    schema = _wanted_schema(body)
    if schema is not None:
        return Answer(_sample_json(schema))
    errand = _errand(_text(messages[-1])) if messages else None
    if errand is not None:
        return Answer(orjson.dumps(errand).decode())
    return Answer(_prose(str(body.get("model", "")), messages, why))


def _prose(model: str, messages: list[dict[str, Any]], why: str) -> str:
    """Say who answered and why, and show that the request arrived."""
    reason = f" The router chose it: {why}." if why else ""
    said = f"This is {model}, the router's built-in demo model.{reason}"
    last = messages[-1] if messages else {}
    if last.get("role") == "tool":
        return f"{said} Your tool answered: {_text(last)[:200]}"
    question = _text(last).strip()
    heard = f" You wrote: “{question[:200]}”." if question else ""
    return (
        f"{said}{heard} No provider is configured yet, so no language model has read this:"
        " set a provider's key (OPENAI_API_KEY, ANTHROPIC_API_KEY, …) or write"
        " config/router.yaml, then restart."
    )


def _errand(text: str) -> Mapping[str, Any] | None:
    """Return what Open-WebUI's background tasks ask for, that a trial shows them, too."""
    if not text.startswith("### Task:"):
        return None
    said = re.search(r"^USER: *(.+)$", text, re.MULTILINE)
    answers: Mapping[str, Any] = {
        "title": " ".join(said[1].split()[:5]) if said else "Demo",
        "tags": ["Demo"],
        "follow_ups": ["Which model would answer a harder question?"],
        "queries": [],
    }
    return next(({name: answers[name]} for name in answers if f'"{name}":' in text), None)


def _text(message: Mapping[str, Any]) -> str:
    """Return a message's text, parts joined."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _wanted_tool(
    body: Mapping[str, Any], messages: list[dict[str, Any]]
) -> Mapping[str, Any] | None:
    """Return the function to call: one that must be, or that the user speaks of."""
    functions: list[dict[str, Any]] = [
        tool["function"]
        for tool in body.get("tools") or []
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
    ]
    choice = body.get("tool_choice")
    last = messages[-1] if messages else {}
    if not functions or choice == "none" or last.get("role") == "tool":
        return None
    if isinstance(choice, dict):
        wanted = (choice.get("function") or {}).get("name")
        return next((f for f in functions if f.get("name") == wanted), functions[0])
    if choice == "required":
        return functions[0]
    words = _text(last).lower()
    named = [f for f in functions if str(f.get("name", "")).lower() in words]
    if named:
        return named[0]
    return functions[0] if "tool" in words else None


def _wanted_schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    wanted = body.get("response_format")
    if not isinstance(wanted, dict):
        return None
    if wanted.get("type") == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    schema = (wanted.get("json_schema") or {}).get("schema")
    return schema if isinstance(schema, dict) else None


def _sample_json(schema: Any) -> str:
    root = schema if isinstance(schema, dict) else {"type": "object"}
    return orjson.dumps(_sample(root, root, 0)).decode()


def _sample(schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    """Return a value that fits a JSON schema, as far as plain rules go."""
    if not isinstance(schema, dict) or depth > 8:
        return None
    if "$ref" in schema:
        found: Any = root
        for step in str(schema["$ref"]).lstrip("#/").split("/"):
            found = found.get(step) if isinstance(found, dict) else None
        return _sample(found, root, depth + 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return _sample(schema[key][0], root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    match kind:
        case "object":
            fields = schema.get("properties") or {}
            return {name: _sample(inner, root, depth + 1) for name, inner in fields.items()}
        case "array":
            return [_sample(schema.get("items"), root, depth + 1)] if depth < 4 else []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "demo"


def _usage(body: Mapping[str, Any], said: Answer) -> dict[str, Any]:
    """Count as a provider would, at four characters a token."""
    prompt = sum(len(_text(m)) for m in body.get("messages", []) if isinstance(m, dict))
    output = len(said.text) if said.tool is None else len(said.tool[1])
    prompt_tokens, completion_tokens = max(1, prompt // 4), max(1, output // 4)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def _ids(body: Mapping[str, Any], created: int) -> dict[str, Any]:
    seed = hashlib.sha256(orjson.dumps([body.get("messages"), created], default=str))
    return {
        "id": "chatcmpl-demo" + seed.hexdigest()[:16],
        "created": created,
        "model": body.get("model", ""),
    }


def _tool_calls(said: Answer, ids: Mapping[str, Any]) -> list[dict[str, Any]]:
    assert said.tool is not None
    name, arguments = said.tool
    call_id = "call_" + ids["id"][-16:]
    call = {"name": name, "arguments": arguments}
    return [{"index": 0, "id": call_id, "type": "function", "function": call}]


def completion(body: Mapping[str, Any], said: Answer, created: int) -> dict[str, Any]:
    """Return the whole answer."""
    ids = _ids(body, created)
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if said.tool is not None:
        message["tool_calls"] = [
            {key: value for key, value in call.items() if key != "index"}
            for call in _tool_calls(said, ids)
        ]
    finish = "stop" if said.tool is None else "tool_calls"
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    usage = _usage(body, said)
    return {**ids, "object": "chat.completion", "choices": [choice], "usage": usage}


def chunks(body: Mapping[str, Any], said: Answer, created: int) -> Iterator[dict[str, Any]]:
    """Yield the answer as a stream, word by word."""
    base = {**_ids(body, created), "object": "chat.completion.chunk"}

    def chunk(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return {**base, "choices": [choice]}

    yield chunk({"role": "assistant", "content": ""})
    if said.tool is not None:
        yield chunk({"tool_calls": _tool_calls(said, base)})
    else:
        for word in re.findall(r"\s*\S+", said.text):
            yield chunk({"content": word})
    yield chunk({}, "stop" if said.tool is None else "tool_calls")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**base, "choices": [], "usage": _usage(body, said)}


def embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return vectors that depend on the text and mean nothing."""
    wanted = body.get("input")
    texts = wanted if isinstance(wanted, list) else [wanted]
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(str(text))}
        for index, text in enumerate(texts)
    ]
    tokens = max(1, sum(len(str(text)) for text in texts) // 4)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": body.get("model", ""), "usage": usage}


def _vector(text: str) -> list[float]:
    raw = hashlib.shake_256(text.encode("utf-8", "replace")).digest(_DIMENSIONS)
    values = [byte / 127.5 - 1 for byte in raw]
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values]
