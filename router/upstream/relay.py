"""This module turns a reply's events into the bytes that the caller reads.

`verbatim` passes the provider's bytes on while the decoder watches them; `converted`
writes the caller's own format. Nothing waits for a successor that is still to come, and
both let `observe` see each event before its bytes go out: what must be on
record before the end marker leaves (the audit line) is written there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from router.canonical.events import Event, Failed, Frame, MessageStop, Opaque
from router.canonical.request import ChatRequest
from router.formats.base import Ingress
from router.formats.sse import TICK

KEEP_ALIVE = b": keep-alive\n\n"
"""A comment that proxies count as life and SSE readers skip."""

Observe = Callable[[Event], Event]
"""Sees each event; returns it, or what the caller is to be told instead."""


_FIELDS = (b"data", b":", b"event:", b"id:", b"retry:")


def is_sse(frame: Frame) -> bool:
    r"""Tell whether a frame may be relayed: a proxy's page in a stream is no event.

    Examples
    --------
    >>> is_sse(Frame("", b"", b": ping\n\n")), is_sse(Frame("", b"", b"<h1>502</h1>\n\n"))
    (True, False)
    """
    if frame.data:
        return True
    return all(line.startswith(_FIELDS) for line in frame.raw.splitlines() if line)


def record(frames: Iterable[Frame], raw: deque[Frame]) -> Iterator[Frame]:
    """Pass frames on; keep each one in `raw` until the relay takes it."""
    for frame in frames:
        raw.append(frame)
        yield frame


def verbatim(
    events: Iterable[Event],
    raw: deque[Frame],
    ingress: Ingress,
    body: Mapping[str, Any],
    observe: Observe,
) -> Iterator[bytes]:
    """Relay the provider's bytes unchanged while the decoder watches them.

    `events` decodes `record(frames, raw)`. By the decoder contract it yields at least one
    event per frame before it pulls the next, so no frame waits for its successor unless
    that is here already: frames that came together are written together. Frames
    that are no events, or that the caller did not ask for, are withheld; an error told
    in-band is written anew, as the provider's words may name keys and hosts.
    """
    ended = False
    ready = bytearray()
    for event in events:
        if ended:
            raw.clear()  # nothing is said after the end; reading on frees the connection
            continue
        told = observe(event)
        if isinstance(told, Failed):
            raw.clear()
            yield bytes(ready) + ingress.encode_stream_error(told.error)
            ended = True
            continue
        ended = isinstance(told, MessageStop)
        while raw:
            frame = raw.popleft()
            piece = b""
            if frame is TICK:
                piece = KEEP_ALIVE
            elif is_sse(frame) and not ingress.withholds(frame, body):
                piece = frame.raw
            if frame.more and not ended:
                ready += piece
                continue
            if ready:
                piece = bytes(ready) + piece
                ready.clear()
            if piece:
                yield piece
        if ended and ready:
            yield bytes(ready)


def converted(
    events: Iterable[Event], ingress: Ingress, request: ChatRequest, observe: Observe
) -> Iterator[bytes]:
    """Write the events in the caller's format."""
    ticks: deque[bool] = deque()

    def observed() -> Iterator[Event]:
        ended = False
        for event in events:
            if ended:
                continue  # reading on to the end frees the connection
            told = observe(event)
            ticks.append(isinstance(told, Opaque) and told.frame is TICK)
            yield told
            ended = isinstance(told, MessageStop | Failed)

    for piece in ingress.encode_events(observed(), request):
        is_tick = ticks.popleft() if ticks else False
        if piece:
            yield piece
        elif is_tick:
            yield KEEP_ALIVE
