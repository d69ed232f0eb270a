"""This module writes a stream of Responses events for a client.

Items are numbered as they open, and an item is closed when the next one opens or the
message ends: only then is known whether the answer was cut short within it. Deltas add
up to the texts of the items, and the last event repeats the items as they were closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from router.canonical.request import ChatRequest
from router.formats.openai_responses.envelope import (
    Clock,
    closed,
    failed,
    known_tier,
    opened,
    response_id,
)
from router.formats.openai_responses.output import CUT_SHORT, JsonItem, NewId, Offered, is_told
from router.formats.openai_responses.written import (
    OpenBlock,
    OpenItem,
    open_block,
    open_item,
    shares_item,
)
from router.formats.sse import encode


def encode_events(
    events: Iterable[Event], request: ChatRequest, new_id: NewId, clock: Clock
) -> Iterator[bytes]:
    """Yield the bytes of each event; see `router.formats.base.Ingress.encode_events`."""
    writer = _Writer(request, new_id, clock)
    try:
        for event in events:
            yield writer.write(event)
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


class _Writer:
    """What has been written so far."""

    def __init__(self, request: ChatRequest, new_id: NewId, clock: Clock) -> None:
        self._request = request
        self._new_id = new_id
        self._clock = clock
        self._offered = Offered(request.tools)
        self._response: dict[str, Any] = {}
        self._sequence = 0
        self._ended = False
        self._items: list[OpenItem] = []
        self._blocks: dict[int, OpenBlock] = {}
        self._pieces: list[bytes] = []

    def write(self, event: Event) -> bytes:
        """Return the frames of one event, maybe none."""
        if self._ended:
            return b""
        match event:
            case BlockDelta(index=index):
                if (block := self._blocks.get(index)) is not None:
                    block.grow(event, self._emit)
            case BlockStart():
                self._open(event)
            case BlockStop(index=index):
                if (block := self._blocks.pop(index, None)) is not None:
                    self._stop(block)
            case MessageStart():
                self._begin(event)
            case MessageStop():
                self._finish(event)
            case Failed():
                self._fail(event)
            case _:
                return b""
        frames = b"".join(self._pieces)
        self._pieces.clear()
        return frames

    def _emit(self, kind: str, fields: JsonItem) -> None:
        """Write one event."""
        data = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        self._pieces.append(encode(orjson.dumps(data), kind))

    def _begin(self, start: MessageStart) -> None:
        """Tell that the response begins."""
        response = self._create(start)
        written = orjson.Fragment(orjson.dumps(response))
        self._emit("response.created", {"response": written})
        self._emit("response.in_progress", {"response": written})

    def _create(self, start: MessageStart) -> dict[str, Any]:
        """Make the response's id and head, which stay the same to the end."""
        self._response = opened(
            self._request,
            response_id(start.id, self._new_id),
            start.model,
            start.created or int(self._clock()),
            start.service_tier,
        )
        return self._response

    def _open(self, start: BlockStart) -> None:
        """Open a block, in the message that is open or in an item of its own."""
        if not is_told(start.block):
            return
        item = self._items[-1] if self._items else None
        if item is None or not shares_item(item, start.block):
            if item is not None and item.open_blocks == 0:
                self._close(item, "completed")
            item = open_item(start.block, len(self._items), self._offered, self._new_id)
            self._items.append(item)
            item.added(self._emit)
        item.open_blocks += 1
        self._blocks[start.index] = open_block(item, start.block, self._emit)

    def _stop(self, block: OpenBlock) -> None:
        """Close a block, and its item where another has opened since."""
        block.stop(self._emit)
        item = block.item
        item.open_blocks -= 1
        if item.open_blocks == 0 and item is not self._items[-1]:
            self._close(item, "completed")

    def _close(self, item: OpenItem, status: str) -> None:
        """Close an item, once."""
        if item.final is None:
            item.final = item.whole(status)
            self._emit(
                "response.output_item.done", {"output_index": item.position, "item": item.final}
            )

    def _finish(self, stop: MessageStop) -> None:
        """Close the last item, and tell the whole response."""
        if not self._response:
            self._begin(MessageStart("", ""))
        last = "incomplete" if stop.reason in CUT_SHORT else "completed"
        for item in self._items:
            self._close(item, last if item is self._items[-1] else "completed")
        output = [item.final for item in self._items if item.final is not None]
        if stop.service_tier is not None:
            self._response["service_tier"] = known_tier(stop.service_tier)
        response = closed(
            self._response, output, stop.reason, stop.usage, int(self._clock()), stop.detail
        )
        self._ended = True
        self._emit(f"response.{response['status']}", {"response": response})

    def _fail(self, event: Failed) -> None:
        """Tell the failure, with what has been said until then."""
        head = self._response or self._create(MessageStart("", ""))
        for block in self._blocks.values():
            block.stop(_unheard)
        output = [item.final or item.whole("incomplete") for item in self._items]
        self._ended = True
        self._emit("response.failed", {"response": failed(head, output, event.error)})


def _unheard(kind: str, fields: JsonItem) -> None:
    """Write nothing: a block that broke off has no event for its end."""
