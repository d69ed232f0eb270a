"""What is relayed unchanged is events only."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from router.canonical.events import Frame
from router.formats.openai_chat import FORMAT
from router.formats.sse import frames
from router.upstream.relay import record, verbatim

CHUNK = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
PAGE = b"<html><h1>502</h1>gpu-7.internal.example.com</html>\n\n"
END = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
COMMENT = b": PROCESSING\n\n"


def test_a_page_in_a_stream_is_withheld_and_comments_pass() -> None:
    raw: deque[Frame] = deque()
    events = FORMAT.decode_events(record(frames([CHUNK, COMMENT, PAGE]), raw))
    told = list(verbatim(events, raw, FORMAT, {}, lambda event: event))
    assert told[:2] == [CHUNK, COMMENT]
    assert len(told) == 3
    assert b"error" in told[2]
    assert b"gpu-7" not in told[2]


def relayed(*chunks: bytes) -> list[tuple[int, bytes]]:
    """Relay chunks; tell of each item how many chunks had been read when it was written."""
    read = 0

    def source() -> Iterator[bytes]:
        nonlocal read
        for chunk in chunks:
            read += 1
            yield chunk

    raw: deque[Frame] = deque()
    events = FORMAT.decode_events(record(frames(source()), raw))
    return [(read, item) for item in verbatim(events, raw, FORMAT, {}, lambda event: event)]


def test_events_that_came_together_are_written_together() -> None:
    assert relayed(CHUNK * 3, CHUNK + END) == [(1, CHUNK * 3), (2, CHUNK + END)]


def test_no_event_waits_for_one_that_is_still_to_come() -> None:
    cut = CHUNK + CHUNK + CHUNK[:10]
    assert relayed(cut, CHUNK[10:], END) == [(1, CHUNK * 2), (2, CHUNK), (3, END)]


def test_events_before_an_error_that_came_with_them_are_written() -> None:
    ((_, item),) = relayed(CHUNK + b'data: {"error": {"message": "overloaded"}}\n\n')
    assert item.startswith(CHUNK)
    assert b'"error"' in item[len(CHUNK) :]
