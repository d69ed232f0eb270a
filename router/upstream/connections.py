"""This module makes the sockets towards providers: deadlines that hold, stale ones told apart.

urllib3's connect timeout does not cover the name look-up or a stuck TLS handshake, and it
cannot say whether a connection that died had been used before. Both are answered here, in
subclasses that `TunedAdapter` mounts.
"""

from __future__ import annotations

import select
from http.client import RemoteDisconnected
from queue import Empty
from typing import Any

import gevent
from gevent import monkey
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from router.upstream.names import Names

_NAMES = Names()
_JOINED_BYTES = 128 * 1024
"""A request up to this size is sent with its headers, in one packet if it fits."""
# gevent's own would start watchers and switch to its loop, only to look.
_poll = monkey.get_original("select", "poll")
_DIED = (RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class StaleConnection(Exception):
    """A reused connection died before any byte of the answer: the call may be replayed once."""


class _Deadline:
    """Mixin: one deadline over look-up, TCP and TLS; counts what a connection has served."""

    served = 0
    timeout: float | None
    sock: Any
    _held: list[bytes] | None = None
    _dns_host: str

    def connect(self) -> None:
        """Connect within ``timeout``, the name look-up included."""
        self.served = 0
        timer = gevent.Timeout.start_new(self.timeout)
        try:
            super().connect()  # type: ignore[misc]
        except gevent.Timeout as exc:
            if exc is not timer:
                raise
            self.close()  # type: ignore[attr-defined]
            message = f"no connection within {self.timeout} s"
            raise ConnectTimeoutError(self, message) from None
        finally:
            timer.close()

    def _new_conn(self) -> Any:
        """Connect to the first address of the host that answers."""
        name = self._dns_host
        try:
            addresses = _NAMES.addresses(name)
        except OSError as exc:
            raise NameResolutionError(name, self, exc) from exc  # type: ignore[arg-type]
        refused: NewConnectionError | None = None
        try:
            for self._dns_host in addresses:
                try:
                    return super()._new_conn()  # type: ignore[misc]
                except NewConnectionError as exc:
                    refused = exc
        finally:
            self._dns_host = name
        raise refused or NewConnectionError(self, "the name has no address")  # type: ignore[arg-type]

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send the request; tell a stale connection apart from a fresh one."""
        self._held = []
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
            held, self._held = self._held, None
            for part in _joined(held):
                self.send(part)
        except _DIED as exc:
            self._raise_if_stale(exc)
            raise
        finally:
            self._held = None

    def send(self, data: Any) -> None:
        """Send bytes; those of a request wait for each other."""
        if self._held is None:
            super().send(data)  # type: ignore[misc]
        else:
            self._held.append(data)

    @property
    def is_connected(self) -> bool:
        """Whether nothing came, an end of file neither, since the last answer."""
        if self.sock is None:
            return False
        poll = _poll()
        poll.register(self.sock.fileno(), select.POLLIN)
        return not poll.poll(0)

    def getresponse(self) -> Any:
        """Read status and headers; tell a stale connection apart from a fresh one."""
        try:
            response = super().getresponse()  # type: ignore[misc]
        except _DIED as exc:
            self._raise_if_stale(exc)
            raise
        self.served += 1
        return response

    def _raise_if_stale(self, exc: OSError) -> None:
        if self.served:
            raise StaleConnection from exc


def _joined(parts: list[bytes]) -> list[bytes]:
    """Return small parts as one: a packet each would cost two system calls more."""
    if sum(map(len, parts)) > _JOINED_BYTES:
        return parts
    return [b"".join(parts)]


class _Connection(_Deadline, HTTPConnection):
    """Plain."""


class _SecureConnection(_Deadline, HTTPSConnection):
    """TLS."""


class _DropIdle:
    """Mixin: forget the connections that wait for reuse."""

    pool: Any

    def drop_idle(self) -> None:
        """Close every idle connection, so that the next call opens a new one."""
        kept = 0
        try:
            while True:
                connection = self.pool.get(block=False)
                kept += 1
                if connection is not None:
                    connection.close()
        except Empty:
            pass
        for _ in range(kept):
            self.pool.put(None, block=False)


class Pool(_DropIdle, HTTPConnectionPool):
    """Plain connections of one origin."""

    ConnectionCls = _Connection


class SecurePool(_DropIdle, HTTPSConnectionPool):
    """TLS connections of one origin."""

    ConnectionCls = _SecureConnection


POOL_CLASSES = {"http": Pool, "https": SecurePool}
