"""This module decodes a stream of ``generateContent`` chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from router.canonical.events import Event, Frame, Opaque
from router.formats.gemini.answer import Answer

_KNOWN = frozenset({"candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId"})


def decode_events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Yield the events of a stream, by the decoder contract of `router.formats.base`."""
    answer = Answer()
    source = iter(frames)
    try:
        for frame in source:
            said = False
            chunk = None if answer.over else _chunk_of(frame)
            if chunk is not None:
                for event in answer.read(chunk):
                    said = True
                    yield event
            if not said:
                yield Opaque(frame)
        yield from answer.end()
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            close()


def _chunk_of(frame: Frame) -> Mapping[str, Any] | None:
    """Return a frame's chunk; None where it has none that we know."""
    try:
        chunk = orjson.loads(frame.data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(chunk, dict):
        return None
    return chunk if "error" in chunk or not _KNOWN.isdisjoint(chunk) else None
