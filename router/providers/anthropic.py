"""This module addresses Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from router.canonical.secret import Secret
from router.errors import UpstreamError
from router.formats.anthropic_messages import FORMAT
from router.providers import addresses
from router.providers.base import Account, Operation, Target, UpstreamCall
from router.providers.openai import classify_answer

# https://docs.claude.com/en/api/versioning
_VERSION = "2023-06-01"
_PATHS = {"anthropic_messages": "/messages", "count_tokens": "/messages/count_tokens"}


class Anthropic:
    """``/v1/messages`` with ``x-api-key``; OAuth tokens go as Bearer."""

    kind: ClassVar[str] = "anthropic"
    forwarded_headers: ClassVar[frozenset[str]] = frozenset(
        {"anthropic-beta", "traceparent", "tracestate"}
    )

    def formats(self, account: Account) -> tuple[str, ...]:  # noqa: ARG002
        """Messages only."""
        return ("anthropic_messages",)

    def supports(self, account: Account, operation: Operation) -> bool:  # noqa: ARG002
        """Messages and the counting of their tokens."""
        return operation.format in _PATHS

    def build(
        self, target: Target, operation: Operation, body: bytes, credential: Secret | None
    ) -> UpstreamCall:
        """Address ``/v1/messages``."""
        account = target.account
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if operation.stream else "application/json",
            "anthropic-version": account.api_version or _VERSION,
            **account.headers,
            **_authorization(account, credential),
        }
        url = addresses.join(account.base_url, "v1", _PATHS[operation.format])
        return UpstreamCall("POST", url, headers, body)

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Judge by status, type and words."""
        return classify_answer(status, headers, FORMAT.decode_error(status, body))


def _authorization(account: Account, credential: Secret | None) -> dict[str, str]:
    """Return the credential's header for the account's way of signing in."""
    if credential is None:
        return {}
    if account.auth_mode == "oauth":
        return {"Authorization": f"Bearer {credential.value}"}
    return {"x-api-key": credential.value}
