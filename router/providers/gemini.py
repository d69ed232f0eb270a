"""This module addresses Google's Gemini API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from router.canonical.secret import Secret
from router.errors import UpstreamError
from router.formats.gemini import FORMAT
from router.formats.gemini.errors import retry_delay_s
from router.providers import addresses
from router.providers.base import Account, Operation, Target, UpstreamCall
from router.providers.openai import classify_answer

_METHODS = {
    "gemini": "generateContent",
    "gemini_embeddings": "batchEmbedContents",
    "gemini_count_tokens": "countTokens",
}


class Gemini:
    """``/v1beta/models/{model}:…`` with the key in ``x-goog-api-key``, never in the URL."""

    kind: ClassVar[str] = "gemini"
    forwarded_headers: ClassVar[frozenset[str]] = frozenset({"traceparent", "tracestate"})

    def formats(self, account: Account) -> tuple[str, ...]:  # noqa: ARG002
        """Its own only."""
        return ("gemini",)

    def supports(self, account: Account, operation: Operation) -> bool:  # noqa: ARG002
        """Generation, embeddings, counting."""
        return operation.format in _METHODS

    def build(
        self, target: Target, operation: Operation, body: bytes, credential: Secret | None
    ) -> UpstreamCall:
        """Address a method of the model."""
        account = target.account
        method = _METHODS[operation.format]
        if operation.format == "gemini" and operation.stream:
            method = "streamGenerateContent?alt=sse"
        path = f"/models/{quote(target.upstream_model, safe='')}:{method}"
        headers = {"Content-Type": "application/json", **account.headers}
        if credential is not None:
            oauth = account.auth_mode == "oauth"
            headers |= (
                {"Authorization": f"Bearer {credential.value}"}
                if oauth
                else {"x-goog-api-key": credential.value}
            )
        url = addresses.join(account.base_url, account.api_version or "v1beta", path)
        return UpstreamCall("POST", url, headers, body)

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Judge by status and status word; the wait stands in the body."""
        detail = FORMAT.decode_error(status, body)
        # A key that Google does not know is a 400 there; it is ours, not the caller's fault.
        is_bad_key = detail.code == "API_KEY_INVALID"
        return classify_answer(401 if is_bad_key else status, headers, detail, retry_delay_s(body))
