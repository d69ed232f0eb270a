from __future__ import annotations

import gzip
import json
from pathlib import Path

from audit_samples import CODE, ask, gateway, log_of, write
from click.testing import CliRunner, Result

from router.cli.main import main


def why(path: Path, request_id: str, *more: str) -> Result:
    return CliRunner().invoke(main, ["why", request_id, "--path", str(path), *more])


def test_the_story_of_a_request_is_told_without_its_words(tmp_path: Path) -> None:
    client = gateway(tmp_path)
    ask(client, CODE, "req-1", allowed_models=["big", "small"])
    result = why(log_of(tmp_path), "req-1")
    assert result.exit_code == 0
    for expected in (
        "asked for    auto",
        "judged       coding",
        "task_routes coding.default",
        "mid: allowed_models",
        "attempt 1: calls eu:big",
        "outcome      success, status 200",
        "answered by  eu:big",
        " out tokens",
        "cost         $0.0",
    ):
        assert expected in result.output
    assert "linked" not in result.output


def test_a_refusal_names_the_constraint(tmp_path: Path) -> None:
    client = gateway(tmp_path)
    ask(client, CODE, "req-1", provider={"only": ["nobody"]})
    result = why(log_of(tmp_path), "req-1")
    assert "error, status 400, routing_constraints_unsatisfied" in result.output
    assert "constraint:provider_preferences" in result.output


def test_every_failed_attempt_is_told_with_its_time(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    write(
        log,
        {"event": "route_decision", "request_id": "r", "selected_model": "big", "task": "coding"},
        {"event": "proxy_skip_circuit_open", "request_id": "r", "target": "a:big",
         "wait_seconds": 12.0},
        {"event": "proxy_attempt", "request_id": "r", "attempt": 1, "target": "b:big"},
        {"event": "proxy_request_error", "request_id": "r", "error_type": "timeout",
         "error": "no answer within 5 s"},
        {"event": "proxy_retry", "request_id": "r", "error_type": "timeout"},
    )  # fmt: skip
    output = why(log, "r").output
    assert "skipped a:big: its breaker is open, 12.0 s" in output
    assert "3,000 ms    failed: timeout: no answer within 5 s" in output
    assert "none recorded" in output


def test_rotated_and_compressed_logs_are_read_too(tmp_path: Path) -> None:
    client = gateway(tmp_path)
    for number in range(3):
        ask(client, "Hello", f"req-{number}")
        log = log_of(tmp_path)
        if number == 0:
            with gzip.open(log.with_name(log.name + "-20260101.gz"), "wb") as packed:
                packed.write(log.read_bytes())
            log.unlink()
        elif number == 1:
            log.rename(log.with_name(log.name + ".1"))
        client = gateway(tmp_path)
    for number in range(3):
        result = why(log_of(tmp_path), f"req-{number}")
        assert result.exit_code == 0, number
        assert result.output.count("outcome ") == 1


def test_a_log_that_is_cut_off_or_damaged_is_read_up_to_there(tmp_path: Path) -> None:
    ask(gateway(tmp_path), "Hello", "req-1")
    log = log_of(tmp_path)
    whole = gzip.compress(log.read_bytes() + b"x" * 100)
    log.with_name(log.name + ".2.gz").write_bytes(whole[:-20])
    with log.open("ab") as file:
        file.write(b'{"request_id":"req-1"\n[1]\n')
    assert why(log, "req-1").exit_code == 0


def test_json_gives_the_records_as_written(tmp_path: Path) -> None:
    ask(gateway(tmp_path), "Hello", "req-1")
    records = json.loads(why(log_of(tmp_path), "req-1", "--json").output)
    assert records[0]["event"] == "route_decision"
    assert records[-1]["event"] == "proxy_terminal"


def test_an_id_that_was_used_twice_gives_two_stories(tmp_path: Path) -> None:
    client = gateway(tmp_path)
    ask(client, "Hello", "same")
    ask(client, "Hello again", "same")
    assert why(log_of(tmp_path), "same").output.count("request same") == 2


def test_an_unknown_id_ends_with_one_sentence(tmp_path: Path) -> None:
    ask(gateway(tmp_path), "Hello", "req-1")
    result = why(log_of(tmp_path), "req")
    assert result.exit_code == 1
    assert result.output.startswith('no request "req" in ')
