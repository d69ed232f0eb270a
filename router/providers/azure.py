"""This module addresses Azure OpenAI: deployments in the path, the key in ``api-key``."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote, urlencode

from router.canonical.secret import Secret
from router.providers import addresses
from router.providers.base import Account, Operation, Target
from router.providers.openai import OpenAI

# https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
_API_VERSION = "2024-10-21"
_RESPONSES_API_VERSION = "2025-04-01-preview"
_RESPONSES_SINCE = "2025-03-01-preview"

_DEPLOYMENT_PATHS = {
    "openai_chat": "chat/completions",
    "openai_completions": "completions",
    "openai_embeddings": "embeddings",
}


class Azure(OpenAI):
    """``/openai/deployments/{deployment}/…?api-version=…``; the model is the deployment."""

    kind: ClassVar[str] = "azure"

    def formats(self, account: Account) -> tuple[str, ...]:
        """Chat and Responses; the latter not in a version pinned from before it existed."""
        version = account.api_version
        spoken = super().formats(account)
        if version is None or version >= _RESPONSES_SINCE or spoken[0] != "openai_chat":
            return spoken
        return ("openai_chat",)

    def url(self, target: Target, operation: Operation) -> str:
        """Return the deployment's URL, or the resource's for Responses."""
        account = target.account
        base = addresses.root(account.base_url)
        if operation.format == "openai_responses":
            version = account.api_version or _RESPONSES_API_VERSION
            return f"{base}/openai/responses?{urlencode({'api-version': version})}"
        path = _DEPLOYMENT_PATHS.get(operation.format) or operation.path
        deployment = quote(target.upstream_model, safe="")
        query = urlencode({"api-version": account.api_version or _API_VERSION})
        return f"{base}/openai/deployments/{deployment}/{path}?{query}"

    def authorization(self, credential: Secret | None) -> dict[str, str]:
        """Return Azure's own header."""
        return {"api-key": credential.value} if credential else {}
