"""This module holds a provider's reply that has begun to be good: committed, not yet told."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from router.canonical.events import (
    Event,
    Failed,
    Frame,
    Opaque,
    collect,
    is_content,
    replay,
)
from router.canonical.response import ChatResponse
from router.errors import ProtocolViolation, StreamInterrupted, UpstreamError, UpstreamFacts
from router.formats import sse
from router.formats.base import Upstream
from router.formats.classify import classify
from router.formats.openai_chat.errors import decode_error
from router.providers.base import Target
from router.upstream.answer import MAX_WHOLE_BYTES, Answer
from router.upstream.prepare import Prepared
from router.upstream.relay import record
from router.upstream.trial import Trial


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer that came whole.

    Attributes
    ----------
    body : bytes
        As the provider sent it.
    response : ChatResponse, optional
        Decoded; None for endpoints whose answers are passed on unread.
    content_type : str
        The provider's header, parameters included.
    """

    body: bytes
    response: ChatResponse | None
    content_type: str
    json: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream whose first content is here.

    Attributes
    ----------
    events : iterator of Event
        All of them, those held back until the commit first; ends in ``MessageStop`` or
        ``Failed``, whatever happens to the connection.
    raw : deque of Frame
        Frames whose events have been pulled, for the relay to take.
    verbatim : bool
        `raw` may be relayed; False where the answer had to be turned into a stream.
    """

    events: Iterator[Event]
    raw: deque[Frame]
    verbatim: bool


@dataclass(frozen=True, slots=True)
class Bytes:
    """A body that is passed on as it comes: audio, server-sent events of other endpoints."""

    chunks: Iterator[bytes | None]
    content_type: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What one target answered.

    Attributes
    ----------
    trial : Trial
        To be told, once, how it ended.
    """

    target: Target
    prepared: Prepared
    answer: Whole | Stream | Bytes
    status: int
    trial: Trial


def read_reply(answer: Answer, prepared: Prepared) -> Whole | Stream | Bytes:
    """Read an answer of status 2xx up to its commit.

    Raises
    ------
    UpstreamError
        It is an error after all, not of its format, or it broke before any content.
    """
    if prepared.format is None:
        return _read_raw(answer)
    kind = answer.content_type
    if prepared.operation.stream and kind not in ("application/json", "text/html"):
        return _commit(answer, prepared.format, prepared.verbatim)
    whole = _read_whole(answer, prepared.format)
    if not prepared.operation.stream:
        return whole
    assert whole.response is not None
    return Stream(iter(replay(whole.response)), deque(), verbatim=False)


def _commit(answer: Answer, format_: Upstream, verbatim: bool) -> Stream:
    """Pull events until the first content; what fails before may fail over."""
    raw: deque[Frame] = deque()
    events = format_.decode_events(record(sse.frames(answer.chunks()), raw))
    held: list[Event] = []
    held_bytes = 0
    for event in events:
        if isinstance(event, Failed):
            raise event.error
        if not (isinstance(event, Opaque) and event.frame is sse.TICK):
            held.append(event)
        if is_content(event):
            answer.pace.commit()
            _drop_ticks(raw)
            return Stream(chain(held, _guarded(events)), raw, verbatim)
        held_bytes += len(event.frame.raw) if isinstance(event, Opaque) and event.frame else 0
        if held_bytes > MAX_WHOLE_BYTES:
            answer.close()
            raise ProtocolViolation("the provider's stream has no content, and does not end")
    raise StreamInterrupted("the provider's stream ended before any content")


def _drop_ticks(raw: deque[Frame]) -> None:
    """Forget the silences before the commit: nothing may be written for them."""
    frames = [frame for frame in raw if frame is not sse.TICK]
    raw.clear()
    raw.extend(frames)


def _guarded(events: Iterable[Event]) -> Iterator[Event]:
    """Tell a broken connection as an event: after the commit there is no other way."""
    try:
        yield from events
    except UpstreamError as error:
        yield Failed(error)


def _read_whole(answer: Answer, format_: Upstream) -> Whole:
    """Read a body and decode it; a stream that nobody asked for is added up."""
    body = answer.whole()
    content_type = answer.headers.get("content-type") or "application/json"
    if answer.content_type == "text/event-stream":
        response = collect(format_.decode_events(sse.frames([body])))
        return Whole(b"", response, "application/json")
    parsed = parse_json(body, answer.content_type)
    return Whole(body, format_.decode_response(parsed), content_type, parsed)


def parse_json(body: bytes, content_type: str) -> Mapping[str, Any]:
    """Return a provider's JSON object.

    Raises
    ------
    ProtocolViolation
        Empty, HTML, broken or not an object.
    """
    if not body.strip():
        raise ProtocolViolation("the provider's answer is empty")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        what = "HTML" if "html" in content_type or body.lstrip()[:1] == b"<" else "not JSON"
        raise ProtocolViolation(f"the provider's answer is {what}") from exc
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]  # Gemini wraps errors, and streams asked for without SSE
    if not isinstance(parsed, dict):
        raise ProtocolViolation("the provider's answer is not a JSON object")
    return parsed


def _read_raw(answer: Answer) -> Whole | Bytes:
    """Read JSON whole, so that a broken one is told; pass everything else on."""
    content_type = answer.headers.get("content-type") or "application/octet-stream"
    if answer.content_type == "text/html":
        raise ProtocolViolation("the provider's answer is HTML")
    if answer.content_type != "application/json":
        chunks = answer.chunks()
        first = next((chunk for chunk in chunks if chunk), b"")
        if answer.content_type == "text/event-stream":
            _refuse_error(first)
        answer.pace.commit()
        return Bytes(chain((first,), chunks), content_type)
    body = answer.whole()
    return Whole(body, None, content_type, parse_json(body, answer.content_type))


def _refuse_error(first: bytes) -> None:
    """Raise the error that a stream opens with: another target may still be tried."""
    frame = next(sse.frames([first]), None)
    error = None if frame is None else error_in(frame)
    if error is not None:
        raise error


def error_in(frame: Frame) -> UpstreamError | None:
    """Return the error that an event tells in the way of OpenAI and its imitators, if any."""
    if b'"error"' not in frame.data:
        return None
    try:
        parsed = orjson.loads(frame.data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(parsed, dict) or not parsed.get("error"):
        return None
    return classify(UpstreamFacts(detail=decode_error(200, frame.data)))
