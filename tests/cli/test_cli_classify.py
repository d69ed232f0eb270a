import io
import json
from typing import Any

import pytest

from router.cli.classify import classify_lines
from router.errors import InvalidRequest


def judged(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    out = io.StringIO()
    classify_lines((json.dumps(row) + "\n" for row in rows), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_each_line_gets_one_answer_in_order() -> None:
    tasks = [
        row["task"]
        for row in judged(
            {"prompt": "write a python function that reverses a list"},
            {"prompt": "hello, how are you"},
        )
    ]
    assert tasks == ["coding", "general"]


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": "Write a Rust function that parses a date."}]},
        {
            "max_tokens": 9,
            "system": "Be kind.",
            "messages": [{"role": "user", "content": "Write a Rust function that parses a date."}],
        },
        {"input": "Write a Rust function that parses a date."},
        {"contents": [{"parts": [{"text": "Write a Rust function that parses a date."}]}]},
    ],
    ids=["chat", "anthropic", "responses", "gemini"],
)
def test_a_request_of_any_format_is_judged_by_its_user_text(body: dict[str, Any]) -> None:
    [told] = judged(body)
    assert told["task"] == "coding"
    assert told["signals"]["text_length_total"] == 41


def test_headers_beside_the_request_are_heard() -> None:
    row = {"prompt": "Name this chat", "headers": {"X-OpenWebUI-Task": "title_generation"}}
    assert judged(row)[0]["task"] == "housekeeping"


def test_blank_lines_are_left_out() -> None:
    out = io.StringIO()
    classify_lines(["\n", '{"prompt": "hi"}\n'], out)
    assert len(out.getvalue().splitlines()) == 1


@pytest.mark.parametrize("line", ["nonsense", "[1]", '{"prompt": 3}', "{}"])
def test_a_bad_line_is_named_by_its_number(line: str) -> None:
    with pytest.raises(InvalidRequest, match="line 2"):
        classify_lines(['{"prompt": "hi"}', line], io.StringIO())
