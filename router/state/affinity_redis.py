"""This module keeps conversations' seats in Redis, for hosts that share one.

The client library is optional (``pip install "open-llm-router[redis]"``). Redis is asked
under short deadlines; one that fails is left alone for some seconds, and counted.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from router.state.affinity import LONGEST_TTL_S, Seat

try:
    import redis
except ImportError:  # pragma: no cover  the extra is not installed
    redis = None

PREFIX = "open-llm-router:"
_ANSWER_S = 0.05
_CONNECT_S = 0.25
_REST_S = 5.0

_FAILURES: tuple[type[Exception], ...] = (
    (OSError,) if redis is None else (OSError, redis.RedisError)
)
_NO_AGREEMENT: tuple[type[Exception], ...] = (*_FAILURES, ValueError)


class RedisClient(Protocol):
    """What is used of ``redis.Redis``."""

    def get(self, name: str) -> Any:
        """Return the value's bytes, or None."""
        ...

    def set(self, name: str, value: str, *, ex: int | None = None, nx: bool = False) -> Any:
        """Set a value; `ex` seconds to live, `nx` only where there is none."""
        ...


def connect(url: str) -> RedisClient | None:
    """Return a client of a Redis, or None where the library is not installed.

    Raises
    ------
    ValueError
        The URL is none of a Redis.
    """
    if redis is None:
        return None
    client: RedisClient = redis.Redis.from_url(
        url, socket_timeout=_ANSWER_S, socket_connect_timeout=_CONNECT_S
    )
    return client


class SeatRedis:
    """Seats in Redis; each expires by itself."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._rests_until_s = 0.0
        self._failures = 0

    @property
    def failures(self) -> int:
        """Reads and writes that failed so far."""
        return self._failures

    def read(self, key: str, epoch_s: float) -> Seat | None:
        """Return a seat, or None."""
        if epoch_s < self._rests_until_s:
            return None
        try:
            return _seat(self._client.get(f"{PREFIX}seat:{key}"))
        except _FAILURES:
            self._failed(epoch_s)
            return None

    def write(self, key: str, seat: Seat, epoch_s: float) -> None:
        """Keep a seat."""
        if epoch_s < self._rests_until_s:
            return
        row = [seat.model, seat.target, seat.complexity, seat.used_at_s]
        try:
            self._client.set(f"{PREFIX}seat:{key}", json.dumps(row), ex=int(LONGEST_TTL_S))
        except _FAILURES:
            self._failed(epoch_s)

    def _failed(self, epoch_s: float) -> None:
        self._failures += 1
        self._rests_until_s = epoch_s + _REST_S


def agreed_secret(client: RedisClient, own: bytes) -> bytes | None:
    """Return the secret that all hosts use: the first one's; None where Redis fails."""
    name = f"{PREFIX}affinity-secret"
    try:
        client.set(name, own.hex(), nx=True)
        held = client.get(name)
        # A URL may ask the library for texts instead of bytes.
        return bytes.fromhex(held if isinstance(held, str) else held.decode()) if held else None
    except _NO_AGREEMENT:
        return None


def _seat(row: bytes | None) -> Seat | None:
    """Return a seat as written; None where another program wrote something else."""
    if row is None:
        return None
    try:
        model, target, complexity, used_at_s = json.loads(row)
        return Seat(str(model), str(target), str(complexity), float(used_at_s))
    except (ValueError, TypeError):
        return None
