"""This module addresses OpenAI and every server that speaks its format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from router.canonical.secret import Secret
from router.errors import ErrorDetail, ProtocolViolation, UpstreamError, UpstreamFacts
from router.formats.classify import classify
from router.formats.openai_chat import FORMAT
from router.providers import addresses
from router.providers.base import Account, Operation, Target, UpstreamCall

_PATHS = {
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "openai_completions": "/completions",
    "openai_embeddings": "/embeddings",
}


class OpenAI:
    """``/v1/chat/completions`` and its siblings, with a Bearer token."""

    kind: ClassVar[str] = "openai"
    forwarded_headers: ClassVar[frozenset[str]] = frozenset(
        {"openai-beta", "idempotency-key", "x-client-request-id", "traceparent", "tracestate"}
    )

    def formats(self, account: Account) -> tuple[str, ...]:
        """Chat and Responses, unless the account's quirks deny one of them."""
        if account.quirks.chat_api is False:
            return ("openai_responses",)
        if account.quirks.responses_api is False:
            return ("openai_chat",)
        return ("openai_chat", "openai_responses")

    def supports(self, account: Account, operation: Operation) -> bool:
        """Everything below ``/v1``; Responses and Completions only where the account has them."""
        if operation.format == "openai_responses":
            return "openai_responses" in self.formats(account)
        if operation.format == "openai_completions":
            return account.quirks.completions_api is not False
        return operation.format in _PATHS or operation.format == "opaque"

    def build(
        self, target: Target, operation: Operation, body: bytes, credential: Secret | None
    ) -> UpstreamCall:
        """Address one of OpenAI's endpoints."""
        return UpstreamCall(
            "POST",
            self.url(target, operation),
            {**self.headers(target.account, operation), **self.authorization(credential)},
            body,
        )

    def url(self, target: Target, operation: Operation) -> str:
        """Return the endpoint's URL."""
        path = _PATHS.get(operation.format) or f"/{operation.path}"
        account = target.account
        return addresses.join(account.base_url, "v1", path, account.quirks.versioned)

    def headers(self, account: Account, operation: Operation) -> dict[str, str]:
        """Return the headers but the credential."""
        headers = {
            "Content-Type": operation.content_type,
            "Accept": "text/event-stream" if operation.stream else "application/json",
            **account.headers,
        }
        if operation.format == "opaque":
            headers["Accept"] = "*/*"
        if account.organization:
            headers["OpenAI-Organization"] = account.organization
        if account.project:
            headers["OpenAI-Project"] = account.project
        return headers

    def authorization(self, credential: Secret | None) -> dict[str, str]:
        """Return the credential's header; none for a local server without keys."""
        return {"Authorization": f"Bearer {credential.value}"} if credential else {}

    def decode_error(self, status: int, body: bytes) -> ErrorDetail:
        """Return what an error body says."""
        return FORMAT.decode_error(status, body)

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Judge by status, code and words."""
        return classify_answer(status, headers, self.decode_error(status, body))


def classify_answer(
    status: int,
    headers: Mapping[str, str],
    detail: ErrorDetail,
    retry_after_s: float | None = None,
) -> UpstreamError:
    """Return the error of an answer, redirects and empty successes included.

    Parameters
    ----------
    retry_after_s : float, optional
        A wait that the body asks for; the headers' word wins.
    """
    if status < 400:
        return ProtocolViolation(
            f"the provider answered {status} where 200 was expected",
            UpstreamFacts(status=status, request_id=addresses.request_id(headers)),
        )
    wait_s = addresses.retry_after_s(headers)
    return classify(
        UpstreamFacts(
            status=status,
            detail=detail,
            retry_after_s=retry_after_s if wait_s is None else wait_s,
            request_id=addresses.request_id(headers),
        )
    )
