"""Gemini's ``generateContent``, as clients and as providers speak it.

Source: https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from router.canonical.events import Event, Frame
from router.canonical.prompt import PromptView
from router.canonical.request import ChatRequest, ModelTraits
from router.canonical.response import ChatResponse
from router.errors import ErrorDetail, RouterError
from router.formats.base import Encoded
from router.formats.gemini.errors import decode_error, encode_error, encode_stream_error
from router.formats.gemini.media import NAME
from router.formats.gemini.passthrough import passthrough_body
from router.formats.gemini.request_decode import decode_request
from router.formats.gemini.request_encode import encode_request
from router.formats.gemini.response import decode_response, encode_response
from router.formats.gemini.stream import decode_events
from router.formats.gemini.stream_encode import encode_events
from router.formats.gemini.view import view


class Gemini:
    """The format, by the contracts ``Upstream`` and ``Ingress`` of `router.formats.base`."""

    name = NAME

    def encode_request(self, request: ChatRequest, traits: ModelTraits) -> Encoded:
        """Return the body for the provider."""
        return encode_request(request, traits)

    def decode_response(self, body: Mapping[str, Any]) -> ChatResponse:
        """Return the answer of a body; an array of chunks is taken too."""
        return decode_response(body)

    def decode_events(self, frames: Iterable[Frame]) -> Iterator[Event]:
        """Return the stream's events."""
        return decode_events(frames)

    def decode_error(self, status: int, body: bytes) -> ErrorDetail:  # noqa: ARG002
        """Return what an error body says; it tells its status itself."""
        return decode_error(body)

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        """Return the request."""
        return decode_request(body)

    def view(self, body: Mapping[str, Any]) -> PromptView:
        """Return what routing looks at."""
        return view(body)

    def passthrough_body(self, body: Mapping[str, Any], traits: ModelTraits) -> dict[str, Any]:
        """Return the body for a Gemini provider."""
        return passthrough_body(body, traits)

    def withholds(self, frame: Frame, body: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Return False: every chunk is the caller's, usage included."""
        return False

    def encode_response(self, response: ChatResponse, request: ChatRequest) -> dict[str, Any]:  # noqa: ARG002
        """Return the body of an answer."""
        return encode_response(response)

    def encode_events(self, events: Iterable[Event], request: ChatRequest) -> Iterator[bytes]:  # noqa: ARG002
        """Return the stream's bytes."""
        return encode_events(events)

    def encode_error(self, error: RouterError) -> dict[str, Any]:
        """Return the error's body."""
        return encode_error(error)

    def encode_stream_error(self, error: RouterError) -> bytes:
        """Return the frame that tells an error inside a stream."""
        return encode_stream_error(error)


FORMAT = Gemini()
