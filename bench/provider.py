"""This module is the fake provider: three formats, whole answers and streams, next to no work.

``bench-nN-msM`` anywhere in a request's body asks for N events, M milliseconds apart.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Any, NamedTuple

_WORDS = "Hello! The quick brown fox jumps over the lazy dog, and this is a plausible answer. "
_OPTIONS = re.compile(rb"bench-n(\d+)-ms(\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class Script(NamedTuple):
    """What one format answers; the frames of a stream's beginning, middle and end."""

    whole: bytes
    first: bytes
    each: bytes
    last: bytes


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _sse(*events: Any, named: bool = False) -> bytes:
    parts = []
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event, separators=(",", ":"))
        name = f"event: {event['type']}\n" if named else ""
        parts.append(f"{name}data: {data}\n\n")
    return _chunk("".join(parts).encode())


def _whole(answer: Any) -> bytes:
    body = json.dumps(answer, separators=(",", ":")).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\nx-request-id: req_0123456789\r\n\r\n".encode() + body


def _openai() -> Script:
    base = {"id": "chatcmpl-AbCdEfGhIjKl", "created": 1730000000, "model": "gpt-bench"}
    usage = {"prompt_tokens": 210, "completion_tokens": 24, "total_tokens": 234}
    message = {"role": "assistant", "content": _WORDS, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    whole = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}

    def delta(delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**base, "object": "chat.completion.chunk", "choices": [choice]}

    return Script(
        _whole(whole),
        _sse(delta({"role": "assistant", "content": ""})),
        _sse(delta({"content": " token"})),
        _sse(delta({}, "stop"), "[DONE]"),
    )


def _anthropic() -> Script:
    usage = {"input_tokens": 210, "output_tokens": 24}
    message = {"id": "msg_01XFDUDYJgAA", "type": "message", "role": "assistant"}
    message |= {"model": "claude-bench"}
    content = [{"type": "text", "text": _WORDS}]
    whole = {**message, "content": content, "stop_reason": "end_turn", "usage": usage}
    start: dict[str, Any] = {**message, "content": [], "stop_reason": None, "usage": usage}
    block = {"type": "content_block_start", "index": 0}
    delta = {"type": "text_delta", "text": " token"}
    return Script(
        _whole(whole),
        _sse(
            {"type": "message_start", "message": start},
            {**block, "content_block": {"type": "text", "text": ""}},
            named=True,
        ),
        _sse({"type": "content_block_delta", "index": 0, "delta": delta}, named=True),
        _sse(
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
            {"type": "message_stop"},
            named=True,
        ),
    )


def _gemini() -> Script:
    usage = {"promptTokenCount": 210, "candidatesTokenCount": 24, "totalTokenCount": 234}

    def answer(text: str, **more: str) -> dict[str, Any]:
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-bench"}

    return Script(
        _whole(answer(_WORDS, finishReason="STOP")),
        _sse(answer("Hello")),
        _sse(answer(" token")),
        _sse(answer(".", finishReason="STOP")),
    )


_SCRIPTS = ((b"/messages", _anthropic()), (b"enerateContent", _gemini()), (b"", _openai()))


class Provider(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self) -> None:
        self._buffer = b""
        self._needed = 0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) < self._needed:
            return
        head, sep, body = self._buffer.partition(b"\r\n\r\n")
        if not sep:
            return
        length = _LENGTH.search(head)
        expected = int(length[1]) if length else 0
        if len(body) < expected:
            self._needed = len(head) + 4 + expected
            return
        self._buffer, self._needed = b"", 0
        self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        path = head.partition(b"\r\n")[0]
        script = next(script for part, script in _SCRIPTS if part in path)
        if b"streamGenerate" not in path and b'"stream":true' not in body:
            self._transport.write(script.whole)
            return
        options = _OPTIONS.search(body)
        events, pause_ms = (int(options[1]), int(options[2])) if options else (20, 5)
        self._transport.write(_STREAM_HEAD + script.first)
        self._stream(script, events - 2, pause_ms / 1000)

    def _stream(self, script: Script, left: int, pause_s: float) -> None:
        loop = asyncio.get_running_loop()
        next_s = loop.time()

        def tick() -> None:
            nonlocal left, next_s
            if self._transport.is_closing():
                return
            if left <= 0:
                self._transport.write(script.last + b"0\r\n\r\n")
                return
            self._transport.write(script.each)
            left -= 1
            next_s += pause_s
            loop.call_at(next_s, tick)

        loop.call_later(pause_s, tick)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()))
