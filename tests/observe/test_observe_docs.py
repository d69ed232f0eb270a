"""What the documents say of metrics and audit events is what there is."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import responses
import yaml
from prometheus_client.parser import text_string_to_metric_families

from router.observe.metrics import Metrics
from tests.web.gateway_app import ANSWER, FIRST, HELLO, SECOND, audit, client

DOCS = Path(__file__).resolve().parents[2] / "docs"
_METRIC = re.compile(r"\b(?:router|gen_ai)_[a-z_]+")
_SUFFIX = re.compile(r"_(?:total|bucket|sum|count)$")
_LABELS = re.compile(r"(?:by|without) \([^)]*\)|label_values\((\w+), \w+\)")
# Labels that look like metrics.
_GEN_AI_LABELS = {"gen_ai_request_model", "gen_ai_token_type", "gen_ai_provider_name"}


def known() -> set[str]:
    exposition = Metrics(str, multiprocess_dir=None).render()[0].decode()
    families = text_string_to_metric_families(exposition)
    return {_SUFFIX.sub("", family.name) for family in families}


def named(expression: str) -> set[str]:
    bare = _LABELS.sub(r"\1", expression)
    return {_SUFFIX.sub("", name) for name in _METRIC.findall(bare)} - _GEN_AI_LABELS


def expressions() -> list[str]:
    rules = yaml.safe_load((DOCS / "alerts.yml").read_text())
    board = json.loads((DOCS / "grafana-dashboard.json").read_text())
    return [
        *(rule["expr"] for group in rules["groups"] for rule in group["rules"]),
        *(target["expr"] for panel in board["panels"] for target in panel["targets"]),
    ]


@pytest.mark.parametrize("expression", expressions())
def test_alerts_and_dashboard_ask_for_metrics_that_exist(expression: str) -> None:
    assert named(expression) <= known()
    assert named(expression) or expression.startswith("up{")


def test_every_metric_is_explained() -> None:
    assert known() <= named((DOCS / "deployment.md").read_text())


@responses.activate
def test_every_audit_event_and_field_is_explained(tmp_path: Path) -> None:
    responses.post(FIRST, status=500, json={"error": {"message": "no"}})
    responses.post(SECOND, json=ANSWER)
    app = client(tmp_path)
    app.post("/v1/chat/completions", json=HELLO)
    app.post("/v1/chat/completions", json={**HELLO, "model": "auto"})
    app.post("/v1/chat/completions", json={**HELLO, "model": "nope"})
    text = (DOCS / "audit.md").read_text()
    words = set(re.findall(r"[a-z_]+", text))
    records: list[Mapping[str, Any]] = audit(tmp_path)
    assert len({record["event"] for record in records}) >= 6
    told = {record["event"] for record in records} | {key for r in records for key in r}
    assert told - words == set()
