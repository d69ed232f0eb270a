"""A provider that speaks four formats and fails in every way known, chosen by the model's name.

A model id is ``fault+name.value+…`` (``ok+n.20``, ``status+code.429+wait.7``); what
stands before the last ``/`` is not looked at. It runs as a process of its own, so that a
slow test cannot slow it:

    python tests/fakes/upstream.py --port 0        # prints its port

``GET /fake/calls?model=x`` tells what it was sent and what became of each connection;
``POST /fake/outage`` with ``{"fault": "reset", "path": "/first"}`` breaks every model below
a path, ``{}`` mends them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import struct
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

SECRET_HOST = "gpu-7.internal.example.com"
LEAKED_KEY = "sk-proj-LEAKED0123456789abcdefLEAKED"
WORDS = ["The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog"]
USAGE = (11, 7)


# What providers answer, by format


def format_of(path: str) -> str:
    """Return the wire format that a path asks for."""
    endings = {
        "/chat/completions": "chat",
        "/messages": "messages",
        "/responses": "responses",
        "/completions": "completions",
        "/embeddings": "embeddings",
    }
    if "enerateContent" in path:
        return "gemini"
    return next((name for end, name in endings.items() if path.endswith(end)), "other")


def whole(form: str, model: str, text: str) -> dict[str, Any]:
    """Return an answer that comes in one piece."""
    read, written = USAGE
    total = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    match form:
        case "messages":
            return {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": model,
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": read, "output_tokens": written},
            }
        case "gemini":
            return {
                "candidates": [
                    {
                        "index": 0,
                        "content": {"role": "model", "parts": [{"text": text}]},
                        "finishReason": "STOP",
                    }
                ],
                "usageMetadata": {"promptTokenCount": read, "candidatesTokenCount": written},
                "modelVersion": model,
            }
        case "responses":
            return _response(model, "completed", text)
        case "embeddings":
            vector = {"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}
            return {"object": "list", "model": model, "data": [vector], "usage": total}
        case "completions":
            choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
            return {
                "id": "cmpl-1",
                "object": "text_completion",
                "created": 1,
                "model": model,
                "choices": [choice],
                "usage": total,
            }
        case _:
            message = {"role": "assistant", "content": text}
            return {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": model,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": total,
            }


def _response(model: str, status: str, text: str | None = None) -> dict[str, Any]:
    """Return the object of OpenAI's Responses."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }
    read, written = USAGE
    usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": model,
        "status": status,
        "output": [] if text is None else [message],
        "usage": None if text is None else usage,
    }


def frame(value: Any, event: str = "") -> bytes:
    """Return one server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(value)}\n\n".encode()


def opening(form: str, model: str) -> bytes:
    """Return what a stream says before its content."""
    match form:
        case "messages":
            message = whole(form, model, "")
            message |= {"content": [], "stop_reason": None}
            block = {"type": "text", "text": ""}
            return frame({"type": "message_start", "message": message}, "message_start") + frame(
                {"type": "content_block_start", "index": 0, "content_block": block},
                "content_block_start",
            )
        case "responses":
            created = {"type": "response.created", "response": _response(model, "in_progress")}
            item = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
            added = {"type": "response.output_item.added", "output_index": 0, "item": item}
            part = {"type": "output_text", "text": "", "annotations": []}
            opened = {
                "type": "response.content_part.added",
                "item_id": "msg_1",
                "output_index": 0,
                "content_index": 0,
                "part": part,
            }
            return b"".join(frame(event, event["type"]) for event in (created, added, opened))
        case "gemini" | "completions":
            return b""
        case _:
            return frame(_chunk(model, {"role": "assistant", "content": ""}))


def piece(form: str, model: str, text: str) -> bytes:
    """Return one event of content."""
    match form:
        case "messages":
            delta = {"type": "text_delta", "text": text}
            return frame(
                {"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta"
            )
        case "responses":
            event = {
                "type": "response.output_text.delta",
                "item_id": "msg_1",
                "output_index": 0,
                "content_index": 0,
                "delta": text,
            }
            return frame(event, event["type"])
        case "gemini":
            content = {"role": "model", "parts": [{"text": text}]}
            return frame({"candidates": [{"index": 0, "content": content}], "modelVersion": model})
        case "completions":
            return frame({"id": "cmpl-1", "choices": [{"index": 0, "text": text}]})
        case _:
            return frame(_chunk(model, {"content": text}))


def ending(form: str, model: str, text: str) -> bytes:
    """Return what a stream says when it is complete."""
    read, written = USAGE
    match form:
        case "messages":
            stop = {"stop_reason": "end_turn", "stop_sequence": None}
            return (
                frame({"type": "content_block_stop", "index": 0}, "content_block_stop")
                + frame(
                    {"type": "message_delta", "delta": stop, "usage": {"output_tokens": written}},
                    "message_delta",
                )
                + frame({"type": "message_stop"}, "message_stop")
            )
        case "responses":
            done = {"type": "response.completed", "response": _response(model, "completed", text)}
            return frame(done, "response.completed")
        case "gemini":
            return frame(whole(form, model, ""))
        case "completions":
            last = {"index": 0, "text": "", "finish_reason": "stop"}
            return frame({"id": "cmpl-1", "choices": [last]}) + b"data: [DONE]\n\n"
        case _:
            counts = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": 18}
            usage = {**_chunk(model, {}), "choices": [], "usage": counts}
            return frame(_chunk(model, {}, "stop")) + frame(usage) + b"data: [DONE]\n\n"


def _chunk(model: str, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": model,
        "choices": [choice],
    }


def error_of(form: str, status: int) -> dict[str, Any]:
    """Return a vendor's error, with a key, a host and a path in its words."""
    words = (
        f"Failure {status} at https://{SECRET_HOST}/v1 with key {LEAKED_KEY}"
        ' (File "/srv/app/serve.py", line 7)'
    )
    match form:
        case "messages":
            kind = "overloaded_error" if status == 529 else "api_error"
            return {"type": "error", "error": {"type": kind, "message": words}}
        case "gemini":
            return {"error": {"code": status, "message": words, "status": "UNAVAILABLE"}}
        case _:
            return {"error": {"message": words, "type": "server_error", "code": None}}


# One call, and what it answers with


@dataclass
class Call:
    """One request that came in, and what became of it."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    writer: asyncio.StreamWriter
    reused: bool
    record: dict[str, Any]
    options: dict[str, str] = field(default_factory=dict)

    @property
    def form(self) -> str:
        return format_of(self.path)

    @property
    def model(self) -> str:
        return str(self.record["model"])

    @property
    def streams(self) -> bool:
        return self.body.get("stream") is True or "streamGenerate" in self.path

    def number(self, name: str, default: float) -> float:
        return float(self.options.get(name, default))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: str = "200 OK", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def answer(
        self, body: bytes, status: str = "200 OK", kind: str = "application/json", **more: str
    ) -> None:
        await self.head(status, Content_Type=kind, Content_Length=str(len(body)), **more)
        await self.send(body)

    async def chunk(self, data: bytes) -> None:
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def reset(self) -> None:
        """Break the connection with a RST."""
        sock = self.writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Hangup(Exception):
    """The connection is not to be used again."""


Fault = Callable[[Call], Awaitable[None]]
FAULTS: dict[str, Fault] = {}


def fault(function: Fault) -> Fault:
    """Register a fault under its function's name."""
    FAULTS[function.__name__] = function
    return function


def whole_bytes(call: Call, text: str | None = None) -> bytes:
    said = " ".join(WORDS) if text is None else text
    return json.dumps(whole(call.form, call.model, said)).encode()


async def begin_stream(call: Call) -> None:
    await call.head(Content_Type="text/event-stream", Transfer_Encoding="chunked")


async def events(call: Call, count: int, delay_s: float = 0.0) -> AsyncIterator[bytes]:
    """Yield a stream's opening and `count` pieces of content."""
    if first := opening(call.form, call.model):
        yield first
    for number in range(count):
        if delay_s:
            await asyncio.sleep(delay_s)
        yield piece(call.form, call.model, WORDS[number % len(WORDS)] + " ")


async def begun(call: Call) -> None:
    """Answer half: two events of a stream, or half a body."""
    if call.streams:
        await begin_stream(call)
        async for event in events(call, 2):
            await call.chunk(event)
        return
    body = whole_bytes(call)
    await call.head(Content_Type="application/json", Content_Length=str(len(body)))
    await call.send(body[: len(body) // 2])


@fault
async def ok(call: Call) -> None:
    """Answer well: ``n`` pieces, ``ms`` before each, ``wait`` s before all, ``size`` bytes each."""
    await asyncio.sleep(call.number("wait", 0))
    if not call.streams:
        size = int(call.number("size", 0))
        await call.answer(whole_bytes(call, "x" * size if size else None))
        return
    await begin_stream(call)
    count, size = int(call.number("n", 5)), int(call.number("size", 0))
    async for event in events(call, count, call.number("ms", 0) / 1000):
        await call.chunk(event)
        if size:
            await call.chunk(piece(call.form, call.model, "x" * size))
    await call.chunk(ending(call.form, call.model, " ".join(WORDS)))
    await call.send(b"0\r\n\r\n")


@fault
async def reset(call: Call) -> None:
    call.reset()
    raise Hangup


@fault
async def close(call: Call) -> None:
    raise Hangup


@fault
async def stale(call: Call) -> None:
    """Close a reused connection without a word; answer on a new one."""
    if call.reused:
        raise Hangup
    await ok(call)


@fault
async def reset_mid(call: Call) -> None:
    await begun(call)
    await asyncio.sleep(0.05)
    call.reset()
    raise Hangup


@fault
async def cut_mid(call: Call) -> None:
    await begun(call)
    raise Hangup


@fault
async def no_end(call: Call) -> None:
    """End a stream properly as HTTP, without its end marker; cut a body as JSON."""
    if call.streams:
        await begin_stream(call)
        async for event in events(call, 3):
            await call.chunk(event)
        await call.send(b"0\r\n\r\n")
        return
    body = whole_bytes(call)
    await call.answer(body[: len(body) // 2])


@fault
async def silent(call: Call) -> None:
    await asyncio.sleep(3600)


@fault
async def stall(call: Call) -> None:
    await begun(call)
    await asyncio.sleep(call.number("s", 3600))
    if call.streams:
        await call.chunk(ending(call.form, call.model, " ".join(WORDS)))
        await call.send(b"0\r\n\r\n")


@fault
async def stall_first(call: Call) -> None:
    await begin_stream(call)
    await asyncio.sleep(3600)


@fault
async def pings(call: Call) -> None:
    """Comments only, for ever."""
    await begin_stream(call)
    while True:
        await call.chunk(b": ping\n\n")
        await asyncio.sleep(0.1)


@fault
async def slow_headers(call: Call) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Slow: " + b"y" * 9000:
        await call.send(bytes([byte]))
        await asyncio.sleep(0.1)


@fault
async def trickle(call: Call) -> None:
    """A byte each 0.2 s."""
    body = whole_bytes(call) if not call.streams else b"".join([e async for e in events(call, 9)])
    kind = "text/event-stream" if call.streams else "application/json"
    await call.head(Content_Type=kind, Content_Length=str(len(body) + 100_000))
    for byte in body + b" " * 100_000:
        await call.send(bytes([byte]))
        await asyncio.sleep(0.2)


@fault
async def trickle_chunk_size(call: Call) -> None:
    """Endless zeros before a chunk's size, which no read timeout sees."""
    await begin_stream(call)
    while True:
        await call.send(b"0")
        await asyncio.sleep(0.2)


@fault
async def bad_status(call: Call) -> None:
    await call.send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    raise Hangup


@fault
async def many_headers(call: Call) -> None:
    await call.answer(whole_bytes(call), **{f"X_H{number}": "v" for number in range(150)})


@fault
async def big_header(call: Call) -> None:
    await call.answer(whole_bytes(call), X_Big="v" * 70_000)


@fault
async def bad_chunk(call: Call) -> None:
    await begin_stream(call)
    await call.chunk(opening(call.form, call.model) or b": hello\n\n")
    await call.send(b"zz\r\nnot a chunk\r\n")
    raise Hangup


@fault
async def truncated_chunk(call: Call) -> None:
    await begin_stream(call)
    async for event in events(call, 2):
        await call.chunk(event)
    await call.send(b"fff\r\ndata: {")
    raise Hangup


@fault
async def length_short(call: Call) -> None:
    """Announce less than what is sent."""
    body = whole_bytes(call)
    await call.head(Content_Type="application/json", Content_Length=str(len(body) - 20))
    await call.send(body)


@fault
async def length_long(call: Call) -> None:
    """Announce more than what is sent."""
    body = whole_bytes(call)
    await call.head(Content_Type="application/json", Content_Length=str(len(body) + 50))
    await call.send(body)
    raise Hangup


@fault
async def bad_gzip(call: Call) -> None:
    await call.answer(b"\x1f\x8b\x08\x00 this is no gzip", Content_Encoding="gzip")


_ZEROS: list[bytes] = []


def zeros_gzip() -> bytes:
    """Return a gzip file of 1 GiB of blanks: one packed block of 16 MiB, 64 times."""
    if not _ZEROS:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        block = packer.compress(b" " * (1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
        header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
        _ZEROS.append(header + block * 64)
    return _ZEROS[0]


@fault
async def gzip_bomb(call: Call) -> None:
    kind = "text/event-stream" if call.streams else "application/json"
    await call.answer(zeros_gzip(), kind=kind, Content_Encoding="gzip")


@fault
async def huge(call: Call) -> None:
    """64 MiB in one piece."""
    if not call.streams:
        await call.answer(whole_bytes(call, "x" * (64 << 20)))
        return
    await begin_stream(call)
    await call.chunk(piece(call.form, call.model, "x" * (66 << 20)))


@fault
async def html(call: Call) -> None:
    page = f"<html><body><h1>502 Bad Gateway</h1>{SECRET_HOST} nginx</body></html>".encode()
    await call.answer(page, call.options.get("status", "200") + " Page", "text/html")


@fault
async def empty(call: Call) -> None:
    await call.answer(b"")


@fault
async def bad_json(call: Call) -> None:
    if not call.streams:
        await call.answer(b'{"choices": [{"index": 0, "mess')
        return
    await begin_stream(call)
    await call.chunk(b'data: {"choices": [{"index": 0, "mess\n\n')
    await call.send(b"0\r\n\r\n")


@fault
async def array_json(call: Call) -> None:
    await call.answer(b"[1, 2, 3]")


@fault
async def odd_json(call: Call) -> None:
    """JSON of no known shape."""
    await call.answer(b'{"choices": 7, "content": "x", "candidates": {}, "output": 3}')


@fault
async def wrong_type(call: Call) -> None:
    """Plain text under a JSON header, or the other way round."""
    await call.answer(b"I am a teapot", kind="text/plain")


@fault
async def redirect(call: Call) -> None:
    port = call.writer.get_extra_info("sockname")[1]
    await call.answer(b"", "302 Found", Location=f"http://localhost:{port}/fake/trap")


@fault
async def no_content(call: Call) -> None:
    await call.head("204 No Content")


@fault
async def status(call: Call) -> None:
    """``code``, with ``wait`` as Retry-After, in the vendor's shape."""
    code = int(call.number("code", 500))
    more = {"Retry_After": call.options["wait"]} if "wait" in call.options else {}
    await call.answer(json.dumps(error_of(call.form, code)).encode(), f"{code} Fault", **more)


@fault
async def stuck_error(call: Call) -> None:
    """A 503 whose body never comes."""
    await call.head("503 Down", Content_Type="application/json", Content_Length="500")
    await asyncio.sleep(3600)


async def _in_band(call: Call, count: int) -> None:
    await begin_stream(call)
    if count:
        async for event in events(call, count):
            await call.chunk(event)
    event = {"messages": "error", "responses": "error"}.get(call.form, "")
    value = error_of(call.form, 529 if call.form == "messages" else 503)
    if call.form == "responses":
        value = {"type": "error", "code": "server_error", "message": value["error"]["message"]}
    await call.chunk(frame(value, event))
    await call.send(b"0\r\n\r\n")


@fault
async def error_first(call: Call) -> None:
    """An error in place of an answer, under status 200."""
    if call.streams:
        await _in_band(call, 0)
    else:
        await call.answer(json.dumps(error_of(call.form, 503)).encode())


@fault
async def error_later(call: Call) -> None:
    if call.streams:
        await _in_band(call, 3)
    else:
        await reset_mid(call)


@fault
async def endless(call: Call) -> None:
    """A stream that never ends, or a body that does not."""
    if call.streams:
        await begin_stream(call)
        async for event in events(call, 1 << 40, 0.02):
            await call.chunk(event)
    await call.head(Content_Type="application/json", Transfer_Encoding="chunked")
    while True:
        await call.chunk(b" " * 100)
        await asyncio.sleep(0.02)


@fault
async def flood(call: Call) -> None:
    """Events without content, as fast as they go."""
    await begin_stream(call)
    while True:
        await call.chunk((b": " + b"x" * 1000 + b"\n\n") * 60)


@fault
async def fail_once(call: Call) -> None:
    """``code`` at the first call of this model, good answers later."""
    if call.record["number"] == 1:
        await status(call)
    else:
        await ok(call)


@fault
async def every(call: Call) -> None:
    """Fail each ``k``-th call."""
    if call.record["number"] % int(call.number("k", 10)) == 0:
        await status(call)
    else:
        await ok(call)


# The server


class Upstream:
    """Serves calls and remembers them."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.counts: dict[str, int] = {}
        self.outage: dict[str, Any] = {}
        self.open = 0
        self.trapped: list[dict[str, str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.open += 1
        served = 0
        try:
            while (request := await _read_request(reader)) is not None:
                served += 1
                if request[1].startswith("/fake/"):
                    await self._control(request, writer)
                elif not await self._play(request, reader, writer, reused=served > 1):
                    break
        except (Hangup, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            with suppress(ConnectionError):
                writer.close()

    async def _play(
        self,
        request: tuple[str, str, dict[str, str], bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        reused: bool,
    ) -> bool:
        """Play a call's fault; notice a client that leaves meanwhile."""
        _, path, headers, raw = request
        call = self._note(path, headers, raw, writer, reused)
        name, *pairs = call.model.rsplit("/", 1)[-1].split("+")
        call.options = dict(pair.partition(".")[::2] for pair in pairs)
        if self.outage and self.outage.get("path", "") in path:
            name, call.options = self.outage["fault"], self.outage.get("options", {})
        playing = asyncio.ensure_future(FAULTS.get(name, ok)(call))
        leaving = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        call.record["ended_s"] = time.monotonic()
        if not playing.done():
            call.record["aborted"] = True
            playing.cancel()
            return False
        leaving.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await leaving
        try:
            await playing
        except (Hangup, ConnectionError) as exc:
            call.record["aborted"] = isinstance(exc, ConnectionError)
            return False
        return True

    def _note(
        self,
        path: str,
        headers: dict[str, str],
        raw: bytes,
        writer: asyncio.StreamWriter,
        reused: bool,
    ) -> Call:
        body = json.loads(raw) if raw.startswith(b"{") else {}
        model = body.get("model")
        if "/models/" in path:
            model = unquote(path.split("/models/")[1].split(":", maxsplit=1)[0])
        self.counts[str(model)] = self.counts.get(str(model), 0) + 1
        record = {
            "path": path,
            "model": model,
            "number": self.counts[str(model)],
            "headers": headers,
            "body": body if len(raw) < 10_000 else {},
            "reused": reused,
            "started_s": time.monotonic(),
            "ended_s": None,
            "aborted": False,
        }
        self.calls.append(record)
        return Call(path, headers, body, writer, reused, record)

    async def _control(
        self, request: tuple[str, str, dict[str, str], bytes], writer: asyncio.StreamWriter
    ) -> None:
        """Tell what happened; set or lift an outage."""
        method, path, headers, raw = request
        query = parse_qs(urlsplit(path).query)
        told: Any = {}
        if path.startswith("/fake/trap"):
            self.trapped.append(headers)
        elif path.startswith("/fake/outage") and method == "POST":
            self.outage = json.loads(raw)
        elif path.startswith("/fake/forget"):
            self.calls.clear()
            self.counts.clear()
        elif path.startswith("/fake/calls"):
            wanted = query.get("model", [""])[0]
            calls = [call for call in self.calls if wanted in str(call["model"])]
            told = {
                "calls": calls,
                "open": self.open,
                "trapped": self.trapped,
                "now_s": time.monotonic(),
            }
        body = json.dumps(told).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body
        )
        await writer.drain()


async def _read_request(
    reader: asyncio.StreamReader,
) -> tuple[str, str, dict[str, str], bytes] | None:
    """Read one request; None at the connection's end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {
        name.lower(): value.strip() for name, _, value in (li.partition(":") for li in lines if li)
    }
    return method, path, headers, await reader.readexactly(int(headers.get("content-length", 0)))


async def _main(port: int) -> None:
    upstream = Upstream()
    server = await asyncio.start_server(
        upstream.serve, "127.0.0.1", port, limit=1 << 20, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=0)
    asyncio.run(_main(arguments.parse_args().port))
