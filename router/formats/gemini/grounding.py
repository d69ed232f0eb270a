"""This module turns ``groundingMetadata`` into citations, and citations into it.

Source: https://ai.google.dev/gemini-api/docs/google-search#grounding-with-google-search.
Google counts in bytes of UTF-8, we in characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from router.canonical.messages import Citation
from router.formats.gemini.media import NAME


def citations(metadata: Mapping[str, Any], text: str) -> Iterator[Citation]:
    """Yield what `text` refers to: each support with each of its sources.

    Where there are no supports, the sources are told without a range.
    """
    sources = [_source(chunk) for chunk in _mappings(metadata.get("groundingChunks"))]
    supports = _mappings(metadata.get("groundingSupports"))
    encoded = text.encode()
    cited = False
    for support in supports:
        segment = support.get("segment")
        start, end, quote = _range(segment if isinstance(segment, Mapping) else {}, encoded)
        for source in _chosen(sources, support.get("groundingChunkIndices")):
            cited = True
            yield _citation(source, start, end, quote)
    if not cited:
        for source in sources:
            yield _citation(source, None, None, None)


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list; places of what is none are kept, as indices count."""
    if not isinstance(value, list):
        return []
    return [item if isinstance(item, Mapping) else {} for item in value]


def _source(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a chunk's source: a web page, a stored document, a place on the map."""
    for name in ("web", "retrievedContext", "maps"):
        source = chunk.get(name)
        if isinstance(source, Mapping):
            return {**source, "chunk": chunk}
    return {}


def _chosen(sources: Sequence[Mapping[str, Any]], indices: Any) -> list[Mapping[str, Any]]:
    """Return the sources that a support names."""
    if not isinstance(indices, list):
        return []
    return [
        sources[index] for index in indices if isinstance(index, int) and 0 <= index < len(sources)
    ]


def _range(segment: Mapping[str, Any], encoded: bytes) -> tuple[int | None, int | None, str | None]:
    """Return a segment's range in characters, and its text."""
    quote = segment.get("text")
    start, end = segment.get("startIndex", 0), segment.get("endIndex")
    quote = quote if isinstance(quote, str) else None
    if not isinstance(start, int) or not isinstance(end, int):
        return None, None, quote
    if not 0 <= start <= end <= len(encoded):
        return None, None, quote
    first = len(encoded[:start].decode(errors="ignore"))
    return first, first + len(encoded[start:end].decode(errors="ignore")), quote


def _citation(
    source: Mapping[str, Any], start: int | None, end: int | None, quote: str | None
) -> Citation:
    """Return one citation; a stored document's own text is its quote."""
    url, title, text = source.get("uri"), source.get("title"), source.get("text")
    return Citation(
        url=url if isinstance(url, str) else None,
        title=title if isinstance(title, str) else None,
        quote=quote if quote is not None else text if isinstance(text, str) else None,
        start=start,
        end=end,
        native=source.get("chunk"),
        origin=NAME,
    )


def grounding_metadata(cited: Sequence[tuple[str, Sequence[Citation]]]) -> dict[str, Any] | None:
    """Return the metadata for an answer's text blocks, each with its citations.

    Ranges count from the start of the whole text, which is what clients put together.
    A citation without a range supports its whole block.

    Examples
    --------
    >>> grounding_metadata([("né ", []), ("à Rome", [Citation("https://x.org", "X")])])
    {'groundingChunks': [{'web': {'uri': 'https://x.org', 'title': 'X'}}], \
'groundingSupports': [{'segment': {'startIndex': 4, 'endIndex': 11, 'text': 'à Rome'}, \
'groundingChunkIndices': [0]}]}
    """
    chunks: list[dict[str, Any]] = []
    supports: list[dict[str, Any]] = []
    offset_bytes = 0
    for text, block_citations in cited:
        for citation in block_citations:
            chunk = _chunk(citation)
            if chunk not in chunks:
                chunks.append(chunk)
            supports.append(
                {
                    "segment": _segment(citation, text, offset_bytes),
                    "groundingChunkIndices": [chunks.index(chunk)],
                }
            )
        offset_bytes += len(text.encode())
    return {"groundingChunks": chunks, "groundingSupports": supports} if chunks else None


def _chunk(citation: Citation) -> dict[str, Any]:
    """Return a citation's source."""
    if citation.native is not None and citation.origin == NAME:
        return dict(citation.native)
    named = {"title": citation.title} if citation.title else {}
    if citation.url:
        return {"web": {"uri": citation.url, **named}}
    return {"retrievedContext": {**named, **({"text": citation.quote} if citation.quote else {})}}


def _segment(citation: Citation, text: str, offset_bytes: int) -> dict[str, Any]:
    """Return the range that a citation supports, in bytes."""
    start = min(citation.start or 0, len(text))
    end = len(text) if citation.end is None else min(max(citation.end, start), len(text))
    first = offset_bytes + len(text[:start].encode())
    said = text[start:end]
    return {"startIndex": first, "endIndex": first + len(said.encode()), "text": said}
