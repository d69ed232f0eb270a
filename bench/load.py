"""This module is the load: closed-loop clients on raw sockets, for whole answers and streams."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """What the clients of one run saw."""

    latencies_s: list[float] = field(default_factory=list)
    wrong: int = 0

    @property
    def count(self) -> int:
        return len(self.latencies_s)

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_s)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1000


class _Whole(asyncio.Protocol):
    """A client that asks again as soon as it was answered."""

    def __init__(self, request: bytes, until_s: float, tally: Tally) -> None:
        self._request, self._until_s, self._tally = request, until_s, tally
        self._transport: Any = None
        self._buffer = b""
        self._asked_s = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._buffer = b""
        self._asked_s = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, sep, body = self._buffer.partition(b"\r\n\r\n")
        if not sep or not _is_complete(head, body):
            return
        now_s = time.perf_counter()
        self._tally.latencies_s.append(now_s - self._asked_s)
        self._tally.wrong += not head.startswith(b"HTTP/1.1 200")
        if now_s < self._until_s:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if time.perf_counter() < self._until_s:
            self._tally.wrong += 1
        if not self.done.done():
            self.done.set_result(None)


def _is_complete(head: bytes, body: bytes) -> bool:
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(lower[at + 17 :].partition(b"\r\n")[0])


class _Stream(asyncio.Protocol):
    """A client that reads one stream; complete is what has its end marker and last chunk."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self._request, self._tally = request, tally
        self._tail = b""
        self._asked_s = time.perf_counter()
        self._transport: Any = None
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-600:]
        if self._tail.endswith(b"0\r\n\r\n"):
            self._tally.latencies_s.append(time.perf_counter() - self._asked_s)
            self._tally.wrong += not (
                b"data: [DONE]" in self._tail or b"message_stop" in self._tail
            )
            self.done.set_result(True)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self.done.done():
            self._tally.wrong += 1
            self.done.set_result(False)


def whole(port: int, request: bytes, clients: int, seconds: float) -> Tally:
    """Ask for whole answers with some clients for some time."""
    tally = Tally()

    async def run() -> None:
        loop, until_s = asyncio.get_running_loop(), time.perf_counter() + seconds
        made = [
            await loop.create_connection(lambda: _Whole(request, until_s, tally), "127.0.0.1", port)
            for _ in range(clients)
        ]
        await asyncio.gather(*(client.done for _, client in made))

    asyncio.run(run())
    return tally


def streams(port: int, request: bytes, clients: int) -> Tally:
    """Read one stream with each of some clients, all at once."""
    tally = Tally()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        made = await asyncio.gather(
            *(
                loop.create_connection(lambda: _Stream(request, tally), "127.0.0.1", port)
                for _ in range(clients)
            )
        )
        await asyncio.gather(*(client.done for _, client in made))

    asyncio.run(run())
    return tally
