"""This module cuts a byte stream into server-sent events, by the WHATWG rules.

Bytes throughout: ``str.splitlines`` would cut at U+2028, which is legal inside JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from router.canonical.events import Frame
from router.errors import ProtocolViolation

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""A frame longer than this is no event of any provider; it would only fill memory."""

TICK = Frame("", b"", b"")
"""Silence: a frame without a byte."""


def frames(chunks: Iterable[bytes | None]) -> Iterator[Frame]:
    r"""Yield the events of a byte stream, however it is cut.

    None in place of a chunk says that the source is silent; it is passed on as `TICK`,
    which no decoder gives a meaning, so that whoever writes can keep proxies awake.

    A frame that the stream's end leaves without its blank line is yielded too if it has
    data, as several servers omit the last one.

    Raises
    ------
    ProtocolViolation
        One frame exceeds `MAX_FRAME_BYTES`.

    Examples
    --------
    >>> [(f.event, f.data) for f in frames([b"event: a\r", b"\ndata: 1\r\n\r\nda", b"ta:2\n\n"])]
    [('a', b'1'), ('', b'2')]
    """
    buffer = bytearray()
    scanned = 0
    for chunk in chunks:
        if chunk is None:
            yield TICK
            continue
        buffer += chunk
        start = 0
        end = _frame_end(buffer, scanned)
        while end is not None:
            raw, start = bytes(buffer[start:end]), end
            end = _frame_end(buffer, start)
            yield parse(raw, more=end is not None)
        del buffer[:start]
        # A blank line may begin in the last three bytes seen and end in the next chunk.
        scanned = max(0, len(buffer) - 3)
        if len(buffer) > MAX_FRAME_BYTES:
            raise ProtocolViolation(f"one event of the stream exceeds {MAX_FRAME_BYTES} bytes")
    if buffer.strip():
        last = parse(bytes(buffer))
        if last.data:
            yield last


def _frame_end(buffer: bytearray, start: int) -> int | None:
    r"""Return where the first frame after `start` ends, its blank line included.

    A lone CR as line end is legal SSE, but no provider sends it and it would make the
    end of a chunk ambiguous; ``\n`` and ``\r\n`` are known, also mixed.
    """
    position = start
    while True:
        newline = buffer.find(b"\n", position)
        if newline < 0:
            return None
        following = buffer[newline + 1 : newline + 3]
        if following[:1] == b"\n":
            return newline + 2
        if following == b"\r\n":
            return newline + 3
        position = newline + 1


def parse(raw: bytes, *, more: bool = False) -> Frame:
    """Return one frame from its bytes; `more` tells that another is there already."""
    event = id_ = ""
    data: list[bytes] = []
    for line in raw.replace(b"\r\n", b"\n").split(b"\n"):
        if line.startswith(b"data:"):
            data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line.startswith(b"event:"):
            event = line[6:].strip().decode("utf-8", "replace")
        elif line.startswith(b"id:"):
            id_ = line[3:].strip().decode("utf-8", "replace")
        elif line == b"data":
            data.append(b"")
    return Frame(event, b"\n".join(data), raw, id_, more)


def encode(data: bytes, event: str = "") -> bytes:
    r"""Return the bytes of one event.

    Examples
    --------
    >>> encode(b"{}", "ping")
    b'event: ping\ndata: {}\n\n'
    """
    if event:
        return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
