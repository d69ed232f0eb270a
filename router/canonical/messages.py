"""This module holds the parts of a conversation: blocks and messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from router.canonical.signature import Signature

Role = Literal["system", "developer", "user", "assistant"]
MediaKind = Literal["image", "document", "audio", "video"]


@dataclass(frozen=True, slots=True)
class Citation:
    """A source that a text refers to.

    Attributes
    ----------
    url, title, quote : str, optional
        What is known of the source.
    start, end : int, optional
        Range of characters of the text block that the source supports.
    native : mapping, optional
        The citation as its own format wrote it, and `origin`, that format's name.
    """

    url: str | None = None
    title: str | None = None
    quote: str | None = None
    start: int | None = None
    end: int | None = None
    native: Mapping[str, Any] | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text. `cache_control` is Anthropic's prompt-cache marker, kept as sent."""

    text: str
    citations: tuple[Citation, ...] = ()
    signature: Signature | None = None
    cache_control: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """An image, document, audio or video.

    Attributes
    ----------
    media_type : str, optional
        MIME type; None where a URL was given without one.
    data : str, optional
        Standard base64 (not URL-safe), without a ``data:`` prefix. For documents of
        media type ``text/plain`` this is the text itself.
    url : str, optional
        Where the provider may fetch it; the gateway never does.
    file_id : str, optional
        A file stored at the provider; `origin` names the format that knows it.
    """

    kind: MediaKind
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    filename: str | None = None
    detail: str | None = None
    cache_control: Mapping[str, Any] | None = None
    signature: Signature | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool.

    Attributes
    ----------
    id : str
        Links the call to its result; never empty, unique within a conversation.
    arguments : str
        JSON text of an object (``{}`` where there are none); for `custom` tools the
        free text itself.
    custom : bool
        True for a free-text tool (Responses ``custom_tool_call``).
    namespace : str, optional
        The Responses namespace that the tool's name belongs to.
    """

    id: str
    name: str
    arguments: str = "{}"
    signature: Signature | None = None
    custom: bool = False
    namespace: str | None = None
    cache_control: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned.

    Attributes
    ----------
    call_id : str
        Id of the `ToolCall`.
    name : str, optional
        The tool's name where the format says it; else look it up by `call_id`.
    """

    call_id: str
    content: tuple[Text | Media, ...]
    is_error: bool = False
    name: str | None = None
    custom: bool = False
    cache_control: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """Reasoning told by the model. `signature` proves it to the provider that made it."""

    text: str
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    """Reasoning that only its provider can read; `signature` holds the opaque data."""

    signature: Signature


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model's own words of refusal."""

    text: str


@dataclass(frozen=True, slots=True)
class Native:
    """A block that only one format knows, such as a server tool's call or result.

    Attributes
    ----------
    origin : str
        Name of the format.
    data : mapping
        The block, item or part as that format writes it.
    """

    origin: str
    data: Mapping[str, Any]


Block = Text | Media | ToolCall | ToolResult | Thinking | RedactedThinking | Refusal | Native


@dataclass(frozen=True, slots=True)
class Message:
    """One turn.

    Tool results stand in user messages, as in Anthropic's format. System and developer
    messages stay at their place in the conversation; encoders move them where their
    format wants them.
    """

    role: Role
    content: tuple[Block, ...]
    name: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)
