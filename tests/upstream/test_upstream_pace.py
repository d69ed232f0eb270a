"""Which deadline ends a wait, and what may move it."""

from __future__ import annotations

import pytest

from router.errors import UpstreamTimeout
from router.providers.base import Timeouts
from router.upstream.pace import Pace

TIMEOUTS = Timeouts(connect_s=1, first_content_s=10, idle_s=4, total_s=60)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def pace(*, streaming: bool = True) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(TIMEOUTS, clock, 60.0, streaming), clock


def test_silence_ends_a_wait() -> None:
    subject, clock = pace()
    assert subject.left_s() == 4
    clock.now_s = 4.0
    with pytest.raises(UpstreamTimeout, match="silent for 4 s"):
        subject.left_s()


def test_a_byte_ends_the_silence_but_not_the_wait_for_content() -> None:
    subject, clock = pace()
    for clock.now_s in (3.0, 6.0, 9.0):
        subject.heard()
    assert subject.left_s() == 1
    clock.now_s = 10.0
    with pytest.raises(UpstreamTimeout, match="no content within 10 s"):
        subject.left_s()


def test_after_the_commit_only_silence_and_the_total_count() -> None:
    subject, clock = pace()
    subject.commit()
    clock.now_s = 58.0
    subject.heard()
    assert subject.left_s() == 2
    clock.now_s = 60.0
    with pytest.raises(UpstreamTimeout, match="total time"):
        subject.left_s()


def test_a_whole_answer_may_let_its_headers_wait() -> None:
    subject, _ = pace(streaming=False)
    assert subject.answer_left_s() == 60


def test_headers_of_a_stream_may_take_as_long_as_its_content() -> None:
    subject, _ = pace()
    assert subject.answer_left_s() == 10


def test_an_errors_body_is_not_waited_for_long() -> None:
    subject, clock = pace()
    clock.now_s = 1.0
    subject.heard()
    subject.read_error()
    assert subject.left_s() == 2


def test_a_complete_answer_is_wound_down_within_a_second() -> None:
    subject, clock = pace()
    clock.now_s = 1.0
    subject.heard()
    subject.wind_down()
    assert subject.left_s() == 1
    clock.now_s = 2.0
    with pytest.raises(UpstreamTimeout):
        subject.left_s()
