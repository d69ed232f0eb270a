"""This module holds what stops a request before any provider is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.errors.base import RouterError, retry_headers


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


class ClientClosed(RouterError):
    """The caller went away; nobody reads the answer. Status 499 is for the log only."""

    status = 499
    type = "client_closed"
