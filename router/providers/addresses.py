"""This module joins base URLs and paths, and reads what answers' headers say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_VERSION = re.compile(r"/(v\d+((alpha|beta)\d*)?|openai)$")


def join(base_url: str, version: str, path: str, versioned: bool = True) -> str:
    """Return the URL of an endpoint; a version segment already there is not doubled.

    Parameters
    ----------
    base_url : str
        Without trailing slash, with or without a version segment.
    version : str
        Segment that the service's documentation uses, as ``v1``.
    path : str
        Below the version, with leading slash.

    Examples
    --------
    >>> join("http://localhost:11434", "v1", "/chat/completions")
    'http://localhost:11434/v1/chat/completions'
    >>> join("https://api.z.ai/api/paas/v4", "v1", "/chat/completions")
    'https://api.z.ai/api/paas/v4/chat/completions'
    """
    if not versioned or _VERSION.search(base_url):
        return base_url + path
    return f"{base_url}/{version}{path}"


def root(base_url: str) -> str:
    """Return a base URL without its version segment.

    Examples
    --------
    >>> root("http://localhost:1234/v1")
    'http://localhost:1234'
    """
    return _VERSION.sub("", base_url)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the wait that an answer asks for, in seconds, or None.

    A date is measured against the answer's own ``Date``, so no clock is needed and the
    two machines' clocks need not agree.

    Examples
    --------
    >>> retry_after_s({"retry-after-ms": "1500", "retry-after": "2"})
    1.5
    >>> retry_after_s({"retry-after": "Wed, 21 Oct 2026 07:28:10 GMT",
    ...                "date": "Wed, 21 Oct 2026 07:28:00 GMT"})
    10.0
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        until = parsedate_to_datetime(value)
        now = parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _number(value: str | None) -> float | None:
    """Return a plain, finite, non-negative number of at most a day's milliseconds."""
    if value is None or not re.fullmatch(r"\d{1,8}(\.\d{1,6})?", value.strip()):
        return None
    return float(value)


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the provider's own id of a call."""
    return headers.get("x-request-id") or headers.get("request-id")
