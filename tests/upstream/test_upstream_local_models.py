from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from router.config.load import load
from router.config.settings import Settings
from router.config.snapshot import Snapshot
from router.errors import ConnectFailed
from router.providers.base import Account
from router.routing.constraints import Needs
from router.routing.controls import RequestControls
from router.routing.match import targets_for
from router.routing.rank import rank
from router.state.health import Health
from router.upstream.local_models import loaded_targets

CONFIG = """
models: [qwen3]
accounts:
  - {name: one, provider: ollama, base_url: "http://one:11434", models: [qwen3]}
  - {name: cloud, provider: openai, api_key: sk-1, models: [qwen3]}
  - {name: two, provider: PROVIDER, base_url: "http://two:1234/v1", models: [qwen3]}
"""


def config(root: Path, provider: str) -> Snapshot:
    (root / "config").mkdir()
    (root / "config" / "router.yaml").write_text(CONFIG.replace("PROVIDER", provider))
    return load(Settings.read({}, {}, root))


def loaded(snapshot: Snapshot, answers: dict[str, Any]) -> dict[str, bool]:
    """Ask servers that answer so; one that is not there does not answer."""

    def get(url: str, account: Account, timeout_s: float) -> bytes:
        if url not in answers:
            raise ConnectFailed("not there")
        return json.dumps(answers[url]).encode()

    return loaded_targets(snapshot, get)


def order(snapshot: Snapshot, health: Health) -> list[str]:
    targets = targets_for(snapshot, "qwen3")
    ranked = rank(targets, "ordered", RequestControls(), Needs(), health, Random(1), 0.0)
    return [target.account.name for target in ranked]


LM_STUDIO = "http://two:1234/api/v0/models"
LLAMA_CPP = "http://two:1234/v1/models"


@pytest.mark.parametrize(
    ("provider", "url", "body", "expected"),
    [
        ("lmstudio", LM_STUDIO, {"data": [{"id": "qwen3", "state": "loaded"}]}, True),
        ("lmstudio", LM_STUDIO, {"data": [{"id": "qwen3", "state": "not-loaded"}]}, False),
        ("llamacpp", LLAMA_CPP, {"data": [{"id": "/models/q.gguf"}]}, True),
        ("llamacpp", LLAMA_CPP, {"data": [{"id": "qwen3", "status": {"value": "loaded"}}]}, True),
        (
            "llamacpp",
            LLAMA_CPP,
            {"data": [{"id": "qwen3", "status": {"value": "unloaded"}}]},
            False,
        ),
        ("lmstudio", LM_STUDIO, ["nonsense"], False),
    ],
)
def test_each_kind_of_server_is_asked_in_its_own_way(
    tmp_path: Path, provider: str, url: str, body: Any, expected: bool
) -> None:
    answers = {"http://one:11434/api/ps": {"models": []}, url: body}
    found = loaded(config(tmp_path, provider), answers)
    assert found == {"one:qwen3": False, "two:qwen3": expected}


def test_ollama_names_the_tag_that_the_configuration_leaves_out(tmp_path: Path) -> None:
    answers = {"http://one:11434/api/ps": {"models": [{"name": "qwen3:latest"}]}}
    found = loaded(config(tmp_path, "ollama"), answers)
    assert found == {"one:qwen3": True, "two:qwen3": False}


def test_where_no_other_local_server_could_stand_in_nobody_is_asked(tmp_path: Path) -> None:
    assert loaded(config(tmp_path, "groq"), {}) == {}


@pytest.mark.parametrize(
    ("ready", "expected"),
    [
        ({"one:qwen3": False, "two:qwen3": True}, ["two", "cloud", "one"]),
        ({"one:qwen3": True, "two:qwen3": True}, ["one", "cloud", "two"]),
        ({"one:qwen3": False, "two:qwen3": False}, ["one", "cloud", "two"]),
    ],
)
def test_local_targets_trade_places_among_themselves_alone(
    tmp_path: Path, ready: dict[str, bool], expected: list[str]
) -> None:
    assert order(config(tmp_path, "lmstudio"), Health(loaded=ready)) == expected
