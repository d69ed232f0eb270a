"""The error tree: everything the gateway can tell a client, and how it says it.

Errors carry facts as attributes with units; ``status`` and ``type`` are class data.
How an error looks on the wire is each format's ``encode_error``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Disposition = Literal["retry", "failover", "surface"]
"""What may follow a failed attempt.

``retry``: the same target, after a wait. ``failover``: the next target.
``surface``: the caller's own fault; stop and tell.
"""


class RouterError(Exception):
    """An error that a client is told about.

    Parameters
    ----------
    message : str
        A sentence that names the thing and the remedy; never a secret or a prompt.
    param : str, optional
        Path of the request field at fault, as ``messages[2].content``.
    code : str, optional
        Machine-readable code; the class default where not given.
    metadata : mapping, optional
        Told under ``error.metadata``.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"
    default_code: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or self.default_code
        self.metadata: Mapping[str, Any] = metadata or {}

    @property
    def http_status(self) -> int:
        """Status to answer with; leaves that know a better one override it."""
        return self.status

    @property
    def wire_type(self) -> str:
        """OpenAI's ``error.type``; leaves that know a better one override it."""
        return self.type

    @property
    def headers(self) -> Mapping[str, str]:
        """Extra response headers, such as ``Retry-After``."""
        return {}


class RequestError(RouterError):
    """The caller's request cannot be served as it stands."""

    status = 400
    type = "invalid_request_error"


class InvalidRequest(RequestError):
    """A field is missing, malformed or out of range."""


class UnsupportedFeature(RequestError):
    """Content or a stateful feature that the target's format cannot express."""

    default_code = "unsupported_feature"


class ConstraintsUnsatisfied(RequestError):
    """The request's own constraints leave no target."""

    default_code = "routing_constraints_unsatisfied"


class AuthenticationFailed(RequestError):
    """No valid credential came with the request."""

    status = 401
    type = "authentication_error"
    default_code = "invalid_api_key"

    @property
    def headers(self) -> Mapping[str, str]:
        """The challenge that RFC 9110 asks of every 401."""
        return {"WWW-Authenticate": 'Bearer realm="open-llm-router"'}


class PermissionDenied(RequestError):
    """The caller is known, and may not do this."""

    status = 403
    type = "permission_error"
    default_code = "permission_denied"


class NotFound(RequestError):
    """No such path here."""

    status = 404
    type = "not_found_error"
    default_code = "not_found"


class UnknownModel(RequestError):
    """The model named is not in the configuration, or not this caller's to use."""

    status = 404
    default_code = "model_not_found"


class MethodNotAllowed(RequestError):
    """The path exists, with another method.

    Parameters
    ----------
    allowed : sequence of str
        Methods the path takes, for the ``Allow`` header.
    """

    status = 405
    default_code = "method_not_allowed"

    def __init__(self, message: str, allowed: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)

    @property
    def headers(self) -> Mapping[str, str]:
        """``Allow``, as RFC 9110 asks of every 405."""
        return {"Allow": ", ".join(self.allowed)} if self.allowed else {}


class RequestTooLarge(RequestError):
    """The body exceeds the configured limit."""

    status = 413
    type = "request_too_large"
    default_code = "request_too_large"


class UnsupportedMediaType(RequestError):
    """The body's content type or encoding is not taken here."""

    status = 415
    default_code = "unsupported_media_type"


class IdempotencyConflict(RequestError):
    """An Idempotency-Key was used before, with another body."""

    status = 422
    default_code = "idempotency_key_reused"


class RequestTimeout(RequestError):
    """The caller did not finish sending its body in time."""

    status = 408
    default_code = "request_timeout"


class RateLimited(RequestError):
    """A limit of this gateway is reached, or every target cools down.

    Parameters
    ----------
    retry_after_s : float, optional
        When trying again can help, from now.
    """

    status = 429
    type = "rate_limit_error"
    default_code = "rate_limit_exceeded"

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        code: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, metadata=metadata)
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> Mapping[str, str]:
        """``Retry-After`` in whole seconds and in milliseconds, as OpenAI's SDKs read it."""
        return retry_headers(self.retry_after_s)


class NoTargetAvailable(RouterError):
    """Routing found targets, and none may be called now."""

    status = 503
    type = "overloaded_error"
    default_code = "no_backend_target"


class ConfigError(RouterError):
    """The configuration cannot be used; boot and command line only.

    Parameters
    ----------
    problems : sequence of str
        Every problem found, each with file, path and remedy.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


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
    """

    status: int | None = None
    detail: ErrorDetail | None = None
    retry_after_s: float | None = None
    request_id: str | None = None


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
        status = self.facts.status or 502
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
        status = self.facts.status or 400
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


class ClientClosed(RouterError):
    """The caller went away; nobody reads the answer. Status 499 is for the log only."""

    status = 499
    type = "client_closed"


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


def retry_headers(retry_after_s: float | None) -> dict[str, str]:
    """Return ``Retry-After`` headers for a wait in seconds, or none.

    Examples
    --------
    >>> retry_headers(1.2)
    {'Retry-After': '2', 'retry-after-ms': '1200'}
    >>> retry_headers(None)
    {}
    """
    if retry_after_s is None:
        return {}
    whole_s = max(1, int(-(-retry_after_s // 1)))
    return {"Retry-After": str(whole_s), "retry-after-ms": str(int(retry_after_s * 1000))}
