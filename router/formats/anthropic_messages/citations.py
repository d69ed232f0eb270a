"""This module reads and writes the sources that a text refers to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.messages import Citation
from router.formats.anthropic_messages.vocabulary import (
    FOREIGN_INDEX,
    NAME,
    is_foreign_citation,
)


def decode_citation(raw: Mapping[str, Any]) -> Citation:
    """Return a source; all but those that this gateway made up keep their own form.

    Examples
    --------
    >>> found = decode_citation({"type": "web_search_result_location", "url": "https://a.example"})
    >>> found.url, found.origin
    ('https://a.example', 'anthropic_messages')
    """
    foreign = is_foreign_citation(raw)
    url = raw.get("url")
    if url is None and str(raw.get("source", "")).startswith(("http://", "https://")):
        url = raw["source"]  # search_result_location
    return Citation(
        url=_text(url),
        title=_text(raw.get("title") or raw.get("document_title")),
        quote=_text(raw.get("cited_text")),
        native=None if foreign else raw,
        origin=None if foreign else NAME,
    )


def decode_citations(raw: Any) -> tuple[Citation, ...]:
    """Return the sources of a text block; whatever is none is left out."""
    if not isinstance(raw, list):
        return ()
    return tuple(decode_citation(item) for item in raw if isinstance(item, Mapping))


def encode_citation(citation: Citation) -> dict[str, Any] | None:
    """Return a source on the wire; None where another format's has no address."""
    if citation.native is not None and citation.origin == NAME:
        return dict(citation.native)
    if citation.url is None:
        return None
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.quote or "",
        "encrypted_index": FOREIGN_INDEX,
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
