"""This module reads Anthropic's event stream.

https://platform.claude.com/docs/en/build-with-claude/streaming: a message opens, its
blocks follow one after another, ``message_delta`` tells reason and usage, and
``message_stop`` ends it. Usage is cumulative. Anything unknown is passed as `Opaque`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

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
from router.canonical.messages import Block, Native, Text, Thinking, ToolCall
from router.canonical.signature import Signature
from router.canonical.usage import Usage
from router.errors import ProtocolViolation, StreamInterrupted, UpstreamError, UpstreamFacts
from router.formats.anthropic_messages.citations import decode_citation
from router.formats.anthropic_messages.errors import error_detail
from router.formats.anthropic_messages.response import (
    KEPT_EXTRAS,
    decode_block,
    stop_reason,
    text_or_none,
)
from router.formats.anthropic_messages.usage import decode_usage
from router.formats.anthropic_messages.vocabulary import NAME, json_text
from router.formats.classify import classify


def decode_events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Return the stream's events, by the decoder contract of `router.formats.base`."""
    reader = _Reader()
    try:
        for frame in frames:
            yield from reader.read(frame) or (Opaque(frame),)
        if not reader.is_done:
            message = "the provider's stream ended before the answer was complete"
            yield Failed(StreamInterrupted(message))
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()


class _Reader:
    """One stream as far as it has been read."""

    def __init__(self) -> None:
        self.is_done = False
        self._started = False
        self._id = ""
        self._open: dict[int, _OpenBlock] = {}  # by the provider's index
        self._blocks: list[Block] = []  # as opened, to judge why the answer ended
        self._usage: dict[str, Any] = {}
        self._ending: dict[str, Any] = {}

    def read(self, frame: Frame) -> list[Event]:
        """Return a frame's events; none where it has no canonical meaning."""
        if self.is_done or not frame.data.strip() or frame.data.strip() == b"[DONE]":
            return []
        try:
            data = orjson.loads(frame.data)
        except orjson.JSONDecodeError:
            return self._fail(ProtocolViolation("an event of the provider's stream is not JSON"))
        if not isinstance(data, dict):
            return self._fail(ProtocolViolation("an event of the stream is not a JSON object"))
        kind, index = data.get("type"), data.get("index")
        is_foreign_error = (kind is None and "error" in data) or data.get("object") == "error"
        if kind == "error" or is_foreign_error or frame.event == "error":
            return self._fail(classify(UpstreamFacts(detail=error_detail(data))))
        match kind:
            case "message_start":
                return self._message_start(_mapping(data.get("message")))
            case "content_block_start":
                return self._block_start(data)
            case "content_block_delta" if isinstance(index, int) and index in self._open:
                return self._open[index].read(_mapping(data.get("delta")))
            case "content_block_stop" if isinstance(index, int) and index in self._open:
                return self._open.pop(index).close()
            case "message_delta":
                return self._message_delta(data)
            case "message_stop":
                return self._message_stop()
            case _:
                return []

    def _fail(self, error: UpstreamError) -> list[Event]:
        self.is_done = True
        return [Failed(error)]

    def _message_start(self, message: Mapping[str, Any]) -> list[Event]:
        if self._started:
            return []
        self._started = True
        self._id = str(message.get("id") or "")
        self._see(message.get("usage"))
        return [
            MessageStart(
                self._id,
                str(message.get("model") or ""),
                usage=self._counted(),
                service_tier=text_or_none(self._usage.get("service_tier")),
            )
        ]

    def _block_start(self, data: Mapping[str, Any]) -> list[Event]:
        events: list[Event] = [] if self._started else self._message_start({})
        index = data.get("index")
        key = index if isinstance(index, int) else -1
        if key in self._open:  # never closed: the provider forgot
            events += self._open.pop(key).close()
        place = len(self._blocks)
        block = _OpenBlock(place, _mapping(data.get("content_block")), f"{self._id}_{place}")
        self._open[key] = block
        self._blocks.append(block.block)
        return events + block.begin()

    def _message_delta(self, data: Mapping[str, Any]) -> list[Event]:
        events: list[Event] = [] if self._started else self._message_start({})
        told = {**_mapping(data.get("delta"))}
        told |= {key: data[key] for key in KEPT_EXTRAS if key in data}
        self._ending |= {key: value for key, value in told.items() if value is not None}
        self._see(data.get("usage"))
        usage = self._counted()
        return events if usage is None else [*events, UsageSeen(usage)]

    def _message_stop(self) -> list[Event]:
        events: list[Event] = [] if self._started else self._message_start({})
        for block in self._open.values():
            events += block.close()
        self.is_done = True
        detail = self._ending.get("stop_reason")
        stop = MessageStop(
            stop_reason(detail, self._blocks),
            self._counted(),
            text_or_none(detail),
            text_or_none(self._ending.get("stop_sequence")),
            {key: self._ending[key] for key in KEPT_EXTRAS if key in self._ending},
        )
        return [*events, stop]

    def _see(self, usage: Any) -> None:
        """Take in counts; they are cumulative, and fields that stay may be left out."""
        self._usage |= {key: value for key, value in _mapping(usage).items() if value is not None}

    def _counted(self) -> Usage | None:
        return decode_usage(self._usage)


class _OpenBlock:
    """A block between its start and its stop."""

    def __init__(self, index: int, raw: Mapping[str, Any], fallback_id: str) -> None:
        self.block = decode_block(raw, fallback_id)
        self._index = index
        self._raw = dict(raw)
        self._is_call = raw.get("type") == "tool_use"
        self._json = ""

    def begin(self) -> list[Event]:
        """Open the block, with what its start already says.

        Anthropic's starts are empty; other servers that speak the format fill them.
        """
        index = self._index
        match self.block:
            case ToolCall() as call:
                return [BlockStart(index, ToolCall(call.id, call.name, ""))]
            case Text() if self._is_call:
                return [BlockStart(index, Text(""))]
            case Text(text=text, citations=citations):
                said = [BlockDelta(index, text)] if text else []
                sources = [BlockDelta(index, citation=citation) for citation in citations]
                return [BlockStart(index, Text("")), *said, *sources]
            case Thinking(text=text, signature=signature):
                events: list[Event] = [BlockStart(index, Thinking(""))]
                if text or signature:
                    events.append(BlockDelta(index, text, signature=signature))
                return events
            case Native():
                return []  # its deltas are folded in: it comes whole when it closes
            case block:
                return [BlockStart(index, block)]

    def read(self, delta: Mapping[str, Any]) -> list[Event]:
        """Return what a delta adds; none where it is empty, as the first of a tool's input."""
        if isinstance(self.block, Native):
            self._fold(delta)
            return []
        match delta:
            case {"type": "text_delta", "text": str(text)} if text:
                return [BlockDelta(self._index, text)]
            case {"type": "thinking_delta", "thinking": str(text)} if text:
                return [BlockDelta(self._index, text)]
            case {"type": "signature_delta", "signature": str(value)}:
                return [BlockDelta(self._index, signature=Signature(value, NAME))]
            case {"type": "input_json_delta", "partial_json": str(text)} if text:
                self._json += text
                return [BlockDelta(self._index, text)]
            case {"type": "citations_delta", "citation": Mapping() as citation}:
                return [BlockDelta(self._index, citation=decode_citation(citation))]
            case _:
                return []

    def close(self) -> list[Event]:
        """Close the block."""
        stop = BlockStop(self._index)
        if isinstance(self.block, Native):
            if self._json:
                self._raw["input"] = _parsed(self._json)
            return [BlockStart(self._index, Native(NAME, self._raw)), stop]
        if self._is_call and not self._json and (given := self._raw.get("input")):
            return [BlockDelta(self._index, json_text(given)), stop]
        if isinstance(self.block, Text) and self._is_call and not self._json:
            return [BlockDelta(self._index, "{}"), stop]
        return [stop]

    def _fold(self, delta: Mapping[str, Any]) -> None:
        """Add a delta to a block that only Anthropic knows."""
        for key, value in delta.items():
            if key == "partial_json" and isinstance(value, str):
                self._json += value
            elif key == "citation" and isinstance(value, Mapping):
                self._raw["citations"] = [*(self._raw.get("citations") or ()), value]
            elif key != "type" and isinstance(value, str) and isinstance(self._raw.get(key), str):
                self._raw[key] += value
            elif key not in {"type", "partial_json"} and value is not None:
                self._raw[key] = value


def _parsed(text: str) -> Any:
    """Return the JSON of a folded input, or the text where it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"input": text}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
