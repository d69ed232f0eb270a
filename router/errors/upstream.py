"""This module holds how a call to a provider can fail, and what is told when all have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from router.errors.base import RouterError, retry_headers

Disposition = Literal["retry", "failover", "surface"]
"""What may follow a failed attempt.

``retry``: the same target, after a wait. ``failover``: the next target.
``surface``: the caller's own fault; stop and tell.
"""


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """What a provider said about a failure, in our terms.

    Attributes
    ----------
    message : str
        The provider's sentence; redact it before it leaves the gateway.
    type, code, param : str, optional
        As the provider named them.
    """

    message: str
    type: str | None = None
    code: str | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True)
class UpstreamFacts:
    """Circumstances of a failed attempt.

    Attributes
    ----------
    status : int, optional
        The provider's HTTP status; None where there was no answer.
    detail : ErrorDetail, optional
        What the provider said.
    retry_after_s : float, optional
        What the provider asked us to wait.
    request_id : str, optional
        The provider's own id of the call.
    meant_status : int, optional
        The HTTP status that an error told inside a 200 stands for.
    """

    status: int | None = None
    detail: ErrorDetail | None = None
    retry_after_s: float | None = None
    request_id: str | None = None
    meant_status: int | None = None


class UpstreamError(RouterError):
    """An attempt failed. Never leaves ``upstream`` alone: see `AttemptsExhausted`.

    Parameters
    ----------
    message : str
        Our own sentence about the failure, free of provider text and URLs.
    facts : UpstreamFacts
        What was seen.
    """

    status = 502
    type = "api_error"
    default_code: str | None = "upstream_error"
    disposition: ClassVar[Disposition] = "failover"
    error_class: ClassVar[str] = "upstream_error"

    def __init__(self, message: str, facts: UpstreamFacts = UpstreamFacts()) -> None:
        super().__init__(message)
        self.facts = facts
        if facts.detail is not None:
            self.param = facts.detail.param

    @property
    def headers(self) -> Mapping[str, str]:
        """The provider's ``Retry-After``, where it sent one."""
        return retry_headers(self.facts.retry_after_s)


class ConnectFailed(UpstreamError):
    """No connection: refused, unreachable, DNS or TLS."""

    error_class = "connect"
    default_code = "upstream_connection_error"


class UpstreamTimeout(UpstreamError):
    """No answer within a deadline."""

    status = 504
    type = "timeout_error"
    error_class = "timeout"
    default_code = "upstream_timeout"


class UpstreamUnavailable(UpstreamError):
    """The provider answered with a 5xx or 529."""

    error_class = "server_error"

    @property
    def http_status(self) -> int:
        """The provider's own status; 529 is told as 503, which every client knows."""
        # Told inside a 200, only "overloaded" says more than that the provider failed.
        is_overload = self.facts.meant_status in (503, 529)
        status = self.facts.status or (503 if is_overload else 502)
        return 503 if status == 529 else status if 500 <= status < 600 else 502


class UpstreamRateLimited(UpstreamError):
    """The provider answered 429."""

    status = 429
    type = "rate_limit_error"
    error_class = "rate_limit"
    default_code = "rate_limit_exceeded"


class UpstreamRejected(UpstreamError):
    """The provider refused the request itself (400, 404, 413, 422)."""

    status = 400
    type = "invalid_request_error"
    error_class = "rejected"
    disposition: ClassVar[Disposition] = "surface"
    default_code: str | None = None

    def __init__(self, message: str, facts: UpstreamFacts = UpstreamFacts()) -> None:
        super().__init__(message, facts)
        if facts.detail is not None:
            self.code = facts.detail.code

    @property
    def http_status(self) -> int:
        """The provider's own 4xx."""
        status = self.facts.status or self.facts.meant_status or 400
        return status if 400 <= status < 500 else 400


class ContextTooLong(UpstreamRejected):
    """The prompt does not fit the model; a larger one may take it."""

    error_class = "context_length"
    disposition = "failover"
    default_code = "context_length_exceeded"


class ContentRefused(UpstreamRejected):
    """The provider's content policy refused the prompt."""

    error_class = "content_policy"
    default_code = "content_policy_violation"


class UpstreamAuthFailed(UpstreamError):
    """The provider refused our own credential; never told as the caller's 401."""

    error_class = "auth"
    default_code = "upstream_auth_failed"


class CallerCredentialRefused(UpstreamRejected):
    """The provider refused the credential that the caller itself passed through."""

    type = "authentication_error"
    error_class = "caller_auth"


class ProtocolViolation(UpstreamError):
    """The answer is not what the format allows: HTML, broken JSON, empty, too large."""

    error_class = "protocol"
    default_code = "upstream_protocol_error"


class StreamInterrupted(UpstreamError):
    """The answer broke off in the middle."""

    error_class = "interrupted"
    default_code = "stream_interrupted"


@dataclass(frozen=True, slots=True)
class AttemptSummary:
    """One attempt as clients are told of it: no URL, no provider text."""

    account: str
    model: str
    status: int | None
    error: str
    duration_ms: int

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of ``error.metadata.attempts``."""
        return {
            "account": self.account,
            "model": self.model,
            "status": self.status,
            "error": self.error,
            "duration_ms": self.duration_ms,
        }


class AttemptsExhausted(RouterError):
    """No target is left; the last attempt's error is what the client is told.

    Parameters
    ----------
    last : UpstreamError
        Gives status, type, code and ``Retry-After``.
    message : str
        The last error's sentence, provider text redacted.
    attempts : sequence of AttemptSummary
        Every attempt, told under ``error.metadata.attempts``.
    """

    def __init__(
        self, last: UpstreamError, message: str, attempts: Sequence[AttemptSummary]
    ) -> None:
        super().__init__(
            message,
            param=last.param,
            code=last.code,
            metadata={"attempts": [attempt.as_dict() for attempt in attempts]},
        )
        self.last = last
        self.attempts = tuple(attempts)

    @property
    def http_status(self) -> int:
        """The last attempt's status."""
        return self.last.http_status

    @property
    def wire_type(self) -> str:
        """The last attempt's type."""
        return self.last.wire_type

    @property
    def headers(self) -> Mapping[str, str]:
        """Retry advice, and the word that SDKs must not multiply our attempts."""
        return {**self.last.headers, "x-should-retry": "false"}
