"""This module holds a whole answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from router.canonical.messages import Block
from router.canonical.usage import Usage

StopReason = Literal["stop", "stop_sequence", "length", "tool_calls", "content_filter", "pause"]


@dataclass(frozen=True, slots=True)
class ChatResponse:
    """One answer.

    Attributes
    ----------
    id, model : str
        As the provider reported them; may be empty.
    created : int, optional
        Seconds since the epoch, where the provider says.
    stop_reason : str
        In our terms; `stop_detail` is the provider's own word for it.
    stop_sequence : str, optional
        The sequence that ended the answer, where told.
    usage : Usage, optional
        None where the provider reported none.
    """

    id: str
    model: str
    blocks: tuple[Block, ...]
    stop_reason: StopReason
    stop_detail: str | None = None
    stop_sequence: str | None = None
    usage: Usage | None = None
    created: int | None = None
    service_tier: str | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)
