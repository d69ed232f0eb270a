"""This module writes events as the chunks of a chat client's stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
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
)
from router.canonical.messages import Block, Refusal, Text, Thinking, ToolCall
from router.canonical.request import ChatRequest
from router.canonical.signature import attach_to_id
from router.formats.openai_chat.custom_tools import custom_names, free_text
from router.formats.openai_chat.errors import encode_stream_error
from router.formats.openai_chat.response import (
    SERVICE_TIERS,
    THOUGHT_BREAK,
    annotation,
    finish_reason,
    image_part,
    is_legacy,
    thinking_block,
)
from router.formats.openai_chat.usage import encode_usage

DONE = b"data: [DONE]\n\n"
"""The end marker of OpenAI's streams."""


def encode_events(
    events: Iterable[Event],
    request: ChatRequest,
    clock: Callable[[], float],
    new_id: Callable[[], str],
) -> Iterator[bytes]:
    """Return the stream's bytes, one item per event; ``b""`` where an event says nothing.

    Parameters
    ----------
    clock, new_id : callable
        Time and id where the provider tells none, see `response.encode_response`.
    """
    writer = _Writer(request, clock, new_id)
    try:
        for event in events:
            yield writer.write(event)
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


def dumps(value: Any) -> bytes:
    """Return a value as JSON; half characters, which JSON cannot say, become ``?``."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")


class _Writer:
    """What has been written so far."""

    __slots__ = (
        "blocks",
        "calls",
        "clock",
        "custom",
        "head",
        "legacy",
        "new_id",
        "offsets",
        "opening",
        "over",
        "pictures",
        "pieces",
        "request",
        "text_chars",
        "thought",
    )

    def __init__(
        self, request: ChatRequest, clock: Callable[[], float], new_id: Callable[[], str]
    ) -> None:
        self.request = request
        self.clock = clock
        self.new_id = new_id
        self.custom = custom_names(request)
        self.legacy = is_legacy(request)
        self.head = self.opening = b""
        self.over = False
        # Open blocks other than text by their index, and the pieces of their strings; for
        # text only where it starts in the whole text.
        self.blocks: dict[int, Block] = {}
        self.pieces: dict[int, list[str]] = {}
        self.offsets: dict[int, int] = {}
        self.calls: dict[int, int] = {}
        self.text_chars = 0
        self.pictures = 0
        self.thought = False

    def write(self, event: Event) -> bytes:
        """Return the bytes of one event."""
        if self.over:
            return b""
        match event:
            case BlockDelta():
                return self._delta(event)
            case BlockStart(index, block):
                return self._open(index, block)
            case BlockStop(index):
                return self._close(index)
            case MessageStart():
                return self._start(event)
            case MessageStop():
                self.over = True
                return self._stop(event)
            case Failed(error):
                self.over = True
                return encode_stream_error(error)
            case _:
                return b""

    def _start(self, start: MessageStart) -> bytes:
        """Open the message; what all its chunks share is written once."""
        created = int(self.clock()) if start.created is None else start.created
        head = {
            "id": start.id or f"chatcmpl-{self.new_id()}",
            "object": "chat.completion.chunk",
            "created": created,
            "model": start.model or self.request.model or "",
        }
        if start.service_tier in SERVICE_TIERS:
            head["service_tier"] = start.service_tier
        self.head = b"data: " + dumps(head)[:-1]
        self.opening = self.head + b',"choices":[{"index":0,"delta":'
        return self._chunk(b'{"role":"assistant","content":""}')

    def _chunk(self, delta: bytes) -> bytes:
        """Return a chunk that adds something."""
        return self.opening + delta + b',"logprobs":null,"finish_reason":null}]}\n\n'

    def _delta(self, event: BlockDelta) -> bytes:
        """Add to an open block."""
        index = event.index
        offset = self.offsets.get(index)
        if offset is not None:
            return self._text(event, offset)
        block = self.blocks.get(index)
        match block:
            case Thinking():
                return self._think(event)
            case Refusal() if event.text:
                return self._chunk(b'{"refusal":' + dumps(event.text) + b"}")
            case ToolCall() if event.text:
                self.pieces[index].append(event.text)
                return b"" if self._is_free_text(block) else self._argument(index, event.text)
            case _:
                return b""

    def _text(self, event: BlockDelta, offset: int) -> bytes:
        """Add text, or a source of it."""
        said = b""
        if event.text:
            self.text_chars += len(event.text)
            said = self._chunk(b'{"content":' + dumps(event.text) + b"}")
        if event.citation is not None:
            cited = annotation(event.citation, offset, self.text_chars)
            if cited is not None:
                said += self._chunk(dumps({"annotations": [cited]}))
        return said

    def _think(self, event: BlockDelta) -> bytes:
        """Add reasoning; its pieces are kept, as its signature is told with the whole."""
        index, text = event.index, event.text
        if event.signature is not None:
            self.blocks[index] = Thinking("", event.signature)
        if not text:
            return b""
        pieces = self.pieces[index]
        if self.thought and not pieces:
            text = THOUGHT_BREAK + text
        self.thought = True
        pieces.append(event.text)
        return self._chunk(b'{"reasoning_content":' + dumps(text) + b"}")

    def _open(self, index: int, block: Block) -> bytes:
        """Open a block; calls are told at once, text when there is some."""
        if isinstance(block, Text):
            self.offsets[index] = self.text_chars
            return b""
        self.blocks[index] = block
        self.pieces[index] = []
        if isinstance(block, ToolCall):
            self.calls[index] = len(self.calls)
            return b"" if self._is_free_text(block) else self._call(index, block)
        if isinstance(block, Thinking):
            return b""
        if told := thinking_block(block):
            return self._chunk(dumps({"thinking_blocks": [told]}))
        if image := image_part(block):
            self.pictures += 1
            return self._chunk(dumps({"images": [{**image, "index": self.pictures - 1}]}))
        return b""

    def _close(self, index: int) -> bytes:
        """Close a block; a call without arguments says ``{}``, signed reasoning is told whole."""
        self.offsets.pop(index, None)
        block = self.blocks.pop(index, None)
        pieces = self.pieces.pop(index, ())
        match block:
            case ToolCall() if self._is_free_text(block):
                return self._free_text(index, block, "".join(pieces))
            case ToolCall() if not pieces:
                return self._argument(index, "{}")
            case Thinking(signature=signature) if signature is not None:
                told = thinking_block(Thinking("".join(pieces), signature))
                return self._chunk(dumps({"thinking_blocks": [told]}))
            case _:
                return b""

    def _call(self, index: int, call: ToolCall) -> bytes:
        """Open a call: id and name first, arguments follow."""
        function = {"name": call.name, "arguments": ""}
        if self.legacy:
            first = self.calls[index] == 0
            return self._chunk(dumps({"function_call": function})) if first else b""
        told = {
            "index": self.calls[index],
            "id": attach_to_id(call.id, call.signature),
            "type": "function",
            "function": function,
        }
        return self._chunk(dumps({"tool_calls": [told]}))

    def _argument(self, index: int, text: str) -> bytes:
        """Add to a call's arguments."""
        if self.legacy:
            if self.calls[index]:
                return b""
            return self._chunk(b'{"function_call":{"arguments":' + dumps(text) + b"}}")
        number = b"%d" % self.calls[index]
        argument = b',"function":{"arguments":' + dumps(text) + b"}}]}"
        return self._chunk(b'{"tool_calls":[{"index":' + number + argument)

    def _is_free_text(self, call: ToolCall) -> bool:
        """Tell whether the caller knows a call's tool as one of free text."""
        return call.custom or call.name in self.custom

    def _free_text(self, index: int, call: ToolCall, text: str) -> bytes:
        """Return a whole call of a free-text tool: its text is known at its end only."""
        text = text if call.custom else free_text(text)
        told = {
            "index": self.calls[index],
            "id": attach_to_id(call.id, call.signature),
            "type": "custom",
            "custom": {"name": call.name, "input": text},
        }
        return self._chunk(dumps({"tool_calls": [told]}))

    def _stop(self, stop: MessageStop) -> bytes:
        """Return the end: the reason, usage where asked for, the end marker."""
        reason = dumps(finish_reason(stop.reason, legacy=self.legacy))
        if stop.detail is not None:
            reason += b',"native_finish_reason":' + dumps(stop.detail)
        end = self.opening + b'{},"logprobs":null,"finish_reason":' + reason + b"}]}\n\n"
        if self.request.include_usage and stop.usage is not None:
            usage = dumps(encode_usage(stop.usage))
            end += self.head + b',"choices":[],"usage":' + usage + b"}\n\n"
        return end + DONE
