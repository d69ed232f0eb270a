"""A client's leaving is noticed while its request waits."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import pytest
from gevent import socket

from router.upstream.watch import ClientGone, ClientWatch


def outcome_of(act: Callable[[socket.socket], None], wait_s: float = 0.3) -> str:
    """Let a request wait while its client acts; tell how the wait ended."""
    ours, theirs = socket.socketpair()

    def serve() -> str:
        watch = ClientWatch(ours)
        try:
            gevent.sleep(wait_s)
        except ClientGone:
            return "gone"
        finally:
            watch.stop()
        return "served"

    request = gevent.spawn(serve)
    gevent.sleep(0)
    act(theirs)
    told: str = request.get(timeout=5)
    theirs.close()
    ours.close()
    return told


def test_a_client_that_closes_is_gone() -> None:
    assert outcome_of(lambda client: client.close(), wait_s=5) == "gone"


def test_a_client_that_waits_is_served() -> None:
    assert outcome_of(lambda client: None) == "served"


def test_a_client_that_sends_its_next_request_is_served() -> None:
    assert outcome_of(lambda client: client.sendall(b"GET")) == "served"


def test_a_client_that_takes_nothing_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    watch = ClientWatch(ours, stall_s=0.1)
    with pytest.raises(TimeoutError):
        ours.sendall(b"x" * (8 << 20))
    watch.stop()
    assert ours.gettimeout() is None
    theirs.close()
    ours.close()


def test_without_a_socket_nothing_is_watched() -> None:
    ClientWatch(None).stop()
