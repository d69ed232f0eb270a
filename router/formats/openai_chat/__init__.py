"""OpenAI's Chat Completions, towards clients and towards the many providers that speak it.

Client's side: `request`, `messages`, `parts`, `tools` read; `response`, `chunks` write;
`passthrough` relays. Provider's side: `upstream_request`, `upstream_messages` write;
`response`, `stream`, `answer` read.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from router.canonical.events import Event, Frame
from router.canonical.prompt import PromptView
from router.canonical.request import ChatRequest, ModelTraits
from router.canonical.response import ChatResponse
from router.errors import ErrorDetail, RouterError
from router.formats.base import Encoded
from router.formats.openai_chat.chunks import encode_events
from router.formats.openai_chat.errors import decode_error, encode_error, encode_stream_error
from router.formats.openai_chat.parts import NAME
from router.formats.openai_chat.passthrough import passthrough_body, withholds
from router.formats.openai_chat.request import decode_request
from router.formats.openai_chat.response import decode_response, encode_response
from router.formats.openai_chat.stream import decode_events
from router.formats.openai_chat.upstream_request import encode_request
from router.formats.openai_chat.view import view


def random_id() -> str:
    """Return 32 random hexadecimal digits."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """Both sides of the format: `Upstream` and `Ingress` of `router.formats.base`.

    Attributes
    ----------
    clock : callable
        Seconds since the epoch, for answers whose provider does not tell the time.
    new_id : callable
        Makes the end of an id, for answers whose provider gives none.
    """

    clock: Callable[[], float] = time.time
    new_id: Callable[[], str] = random_id

    @property
    def name(self) -> str:
        """``openai_chat``."""
        return NAME

    def encode_request(self, request: ChatRequest, traits: ModelTraits) -> Encoded:
        """See `Upstream`."""
        return encode_request(request, traits)

    def decode_response(self, body: Mapping[str, Any]) -> ChatResponse:
        """See `Upstream`."""
        return decode_response(body)

    def decode_events(self, frames: Iterable[Frame]) -> Iterator[Event]:
        """See `Upstream`."""
        return decode_events(frames)

    def decode_error(self, status: int, body: bytes) -> ErrorDetail:
        """See `Upstream`."""
        return decode_error(status, body)

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        """See `Ingress`."""
        return decode_request(body)

    def view(self, body: Mapping[str, Any]) -> PromptView:
        """See `Ingress`."""
        return view(body)

    def passthrough_body(self, body: Mapping[str, Any], traits: ModelTraits) -> dict[str, Any]:
        """See `Ingress`."""
        return passthrough_body(body, traits)

    def withholds(self, frame: Frame, body: Mapping[str, Any]) -> bool:
        """See `Ingress`."""
        return withholds(frame, body)

    def encode_response(self, response: ChatResponse, request: ChatRequest) -> dict[str, Any]:
        """See `Ingress`."""
        return encode_response(response, request, self.clock, self.new_id)

    def encode_events(self, events: Iterable[Event], request: ChatRequest) -> Iterator[bytes]:
        """See `Ingress`."""
        return encode_events(events, request, self.clock, self.new_id)

    def encode_error(self, error: RouterError) -> dict[str, Any]:
        """See `Ingress`."""
        return encode_error(error)

    def encode_stream_error(self, error: RouterError) -> bytes:
        """See `Ingress`."""
        return encode_stream_error(error)


FORMAT = OpenAIChat()
"""The format as it is served."""
