"""This module follows the tool calls of a stream, however the server numbers their pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from router.canonical.events import BlockDelta, BlockStart, BlockStop, Event
from router.canonical.messages import ToolCall
from router.canonical.signature import Signature
from router.formats.openai_chat.answer import arguments_of, made_up_id, text_of
from router.formats.openai_chat.messages import call_signature


@dataclass(slots=True)
class _Call:
    """One call; `block` is its index once it has been opened, `number` its place among calls."""

    number: int
    key: int | None
    id: str
    name: str
    custom: bool = False
    signature: Signature | None = None
    block: int | None = None
    closed: bool = False
    pieces: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether its block is open."""
        return self.block is not None and not self.closed

    def is_complete(self) -> bool:
        """Tell whether nothing can follow, as its arguments are a whole JSON value."""
        try:
            orjson.loads("".join(self.pieces))
        except orjson.JSONDecodeError:
            return False
        return True


class Calls:
    """The calls of one answer.

    Servers differ: most number the pieces by ``index`` and give id and name with the first;
    some repeat both with each, give every call the index 0, or no index at all.
    """

    __slots__ = ("_calls", "_created", "_message_id")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._message_id = ""
        self._created: int | None = None

    @property
    def any(self) -> bool:
        """Whether the model has made a call."""
        return bool(self._calls)

    def name_after(self, message_id: str, created: int | None) -> None:
        """Tell of which answer the calls are, for ids that the server leaves out."""
        self._message_id, self._created = message_id, created

    def read(self, delta: Mapping[str, Any], size: int, events: list[Event]) -> int:
        """Read the calls of a delta; return the number of blocks, which was `size`."""
        told = delta.get("tool_calls")
        pieces = told if isinstance(told, list) else []
        if not pieces and isinstance(delta.get("function_call"), Mapping):
            pieces = [{"index": 0, "function": delta["function_call"]}]
        for piece in pieces:
            if isinstance(piece, Mapping):
                size = self._piece(piece, size, events)
        return size

    def close_complete(self, events: list[Event]) -> None:
        """Close the calls that are complete by their look; others may still be filled."""
        for call in self._calls:
            if call.is_open and call.is_complete():
                self._close(call, events)

    def close(self, events: list[Event]) -> None:
        """Close all calls."""
        for call in self._calls:
            if call.is_open:
                self._close(call, events)

    def flush(self, size: int, events: list[Event]) -> int:
        """Open the calls that never told a name; return the number of blocks."""
        for call in self._calls:
            if call.block is None:
                size = self._open(call, size, events)
        return size

    def _piece(self, piece: Mapping[str, Any], size: int, events: list[Event]) -> int:
        """Read a piece of one call."""
        custom = piece.get("type") == "custom"
        function = piece.get("custom" if custom else "function")
        function = function if isinstance(function, Mapping) else {}
        id_, name = text_of(piece, "id"), text_of(function, "name")
        call = self._find(_key(piece), id_, name)
        if call is None:
            call = _Call(len(self._calls), _key(piece), id_, name, custom)
            self.close_complete(events)
            self._calls.append(call)
        call.name = call.name or name
        signature = call_signature(piece)
        text = arguments_of(function)
        if call.block is None:
            call.id = call.id or id_
            call.signature = signature or call.signature
            if text:
                call.pieces.append(text)
            return self._open(call, size, events) if call.name else size
        if (text or signature) and not call.closed:
            call.pieces.append(text)
            events.append(BlockDelta(call.block, text, signature=signature))
        return size

    def _find(self, key: int | None, id_: str, name: str) -> _Call | None:
        """Return the call that a piece belongs to; None for a new one."""
        for call in reversed(self._calls):
            if key is not None and call.key != key:
                continue
            if id_ and call.id and id_ != call.id:
                # Another id under the same index is another call, if it has a name; a
                # bare other id is one that the server makes up for each piece.
                if name or key is None:
                    continue
                return call
            if key is None and not id_ and name:
                return None
            return call
        return None

    def _open(self, call: _Call, size: int, events: list[Event]) -> int:
        """Open a call's block, filled with what came before its name."""
        call.block = size
        call.id = call.id or made_up_id(self._message_id, self._created, call.number)
        start = ToolCall(call.id, call.name, "", signature=call.signature, custom=call.custom)
        events.append(BlockStart(size, start))
        if call.pieces:
            events.append(BlockDelta(size, "".join(call.pieces)))
        return size + 1

    def _close(self, call: _Call, events: list[Event]) -> None:
        """Close a call's block."""
        if call.block is not None:
            call.closed = True
            events.append(BlockStop(call.block))


def _key(piece: Mapping[str, Any]) -> int | None:
    """Return the number that a server gives a call."""
    index = piece.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) else None
