"""Audit logs as a gateway writes them, for the commands that read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from router.app import create_app

CONFIG = """
accounts:
  - {name: eu, provider: demo, models: [small, mid, big]}
models:
  small: {price: {input: 0.1, output: 0.4}, capabilities: [tools]}
  mid: {price: {input: 1, output: 4}}
  big: {price: {input: 3, output: 15}}
task_routes:
  general: {default: small}
  coding: {default: big}
  housekeeping: {default: small}
fallback_models: [mid]
"""
CODE = "Write a Python function that merges two sorted linked lists, and prove it correct."
CHAT = "Good morning! How are you today?"


def gateway(root: Path, config: str = CONFIG) -> FlaskClient:
    """Return a client of a gateway whose files live below `root`."""
    (root / "config").mkdir(exist_ok=True)
    (root / "config" / "router.yaml").write_text(config)
    return create_app(environ={}, root=root).test_client()


def ask(client: FlaskClient, text: str, request_id: str, **body: Any) -> Any:
    """Send one request."""
    return client.post(
        "/v1/chat/completions",
        json={"model": "auto", "messages": [{"role": "user", "content": text}], **body},
        headers={"x-request-id": request_id},
    )


def log_of(root: Path) -> Path:
    return root / "logs" / "router_decisions.jsonl"


def write(path: Path, *records: dict[str, Any]) -> None:
    """Write records of our own, a second apart."""
    stamped = [{"ts_ms": 1_800_000_000_000 + 1000 * i, **r} for i, r in enumerate(records)]
    path.write_text("".join(json.dumps(record) + "\n" for record in stamped))
