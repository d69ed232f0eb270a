"""Whatever a provider sends as a stream or an answer, decoders end it or raise our own errors."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.canonical.events import Failed, MessageStop
from router.errors import UpstreamError
from router.formats import sse
from router.formats.registry import UPSTREAM

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
NAMES = sorted(UPSTREAM)
STREAMS = {name: sorted((GOLDEN / name).glob("*.sse")) for name in NAMES}
ODD: tuple[Any, ...] = (None, True, 0, -1, 2**70, 1.5, "", "x", [], [None], {}, {"type": "x"}, [{}])

odd = st.recursive(
    st.sampled_from(ODD),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                ("type", "delta", "text", "index", "choices", "content", "usage", "item", "error")
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=5,
)


def events_of(name: str, chunks: list[bytes]) -> list[Any]:
    """Decode a stream to its end; our own errors are an end too."""
    try:
        return list(UPSTREAM[name].decode_events(sse.frames(chunks)))
    except UpstreamError as error:
        return [Failed(error)]


def assert_told(events: list[Any]) -> None:
    """A stream's end is told exactly once, and last."""
    ends = [number for number, e in enumerate(events) if isinstance(e, (MessageStop, Failed))]
    assert ends, "the stream's end is not told"
    assert sum(isinstance(event, MessageStop) for event in events) <= 1


def paths_in(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return []
    return [p for key, inner in items for p in ((*at, key), *paths_in(inner, (*at, key)))]


def replaced(value: Any, path: tuple[Any, ...], with_: Any) -> Any:
    if not path:
        return with_
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], with_)
    return copy


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_stream_with_one_odd_field_is_told_to_its_end(name: str, data: st.DataObject) -> None:
    frames = data.draw(st.sampled_from(STREAMS[name])).read_bytes().split(b"\n\n")
    number = data.draw(st.integers(0, len(frames) - 1))
    head, marker, text = frames[number].partition(b"data: ")
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = {}
    path = data.draw(st.sampled_from([(), *paths_in(value)]))
    value = replaced(value, path, data.draw(odd))
    frames[number] = head + (marker or b"data: ") + json.dumps(value).encode()
    assert_told(events_of(name, [b"\n\n".join(frames)]))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_stream_that_is_cut_doubled_or_shuffled_is_told_to_its_end(
    name: str, data: st.DataObject
) -> None:
    frames = data.draw(st.sampled_from(STREAMS[name])).read_bytes().split(b"\n\n")
    chosen = data.draw(st.lists(st.sampled_from(frames), max_size=len(frames)))
    assert_told(events_of(name, [b"\n\n".join(chosen) + b"\n\n"]))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(noise=st.binary(max_size=200), lines=st.lists(st.binary(max_size=40), max_size=6))
def test_noise_is_told_to_its_end(name: str, noise: bytes, lines: list[bytes]) -> None:
    framed = b"".join(b"data: " + line + b"\n\n" for line in lines)
    assert_told(events_of(name, [noise, framed]))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_answer_with_one_odd_field_is_decoded_or_refused(name: str, data: st.DataObject) -> None:
    bodies = sorted((GOLDEN / name).glob("*.json"))
    value = (
        json.loads(data.draw(st.sampled_from(bodies)).read_bytes()) if bodies else {"output": []}
    )
    path = data.draw(st.sampled_from(paths_in(value)))
    body = replaced(value, path, data.draw(odd))
    with suppress(UpstreamError):
        UPSTREAM[name].decode_response(body)
