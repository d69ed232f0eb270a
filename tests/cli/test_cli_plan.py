from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from audit_samples import CHAT, CODE, CONFIG, ask, gateway, log_of
from click.testing import CliRunner, Result

from router.cli.main import main

CHEAPER = CONFIG.replace("coding: {default: big}", "coding: {default: mid}")


def plan(root: Path, config: str, *more: str) -> Result:
    (root / "new.yaml").write_text(config)
    arguments = ["plan", str(root / "new.yaml"), "--path", str(log_of(root)), *more]
    return CliRunner().invoke(main, arguments)


def planned(root: Path, config: str, *more: str) -> dict[str, Any]:
    result = plan(root, config, "--json", *more)
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.output)
    return told


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Two coding requests and a chat, in three conversations."""
    client = gateway(tmp_path)
    for number, text in enumerate((CODE, CODE + " Use C.", CHAT)):
        assert ask(client, text, f"req-{number}").status_code == 200
    return tmp_path


def test_the_configuration_of_then_changes_nothing(recorded: Path) -> None:
    told = planned(recorded, CONFIG)
    assert (told["replayed"], told["changed"], told["not_replayed"]) == (3, 0, {})
    assert told["cost"]["difference_usd"] == "0"
    assert told["cost"]["requests_priced"] == 3


def test_changed_routes_are_told_with_their_kinds_and_cost(recorded: Path) -> None:
    told = planned(recorded, CHEAPER)
    (change,) = told["changes"]
    assert (change["from"], change["to"], change["count"]) == ("big", "mid", 2)
    assert all(kind.startswith("coding/") for kind in change["kinds"])
    assert float(change["cost"]["after_usd"]) < float(change["cost"]["before_usd"])


def test_people_are_told_the_same(recorded: Path) -> None:
    output = plan(recorded, CHEAPER).output
    assert "3 requests replayed" in output
    assert "2 would go elsewhere (66.7%)" in output
    assert "big → mid" in output
    assert "estimated cost, the same tokens assumed" in output


def test_new_prices_alone_change_the_cost_and_no_route(recorded: Path) -> None:
    told = planned(recorded, CONFIG.replace("input: 3, output: 15", "input: 6, output: 30"))
    assert told["changed"] == 0
    assert float(told["cost"]["difference_usd"]) > 0


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("{matches: contract}", "legal asks for matches, which is not recorded"),
        ("{header: {x-team: a}}", "legal asks for header, which is not recorded"),
        ("{user: bob}", "legal asks for user, which is not recorded"),
    ],
)
def test_rules_on_what_is_not_recorded_are_listed(recorded: Path, when: str, why: str) -> None:
    rule = f"rules: [{{name: legal, when: {when}, then: {{model: mid}}}}]"
    told = planned(recorded, CONFIG + rule)
    assert told["not_replayed"] == {why: 3}


def test_such_a_rule_does_no_harm_where_its_other_conditions_fail(recorded: Path) -> None:
    rule = "rules: [{when: {matches: x, has: images}, then: {model: mid}}]"
    told = planned(recorded, CONFIG + rule)
    assert (told["replayed"], told["not_replayed"]) == (3, {})


def test_rules_on_counts_and_judgements_are_replayed(recorded: Path) -> None:
    rule = "rules: [{name: r, when: {task: coding, endpoint: /v1/chat/*}, then: {model: mid}}]"
    assert planned(recorded, CONFIG + rule)["changed"] == 2


def test_a_model_that_is_gone_is_a_refusal(tmp_path: Path) -> None:
    ask(gateway(tmp_path), "Hello", "req-1", model="mid")
    without = CONFIG.replace(", mid", "").replace("fallback_models: [mid]", "")
    without = without.replace("  mid: {price: {input: 1, output: 4}}\n", "")
    (change,) = planned(tmp_path, without)["changes"]
    assert (change["from"], change["to"]) == ("mid", "refused: model_not_found")


def test_a_named_model_that_the_judge_never_saw_cannot_meet_his_rules(tmp_path: Path) -> None:
    ask(gateway(tmp_path), "Hello", "req-1", model="mid")
    rule = "rules: [{name: r, when: {task: coding}, then: {model: mid}}]"
    told = planned(tmp_path, CONFIG + rule)
    assert told["not_replayed"] == {"r asks for task, which is not recorded": 1}


def test_what_the_request_asked_of_the_router_counts_again(tmp_path: Path) -> None:
    client = gateway(tmp_path)
    ask(client, CODE, "req-1", allowed_models=["big"], provider={"ignore": ["nobody"]})
    ask(client, CODE + " 2", "req-2", provider={"only": ["demo"]})
    changes = planned(tmp_path, CHEAPER)["changes"]
    assert {change["to"] for change in changes} == {
        "mid",
        "refused: routing_constraints_unsatisfied (allowed_models)",
    }


def test_a_conversation_keeps_its_seat_in_the_replay(tmp_path: Path) -> None:
    client = gateway(tmp_path)
    session = {"prompt_cache_key": "one"}
    ask(client, CODE, "req-1", **session)
    ask(client, CHAT, "req-2", **session)
    told = planned(tmp_path, CHEAPER)
    (change,) = told["changes"]
    assert (change["from"], change["to"], change["count"]) == ("big", "mid", 2)


def test_a_conversation_older_than_the_log_stays_where_it_was(tmp_path: Path) -> None:
    client = gateway(tmp_path)
    ask(client, CODE, "req-1", prompt_cache_key="one")
    log_of(tmp_path).unlink()
    client = gateway(tmp_path)
    ask(client, CHAT, "req-2", prompt_cache_key="one")
    assert planned(tmp_path, CONFIG)["changed"] == 0


def test_records_without_replay_data_are_listed(recorded: Path) -> None:
    log = log_of(recorded)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    log.write_text("".join(json.dumps({**line, "replay": None}) + "\n" for line in lines))
    told = planned(recorded, CONFIG)
    assert told["not_replayed"] == {"recorded without what deciding again needs": 3}


def test_only_the_time_asked_for_is_read(recorded: Path) -> None:
    log = log_of(recorded)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    day_ms = 86_400_000
    old = [{**line, "ts_ms": line["ts_ms"] - 2 * day_ms} for line in lines]
    log.write_text("".join(json.dumps(line) + "\n" for line in old))
    assert planned(recorded, CONFIG, "--since", "1d")["replayed"] == 0
    assert planned(recorded, CONFIG, "--since", "3d")["replayed"] == 3


def test_accounts_without_a_key_here_are_named(recorded: Path) -> None:
    config = CONFIG.replace("provider: demo,", "provider: openai, api_key_env: NO_SUCH_KEY,")
    told = planned(recorded, config)
    assert told["changed"] == 0
    assert "eu" in told["accounts_not_in_use"]
    assert "NO_SUCH_KEY" in plan(recorded, config).output


def test_a_configuration_that_cannot_be_used_is_refused(recorded: Path) -> None:
    result = plan(recorded, CONFIG.replace("default: big", "default: bgi"))
    assert result.exit_code == 2
    assert 'did you mean "big"' in result.output


def test_a_span_that_is_none_is_refused(recorded: Path) -> None:
    assert "30m, 12h, 7d" in plan(recorded, CONFIG, "--since", "soon").output
