"""Google's errors, both ways."""

from __future__ import annotations

import orjson
import pytest

from router.errors import (
    AttemptsExhausted,
    AttemptSummary,
    AuthenticationFailed,
    ClientClosed,
    ErrorDetail,
    InvalidRequest,
    NoTargetAvailable,
    PermissionDenied,
    RateLimited,
    RouterError,
    UnknownModel,
    UpstreamFacts,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from router.formats.gemini import FORMAT
from router.formats.gemini.errors import retry_delay_s

RPC = "type.googleapis.com/google.rpc."
QUOTA = {
    "error": {
        "code": 429,
        "message": "Quota exceeded.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": RPC + "RetryInfo", "retryDelay": "7.25s"}],
    }
}


@pytest.mark.parametrize("body", [QUOTA, [QUOTA]])
def test_an_error_is_read_wrapped_or_not(body: object) -> None:
    raw = orjson.dumps(body)
    assert FORMAT.decode_error(429, raw) == ErrorDetail(
        "Quota exceeded.", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"
    )
    assert retry_delay_s(raw) == 7.25


def test_the_reason_of_an_error_is_its_code() -> None:
    body = {
        "error": {
            "code": 400,
            "message": "API key not valid.",
            "status": "INVALID_ARGUMENT",
            "details": [{"@type": RPC + "ErrorInfo", "reason": "API_KEY_INVALID"}],
        }
    }
    assert FORMAT.decode_error(400, orjson.dumps(body)) == ErrorDetail(
        "API key not valid.", "INVALID_ARGUMENT", "API_KEY_INVALID"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the provider told no reason"),
        (b"<html>502</html>", "the provider told no reason"),
        (b"upstream connect error", "upstream connect error"),
        (b'{"error": "plain"}', "plain"),
        (b'{"error": 5}', '{"error": 5}'),
        (b"[]", "[]"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"error": {"message": 5, "details": 5}}', "the provider told no reason"),
    ],
)
def test_no_error_body_whatever_raises(body: bytes, message: str) -> None:
    assert FORMAT.decode_error(500, body).message == message
    assert retry_delay_s(body) is None


@pytest.mark.parametrize("delay", ["soon", "", 7, None, "1m"])
def test_a_wait_of_another_form_is_none(delay: object) -> None:
    details = [{"@type": RPC + "RetryInfo", "retryDelay": delay}]
    assert retry_delay_s(orjson.dumps({"error": {"details": details}})) is None


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (InvalidRequest("m"), 400, "INVALID_ARGUMENT"),
        (AuthenticationFailed("m"), 401, "UNAUTHENTICATED"),
        (PermissionDenied("m"), 403, "PERMISSION_DENIED"),
        (UnknownModel("m"), 404, "NOT_FOUND"),
        (RateLimited("m"), 429, "RESOURCE_EXHAUSTED"),
        (ClientClosed("m"), 499, "CANCELLED"),
        (RouterError("m"), 500, "INTERNAL"),
        (NoTargetAvailable("m"), 503, "UNAVAILABLE"),
        (UpstreamUnavailable("m"), 502, "UNAVAILABLE"),
        (UpstreamTimeout("m"), 504, "DEADLINE_EXCEEDED"),
    ],
)
def test_status_words(error: RouterError, code: int, word: str) -> None:
    assert FORMAT.encode_error(error) == {"error": {"code": code, "message": "m", "status": word}}


def test_field_attempts_and_wait_stand_under_details() -> None:
    assert FORMAT.encode_error(InvalidRequest("bad role", param="contents[0].role"))["error"][
        "details"
    ] == [
        {
            "@type": RPC + "BadRequest",
            "fieldViolations": [{"field": "contents[0].role", "description": "bad role"}],
        }
    ]
    last = UpstreamRateLimited("m", UpstreamFacts(429, retry_after_s=1.5))
    exhausted = AttemptsExhausted(last, "m", [AttemptSummary("a", "b", 429, "rate_limit", 12)])
    info, retry = FORMAT.encode_error(exhausted)["error"]["details"]
    assert info["reason"] == "RATE_LIMIT_EXCEEDED"
    assert orjson.loads(info["metadata"]["attempts"])[0]["account"] == "a"
    assert retry == {"@type": RPC + "RetryInfo", "retryDelay": "1.5s"}


def test_an_error_inside_a_stream_is_one_frame() -> None:
    frame = FORMAT.encode_stream_error(NoTargetAvailable("none"))
    assert frame.startswith(b"data: {")
    assert frame.endswith(b"}\r\n\r\n")
