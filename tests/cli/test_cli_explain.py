from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from audit_samples import CODE, CONFIG
from click.testing import CliRunner, Result

from router.cli.main import main

RULES = (
    CONFIG
    + """
keys:
  - {name: team, key: sk-secret, models: [small, mid]}
rules:
  - {name: night, when: {header: {x-night: "*"}}, then: {model: mid}}
  - {name: team's, when: {key: team, endpoint: /v1/messages}, then: {model: small}}
"""
)
REQUEST = {"messages": [{"role": "user", "content": CODE}]}


def explain(root: Path, body: Any = REQUEST, *more: str, config: str = RULES) -> Result:
    (root / "router.yaml").write_text(config)
    (root / "request.json").write_text(json.dumps(body))
    arguments = ["explain", str(root / "request.json"), "-c", str(root / "router.yaml"), *more]
    return CliRunner().invoke(main, arguments)


def test_an_operator_reads_judgement_words_rules_candidates_and_plan(tmp_path: Path) -> None:
    output = explain(tmp_path, {**REQUEST, "allowed_models": ["big"]}).output
    for expected in (
        "asked for     auto",
        "judged        coding",
        "probability   coding 0.",
        "words for coding",
        "python +",
        "features",
        "rule          night: header does not hold",
        "because       judged coding/",
        "  big",
        "    + eu:big (demo, about $0.00",
        "  mid: left out, not among the request's allowed_models",
        "  1. eu:big (demo big)",
    ):
        assert expected in output, expected
    assert "sk-secret" not in output


def test_headers_and_key_of_the_request_can_be_given(tmp_path: Path) -> None:
    assert "night: FIRED" in explain(tmp_path, REQUEST, "--header", "X-Night: 1").output
    body = {**REQUEST, "system": "You help.", "max_tokens": 9}
    told = json.loads(explain(tmp_path, body, "--key", "team", "--json").output)
    assert told["rules"][1] == {"name": "team's", "fired": True}
    assert told["plan"]["targets"][0]["target"] == "eu:small"


def test_a_key_is_held_to_its_models(tmp_path: Path) -> None:
    output = explain(tmp_path, REQUEST, "--key", "team").output
    assert "big: left out, this key may not use it" in output


def test_an_open_webui_title_is_seen_as_an_errand(tmp_path: Path) -> None:
    output = explain(tmp_path, REQUEST, "-H", "X-OpenWebUI-Task: title_generation").output
    assert "errand        title_generation" in output
    assert "eu:small" in output


def test_a_refusal_is_told_with_its_reason_and_remedy(tmp_path: Path) -> None:
    config = CONFIG.replace("mid: {price", "mid: {capabilities: [], price")
    config = config.replace("big: {price", "big: {capabilities: [], price")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    body = {"messages": [{"role": "user", "content": [image]}]}
    output = explain(tmp_path, body, config=config).output
    assert "refused: 400 routing_constraints_unsatisfied" in output
    assert "no target meets the constraint capability" in output


def test_what_is_no_header_or_key_is_refused_in_a_sentence(tmp_path: Path) -> None:
    assert '"nonsense" is no header' in explain(tmp_path, REQUEST, "-H", "nonsense").output
    assert 'no key is named "x"; known: team' in explain(tmp_path, REQUEST, "--key", "x").output
    assert "must hold a JSON object" in explain(tmp_path, [1]).output
