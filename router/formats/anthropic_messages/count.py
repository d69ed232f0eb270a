"""This module serves ``POST /v1/messages/count_tokens``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.prompt import PromptView
from router.canonical.request import ModelTraits
from router.formats.anthropic_messages.passthrough import passthrough_body

# https://platform.claude.com/docs/en/api/messages-count-tokens: other fields are refused.
_COUNTED = frozenset(
    {
        "cache_control",
        "context_management",
        "mcp_servers",
        "messages",
        "model",
        "output_config",
        "speed",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    }
)
_CHARS_PER_TOKEN = 3.5
_TOKENS_PER_MESSAGE = 4
# An image of the largest size that is not scaled down, and a short document.
_TOKENS_PER_IMAGE = 1600
_TOKENS_PER_DOCUMENT = 3000


def count_tokens_body(body: Mapping[str, Any], traits: ModelTraits | None = None) -> dict[str, Any]:
    """Return the body for a provider's own count; the model is replaced where `traits` is given.

    Examples
    --------
    >>> count_tokens_body({"model": "m", "messages": [], "max_tokens": 9})
    {'model': 'm', 'messages': []}
    """
    ready = body if traits is None else passthrough_body(body, traits)
    return {key: value for key, value in ready.items() if key in _COUNTED}


def encode_count(input_tokens: int, estimated: bool) -> dict[str, Any]:  # noqa: ARG001
    """Return the answer; an estimate looks like a count, as clients know no other shape."""
    return {"input_tokens": input_tokens}


def estimate_tokens(view: PromptView) -> int:
    """Return about how many tokens a prompt has, at least 1.

    From the number of characters, for providers that cannot count; English text and code
    have 3 to 4 characters a token.

    Examples
    --------
    >>> estimate_tokens(PromptView("anthropic_messages", input_chars=350, messages_count=2))
    108
    """
    media = view.has_image * _TOKENS_PER_IMAGE + view.has_document * _TOKENS_PER_DOCUMENT
    text = round(view.input_chars / _CHARS_PER_TOKEN)
    return max(1, text + view.messages_count * _TOKENS_PER_MESSAGE + media)
