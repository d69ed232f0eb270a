"""This module adds up the output items of a provider's stream.

Every text may come in deltas, only in its ``.done``, only in the item's, or only in the
final response: each place that repeats it adds what the earlier ones left out, and
nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from router.canonical.events import BlockDelta, BlockStart, BlockStop, Event
from router.canonical.messages import Native, Refusal, Text, Thinking
from router.formats.openai_responses.content import decode_citation
from router.formats.openai_responses.response import (
    decode_call,
    decode_part,
    parts_of,
    reasoning_signature,
    text_of,
)
from router.formats.openai_responses.vocabulary import CALL_TYPES, NAME, PARAGRAPH, JsonObject

Key = tuple[str, int]
"""Names one text of an item: ``("content", 0)``, ``("summary", 2)``, ``("arguments", 0)``."""

ARGUMENTS: Key = ("arguments", 0)


@dataclass(slots=True)
class _Part:
    """One text that grows: how much of it has been told, and in which block."""

    index: int
    chars: int = 0
    citations: int = 0
    stopped: bool = False


@dataclass(slots=True)
class _Item:
    """One output item.

    `block` is the block of an item that has only one (reasoning, calls); a message has
    one for each of its `parts`.
    """

    kind: str
    block: int | None = None
    parts: dict[Key, _Part] = field(default_factory=dict)
    done: bool = False


class StreamItems:
    """The output items so far; every method returns the events it gives rise to."""

    def __init__(self) -> None:
        self.has_calls = False
        self._blocks = 0
        self._items: dict[int, _Item] = {}
        self._done_ids: set[str] = set()

    def open(self, position: int, item: JsonObject) -> list[Event]:
        """Note an item; open its block, where it has one and what opens it is known."""
        # Some servers number every item 0: what stood there is complete then.
        before = self._items.get(position)
        events = _close(before) if before is not None else []
        state = self._items[position] = _Item(text_of(item.get("type")))
        if state.kind == "reasoning":
            state.block = self._next_block()
            events.append(BlockStart(state.block, Thinking("")))
        elif state.kind in CALL_TYPES and item.get("name"):
            events += self._open_call(state, position, item)
        return events

    def complete(self, position: int, item: JsonObject) -> list[Event]:
        """Tell what is still untold of an item, and close it; once for each item."""
        item_id = text_of(item.get("id"))
        if item_id in self._done_ids:
            return []
        if item_id:
            self._done_ids.add(item_id)
        state = self._items.get(position)
        events: list[Event] = []
        if state is None or state.kind != item.get("type"):
            events = self.open(position, item)
            state = self._items[position]
        if state.done:
            return []
        match state.kind:
            case "message":
                for at, part in enumerate(parts_of(item, "content")):
                    events += self.complete_part(position, at, part)
            case "reasoning":
                events += self._complete_reasoning(position, state, item)
            case "function_call" | "custom_tool_call":
                events += self._complete_call(position, state, item)
            case _:
                state.block = self._next_block()
                events.append(BlockStart(state.block, Native(NAME, item)))
        return events + _close(state)

    def close_all(self) -> list[Event]:
        """Close what is open."""
        return [event for state in self._items.values() for event in _close(state)]

    def open_part(self, position: int, at: int, part: JsonObject) -> list[Event]:
        """Open the block of a message's part, once; other items' parts open none."""
        block = decode_part(part)
        if block is None:
            return []
        if position not in self._items:
            self.open(position, {"type": "message"})
        state = self._items[position]
        if state.kind != "message" or state.done or ("content", at) in state.parts:
            return []
        known = state.parts["content", at] = _Part(self._next_block())
        return [BlockStart(known.index, Text("") if isinstance(block, Text) else Refusal(""))]

    def complete_part(self, position: int, at: int, part: JsonObject) -> list[Event]:
        """Tell what is still untold of a message's part, and close it."""
        events = self.open_part(position, at, part)
        known = self._known(position, ("content", at))
        if known is None or known.stopped:
            return events
        text = text_of(part.get("refusal" if part.get("type") == "refusal" else "text"))
        events += self.tell_rest(position, ("content", at), text)
        for annotation in parts_of(part, "annotations")[known.citations :]:
            events += self.cite(position, at, annotation)
        return events + _stop(known)

    def tell(self, position: int, key: Key, text: str) -> list[Event]:
        """Add to a text; a reasoning item's texts are paragraphs of one block."""
        state = self._items.get(position)
        if state is None or not text:
            return []
        known = state.parts.get(key)
        if known is not None and not known.stopped:
            known.chars += len(text)
            return [BlockDelta(known.index, text)]
        if known is not None or state.block is None or state.done:
            return []
        follows = any(part.chars for part in state.parts.values())
        state.parts[key] = _Part(state.block, len(text))
        said: list[Event] = [BlockDelta(state.block, text)]
        return [BlockDelta(state.block, PARAGRAPH), *said] if follows else said

    def tell_rest(self, position: int, key: Key, whole: str) -> list[Event]:
        """Add what is untold of a whole text."""
        known = self._known(position, key)
        return self.tell(position, key, whole[known.chars if known else 0 :])

    def cite(self, position: int, at: int, annotation: JsonObject) -> list[Event]:
        """Tell a source of a message's text."""
        known = self._known(position, ("content", at))
        if known is None or known.stopped:
            return []
        known.citations += 1
        return [BlockDelta(known.index, citation=decode_citation(annotation))]

    def _known(self, position: int, key: Key) -> _Part | None:
        """Return a text that has begun."""
        state = self._items.get(position)
        return state.parts.get(key) if state is not None else None

    def _open_call(self, state: _Item, position: int, item: JsonObject) -> list[Event]:
        """Open a call's block."""
        self.has_calls = True
        state.block = self._next_block()
        return [BlockStart(state.block, replace(decode_call(item, position), arguments=""))]

    def _complete_reasoning(self, position: int, state: _Item, item: JsonObject) -> list[Event]:
        """Tell the rest of a reasoning item, and its signature."""
        events: list[Event] = []
        for key in ("summary", "content"):
            for at, part in enumerate(parts_of(item, key)):
                events += self.tell_rest(position, (key, at), text_of(part.get("text")))
        signature = reasoning_signature(item)
        if signature is not None and state.block is not None:
            events.append(BlockDelta(state.block, signature=signature))
        return events

    def _complete_call(self, position: int, state: _Item, item: JsonObject) -> list[Event]:
        """Tell the rest of a call."""
        events = [] if state.block is not None else self._open_call(state, position, item)
        said = "input" if state.kind == "custom_tool_call" else "arguments"
        return events + self.tell_rest(position, ARGUMENTS, text_of(item.get(said)))

    def _next_block(self) -> int:
        """Return the index of a new block."""
        self._blocks += 1
        return self._blocks - 1


def _close(state: _Item) -> list[Event]:
    """Close an item and its blocks, once."""
    if state.done:
        return []
    state.done = True
    if state.block is not None:
        return [BlockStop(state.block)]
    return [event for part in state.parts.values() for event in _stop(part)]


def _stop(part: _Part) -> list[Event]:
    """Close the block of a message's part, once."""
    if part.stopped:
        return []
    part.stopped = True
    return [BlockStop(part.index)]
