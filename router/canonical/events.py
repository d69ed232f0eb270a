"""This module holds a streamed answer: events, and how they add up to a whole one.

Block-structured, as Anthropic's and Responses' streams are: blocks are opened, filled
and closed, each under an `index` of its own, counted from 0 in order of opening.
Several blocks may be open at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from router.canonical.messages import (
    Block,
    Citation,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from router.canonical.response import ChatResponse, StopReason
from router.canonical.signature import Signature
from router.canonical.usage import Usage
from router.errors import UpstreamError


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event as it came.

    Attributes
    ----------
    event, id : str
        Empty where not given.
    data : bytes
        The data lines, joined by newlines; empty for a frame of comments only.
    raw : bytes
        All bytes of the frame, its ending blank line included.
    more : bool
        Whether its successor came with it, so that writing it may wait for that one.
    """

    event: str
    data: bytes
    raw: bytes
    id: str = ""
    more: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class MessageStart:
    """The answer begins. Exactly one, first."""

    id: str
    model: str
    created: int | None = None
    usage: Usage | None = None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class BlockStart:
    """A block opens; `block` holds what is known at once.

    ``Text``, ``Thinking``, ``Refusal`` and ``ToolCall`` open with an empty string for
    the text that deltas will fill (``ToolCall.arguments`` is ``""`` here). Other
    blocks come whole.
    """

    index: int
    block: Block


@dataclass(frozen=True, slots=True)
class BlockDelta:
    """Something is added to an open block.

    Attributes
    ----------
    text : str
        More of the block's string: text, thinking, refusal or arguments.
    citation : Citation, optional
        A source for the text so far.
    signature : Signature, optional
        Replaces the block's signature.
    """

    index: int
    text: str = ""
    citation: Citation | None = None
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class BlockStop:
    """A block is complete."""

    index: int


@dataclass(frozen=True, slots=True)
class UsageSeen:
    """Usage known so far; each one replaces the last."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class MessageStop:
    """The answer is complete. Exactly one, last; never after a cut stream.

    `service_tier` wins over `MessageStart`'s, where a provider tells it at the end only.
    """

    reason: StopReason
    usage: Usage | None = None
    detail: str | None = None
    sequence: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer broke off, or the provider told an error in-band. Last."""

    error: UpstreamError


@dataclass(frozen=True, slots=True)
class Opaque:
    """A frame without canonical meaning: ping, comment, unknown event."""

    frame: Frame | None = None


Event = (
    MessageStart | BlockStart | BlockDelta | BlockStop | UsageSeen | MessageStop | Failed | Opaque
)


def is_content(event: Event) -> bool:
    """Tell whether an event shows the caller something, so that the attempt is committed.

    A message that ends without any block is content too: an empty answer is an answer.
    """
    match event:
        case BlockStart(block=Text() | Thinking() | Refusal()):
            return False  # opened, nothing said yet
        case BlockStart() | MessageStop():
            return True
        case BlockDelta(text=text, citation=citation):
            return bool(text) or citation is not None
        case _:
            return False


def collect(events: Iterable[Event]) -> ChatResponse:
    """Add a stream up to the answer that the provider would have given whole.

    Raises
    ------
    UpstreamError
        The stream ended in `Failed`, or without `MessageStop`.
    """
    start: MessageStart | None = None
    blocks: dict[int, Block] = {}
    for event in events:
        match event:
            case MessageStart():
                start = event
            case BlockStart(index, block):
                blocks[index] = block
            case BlockDelta(index=index) if index in blocks:
                blocks[index] = extend(blocks[index], event)
            case Failed(error):
                raise error
            case MessageStop() as stop:
                return _finish(start, blocks, stop)
            case _:
                pass
    raise UpstreamError("the stream ended without its end marker")


def extend(block: Block, delta: BlockDelta) -> Block:
    """Return a block with a delta added."""
    match block:
        case Text():
            citations = (*block.citations, delta.citation) if delta.citation else block.citations
            return replace(
                block,
                text=block.text + delta.text,
                citations=citations,
                signature=delta.signature or block.signature,
            )
        case Thinking():
            return Thinking(block.text + delta.text, delta.signature or block.signature)
        case Refusal():
            return Refusal(block.text + delta.text)
        case ToolCall():
            return replace(
                block,
                arguments=block.arguments + delta.text,
                signature=delta.signature or block.signature,
            )
        case _:
            return block


def _finish(
    start: MessageStart | None, blocks: Mapping[int, Block], stop: MessageStop
) -> ChatResponse:
    """Close what deltas filled."""
    done = tuple(
        replace(block, arguments=block.arguments or ("" if block.custom else "{}"))
        if isinstance(block, ToolCall)
        else block
        for _, block in sorted(blocks.items())
    )
    return ChatResponse(
        id=start.id if start else "",
        model=start.model if start else "",
        created=start.created if start else None,
        service_tier=stop.service_tier or (start.service_tier if start else None),
        blocks=done,
        stop_reason=stop.reason,
        stop_detail=stop.detail,
        stop_sequence=stop.sequence,
        usage=stop.usage or (start.usage if start else None),
        extras=stop.extras,
    )


def replay(response: ChatResponse) -> Iterable[Event]:
    """Return the events of an answer that came whole: the inverse of `collect`."""
    yield MessageStart(
        response.id, response.model, response.created, service_tier=response.service_tier
    )
    for index, block in enumerate(response.blocks):
        yield from _replay_block(index, block)
    yield MessageStop(
        response.stop_reason,
        response.usage,
        response.stop_detail,
        response.stop_sequence,
        response.extras,
    )


def _replay_block(index: int, block: Block) -> Iterable[Event]:
    """Open, fill and close one block."""
    match block:
        case Text(text=text, citations=citations):
            yield BlockStart(index, replace(block, text="", citations=()))
            yield BlockDelta(index, text)
            for citation in citations:
                yield BlockDelta(index, citation=citation)
        case Thinking(text=text, signature=signature):
            yield BlockStart(index, Thinking(""))
            yield BlockDelta(index, text)
            if signature is not None:
                yield BlockDelta(index, signature=signature)
        case Refusal(text=text):
            yield BlockStart(index, Refusal(""))
            yield BlockDelta(index, text)
        case ToolCall(arguments=arguments):
            yield BlockStart(index, replace(block, arguments=""))
            yield BlockDelta(index, arguments)
        case _:
            yield BlockStart(index, block)
    yield BlockStop(index)
