"""A gateway in this process, in front of mocked providers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from router.app import create_app

CONFIG = """
default_model: small
models:
  small: {}
  large: {}
  claude: {}
accounts:
  - name: first
    provider: openai
    base_url: https://first.example/v1
    api_key: sk-first-secret
    models: [small, large]
  - name: second
    provider: openai
    base_url: https://second.example/v1
    api_key: sk-second-secret
    models: [small]
  - name: third
    provider: anthropic
    base_url: https://third.example
    api_key: sk-third-secret
    models: [claude]
task_routes:
  general: {low: small, high: large}
fallback_models: [claude]
"""

FIRST = "https://first.example/v1/chat/completions"
SECOND = "https://second.example/v1/chat/completions"
THIRD = "https://third.example/v1/messages"

ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "small-2026",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}
HELLO: dict[str, Any] = {"model": "small", "messages": [{"role": "user", "content": "Hi"}]}


def client(root: Path, config: str = CONFIG, **environ: str) -> FlaskClient:
    """Return a test client of a gateway whose files live below `root`."""
    (root / "config").mkdir(exist_ok=True)
    (root / "config" / "router.yaml").write_text(config)
    return create_app(environ=environ, root=root).test_client()


def audit(root: Path) -> list[Mapping[str, Any]]:
    """Return the audit records so far."""
    lines = (root / "logs" / "router_decisions.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]
