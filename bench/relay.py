"""This module is the least a proxy can do in Python: bytes from one socket to the other."""

from __future__ import annotations

import asyncio
import sys
from typing import Any


class Relay(asyncio.Protocol):
    """One end of a connection; what it hears, its other end says."""

    def __init__(self, other: Relay | None = None, target: int = 0) -> None:
        self._other, self._target = other, target
        self._transport: Any = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if self._other is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        _, other = await loop.create_connection(lambda: Relay(self), "127.0.0.1", self._target)
        self._other = other
        for data in self._early:
            other.say(data)

    def say(self, data: bytes) -> None:
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._early.append(data)
        else:
            self._other.say(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self._other is not None and self._other._transport is not None:
            self._other._transport.close()


async def serve(port: int, target: int) -> None:
    server = await asyncio.get_running_loop().create_server(
        lambda: Relay(target=target), "127.0.0.1", port, backlog=2048
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
