"""The audit log adds up: exactly where it counts, within 1 % where it estimates."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.observe.audit_files import Reading, records
from router.observe.log_analysis import Analysis
from router.observe.sketch import Sketch


def terminal(**fields: Any) -> dict[str, Any]:
    usual = {
        "ts": 1_800_000_000,
        "event": "proxy_terminal",
        "request_id": "r",
        "status": 200,
        "outcome": "success",
        "selected_model": "fast",
        "model": "fast",
        "task": "coding",
        "account": "acme",
        "attempts": 1,
        "attempted_targets": ["acme:fast"],
        "duration_ms": 100.0,
        "ttft_ms": 10.0,
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
        "cost_usd": "0.1",
    }
    return {**usual, **fields}


def report(*events: dict[str, Any], top: int = 3) -> dict[str, Any]:
    analysis = Analysis(top)
    for event in events:
        analysis.add(event)
    return analysis.report(Reading())


@given(st.lists(st.floats(0.01, 1e8), min_size=1, max_size=300), st.floats(0.01, 1.0))
def test_a_percentile_is_off_by_one_percent_at_most(values: list[float], share: float) -> None:
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    exact = sorted(values)[max(0, -(-len(values) * share // 1).__int__() - 1)]
    assert sketch.quantile(share) == pytest.approx(exact, rel=0.011)


def test_a_sketch_does_not_grow_with_what_is_added() -> None:
    sketch = Sketch()
    for power in range(200):
        for digit in range(1, 50):
            sketch.add(digit * 10.0 ** (power - 100))
    assert len(sketch.buckets) < 1500


def test_costs_add_up_without_rounding() -> None:
    told = report(*(terminal(cost_usd="0.1") for _ in range(3)))
    assert told["total"]["cost_usd"] == "0.3"


def test_requests_are_told_by_model_task_and_account() -> None:
    told = report(
        terminal(),
        terminal(model="smart", account="other", attempted_targets=["acme:fast", "other:smart"]),
        terminal(
            model=None, account=None, outcome="error", status=502, error_type="timeout", usage=None
        ),
    )
    assert {name: group["requests"] for name, group in told["by_model"].items()} == {
        "fast": 2,
        "smart": 1,
    }
    assert told["by_account"]["none"]["errors"] == 1
    assert told["by_model"]["smart"]["fallbacks"] == 1
    assert told["consistency"] == {"answered_by_another_model": 1}
    assert told["errors"] == {"timeout": 1}
    assert told["total"]["tokens"]["input_tokens"] == 20


def test_an_answer_without_a_price_is_counted_as_such() -> None:
    total = report(terminal(cost_usd=None), terminal())["total"]
    assert (total["unpriced"], total["cost_usd"]) == (1, "0.1")


def test_the_slowest_and_the_dearest_are_kept_in_order() -> None:
    told = report(
        *(
            terminal(request_id=str(n), duration_ms=float(n % 7), cost_usd=f"0.{n % 5}")
            for n in range(20)
        )
    )
    assert [item["duration_ms"] for item in told["slowest"]] == [6.0, 6.0, 5.0]
    assert [item["cost_usd"] for item in told["most_expensive"]] == ["0.4", "0.4", "0.4"]


def test_names_that_callers_invent_do_not_fill_the_memory() -> None:
    told = report(*(terminal(model=f"m{n}", error_type=f"e{n}") for n in range(2000)))
    assert len(told["by_model"]) <= 501
    assert len(told["errors"]) <= 501
    assert told["by_model"]["other"]["requests"] == 1500


@pytest.mark.parametrize(
    "strange",
    [
        {"duration_ms": "soon", "ttft_ms": True, "usage": [], "cost_usd": "much"},
        {"attempts": None, "attempted_targets": 3, "usage": {"input_tokens": "x"}},
        {"cost_usd": "NaN", "duration_ms": 1e300, "ts": "now", "status": None, "outcome": []},
        {"duration_ms": -5, "model": ["m"], "task": {"a": 1}},
    ],
)
def test_a_foreign_record_does_no_harm(strange: dict[str, Any]) -> None:
    assert report(terminal(**strange))["total"]["requests"] == 1


def test_broken_lines_are_counted_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps(terminal()).encode()
    path.write_bytes(good + b"\n\n" + good[:40] + b'\n[1]\n{"no": "event"}\n\xff\xfe\n' + good)
    reading = Reading()
    assert len(list(records([path], reading))) == 2
    assert (reading.lines, reading.broken, reading.read_bytes) == (6, 4, path.stat().st_size)


def test_compressed_files_are_read_and_progress_is_of_the_disk(tmp_path: Path) -> None:
    line = json.dumps(terminal()).encode() + b"\n"
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.1.gz"
    plain.write_bytes(line * 10_000)
    packed.write_bytes(gzip.compress(line * 10_000))
    reading, steps = Reading(), []
    assert sum(1 for _ in records([packed, plain], reading, steps.append)) == 20_000
    assert sum(steps) == reading.read_bytes == plain.stat().st_size + packed.stat().st_size
    assert len(steps) >= 4


@pytest.mark.parametrize("harm", [slice(0, -9), slice(0, 40), slice(5, None)])
def test_of_a_damaged_file_is_read_what_can_be(tmp_path: Path, harm: slice) -> None:
    line = json.dumps(terminal()).encode() + b"\n"
    damaged, good = tmp_path / "a.1.gz", tmp_path / "a"
    damaged.write_bytes(gzip.compress(line * 5)[harm])
    good.write_bytes(line)
    reading = Reading()
    assert 1 <= sum(1 for _ in records([damaged, good], reading)) <= 6
    assert reading.broken >= 1
