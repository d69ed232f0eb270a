"""This module is gunicorn's gevent worker, with SIGHUP as a reload and errors that echo nothing.

It is imported by gunicorn's master before the standard library is patched, so it imports
nothing of the gateway; the application brings its own `router.worker.Worker` along.
"""

from __future__ import annotations

import json
import logging
import signal
from typing import Any

import gevent
from gunicorn.http import errors, wsgi
from gunicorn.util import write_nonblock
from gunicorn.workers.ggevent import GeventWorker

log = logging.getLogger("router.http")

_ANSWERS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (errors.LimitRequestLine, 414, "URI Too Long", "the request line is too long"),
    (errors.LimitRequestHeaders, 431, "Request Header Fields Too Large", "too many header bytes"),
    (errors.UnsupportedTransferCoding, 501, "Not Implemented", "unknown Transfer-Encoding"),
    (errors.ExpectationFailed, 417, "Expectation Failed", "unknown Expect header"),
    (errors.ForbiddenProxyRequest, 403, "Forbidden", "request forbidden"),
    (errors.ParseException, 400, "Bad Request", "the request is not valid HTTP/1.1"),
)


class Response(wsgi.Response):  # type: ignore[misc]  # gunicorn is untyped
    """An answer whose head goes out with the first bytes of its body.

    gunicorn sends the two one after the other, and asks the socket for its buffer's size
    each time. When the first byte leaves does not change: gunicorn, too, sends the head
    only when the body begins.
    """

    headers_sent = False
    _held = b""

    def send_headers(self) -> None:
        """Hold the head back until the body begins, or the answer ends."""
        if self.headers_sent:
            return
        lines = [*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers)]
        self._held = "".join((*lines, "\r\n")).encode("latin-1")
        self.headers_sent = True

    def close(self) -> None:
        """End the answer; one without a body is sent now."""
        self.send_headers()
        if self._held:
            self._send(b"")
        super().close()

    def can_sendfile(self) -> bool:
        """Say no: files, of which the gateway serves none, would overtake the head."""
        return False

    def _emit_body(self, data: bytes) -> None:
        self._send(b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def _send(self, data: bytes) -> None:
        held, self._held = self._held, b""
        whole = held + data if held else data
        sent = self.sock.send(whole)
        if sent < len(whole):
            self.sock.sendall(memoryview(whole)[sent:])


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn is untyped
    """Serves one process of the gateway."""

    def init_signals(self) -> None:
        """Keep a SIGHUP that arrives while the worker boots from killing it."""
        super().init_signals()
        self.hup_pending = False
        signal.signal(signal.SIGHUP, self._remember_hup)

    def _remember_hup(self, *_: Any) -> None:
        self.hup_pending = True

    def run(self) -> None:
        """Let SIGHUP reload the configuration from now on, and serve."""
        wsgi.Response = Response  # `wsgi.create` takes a class, and its caller gives none
        worker = self.wsgi.extensions["worker"]
        gevent.signal_handler(signal.SIGHUP, worker.reload)
        if self.hup_pending:
            worker.reload()
        worker.started()
        super().run()

    def handle_error(
        self,
        req: Any,  # noqa: ARG002
        client: Any,
        addr: Any,
        exc: BaseException,
    ) -> None:
        """Answer what never reached the application, in JSON, without a byte of the request.

        gunicorn's own answer quotes the header it could not parse, keys included. A client
        that has left (`router.upstream.watch.ClientGone`) is answered nothing: a stream's
        connection must end without its last chunk, lest a cut one looks complete.
        """
        if isinstance(exc, gevent.GreenletExit):
            return
        known = next((row for row in _ANSWERS if isinstance(exc, row[0])), None)
        if known is None:
            log.error("request failed before or after the application", exc_info=exc)
            known = (Exception, 500, "Internal Server Error", "internal error")
        else:
            peer = addr[0] if addr else ""
            log.warning("request refused", extra={"error": type(exc).__name__, "peer": peer})
        _, status, reason, message = known
        kind = "invalid_request_error" if status < 500 else "api_error"
        error = {"message": message, "type": kind, "param": None, "code": None}
        body = json.dumps({"error": error}).encode()
        head = (
            f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            write_nonblock(client, head.encode() + body)
        except OSError:
            log.debug("the refused client had gone")
