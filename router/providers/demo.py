"""This module addresses the demo account: an offline provider inside the gateway."""

from __future__ import annotations

from typing import ClassVar

from router.canonical.secret import Secret
from router.providers.base import Account, Operation, Target, UpstreamCall
from router.providers.openai import OpenAI

WHY_HEADER = "x-router-why"
"""Tells the demo why the router chose it; written by the router, whatever a caller sends."""


class Demo(OpenAI):
    """OpenAI's chat format at ``demo://``, which ``upstream.demo`` answers."""

    kind: ClassVar[str] = "demo"
    forwarded_headers: ClassVar[frozenset[str]] = frozenset({WHY_HEADER})

    def formats(self, account: Account) -> tuple[str, ...]:  # noqa: ARG002
        """Chat only; the other formats are converted, as for any small provider."""
        return ("openai_chat",)

    def supports(self, account: Account, operation: Operation) -> bool:  # noqa: ARG002
        """Chat and embeddings."""
        return operation.format in ("openai_chat", "openai_embeddings")

    def build(
        self,
        target: Target,
        operation: Operation,
        body: bytes,
        credential: Secret | None,  # noqa: ARG002
    ) -> UpstreamCall:
        """Address the adapter that is mounted on ``demo://``."""
        path = "embeddings" if operation.format == "openai_embeddings" else "chat/completions"
        headers = self.headers(target.account, operation)
        return UpstreamCall("POST", f"demo://local/{path}", headers, body)
