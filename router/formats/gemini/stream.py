"""This module decodes a stream of ``generateContent`` chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from router.canonical.events import Event, Failed, Frame, Opaque
from router.errors import ProtocolViolation
from router.formats.gemini.answer import Answer

_KNOWN = frozenset({"candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId"})


def decode_events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Yield the events of a stream, by the decoder contract of `router.formats.base`."""
    answer = Answer()
    source = iter(frames)
    try:
        for frame in source:
            said = False
            for event in _read(answer, frame):
                said = True
                yield event
            if not said:
                yield Opaque(frame)
        yield from answer.end()
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            close()


def _read(answer: Answer, frame: Frame) -> Iterator[Event]:
    """Yield what a frame says; nothing, where it is none of ours or says nothing new."""
    if answer.over:
        return
    try:
        chunk = _chunk_of(frame)
    except ProtocolViolation as exc:
        answer.over = True
        yield Failed(exc)
        return
    if chunk is not None:
        yield from answer.read(chunk)


def _chunk_of(frame: Frame) -> Mapping[str, Any] | None:
    """Return a frame's chunk; None where it has none that we know.

    Raises
    ------
    ProtocolViolation
        Its data is a proxy's page, which must not be relayed.
    """
    if frame.data.startswith(b"<"):
        raise ProtocolViolation("a chunk of the stream is not JSON")
    try:
        chunk = orjson.loads(frame.data)
    except orjson.JSONDecodeError:
        return None
    if isinstance(chunk, list) and len(chunk) == 1:
        chunk = chunk[0]  # errors come wrapped
    if not isinstance(chunk, dict):
        return None
    return chunk if "error" in chunk or not _KNOWN.isdisjoint(chunk) else None
