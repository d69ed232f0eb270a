"""This module holds the items and blocks that an outgoing stream has open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from router.canonical.events import BlockDelta
from router.canonical.messages import (
    Block,
    Media,
    Native,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from router.canonical.signature import Signature
from router.formats.openai_responses.output import (
    JsonItem,
    NewId,
    Offered,
    Spoken,
    annotation_of,
    call_item,
    image_item,
    message_item,
    reasoning_item,
    refusal_part,
    summary_of,
    summary_part,
    text_part,
    told_arguments,
)

Emit = Callable[[str, JsonItem], None]
"""Writes one event: its type, and its fields."""


class OpenItem(ABC):
    """An output item; `final` is the item as it was closed."""

    def __init__(self, item_id: str, position: int) -> None:
        self.id = item_id
        self.position = position
        self.open_blocks = 0
        self.final: JsonItem | None = None

    @property
    def at(self) -> JsonItem:
        """Where its events belong."""
        return {"item_id": self.id, "output_index": self.position}

    @abstractmethod
    def whole(self, status: str) -> JsonItem:
        """Return the item with all that it has until now."""

    def added(self, emit: Emit) -> None:
        """Tell that the item opens, while it is empty."""
        item = self.whole("in_progress")
        emit("response.output_item.added", {"output_index": self.position, "item": item})


class OpenBlock(ABC):
    """A block that deltas fill; its text is joined once, when it stops."""

    def __init__(self, item: OpenItem) -> None:
        self.item = item
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """All text until now."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    @abstractmethod
    def grow(self, delta: BlockDelta, emit: Emit) -> None:
        """Add a delta, and tell it."""

    @abstractmethod
    def stop(self, emit: Emit) -> None:
        """Tell that the block is complete."""


class _MessageItem(OpenItem):
    """A message: texts and refusals that follow one another."""

    def __init__(self, item_id: str, position: int) -> None:
        super().__init__(item_id, position)
        self.parts: list[_TextBlock] = []

    def whole(self, status: str) -> JsonItem:
        return message_item(self.id, [part.part() for part in self.parts], status)

    def open_part(self, kind: str, emit: Emit) -> _TextBlock:
        """Open a text or refusal."""
        part = _TextBlock(self, len(self.parts), kind)
        self.parts.append(part)
        emit("response.content_part.added", {**part.at, "part": part.part()})
        return part


class _TextBlock(OpenBlock):
    """One part of a message."""

    def __init__(self, item: OpenItem, position: int, kind: str) -> None:
        super().__init__(item)
        self.at = {**item.at, "content_index": position}
        self._kind = kind
        self._delta_type = f"response.{kind}.delta"
        self._more: JsonItem = {"logprobs": []} if kind == "output_text" else {}
        self._chars = 0
        self._annotations: list[JsonItem] = []

    def part(self) -> JsonItem:
        """Return the part with all that it has until now."""
        if self._kind == "refusal":
            return refusal_part(self.text)
        return text_part(self.text, self._annotations)

    def grow(self, delta: BlockDelta, emit: Emit) -> None:
        if delta.text:
            self._pieces.append(delta.text)
            self._chars += len(delta.text)
            emit(self._delta_type, {**self.at, "delta": delta.text, **self._more})
        if delta.citation is not None and self._kind == "output_text":
            annotation = annotation_of(delta.citation, self._chars)
            if annotation is not None:
                self._annotate(dict(annotation), emit)

    def _annotate(self, annotation: JsonItem, emit: Emit) -> None:
        """Tell a source."""
        position = {"annotation_index": len(self._annotations), "annotation": annotation}
        self._annotations.append(annotation)
        emit("response.output_text.annotation.added", {**self.at, **position})

    def stop(self, emit: Emit) -> None:
        said = "refusal" if self._kind == "refusal" else "text"
        emit(f"response.{self._kind}.done", {**self.at, said: self.text, **self._more})
        emit("response.content_part.done", {**self.at, "part": self.part()})


class _ReasoningItem(OpenItem):
    """Thoughts."""

    def __init__(self, item_id: str, position: int, signature: Signature | None) -> None:
        super().__init__(item_id, position)
        self.signature = signature
        self.summary: list[JsonItem] = []

    def whole(self, status: str) -> JsonItem:  # noqa: ARG002
        return reasoning_item(self.id, self.summary, self.signature)


class _ThinkingBlock(OpenBlock):
    """Thoughts as they come: one part of a summary, opened by the first of them."""

    item: _ReasoningItem

    def __init__(self, item: _ReasoningItem) -> None:
        super().__init__(item)
        self._at = {**item.at, "summary_index": 0}

    def grow(self, delta: BlockDelta, emit: Emit) -> None:
        if delta.signature is not None:
            self.item.signature = delta.signature
        if delta.text:
            if not self._pieces:
                self._open(emit)
            self._pieces.append(delta.text)
            emit("response.reasoning_summary_text.delta", {**self._at, "delta": delta.text})

    def _open(self, emit: Emit) -> None:
        """Open the part."""
        emit("response.reasoning_summary_part.added", {**self._at, "part": summary_part("")})

    def stop(self, emit: Emit) -> None:
        self.item.summary = summary_of(self.text, self.item.signature)
        if not self.item.summary:
            return
        if not self._pieces:
            self._open(emit)
        emit("response.reasoning_summary_text.done", {**self._at, "text": self.text})
        emit(
            "response.reasoning_summary_part.done",
            {**self._at, "part": summary_part(self.text)},
        )


class _CallItem(OpenItem):
    """A call."""

    def __init__(self, item_id: str, position: int, spoken: Spoken) -> None:
        super().__init__(item_id, position)
        self.spoken = spoken
        self.arguments = ""

    def whole(self, status: str) -> JsonItem:
        return call_item(self.id, self.spoken, self.arguments, status)


class _CallBlock(OpenBlock):
    """A call's arguments; free text inside JSON can only be told when it is whole."""

    item: _CallItem

    def __init__(self, item: _CallItem) -> None:
        super().__init__(item)
        kind = "custom_tool_call_input" if item.spoken.custom else "function_call_arguments"
        self._delta_type, self._done_type = f"response.{kind}.delta", f"response.{kind}.done"

    def grow(self, delta: BlockDelta, emit: Emit) -> None:
        if not delta.text:
            return
        self._pieces.append(delta.text)
        if not self.item.spoken.unwrap:
            emit(self._delta_type, {**self.item.at, "delta": delta.text})

    def stop(self, emit: Emit) -> None:
        spoken = self.item.spoken
        whole = self.item.arguments = told_arguments(spoken, self.text)
        # Deltas must add up to the whole, which is "{}" where the model said nothing.
        if whole and (spoken.unwrap or not self.text):
            emit(self._delta_type, {**self.item.at, "delta": whole})
        said: JsonItem = {"input": whole} if spoken.custom else {"arguments": whole}
        emit(self._done_type, {**self.item.at, **said})


class _WholeItem(OpenItem):
    """An item that comes whole: a generated image, or one of this format's own."""

    def __init__(self, item_id: str, position: int, item: JsonItem, empty: JsonItem) -> None:
        super().__init__(item_id, position)
        self._item = item
        self._empty = empty

    def whole(self, status: str) -> JsonItem:
        return self._empty if status == "in_progress" else self._item


class _WholeBlock(OpenBlock):
    """A block that came whole."""

    def grow(self, delta: BlockDelta, emit: Emit) -> None:
        """Nothing is added to it."""

    def stop(self, emit: Emit) -> None:
        """Nothing is told but the item."""


def shares_item(item: OpenItem, block: Block) -> bool:
    """Tell whether a block goes into the item that opened last."""
    return isinstance(item, _MessageItem) and isinstance(block, Text | Refusal)


def open_item(block: Block, position: int, offered: Offered, new_id: NewId) -> OpenItem:
    """Return the item that a block opens."""
    match block:
        case Text() | Refusal():
            return _MessageItem(new_id("msg_"), position)
        case Thinking():
            return _ReasoningItem(new_id("rs_"), position, block.signature)
        case RedactedThinking(signature=signature):
            return _ReasoningItem(new_id("rs_"), position, signature)
        case ToolCall():
            spoken = offered.spoken(block)
            return _CallItem(new_id(spoken.prefix), position, spoken)
        case Media():
            item_id = new_id("ig_")
            return _WholeItem(
                item_id, position, image_item(item_id, block), image_item(item_id, None)
            )
        case Native(data=native):
            item: dict[str, Any] = dict(native)
            return _WholeItem(str(item.get("id", "")), position, item, item)
        case _:
            raise TypeError(f"{type(block).__name__} is no output item")


def open_block(item: OpenItem, block: Block, emit: Emit) -> OpenBlock:
    """Return a block that has opened in an item."""
    match item:
        case _MessageItem():
            return item.open_part("refusal" if isinstance(block, Refusal) else "output_text", emit)
        case _ReasoningItem() if isinstance(block, Thinking):
            return _ThinkingBlock(item)
        case _CallItem():
            return _CallBlock(item)
        case _:
            return _WholeBlock(item)
