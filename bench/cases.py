"""This module holds what is asked: requests of known size and shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY = "sk-bench-0123456789abcdef"
PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Case:
    """A chat request; every one is asked in OpenAI's format."""

    name: str
    body: bytes

    def request(self, base_path: str = "") -> bytes:
        lines = (
            f"POST {base_path}{PATH} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {KEY}",
            "User-Agent: bench",
            "Accept: */*",
            "Content-Type: application/json",
            f"Content-Length: {len(self.body)}",
        )
        return "\r\n".join((*lines, "", "")).encode() + self.body


def case(
    name: str,
    model: str,
    size_bytes: int,
    *,
    messages: int = 2,
    tools: int = 0,
    events: tuple[int, int] | None = None,
) -> Case:
    """Make a case.

    Parameters
    ----------
    size_bytes : int
        Of all messages' texts together.
    events : (int, int), optional
        Ask for a stream: its number of events, and the milliseconds between two.
    """
    marker = f"bench-n{events[0]}-ms{events[1]} " if events else ""
    each = max(1, size_bytes // messages)
    sentence = "Please explain how the tides come about, and why there are two a day. "
    text = (sentence * (each // len(sentence) + 1))[:each]
    roles = ("user", "assistant")
    turns = [{"role": roles[number % 2], "content": text} for number in range(messages - 1)]
    turns.append({"role": "user", "content": marker + text})
    body: dict[str, Any] = {"model": model, "messages": turns, "max_tokens": 256}
    if tools:
        body["tools"] = [_tool(number) for number in range(tools)]
    if events:
        body["stream"] = True
    return Case(name, json.dumps(body, separators=(",", ":")).encode())


def _tool(number: int) -> Mapping[str, Any]:
    field = {"type": "string", "description": "what to look for"}
    parameters = {"type": "object", "properties": {"query": field}, "required": ["query"]}
    described = {"name": f"look_up_{number}", "description": "Look something up."}
    return {"type": "function", "function": {**described, "parameters": parameters}}


def whole_cases() -> list[Case]:
    """Return explicit and ``auto``, relayed and converted, small and large."""
    made = []
    for size, size_bytes, messages in (("1k", 800, 2), ("100k", 100_000, 40)):
        for name, model in (
            ("passthrough", "gpt-bench"),
            ("auto", "auto"),
            ("anthropic", "claude-bench"),
            ("gemini", "gemini-bench"),
        ):
            made.append(case(f"{name} {size}", model, size_bytes, messages=messages))
    return made
