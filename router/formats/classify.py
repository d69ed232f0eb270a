"""This module turns what a provider said about a failure into a leaf of the error tree.

Status first, then the provider's code, then its words: "a 500 whose body mentions policy
is an outage, not a content filter".
"""

from __future__ import annotations

from dataclasses import replace

from router.errors import (
    ContentRefused,
    ContextTooLong,
    ErrorDetail,
    UpstreamAuthFailed,
    UpstreamError,
    UpstreamFacts,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)

# Statuses that speak of our account at the provider, not of the caller's request;
# 402 is DeepSeek's and OpenRouter's "balance used up".
_OURS = frozenset({401, 402, 403})

_CONTEXT_CODES = frozenset({"context_length_exceeded", "string_above_max_length"})
_CONTEXT_WORDS = (
    "context length",
    "context_length",
    "context window",
    "prompt is too long",
    "maximum context",
    "too many tokens",
    "input token count",
)
_CONTENT_CODES = frozenset({"content_filter", "content_policy_violation", "moderation_blocked"})

# Types and codes told inside a stream, or without a status, and the status they stand for.
_STATUS_OF_TYPE = {
    "overloaded_error": 529,
    "overloaded": 529,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "resource_exhausted": 429,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "permission_denied": 403,
    "unauthenticated": 401,
    "billing_error": 402,
    "invalid_request_error": 400,
    "invalid_argument": 400,
    "failed_precondition": 400,
    "not_found_error": 404,
    "not_found": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "timeout_error": 504,
    "deadline_exceeded": 504,
    "unavailable": 503,
    "internal": 500,
    "api_error": 500,
    "server_error": 500,
}


def status_of(detail: ErrorDetail) -> int:
    """Return the HTTP status that an error told in-band stands for; 500 where unknown."""
    for word in (detail.code, detail.type):
        if word is None:
            continue
        if word.isdigit() and 400 <= int(word) < 600:
            return int(word)
        if word.lower() in _STATUS_OF_TYPE:
            return _STATUS_OF_TYPE[word.lower()]
    return 500


def classify(facts: UpstreamFacts) -> UpstreamError:
    """Return the error for a status (from the wire or in-band) and the provider's words.

    Parameters
    ----------
    facts : UpstreamFacts
        `status` None means that the error came in-band; it is then read off `detail`.
    """
    detail = facts.detail or ErrorDetail("")
    if facts.status is None:
        facts = replace(facts, meant_status=status_of(detail))
    status = facts.status or facts.meant_status or 500
    said = f"the provider answered {status}"
    if status == 429:
        return UpstreamRateLimited(said, facts)
    if status in _OURS:
        return UpstreamAuthFailed(said, facts)
    if status in (408, 504):
        return UpstreamTimeout(said, facts)
    if 400 <= status < 500:
        return _rejected(said, facts, detail)
    return UpstreamUnavailable(said, facts)


def _rejected(said: str, facts: UpstreamFacts, detail: ErrorDetail) -> UpstreamError:
    """Tell apart why a request was refused."""
    code = (detail.code or detail.type or "").lower()
    words = detail.message.lower()
    if code in _CONTEXT_CODES or any(word in words for word in _CONTEXT_WORDS):
        return ContextTooLong(said, facts)
    if code in _CONTENT_CODES:
        return ContentRefused(said, facts)
    return UpstreamRejected(said, facts)
