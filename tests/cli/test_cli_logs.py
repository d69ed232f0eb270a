"""``open-llm-router logs`` and ``tail``, as they are typed."""

import gzip
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from router.cli.main import main
from router.cli.tail import as_line

RECORD = {
    "ts": 1_800_000_000,
    "event": "proxy_terminal",
    "ts_ms": 1_800_000_000_500,
    "request_id": "r1",
    "status": 200,
    "outcome": "success",
    "requested_model": "auto",
    "selected_model": "fast",
    "model": "fast",
    "task": "coding",
    "complexity": "low",
    "account": "acme",
    "attempts": 2,
    "attempted_targets": ["x:fast", "acme:fast"],
    "duration_ms": 100.0,
    "ttft_ms": 10.0,
    "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
    "cost_usd": "0.1",
    "principal": "team",
}
FAILED = {
    **RECORD,
    "ts_ms": 1_800_000_100_000,
    "request_id": "r2",
    "status": 502,
    "outcome": "error",
    "error_type": "timeout",
    "model": None,
    "account": None,
    "usage": None,
    "cost_usd": None,
}
ATTEMPT = {"ts": 1, "event": "proxy_attempt", "request_id": "r2", "target": "x:fast"}


def run(path: Path, *arguments: str) -> Result:
    lines = [json.dumps(record) for record in (RECORD, ATTEMPT, FAILED)]
    path.write_text("\n".join([*lines, '{"torn', ""]))
    return CliRunner().invoke(main, [*arguments, "--path", str(path)])


def test_the_report_for_people_tells_groups_errors_and_broken_lines(tmp_path: Path) -> None:
    told = run(tmp_path / "a.jsonl", "logs")
    assert told.exit_code == 0
    for words in ("4 lines", "1 broken", "coding", "acme", "error: timeout 1", "slowest:", "r2"):
        assert words in told.stdout


def test_the_report_for_programs_is_json(tmp_path: Path) -> None:
    report = json.loads(run(tmp_path / "a.jsonl", "logs", "--format", "json").stdout)
    assert report["total"]["requests"] == 2
    assert report["total"]["cost_usd"] == "0.1"


def test_without_a_path_the_rotated_files_count_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "a.jsonl"
    line = json.dumps(RECORD).encode() + b"\n"
    log.write_bytes(line)
    (tmp_path / "a.jsonl.1").write_bytes(line)
    (tmp_path / "a.jsonl.2.gz").write_bytes(gzip.compress(line))
    os.utime(tmp_path / "a.jsonl.2.gz", (0, 0))
    monkeypatch.setenv("ROUTER_AUDIT_LOG_PATH", str(log))
    (tmp_path / "router.yaml").write_text(
        "models: [m]\naccounts: [{name: demo, provider: demo, kind: demo}]\n"
    )

    def requests(*span: str) -> int:
        words = ["logs", "--format", "json", "-c", str(tmp_path / "router.yaml"), *span]
        count: int = json.loads(CliRunner().invoke(main, words).stdout)["total"]["requests"]
        return count

    assert requests() == 3
    assert requests("--since", "1990-01-01") == 2


def test_since_and_until_cut_the_time(tmp_path: Path) -> None:
    def requests(*span: str) -> int:
        told = run(tmp_path / "a.jsonl", "logs", "--format", "json", *span)
        count: int = json.loads(told.stdout)["total"]["requests"]
        return count

    assert requests("--since", "2027-01-15T08:01:00Z") == 1
    assert requests("--until", "2027-01-15T08:01:00Z") == 1
    assert requests("--since", "2027-01-14") == 2
    assert run(tmp_path / "a.jsonl", "logs", "--since", "soon").exit_code == 2


def test_a_log_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["logs", "--path", str(tmp_path / "none")])
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.startswith("error: ")


def test_tail_tells_the_end_of_each_request(tmp_path: Path) -> None:
    told = run(tmp_path / "a.jsonl", "tail", "--no-follow").stdout.splitlines()
    assert told == [
        "08:00:00.500 200 success fast@acme coding/low 100 ms ttft 10 attempts 2 tokens 15 $0.1"
        " by team id=r1",
        "08:01:40.000 502 error fast@- coding/low timeout 100 ms ttft 10 attempts 2 by team id=r2",
    ]


def test_tail_filters(tmp_path: Path) -> None:
    def ids(*filters: str) -> list[str]:
        told = run(tmp_path / "a.jsonl", "tail", "-F", *filters).stdout.splitlines()
        return [line.rpartition("id=")[2] for line in told]

    assert ids("--errors") == ["r2"]
    assert ids("--status", "5xx") == ["r2"]
    assert ids("--status", "200") == ["r1"]
    assert ids("--account", "ac*") == ["r1"]
    assert ids("--model", "none*") == []
    assert ids("--request-id", "r2") == ["r2", "r2"]
    assert ids("-n", "1") == ["r2"]


def test_what_callers_chose_cannot_steer_a_terminal() -> None:
    line = as_line({**RECORD, "model": "a\x1b[2Jb\nc\u2028d"})
    assert "\x1b" not in line
    assert "a[2Jbcd@acme" in line
