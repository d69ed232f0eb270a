"""Anthropic's Messages format: ``POST /v1/messages``.

Start with `decode_request` and `stream_encode` for clients that speak the format,
with `encode_request` and `stream` for providers that do.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from router.canonical.events import Event, Frame
from router.canonical.prompt import PromptView
from router.canonical.request import ChatRequest, ModelTraits
from router.canonical.response import ChatResponse
from router.errors import ErrorDetail, RouterError
from router.formats.anthropic_messages import (
    decode_request,
    encode_request,
    errors,
    passthrough,
    stream,
    stream_encode,
)
from router.formats.anthropic_messages import response as whole
from router.formats.anthropic_messages import view as prompt_view
from router.formats.anthropic_messages.count import (
    count_tokens_body,
    encode_count,
    estimate_tokens,
)
from router.formats.anthropic_messages.vocabulary import NAME
from router.formats.base import Encoded, Ingress, Upstream

__all__ = [
    "FORMAT",
    "AnthropicMessages",
    "count_tokens_body",
    "encode_count",
    "estimate_tokens",
]


def _random_id() -> str:
    return f"msg_{uuid.uuid4().hex[:24]}"


class AnthropicMessages:
    """Both sides of the format, `Upstream` and `Ingress`.

    Parameters
    ----------
    new_id : callable, optional
        Makes an id for an answer that came without one.
    """

    name = NAME

    def __init__(self, new_id: Callable[[], str] = _random_id) -> None:
        self._new_id = new_id

    def encode_request(self, request: ChatRequest, traits: ModelTraits) -> Encoded:
        """See `router.formats.base.Upstream`."""
        return encode_request.encode_request(request, traits)

    def decode_response(self, body: Mapping[str, Any]) -> ChatResponse:
        """See `router.formats.base.Upstream`."""
        return whole.decode_response(body)

    def decode_events(self, frames: Iterable[Frame]) -> Iterator[Event]:
        """See `router.formats.base.Upstream`."""
        return stream.decode_events(frames)

    def decode_error(self, status: int, body: bytes) -> ErrorDetail:
        """See `router.formats.base.Upstream`."""
        return errors.decode_error(status, body)

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        """See `router.formats.base.Ingress`."""
        return decode_request.decode_request(body)

    def view(self, body: Mapping[str, Any]) -> PromptView:
        """See `router.formats.base.Ingress`."""
        return prompt_view.view(body)

    def passthrough_body(self, body: Mapping[str, Any], traits: ModelTraits) -> dict[str, Any]:
        """See `router.formats.base.Ingress`."""
        return passthrough.passthrough_body(body, traits)

    def withholds(self, frame: Frame, body: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Return False: every frame of this format is sent to every client."""
        return False

    def encode_response(self, response: ChatResponse, request: ChatRequest) -> dict[str, Any]:
        """See `router.formats.base.Ingress`."""
        return whole.encode_response(response, request, self._new_id)

    def encode_events(self, events: Iterable[Event], request: ChatRequest) -> Iterator[bytes]:
        """See `router.formats.base.Ingress`."""
        return stream_encode.encode_events(events, request, self._new_id)

    def encode_error(self, error: RouterError) -> dict[str, Any]:
        """See `router.formats.base.Ingress`."""
        return errors.encode_error(error)

    def encode_stream_error(self, error: RouterError) -> bytes:
        """See `router.formats.base.Ingress`."""
        return errors.encode_stream_error(error)


FORMAT = AnthropicMessages()
_UPSTREAM: Upstream = FORMAT  # both protocols, checked by mypy
_INGRESS: Ingress = FORMAT
