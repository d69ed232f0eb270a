"""This module is the Responses format: one object for both of its sides."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from router.canonical.events import Event, Frame
from router.canonical.prompt import PromptView
from router.canonical.request import ChatRequest, ModelTraits
from router.canonical.response import ChatResponse
from router.errors import ErrorDetail, RouterError
from router.formats.base import Encoded
from router.formats.openai_responses import (
    decode_stream,
    encode_stream,
    envelope,
    errors,
    passthrough,
    request,
    response,
    upstream_request,
)
from router.formats.openai_responses import view as view_module
from router.formats.openai_responses.envelope import Clock
from router.formats.openai_responses.output import NewId
from router.formats.openai_responses.vocabulary import NAME


def random_id(prefix: str) -> str:
    """Return an id that nobody guesses: the prefix and 128 random bits."""
    return prefix + secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class ResponsesFormat:
    """OpenAI's Responses API, https://platform.openai.com/docs/api-reference/responses.

    Satisfies both `router.formats.base.Upstream` and `router.formats.base.Ingress`,
    whose docstrings hold for these methods.

    Attributes
    ----------
    new_id : callable
        Makes the ids of responses and items from a prefix.
    clock : callable
        Seconds since the epoch, for answers whose provider tells no time.
    """

    new_id: NewId = random_id
    clock: Clock = time.time

    @property
    def name(self) -> str:
        """Name of the format."""
        return NAME

    def encode_request(self, request: ChatRequest, traits: ModelTraits) -> Encoded:
        """Return the body for the provider."""
        return upstream_request.encode_request(request, traits)

    def decode_response(self, body: Mapping[str, Any]) -> ChatResponse:
        """Return the answer of a body of status 200."""
        return response.decode_response(body)

    def decode_events(self, frames: Iterable[Frame]) -> Iterator[Event]:
        """Return the stream's events, by the decoder contract."""
        return decode_stream.decode_events(frames)

    def decode_error(self, status: int, body: bytes) -> ErrorDetail:  # noqa: ARG002
        """Return what an error body says; the status adds nothing here."""
        return errors.decode_error(body)

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        """Return the request."""
        return request.decode_request(body)

    def view(self, body: Mapping[str, Any]) -> PromptView:
        """Return what routing looks at."""
        return view_module.view(body)

    def passthrough_body(self, body: Mapping[str, Any], traits: ModelTraits) -> dict[str, Any]:
        """Return the body for a provider of this same format."""
        return passthrough.passthrough_body(body, traits)

    def withholds(self, frame: Frame, body: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Withhold nothing: every event of this format is part of every stream."""
        return False

    def encode_response(self, response: ChatResponse, request: ChatRequest) -> dict[str, Any]:
        """Return the body of an answer."""
        return envelope.encode_response(response, request, self.new_id, self.clock)

    def encode_events(self, events: Iterable[Event], request: ChatRequest) -> Iterator[bytes]:
        """Return the stream's bytes, one item for each event."""
        return encode_stream.encode_events(events, request, self.new_id, self.clock)

    def encode_error(self, error: RouterError) -> dict[str, Any]:
        """Return the error's body in this format."""
        return errors.encode_error(error)

    def encode_stream_error(self, error: RouterError) -> bytes:
        """Return the frame that tells an error inside a stream."""
        return errors.encode_stream_error(error)


FORMAT = ResponsesFormat()
"""The format with random ids and the system's clock."""
