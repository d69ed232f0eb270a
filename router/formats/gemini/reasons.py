"""This module says why an answer ended, in Gemini's words and in ours.

Source: https://ai.google.dev/api/generate-content#FinishReason.
"""

from __future__ import annotations

from router.canonical.response import StopReason

# Words that are not listed (OTHER, MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL and
# those to come) mean ``stop``; the word itself is kept as detail.
_REASONS: dict[str, StopReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
_STOP_WORDS = frozenset(
    {
        "OTHER",
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
        "IMAGE_OTHER",
        "NO_IMAGE",
    }
)
_WORDS: dict[StopReason, str] = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}


def stop_reason(word: str, has_calls: bool) -> StopReason:
    """Return our reason for a ``finishReason``; STOP ends function calls too.

    Examples
    --------
    >>> stop_reason("STOP", has_calls=True), stop_reason("SPII", has_calls=False)
    ('tool_calls', 'content_filter')
    """
    reason = _REASONS.get(word, "stop")
    return "tool_calls" if reason == "stop" and has_calls else reason


def finish_word(reason: StopReason, detail: str | None) -> str:
    """Return the ``finishReason`` for our reason, Gemini's own word where it is known.

    Examples
    --------
    >>> finish_word("content_filter", "RECITATION"), finish_word("length", "max_tokens")
    ('RECITATION', 'MAX_TOKENS')
    """
    if detail in _REASONS or detail in _STOP_WORDS:
        own = _REASONS.get(detail or "", "stop")
        if own == reason or (own == "stop" and reason == "tool_calls"):
            return detail or ""
    return _WORDS.get(reason, "STOP")
