"""What leaves towards a client, send by send."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from router.gunicorn_worker import Response


class Recorder:
    """A socket that takes `room` bytes at once, and keeps them."""

    def __init__(self, room: int = 1 << 20) -> None:
        self.sent: list[bytes] = []
        self._room = room

    def send(self, data: bytes) -> int:
        self.sent.append(bytes(data[: self._room]))
        return len(self.sent[-1])

    def sendall(self, data: bytes) -> None:
        self.sent.append(bytes(data))


def answer(sock: Recorder, *pieces: bytes, status: str = "200 OK", whole: bool = True) -> bytes:
    request = SimpleNamespace(method="POST", version=(1, 1), should_close=lambda: False)
    response = Response(request, sock, Config())
    length = ("Content-Length", str(sum(map(len, pieces))))
    response.start_response(status, [("X-A", "b"), *([length] if whole else [])])
    for piece in pieces:
        response.write(piece)
    response.close()
    return b"".join(sock.sent)


def test_a_whole_answer_leaves_in_one_send() -> None:
    sock = Recorder()
    told = answer(sock, b"{}")
    assert len(sock.sent) == 1
    assert told.startswith(b"HTTP/1.1 200 OK\r\n")
    assert told.endswith(b"X-A: b\r\nContent-Length: 2\r\n\r\n{}")


def test_an_event_leaves_with_the_head_and_does_not_wait_for_the_next() -> None:
    sock = Recorder()
    answer(sock, b"data: 1\n\n", b"data: 2\n\n", whole=False)
    first, second, *end = sock.sent
    assert first.endswith(b"\r\n\r\n9\r\ndata: 1\n\n\r\n")
    assert second == b"9\r\ndata: 2\n\n\r\n"
    assert b"".join(end) == b"0\r\n\r\n"


@pytest.mark.parametrize("status", ["200 OK", "204 No Content"])
def test_an_answer_without_a_body_has_its_head(status: str) -> None:
    assert answer(Recorder(), status=status).startswith(f"HTTP/1.1 {status}\r\n".encode())


def test_what_the_socket_does_not_take_at_once_follows() -> None:
    assert answer(Recorder(room=10), b"x" * 1000).endswith(b"\r\n\r\n" + b"x" * 1000)
