"""This module writes Anthropic's event stream.

Anthropic's blocks never overlap: each is closed before the next opens. Canonical blocks
may overlap, so what belongs to a block that is not yet its turn waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
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
from router.canonical.messages import Block, Native, Refusal, Text, Thinking, ToolCall
from router.canonical.request import ChatRequest
from router.canonical.response import StopReason
from router.canonical.signature import seal
from router.canonical.usage import Usage
from router.formats import sse
from router.formats.anthropic_messages.citations import encode_citation
from router.formats.anthropic_messages.errors import encode_stream_error
from router.formats.anthropic_messages.response import KEPT_EXTRAS, encode_block, stop_details
from router.formats.anthropic_messages.usage import encode_usage
from router.formats.anthropic_messages.vocabulary import NAME, json_text, tool_input, wire_reason

Wire = dict[str, Any]


def encode_events(
    events: Iterable[Event], request: ChatRequest, new_id: Callable[[], str]
) -> Iterator[bytes]:
    """Return the stream's bytes, one item per event, by the encoder contract."""
    writer = _Writer(request, new_id)
    try:
        for event in events:
            yield writer.write(event)
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


@dataclass(slots=True)
class _Waiting:
    """A block and what is to be said of it."""

    block: Block
    payloads: list[Wire] = field(default_factory=list)
    free_text: str = ""
    closed: bool = False


class _Writer:
    """One stream as far as it has been written."""

    def __init__(self, request: ChatRequest, new_id: Callable[[], str]) -> None:
        self._request = request
        self._new_id = new_id
        self._started = self._over = self._refused = False
        self._usage: Usage | None = None
        self._blocks: dict[int, _Waiting] = {}  # open or waiting, in order of opening
        self._wire_index = 0

    def write(self, event: Event) -> bytes:
        """Return the frames of one event; none once the stream is over."""
        if self._over:
            return b""
        match event:
            case MessageStart():
                return self._start(event)
            case BlockStart(index, block):
                return self._ensure_started() + self._block_start(index, block)
            case BlockDelta():
                return self._delta(event)
            case BlockStop(index):
                return self._block_stop(index)
            case UsageSeen(usage):
                self._usage = usage
                return b""
            case MessageStop():
                return self._ensure_started() + self._stop(event)
            case Failed(error):
                self._over = True
                return encode_stream_error(error)
            case _:
                return b""

    def _ensure_started(self) -> bytes:
        return b"" if self._started else self._start(MessageStart("", ""))

    def _start(self, event: MessageStart) -> bytes:
        if self._started:
            return b""
        self._started = True
        self._usage = event.usage or self._usage
        message: Wire = {
            "id": event.id or self._new_id(),
            "type": "message",
            "role": "assistant",
            "model": event.model or self._request.model or "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": encode_usage(self._usage, event.service_tier),
        }
        return _frame({"type": "message_start", "message": message})

    def _block_start(self, index: int, block: Block) -> bytes:
        """Open a block, empty, and say what it already holds."""
        wire = encode_block(block)
        if wire is None:
            return b""  # nothing that this format could say: its deltas are passed over
        self._refused = self._refused or isinstance(block, Refusal)
        said: list[Wire] = []
        match block:
            case Text(text=text) | Refusal(text=text):
                wire = {"type": "text", "text": ""}
                said = [{"type": "text_delta", "text": text}] if text else []
            case Thinking(text=text):
                said = [{"type": "thinking_delta", "thinking": text}] if text else []
                if wire["signature"]:
                    said.append({"type": "signature_delta", "signature": wire["signature"]})
                wire = {"type": "thinking", "thinking": "", "signature": ""}
            case ToolCall() | Native() if "input" in wire:
                if isinstance(block, Native) or block.arguments:
                    given = json_text(wire["input"])
                    said = [{"type": "input_json_delta", "partial_json": given}]
                wire = {**wire, "input": {}}
        self._blocks[index] = _Waiting(block)
        return self._say(
            index,
            {"type": "content_block_start", "content_block": wire},
            *({"type": "content_block_delta", "delta": delta} for delta in said),
        )

    def _delta(self, event: BlockDelta) -> bytes:
        waiting = self._blocks.get(event.index)
        if waiting is None or waiting.closed:
            return b""
        deltas: list[Wire] = []
        block = waiting.block
        if event.text:
            match block:
                case ToolCall(custom=True):
                    waiting.free_text += event.text
                case ToolCall():
                    deltas.append({"type": "input_json_delta", "partial_json": event.text})
                case Thinking():
                    deltas.append({"type": "thinking_delta", "thinking": event.text})
                case _:
                    deltas.append({"type": "text_delta", "text": event.text})
        if event.citation is not None and (source := encode_citation(event.citation)):
            deltas.append({"type": "citations_delta", "citation": source})
        if event.signature is not None and isinstance(block, Thinking):
            sealed = seal(event.signature, NAME)
            deltas.append({"type": "signature_delta", "signature": sealed})
        return self._say(
            event.index, *({"type": "content_block_delta", "delta": delta} for delta in deltas)
        )

    def _block_stop(self, index: int) -> bytes:
        """Close a block; free text is told whole before, as it must become JSON."""
        waiting = self._blocks.get(index)
        if waiting is None or waiting.closed:
            return b""
        waiting.closed = True
        payloads: list[Wire] = []
        if waiting.free_text:
            given = json_text(tool_input(waiting.free_text, custom=True))
            delta = {"type": "input_json_delta", "partial_json": given}
            payloads.append({"type": "content_block_delta", "delta": delta})
        return self._say(index, *payloads, {"type": "content_block_stop"})

    def _say(self, index: int, *payloads: Wire) -> bytes:
        """Say something of a block, and of those that waited for it once it is closed."""
        self._blocks[index].payloads.extend(payloads)
        out: list[bytes] = []
        while self._blocks:
            first = next(iter(self._blocks))
            ready, self._blocks[first].payloads = self._blocks[first].payloads, []
            place = {"type": "", "index": self._wire_index}
            out += [_frame(place | payload) for payload in ready]
            if not self._blocks[first].closed:
                break
            del self._blocks[first]
            self._wire_index += 1
        return b"".join(out)

    def _stop(self, event: MessageStop) -> bytes:
        """Close what is open, tell reason and usage, and end."""
        self._over = True
        out = b"".join([self._block_stop(index) for index in list(self._blocks)])
        reason: StopReason = "content_filter" if self._refused else event.reason
        told: Wire = {
            "stop_reason": wire_reason(reason, event.detail),
            "stop_sequence": event.sequence,
        }
        extras = {key: event.extras[key] for key in KEPT_EXTRAS if key in event.extras}
        extras = stop_details(event.reason, event.detail) | extras
        beside = {key: extras.pop(key) for key in ("context_management",) if key in extras}
        usage = encode_usage(event.usage or self._usage)
        ending = {"type": "message_delta", "delta": told | extras, "usage": usage} | beside
        return out + _frame(ending) + _frame({"type": "message_stop"})


def _frame(payload: Wire) -> bytes:
    return sse.encode(orjson.dumps(payload), payload["type"])
