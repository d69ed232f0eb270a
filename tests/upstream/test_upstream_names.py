"""Names are looked up once at a time, and one that hangs holds nobody else."""

from __future__ import annotations

import socket
import threading

import gevent
import pytest

from router.upstream.names import Names, look_up


def test_an_address_is_not_looked_up() -> None:
    def ask(name: str) -> tuple[str, ...]:
        raise AssertionError(name)

    names = Names(ask)
    assert names.addresses("10.0.0.7") == ("10.0.0.7",)
    assert names.addresses("[2001:db8::1]") == ("2001:db8::1",)


def test_a_name_that_hangs_is_asked_for_once_and_holds_no_other() -> None:
    asked: list[str] = []
    released = threading.Event()

    def ask(name: str) -> tuple[str, ...]:
        asked.append(name)
        if name == "hangs.example":
            released.wait(20)
        return ("10.0.0.7",)

    names = Names(ask)
    waiting = [gevent.spawn(names.addresses, "hangs.example") for _ in range(100)]
    others = [gevent.spawn(names.addresses, f"good{number}.example") for number in range(20)]
    gevent.joinall(others, timeout=10)
    try:
        assert {other.value for other in others} == {("10.0.0.7",)}
        assert not any(one.ready() for one in waiting)
    finally:
        released.set()
    gevent.joinall(waiting, timeout=10)
    assert {one.value for one in waiting} == {("10.0.0.7",)}
    assert asked.count("hangs.example") == 1


def test_who_gives_up_waiting_leaves_the_others_waiting() -> None:
    released = threading.Event()

    def ask(name: str) -> tuple[str, ...]:
        released.wait(20)
        return ("10.0.0.7",)

    names = Names(ask)
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        names.addresses("slow.example")
    patient = gevent.spawn(names.addresses, "slow.example")
    released.set()
    assert patient.get(timeout=10) == ("10.0.0.7",)


def test_a_failure_reaches_everybody_and_is_not_kept() -> None:
    answers: list[tuple[str, ...] | OSError] = [
        socket.gaierror(socket.EAI_NONAME, "unknown"),
        ("10.0.0.7",),
    ]

    def ask(name: str) -> tuple[str, ...]:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    names = Names(ask)
    both = [gevent.spawn(names.addresses, "x.example") for _ in range(2)]
    gevent.joinall(both, timeout=10)
    assert [type(one.exception) for one in both] == [socket.gaierror, socket.gaierror]
    assert names.addresses("x.example") == ("10.0.0.7",)


def test_what_cannot_be_a_name_is_an_unknown_one() -> None:
    with pytest.raises(socket.gaierror):
        look_up("a..b")


def test_this_machine_is_found() -> None:
    assert set(look_up("localhost")) <= {"127.0.0.1", "::1"}
