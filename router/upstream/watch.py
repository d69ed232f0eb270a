"""This module notices that a client has gone while its provider is silent.

Nothing is written then, so gunicorn cannot notice: without a watcher an abandoned call
held its provider for 8.5 s. A greenlet waits until the client's socket is readable,
*peeks* (a pipelined request is no farewell), and at end of file throws `ClientGone` into
the request's greenlet, wherever it waits.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

import gevent
from gevent.socket import wait_read

STALL_S = 300.0
"""A client that does not take one event for so long has gone, whatever its socket says."""


class ClientGone(gevent.GreenletExit):  # type: ignore[misc]  # gevent is untyped
    """The caller went away. No `Exception`, so that nothing below swallows it."""


class ClientWatch:
    """Throws `ClientGone` into the greenlet that made it when the client closes.

    Parameters
    ----------
    sock : socket, optional
        The client's; None where the server gives none (tests). TLS cannot be peeked at,
        so there only writing notices.
    stall_s : float
        How long a single write may take; gunicorn itself would wait for ever, and hold
        the provider's connection meanwhile.
    """

    def __init__(self, sock: socket.socket | None, stall_s: float = STALL_S) -> None:
        self._sock = sock
        if sock is not None:
            sock.settimeout(stall_s)
        waiter = gevent.getcurrent()
        watchable = isinstance(waiter, gevent.Greenlet) and not isinstance(sock, ssl.SSLSocket)
        self._watcher = gevent.spawn(_watch, sock, waiter) if sock and watchable else None

    def stop(self) -> None:
        """Stop watching; the connection may carry a next request."""
        if self._sock is not None:
            with suppress(OSError):
                self._sock.settimeout(None)
        if self._watcher is not None:
            self._watcher.kill(block=False)
            self._watcher = None


def _watch(sock: socket.socket, waiter: gevent.Greenlet) -> None:
    """Wait for the peer's end of file; end at the first byte of a next request."""
    try:
        wait_read(sock.fileno())
        gone = sock.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        gone = True
    if gone:
        waiter.kill(ClientGone, block=False)
