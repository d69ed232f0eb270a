"""This module lists the formats by name."""

from __future__ import annotations

from collections.abc import Mapping

from router.formats import anthropic_messages, gemini, openai_chat, openai_responses
from router.formats.base import Ingress, Upstream

INGRESS: Mapping[str, Ingress] = {
    "openai_chat": openai_chat.FORMAT,
    "openai_responses": openai_responses.FORMAT,
    "anthropic_messages": anthropic_messages.FORMAT,
    "gemini": gemini.FORMAT,
}
"""What clients may speak on the chat endpoints."""

UPSTREAM: Mapping[str, Upstream] = {
    "openai_chat": openai_chat.FORMAT,
    "openai_responses": openai_responses.FORMAT,
    "anthropic_messages": anthropic_messages.FORMAT,
    "gemini": gemini.FORMAT,
}
"""What providers may speak."""
