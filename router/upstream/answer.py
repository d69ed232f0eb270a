"""This module reads a provider's answer: in time, bounded, and without holding bytes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gevent
import requests
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from router.errors import ProtocolViolation, StreamInterrupted, UpstreamError
from router.upstream.pace import Pace

MAX_WHOLE_BYTES = 48 * 1024 * 1024
"""A whole answer beyond this is refused; the largest legitimate ones are base64 images."""
MAX_ERROR_BYTES = 64 * 1024
_CHUNK_BYTES = 65536
_TURN_S = 0.02
"""How long a stream may be worked on before the worker's others get a turn."""


class Answer:
    """Status and headers of an answer whose body is still to be read.

    Parameters
    ----------
    response : requests.Response
        Sent with ``stream=True``.
    pace : Pace
        Deadlines of the call.
    """

    def __init__(self, response: requests.Response, pace: Pace) -> None:
        self._response = response
        self._raw: Any = response.raw
        self.pace = pace
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers

    @property
    def content_type(self) -> str:
        """Media type, lower case, without parameters."""
        return (self.headers.get("content-type") or "").split(";", 1)[0].strip().lower()

    def chunks(self) -> Iterator[bytes | None]:
        """Yield the body as it comes; None where the provider is silent for `keep_alive_s`.

        A provider that sends faster than its events are handled never makes the worker
        wait, so the others are given a turn now and then.

        Raises
        ------
        UpstreamTimeout
            A deadline passed.
        StreamInterrupted
            The connection broke, or the body is shorter than announced.
        """
        turn_until_s = self.pace.clock() + _TURN_S
        while True:
            if not self._wait():
                yield None
                continue
            chunk = self._read()
            if not chunk:
                return
            yield chunk
            self.pace.heard()  # after it was handed on: a slow client is not a silent provider
            if self.pace.clock() > turn_until_s:
                gevent.sleep(0)
                turn_until_s = self.pace.clock() + _TURN_S

    def whole(self, limit_bytes: int = MAX_WHOLE_BYTES) -> bytes:
        """Return the body.

        Raises
        ------
        ProtocolViolation
            It exceeds `limit_bytes`; a compressed body counts by what it unpacks to.
        UpstreamTimeout, StreamInterrupted
            As `chunks`.
        """
        parts: list[bytes] = []
        size = 0
        for chunk in self.chunks():
            if chunk is None:
                continue
            size += len(chunk)
            if size > limit_bytes:
                self.close()
                raise ProtocolViolation(f"the provider's answer exceeds {limit_bytes} bytes")
            parts.append(chunk)
        return b"".join(parts)

    def error_body(self) -> bytes:
        """Return the beginning of an error's body; whatever breaks, what came so far."""
        parts: list[bytes] = []
        size = 0
        self.pace.read_error()
        try:
            for chunk in self.chunks():
                parts.append(chunk or b"")
                size += len(chunk or b"")
                if size >= MAX_ERROR_BYTES:
                    self.close()
                    break
        except UpstreamError:
            self.close()
        return b"".join(parts)[:MAX_ERROR_BYTES]

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        self._raw.close()
        release = getattr(self._raw, "release_conn", None)
        if release is not None:
            release()

    def _read(self) -> bytes:
        """Read what is there, at most 64 KiB.

        The socket's timeout starts anew at every byte of a chunk's size or a header, so a
        timer (2 µs) bounds the whole.
        """
        timer = gevent.Timeout.start_new(self.pace.left_s())
        try:
            data: bytes = self._raw.read1(_CHUNK_BYTES, decode_content=True)
        except gevent.Timeout as exc:
            if exc is not timer:
                raise
            self.close()
            raise self.pace.expired() from None
        except (TimeoutError, ReadTimeoutError) as exc:
            raise self.pace.expired() from exc
        except DecodeError as exc:
            raise ProtocolViolation("the provider's answer cannot be unpacked") from exc
        except (HTTPError, OSError, ValueError) as exc:
            raise StreamInterrupted("the provider's answer broke off") from exc
        finally:
            timer.close()
        if not data and _is_short(self._raw):
            raise StreamInterrupted("the provider's answer is shorter than announced")
        return data

    def _wait(self) -> bool:
        """Wait for a byte of the body; return False where none came in `keep_alive_s`.

        ``peek`` on http.client's buffered reader waits without taking anything, and the
        socket's own timeout bounds it: no second greenlet, no timer per event. After a
        timeout the standard library marks the reader unusable although nothing was lost,
        so the mark is taken off.
        """
        left_s = self.pace.left_s()
        source = getattr(self._raw, "_fp", None)
        reader = getattr(source, "fp", None)
        sock = getattr(getattr(self._raw, "connection", None), "sock", None)
        if reader is None or sock is None or not hasattr(reader, "raw"):
            return True
        if getattr(source, "length", None) == 0:
            return True  # nothing is to come: the connection would stay silent for ever
        try:
            sock.settimeout(min(left_s, self.pace.keep_alive_s))
            if reader.peek(1)[:2] == b"\r\n" and _discard_chunk_end(source, reader):
                reader.peek(1)
        except TimeoutError:
            reader.raw._timeout_occurred = False
            self.pace.left_s()
            return False
        except OSError:
            return True  # the read that follows tells what happened
        finally:
            sock.settimeout(max(0.001, left_s))
        return True


def _discard_chunk_end(source: Any, reader: Any) -> bool:
    """Take the line end of a chunk that was read whole, as http.client would do next.

    It stays in the buffer until then, and would pass for a byte of the body.
    """
    if getattr(source, "chunk_left", None) != 0:
        return False
    reader.read(2)
    source.chunk_left = None
    return True


def _is_short(raw: Any) -> bool:
    """Tell whether fewer bytes came than ``Content-Length`` announced."""
    left = getattr(raw, "length_remaining", None)
    return isinstance(left, int) and left > 0
