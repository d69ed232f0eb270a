"""This module encodes a stream for Gemini clients, as events or as one JSON array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from router.canonical.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Event,
    Failed,
    MessageStart,
    MessageStop,
    UsageSeen,
)
from router.canonical.messages import Block, Citation, Refusal, Text, Thinking, ToolCall
from router.canonical.usage import Usage
from router.formats import sse
from router.formats.gemini.errors import encode_stream_error
from router.formats.gemini.parts import block_part, call_part, text_part, thought_part
from router.formats.gemini.response import finished, trailer


def encode_events(events: Iterable[Event]) -> Iterator[bytes]:
    """Yield the bytes of a stream, one item per event, by the encoder contract."""
    writer = _Writer()
    over = False
    for event in events:
        yield b"" if over else writer.write(event)
        over = over or isinstance(event, Failed | MessageStop)


class _Open:
    """A block that is being filled.

    Its strings are kept in pieces: adding each delta to a growing text would copy all
    of it every time.
    """

    def __init__(self, block: Text | Thinking | Refusal | ToolCall) -> None:
        self.block = block
        self.pieces: list[str] = []
        self.citations: list[Citation] = []
        self.signature = None if isinstance(block, Refusal) else block.signature

    def add(self, delta: BlockDelta) -> None:
        """Note what a delta adds."""
        self.pieces.append(delta.text)
        if delta.citation is not None:
            self.citations.append(delta.citation)
        self.signature = delta.signature or self.signature


class _Writer:
    """What has been told of an answer so far."""

    def __init__(self) -> None:
        self._id = ""
        self._model = ""
        self._usage: Usage | None = None
        self._open: dict[int, _Open] = {}
        self._cited: list[tuple[str, list[Citation]]] = []

    def write(self, event: Event) -> bytes:
        """Return the bytes for one event; none where it says nothing to the client."""
        match event:
            case MessageStart():
                self._id, self._model, self._usage = event.id, event.model, event.usage
            case BlockStart(index, block):
                return self._start(index, block)
            case BlockDelta(index=index) if index in self._open:
                return self._delta(self._open[index], event)
            case BlockStop(index) if index in self._open:
                return self._stop(self._open.pop(index))
            case UsageSeen(usage):
                self._usage = usage
            case MessageStop():
                return self._end(event)
            case Failed(error):
                return encode_stream_error(error)
            case _:
                pass
        return b""

    def _start(self, index: int, block: Block) -> bytes:
        """Open a block; those that come whole are told at once."""
        if isinstance(block, Text | Thinking | Refusal | ToolCall):
            self._open[index] = _Open(block)
            return b""
        part = block_part(block)
        return b"" if part is None else self._content(part)

    def _delta(self, filled: _Open, delta: BlockDelta) -> bytes:
        """Tell more of a text; calls and signatures wait for the block's end."""
        filled.add(delta)
        if not delta.text or isinstance(filled.block, ToolCall):
            return b""
        if isinstance(filled.block, Thinking):
            return self._content(thought_part(delta.text))
        return self._content(text_part(delta.text))

    def _stop(self, filled: _Open) -> bytes:
        """Close a block: a call is told whole, a signature after what it signs."""
        said = "".join(filled.pieces)
        match filled.block:
            case ToolCall() as call:
                return self._content(
                    call_part(replace(call, arguments=said, signature=filled.signature))
                )
            case Thinking() if filled.signature is not None:
                return self._content(thought_part("", filled.signature))
            case Text():
                self._cited.append((said, filled.citations))
                if filled.signature is not None:
                    return self._content(text_part("", filled.signature))
        return b""

    def _end(self, stop: MessageStop) -> bytes:
        """Tell why the answer ended, its sources and what it used."""
        candidate = finished([text_part("")], stop.reason, stop.detail, stop.extras, self._cited)
        return self._frame(candidate, stop.usage or self._usage)

    def _content(self, part: Mapping[str, Any]) -> bytes:
        """Return the frame of one part."""
        return self._frame({"content": {"parts": [part], "role": "model"}, "index": 0}, None)

    def _frame(self, candidate: Mapping[str, Any], usage: Usage | None) -> bytes:
        """Return the frame of a chunk."""
        chunk = {"candidates": [candidate], **trailer(self._model, self._id, usage)}
        return b"data: " + orjson.dumps(chunk) + b"\r\n\r\n"


def json_array(frames: Iterable[bytes]) -> Iterator[bytes]:
    r"""Yield a stream of events as the JSON array that clients get without ``alt=sse``.

    One item per item of `frames`, then the closing bracket, which follows an error too:
    an answer's completeness is its ``finishReason``. Comments, which keep a connection
    open, become white space.

    Examples
    --------
    >>> b"".join(json_array([b'data: {"a":1}\r\n\r\n', b"", b'data: {"a":2}\r\n\r\n']))
    b'[{"a":1},\r\n{"a":2}]'
    """
    separator = b"["
    for item in frames:
        out = bytearray()
        for frame in sse.frames([item]):
            if frame.data:
                out += separator + frame.data
                separator = b",\r\n"
        yield bytes(out) if out or not item else b"\r\n"
    yield b"[]" if separator == b"[" else b"]"
