"""This module reads a provider's stream of chunks into events.

Chunks are flat: text, reasoning and calls arrive in one ``delta``, and nothing says where one
ends. This module keeps that book, so that no encoder must.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from router.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Event,
    Failed,
    Frame,
    MessageStart,
    MessageStop,
    Opaque,
    UsageSeen,
)
from router.canonical.messages import Block, Refusal, Text, Thinking
from router.canonical.usage import Usage
from router.errors import (
    ErrorDetail,
    ProtocolViolation,
    StreamInterrupted,
    UpstreamError,
    UpstreamFacts,
)
from router.formats.classify import classify
from router.formats.openai_chat.answer import (
    citations_of,
    content_of,
    images_of,
    parse_json,
    position,
    reasoning_of,
    stop_reason,
    text_of,
)
from router.formats.openai_chat.errors import detail_of
from router.formats.openai_chat.response import first_choice
from router.formats.openai_chat.stream_calls import Calls
from router.formats.openai_chat.usage import decode_usage

_EMPTY: Mapping[str, Block] = {"text": Text(""), "thinking": Thinking(""), "refusal": Refusal("")}


def decode_events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Return the events of a stream, by the decoder contract of `router.formats.base`.

    ``[DONE]`` ends it. Several servers leave that out, so a stream that ends after its
    ``finish_reason`` is complete as well. The usage chunk comes after the ``finish_reason``:
    hence `MessageStop` waits for the end.
    """
    answer = _Answer()
    try:
        for frame in frames:
            events = answer.read(frame)
            if events:
                yield from events
            else:
                yield Opaque(frame)
        yield from answer.end()
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()


class _Answer:
    """What the chunks so far have told."""

    __slots__ = ("calls", "finish", "finished", "index", "kind", "over", "size", "started", "usage")

    def __init__(self) -> None:
        self.over = False
        self.started = False
        self.finished = False
        self.finish: str | None = None
        self.usage: Usage | None = None
        # The text, thinking or refusal block that is open, and the number of blocks so far.
        self.kind: str | None = None
        self.index = -1
        self.size = 0
        self.calls = Calls()

    def read(self, frame: Frame) -> list[Event]:
        """Return the events of one frame; none where it says nothing."""
        data = frame.data
        if self.over or not data:
            return []
        if data.strip() == b"[DONE]":
            return self._stop()
        chunk = parse_json(data)
        if chunk is None and not frame.raw.endswith((b"\n\n", b"\n\r\n")):
            return []  # the stream broke off inside this frame; its end tells the rest
        if not isinstance(chunk, Mapping):
            return self._fail(ProtocolViolation("a chunk of the stream is not a JSON object"))
        # vLLM's older releases tell an error flat, with "object": "error".
        if chunk.get("error") or frame.event == "error" or chunk.get("object") == "error":
            return self._fail(classify(UpstreamFacts(detail=detail_of(chunk))))
        return self._chunk(chunk)

    def end(self) -> list[Event]:
        """Return the events of the stream's end."""
        if self.over:
            return []
        if self.finished:
            return self._stop()
        return self._fail(StreamInterrupted("the stream ended before the answer was complete"))

    def _chunk(self, chunk: Mapping[str, Any]) -> list[Event]:
        """Read one chunk."""
        events: list[Event] = []
        usage = decode_usage(chunk.get("usage")) or _groq_usage(chunk)
        # Azure opens with a chunk that has neither, nor an id.
        if not self.started and (chunk.get("choices") or usage is not None):
            self._start(chunk, events)
        choice = first_choice(chunk)
        if choice is not None:
            delta = choice.get("delta")
            if isinstance(delta, Mapping):
                self._delta(delta, events)
            word = choice.get("finish_reason")
            if word == "error":
                detail = ErrorDetail("", code="server_error")
                return [*events, *self._fail(classify(UpstreamFacts(detail=detail)))]
            if word and isinstance(word, str):
                self.finished = True
                self.finish = word
                self._close_text(events)
                self.calls.close(events)
        if usage is not None:
            self.usage = usage
            events.append(UsageSeen(usage))
        return events

    def _start(self, chunk: Mapping[str, Any], events: list[Event]) -> None:
        """Open the message."""
        self.started = True
        id_, created = text_of(chunk, "id"), position(chunk.get("created"))
        self.calls.name_after(id_, created)
        tier = text_of(chunk, "service_tier") or None
        events.append(MessageStart(id_, text_of(chunk, "model"), created, service_tier=tier))

    def _delta(self, delta: Mapping[str, Any], events: list[Event]) -> None:
        """Read what a chunk adds."""
        if reasoning := reasoning_of(delta):
            self._say("thinking", reasoning, events)
        for kind, text in content_of(delta):
            self._say(kind, text, events)
        if "annotations" in delta and self.kind == "text":
            events.extend(BlockDelta(self.index, citation=cited) for cited in citations_of(delta))
        if "images" in delta:
            for image in images_of(delta):
                self._break(events)
                events += (BlockStart(self.size, image), BlockStop(self.size))
                self.size += 1
        if refusal := text_of(delta, "refusal"):
            self._say("refusal", refusal, events)
        if delta.get("tool_calls") or delta.get("function_call"):
            self._close_text(events)
            self.size = self.calls.read(delta, self.size, events)

    def _say(self, kind: str, text: str, events: list[Event]) -> None:
        """Add text to the open block of its kind, or to a new one."""
        if self.kind != kind:
            self._break(events)
            self.kind, self.index = kind, self.size
            self.size += 1
            events.append(BlockStart(self.index, _EMPTY[kind]))
        events.append(BlockDelta(self.index, text))

    def _break(self, events: list[Event]) -> None:
        """Close what is complete when something else begins."""
        self._close_text(events)
        self.calls.close_complete(events)

    def _close_text(self, events: list[Event]) -> None:
        """Close the open block of text, thinking or refusal."""
        if self.kind is not None:
            events.append(BlockStop(self.index))
            self.kind = None

    def _stop(self) -> list[Event]:
        """Return the end of a complete answer."""
        if not self.started:
            return self._fail(ProtocolViolation("the stream ended without an answer"))
        self.over = True
        events: list[Event] = []
        self._close_text(events)
        self.size = self.calls.flush(self.size, events)
        self.calls.close(events)
        reason = stop_reason(self.finish, has_calls=self.calls.any)
        events.append(MessageStop(reason, self.usage, self.finish))
        return events

    def _fail(self, error: UpstreamError) -> list[Event]:
        """Return the end of a broken answer."""
        self.over = True
        return [Failed(error)]


def _groq_usage(chunk: Mapping[str, Any]) -> Usage | None:
    """Return usage from where Groq puts it for callers that did not ask."""
    groq = chunk.get("x_groq")
    return decode_usage(groq.get("usage")) if isinstance(groq, Mapping) else None
