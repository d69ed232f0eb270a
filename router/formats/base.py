"""This module says what every wire format must be able to do, and the contract it keeps.

Decoder contract (property-tested for each format):

1. Pure generator: frames in, events out; no clock, no I/O, no logging. ``close()``
   reaches the source.
2. At least one event per frame before the next frame is pulled; ``Opaque(frame)`` where
   a frame has no canonical meaning. So nothing waits for its successor, nothing is lost.
3. Any split of the bytes gives the same events. Blocks are opened before deltas and
   closed before ``MessageStop``, which comes exactly once.
4. ``collect(decode_events(stream)) == decode_response(body)`` for recorded pairs.
5. A stream that ends without its terminator yields ``Failed(StreamInterrupted)``, never a
   ``MessageStop``; an error told in-band yields ``Failed`` with `classify_error`'s leaf.
   After ``Failed`` or ``MessageStop`` nothing but ``Opaque`` follows.

Encoder contract: decoding what was encoded gives the same events, up to what the format
can express. Encoders never end a stream that ended in ``Failed`` with a clean terminator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from router.canonical.events import Event, Frame
from router.canonical.prompt import PromptView
from router.canonical.request import ChatRequest, ModelTraits
from router.canonical.response import ChatResponse
from router.errors import ErrorDetail, RouterError


@dataclass(frozen=True, slots=True)
class Encoded:
    """A request in a provider's format.

    Attributes
    ----------
    body : dict
        JSON-ready; the model's name is in it where the format has it in the body.
    dropped : tuple of str
        Parameters that the format cannot say, by their names in OpenAI's chat format.
    """

    body: dict[str, Any]
    dropped: tuple[str, ...] = ()


class Upstream(Protocol):
    """What a provider's format must do."""

    @property
    def name(self) -> str:
        """Name of the format, as ``anthropic_messages``."""
        ...

    def encode_request(self, request: ChatRequest, traits: ModelTraits) -> Encoded:
        """Return the body for the provider.

        Raises
        ------
        UnsupportedFeature
            Content (a message, part, tool or result) that this format cannot say;
            `param` names it.
        """
        ...

    def decode_response(self, body: Mapping[str, Any]) -> ChatResponse:
        """Return the answer of a body of status 200.

        Raises
        ------
        UpstreamError
            The body is an error told under status 200, or not of this format.
        """
        ...

    def decode_events(self, frames: Iterable[Frame]) -> Iterator[Event]:
        """Return the stream's events, by the decoder contract."""
        ...

    def decode_error(self, status: int, body: bytes) -> ErrorDetail:
        """Return what an error body says; never raises, whatever the body is."""
        ...


class Ingress(Protocol):
    """What a client's format must do."""

    @property
    def name(self) -> str:
        """Name of the format, as ``anthropic_messages``."""
        ...

    def decode_request(self, body: Mapping[str, Any]) -> ChatRequest:
        """Return the request.

        Raises
        ------
        InvalidRequest
            A field has the wrong type or value; `param` is its path.
        """
        ...

    def view(self, body: Mapping[str, Any]) -> PromptView:
        """Return what routing looks at; cheap, and never raises, whatever the body is."""
        ...

    def passthrough_body(self, body: Mapping[str, Any], traits: ModelTraits) -> dict[str, Any]:
        """Return the body for a provider of this same format.

        The model's name is replaced (where the body has it), usage is asked for in
        streams, sealed signatures of other formats and ids that carry them are taken
        out (see `router.canonical.signature`); nothing else is touched.
        """
        ...

    def withholds(self, frame: Frame, body: Mapping[str, Any]) -> bool:
        """Tell whether a frame of a same-format stream was not asked for by the caller."""
        ...

    def encode_response(self, response: ChatResponse, request: ChatRequest) -> dict[str, Any]:
        """Return the body of an answer."""
        ...

    def encode_events(self, events: Iterable[Event], request: ChatRequest) -> Iterator[bytes]:
        """Return the stream's bytes, whole frames; ``b""`` where an event says nothing.

        Exactly one item per event, so that the relay keeps pace with the decoder. A
        ``Failed`` becomes the format's in-band error, and nothing follows it.
        """
        ...

    def encode_error(self, error: RouterError) -> dict[str, Any]:
        """Return the error's body in this format."""
        ...

    def encode_stream_error(self, error: RouterError) -> bytes:
        """Return the frame that tells an error inside a stream."""
        ...
