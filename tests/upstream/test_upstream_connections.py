"""What leaves towards a provider, send by send."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import requests

from router.upstream.connections import POOL_CLASSES
from router.upstream.transport import TunedAdapter


class Recorder:
    """A socket that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def sendall(self, data: Any) -> None:
        self.sent.append(bytes(data))

    def settimeout(self, seconds: float | None) -> None:
        pass


@pytest.mark.parametrize(("size", "sends"), [(0, 1), (1000, 1), (500_000, 2)])
def test_a_request_leaves_in_one_send_unless_it_is_large(size: int, sends: int) -> None:
    connection = POOL_CLASSES["http"].ConnectionCls("127.0.0.1")
    connection.sock = recorder = Recorder()
    connection.request("POST", "/v1", body=b"x" * size, headers={"Content-Length": str(size)})
    assert len(recorder.sent) == sends
    head, _, body = b"".join(recorder.sent).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1 HTTP/1.1\r\n")
    assert body == b"x" * size


def test_a_connection_is_told_dead_once_its_peer_has_closed() -> None:
    near, far = socket.socketpair()
    connection = POOL_CLASSES["http"].ConnectionCls("127.0.0.1")
    assert not connection.is_connected
    connection.sock = near
    assert connection.is_connected
    far.close()
    assert not connection.is_connected
    near.close()


def test_the_pool_of_an_origin_is_looked_up_once_for_each_way_to_verify() -> None:
    adapter = TunedAdapter()
    request = requests.Request("POST", "https://provider.example/v1").prepare()
    pool = adapter.get_connection_with_tls_context(request, verify=True)
    assert adapter.get_connection_with_tls_context(request, verify=True) is pool
    assert adapter.get_connection_with_tls_context(request, verify=False) is not pool
