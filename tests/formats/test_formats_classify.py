"""An error told inside a stream is told to the caller as the status it stands for."""

import pytest

from router.errors import ErrorDetail, UpstreamFacts, UpstreamUnavailable
from router.formats.classify import classify


@pytest.mark.parametrize(
    ("detail", "status"),
    [
        (ErrorDetail("busy", type="overloaded_error"), 503),
        (ErrorDetail("busy", code="529"), 503),
        (ErrorDetail("slow down", type="rate_limit_error"), 429),
        (ErrorDetail("bad", type="invalid_request_error"), 400),
        (ErrorDetail("no key", type="authentication_error"), 502),
        (ErrorDetail("oops", type="api_error"), 502),
        (ErrorDetail("what"), 502),
    ],
)
def test_an_in_band_error_has_the_status_it_means(detail: ErrorDetail, status: int) -> None:
    error = classify(UpstreamFacts(detail=detail))
    assert error.http_status == status
    assert error.facts.status is None


def test_a_status_on_the_wire_wins_over_words() -> None:
    error = classify(UpstreamFacts(status=500, detail=ErrorDetail("m", type="rate_limit_error")))
    assert isinstance(error, UpstreamUnavailable)
    assert error.http_status == 500
