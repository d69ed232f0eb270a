"""Log lines: one a record, nothing injected, no secret."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from router.canonical.principal import Principal
from router.canonical.request import ModelTraits
from router.canonical.usage import Usage
from router.observe.fields import RequestFacts
from router.observe.logs import (
    LineFormatter,
    RedactingFilter,
    gunicorn_logging,
    log_request,
)
from router.providers.base import Account, Target
from router.routing.decision import Attempt, Judgement, Outcome, RouteDecision

KEY = "sk-proj-Ab3dEf6hIj9lMn2pQr5tUv8xYz1"
PLAIN_SECRET = "correcthorsebattery"


class Log:
    """A logger of its own with what it wrote."""

    def __init__(self, layout: Any = "text", name: str = "test.observe") -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(LineFormatter(layout))
        handler.addFilter(RedactingFilter(lambda: (PLAIN_SECRET,)))
        self.logger = logging.Logger(name)  # kept out of the global tree
        self.logger.addHandler(handler)

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().split("\n")[:-1]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def json_log() -> Log:
    return Log("json")


def test_facts_follow_the_message_as_pairs(log: Log) -> None:
    log.logger.warning(
        "attempt failed", extra={"target": "a:b", "attempt": 2, "note": 'two "words"', "none": None}
    )
    (line,) = log.lines
    stamp, rest = line.split(" ", 1)
    assert stamp.endswith("Z")
    assert rest == (
        'WARNING test.observe: attempt failed target=a:b attempt=2 note="two \\"words\\""'
    )


def test_json_lines_carry_the_same_facts(json_log: Log) -> None:
    json_log.logger.warning("attempt %d", 2, extra={"target": "a:b", "level": "spoofed"})
    (line,) = json_log.lines
    entry = json.loads(line)
    assert entry["msg"] == "attempt 2"
    assert entry["level"] == "warning"
    assert entry["logger"] == "test.observe"
    assert entry["target"] == "a:b"


@pytest.mark.parametrize("layout", ["text", "json"])
@pytest.mark.parametrize(
    "evil", ["\n", "\r\n", "\x1b[2K", "\x00", "\x0b", "\x85", "\u2028", "\u202e", "\ud800", "\x9b"]
)
def test_no_value_can_start_a_line_or_move_the_cursor(layout: str, evil: str) -> None:
    log = Log(layout)
    forged = f"x{evil}2026-01-01T00:00:00Z ERROR router: forged"
    log.logger.info(
        "%s", forged, extra={"model": forged, "list": [forged], "map": {forged: forged}}
    )
    log.logger.info(forged)
    log.logger.info("next")
    assert len(log.lines) == 3
    text = log.stream.getvalue().replace("\n", "")
    assert evil.replace("\n", "").replace("\r", "") not in text or evil in "\r\n"
    assert text.isprintable()


@pytest.mark.parametrize("layout", ["text", "json"])
def test_secrets_are_hidden_in_message_arguments_facts_and_traceback(layout: str) -> None:
    log = Log(layout)
    log.logger.info("a %s", KEY)
    log.logger.info(f"b {PLAIN_SECRET}")
    log.logger.info("c", extra={"note": f"{KEY} {PLAIN_SECRET}", "api_key": "short", "n": 3})
    log.logger.info("d", extra={"headers": {"Authorization": "Bearer q", "X": [PLAIN_SECRET]}})
    try:
        raise ValueError(f"bad key {PLAIN_SECRET}")
    except ValueError:
        log.logger.exception("e")
    written = log.stream.getvalue()
    assert len(log.lines) == 5
    for hidden in (KEY, PLAIN_SECRET, "short", "Bearer q"):
        assert hidden not in written
    assert "ValueError: bad key [redacted]" in written


@pytest.mark.parametrize(
    "complaint",
    [
        "Invalid HTTP Header: 'Authoization Bearer mykeywithoutprefix'",
        "Invalid HTTP header name: 'mykeywithoutprefix :'",
        "Invalid HTTP request line: 'GET /?k=mykeywithoutprefix'",
        "Invalid HTTP method: 'mykeywithoutprefix'",
        "Obsolete line folding is unacceptable: 'x-api-key: mykeywithoutprefix'",
        "Unsupported transfer coding: 'mykeywithoutprefix'",
        "Unable to comply with expectation: 'mykeywithoutprefix'",
        "Invalid chunk size: b'mykeywithoutprefix'",
    ],
)
def test_gunicorns_quotes_of_malformed_requests_are_hidden(complaint: str) -> None:
    log = Log(name="gunicorn.error")
    log.logger.warning(f"Invalid request from ip=127.0.0.1: {complaint}")
    (line,) = log.lines
    assert "mykeywithoutprefix" not in line
    assert "Invalid request from ip=127.0.0.1: " in line
    assert complaint.partition(":")[0] in line


def test_gunicorns_own_lines_stay_readable() -> None:
    log = Log(name="gunicorn.error")
    log.logger.info("Listening at: %s (%s)", "http://127.0.0.1:8086", 7)
    assert log.lines[0].endswith("Listening at: http://127.0.0.1:8086 (7)")


def test_a_format_that_does_not_fit_is_still_one_line(log: Log) -> None:
    log.logger.info("%d of %d", "x")  # noqa: PLE1206
    (line,) = log.lines
    assert "%d of %d" in line


def test_huge_values_are_bounded(log: Log) -> None:
    log.logger.info("x" * 1_000_000, extra={"model": "y z" * 1_000_000})
    assert len(log.lines[0]) < 40_000


def in_a_new_process(program: str, *arguments: str) -> str:
    """What a program writes to stderr; the logging tree of this process stays as it is."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


def test_redaction_reaches_handlers_that_others_set_up() -> None:
    program = """
import logging
from router.observe.fields import RequestFacts
from router.observe.logs import RedactingFilter, install_redaction
stray = logging.getLogger("stray.library")
handler = logging.StreamHandler()
stray.addHandler(handler)
install_redaction(lambda: ("first-secret",))
install_redaction(lambda: ("second-secret",))
stray.error("second-secret %s", "sk-proj-Ab3dEf6hIj9lMn2p")
assert sum(isinstance(item, RedactingFilter) for item in handler.filters) == 1
"""
    assert in_a_new_process(program) == "[redacted] [redacted]\n"


@pytest.mark.parametrize("layout", ["text", "json"])
def test_the_dict_sets_a_process_up_by_import_path(layout: str) -> None:
    program = (
        "import json, logging, logging.config, sys\n"
        "logging.config.dictConfig(json.loads(sys.argv[1]))\n"
        "logging.getLogger('gunicorn.error').error('Invalid HTTP Header: \\'k: v\\'')\n"
        "logging.getLogger('router.x').info('hello\\nworld')\n"
        "logging.getLogger('router.x').debug('unseen')\n"
        "logging.getLogger('urllib3.connectionpool').info('unseen')\n"
    )
    config = json.dumps(gunicorn_logging("info", layout))  # type: ignore[arg-type]
    first, second = in_a_new_process(program, config).splitlines()
    assert "k: v" not in first
    assert "hello\\nworld" in second
    if layout == "json":
        assert json.loads(second)["msg"] == "hello\nworld"


def test_a_request_is_one_access_line(caplog: pytest.LogCaptureFixture) -> None:
    account = Account("acme", "openai", "openai", "https://api.example.com")
    target = Target("gpt-x", account, ModelTraits("gpt-x-2026"))
    outcome = Outcome(
        status=200,
        outcome="success",
        attempts=(Attempt(target, 1, 0.0, 10.0, 429), Attempt(target, 2, 1.0, 20.0, 200)),
        target=target,
        usage=Usage(input_tokens=5, cache_read_tokens=3, output_tokens=7),
        cost_usd=Decimal("0.0000015"),
        ttft_ms=12.345,
        duration_ms=99.99,
    )
    decision = RouteDecision("auto", "auto", Judgement("coding", "low"), ("gpt-x",))
    facts = RequestFacts("r1", "/v1/chat/completions", True, Principal("team", "key"), "abc")
    with caplog.at_level(logging.INFO, "router.access"):
        log_request(facts, decision, outcome)
    (record,) = caplog.records
    line = LineFormatter().format(record).split("router.access: ")[1]
    assert line == (
        "request request_id=r1 principal=team method=POST path=/v1/chat/completions status=200"
        " outcome=success stream=True model_requested=auto model=gpt-x account=acme attempts=2"
        " ttft_ms=12.3 duration_ms=100.0 prompt_tokens=8 output_tokens=7 cost_usd=0.0000015"
    )


def test_a_request_that_failed_early_is_logged_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "router.access"):
        log_request(RequestFacts("r1", "/v1/x"), None, Outcome(401, "error"))
    line = LineFormatter().format(caplog.records[0])
    assert "status=401 outcome=error" in line
    assert "None" not in line
