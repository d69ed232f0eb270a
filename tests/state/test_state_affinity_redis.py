from __future__ import annotations

from typing import Any

from router.state.affinity import Seat
from router.state.affinity_redis import SeatRedis, agreed_secret

NOW_S = 1_800_000_000.0
SEAT = Seat("m", "a:m", "low", NOW_S)


class Server:
    """What a Redis does, as far as it is used."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.expiries: dict[str, int | None] = {}
        self.is_down = False
        self.calls = 0

    def get(self, name: str) -> Any:
        self._answer()
        return self.values.get(name)

    def set(self, name: str, value: str, *, ex: int | None = None, nx: bool = False) -> Any:
        self._answer()
        if not (nx and name in self.values):
            self.values[name], self.expiries[name] = value.encode(), ex

    def _answer(self) -> None:
        self.calls += 1
        if self.is_down:
            raise ConnectionRefusedError


def test_what_one_host_writes_another_reads_and_it_expires() -> None:
    server = Server()
    SeatRedis(server).write("c", SEAT, NOW_S)
    assert SeatRedis(server).read("c", NOW_S) == SEAT
    assert SeatRedis(server).read("d", NOW_S) is None
    assert list(server.expiries.values()) == [86_400]


def test_a_redis_that_fails_is_counted_and_left_alone_for_a_while() -> None:
    server = Server()
    server.is_down = True
    store = SeatRedis(server)
    assert store.read("c", NOW_S) is None
    store.write("c", SEAT, NOW_S + 1)
    assert (store.failures, server.calls) == (1, 1)
    server.is_down = False
    store.write("c", SEAT, NOW_S + 5)
    assert store.read("c", NOW_S + 5) == SEAT


def test_what_another_program_wrote_there_is_no_seat() -> None:
    server = Server()
    for value in (b"hello", b"[1]", b"null", b'["m","t","low","x"]'):
        server.values["open-llm-router:seat:c"] = value
        assert SeatRedis(server).read("c", NOW_S) is None


def test_all_hosts_agree_on_the_secret_of_the_first() -> None:
    server = Server()
    assert agreed_secret(server, b"first") == b"first"
    assert agreed_secret(server, b"second") == b"first"


def test_without_an_answer_there_is_no_agreement() -> None:
    server = Server()
    server.is_down = True
    assert agreed_secret(server, b"mine") is None
