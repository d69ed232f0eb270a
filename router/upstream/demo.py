"""This module answers ``demo://``: an offline provider, so that the first curl works.

It speaks OpenAI's chat format through an adapter that is mounted on the sessions, so a
demo call takes the same way as any other. What it says is made up by plain rules
(`router.upstream.demo_script`); it says so.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gevent
import orjson
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from router.formats import sse
from router.upstream import demo_script

_CHUNK_PAUSE_S = 0.02


class DemoAdapter(BaseAdapter):
    """Plays the demo provider.

    Parameters
    ----------
    clock : callable
        Seconds since the epoch, for ``created``.
    pause_s : float
        Between two pieces of a stream, so that it can be watched.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, pause_s: float = _CHUNK_PAUSE_S
    ) -> None:
        super().__init__()
        self._clock = clock
        self._pause_s = pause_s

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Answer one call; the signature is ``requests``' own."""
        body = orjson.loads(request.body or b"{}")
        why = str(request.headers.get("x-router-why") or "") if request.headers else ""
        if (request.url or "").endswith("/embeddings"):
            return _respond(request, "application/json", _once(demo_script.embeddings(body)))
        answer = demo_script.answer(body, why)
        created = int(self._clock())
        if body.get("stream"):
            pieces = self._paced(demo_script.chunks(body, answer, created))
            return _respond(request, "text/event-stream", pieces)
        whole = demo_script.completion(body, answer, created)
        return _respond(request, "application/json", _once(whole))

    def close(self) -> None:
        """Nothing is held."""

    def _paced(self, chunks: Iterator[Mapping[str, Any]]) -> Iterator[bytes]:
        """Yield a stream's bytes at a reader's pace."""
        for chunk in chunks:
            yield sse.encode(orjson.dumps(chunk))
            gevent.sleep(self._pause_s)
        yield b"data: [DONE]\n\n"


def _once(body: Mapping[str, Any]) -> Iterator[bytes]:
    yield orjson.dumps(body)


class _Pieces(io.RawIOBase):
    """A body that comes in pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` with what is left of the current piece, or with the next."""
        piece = self._rest or next(self._pieces, b"")
        size = min(len(buffer), len(piece))
        buffer[:size] = piece[:size]
        self._rest = piece[size:]
        return size


def _respond(
    request: requests.PreparedRequest, content_type: str, pieces: Iterator[bytes]
) -> requests.Response:
    """Wrap a body as requests would."""
    response = requests.Response()
    response.status_code = 200
    response.request = request
    response.url = request.url or ""
    response.headers["content-type"] = content_type
    response.raw = HTTPResponse(
        body=io.BufferedReader(_Pieces(pieces)),
        headers={"content-type": content_type},
        status=200,
        preload_content=False,
    )
    return response
