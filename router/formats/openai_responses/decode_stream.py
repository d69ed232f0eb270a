"""This module reads a provider's stream of Responses events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

from router.canonical.events import Event, Failed, Frame, MessageStart, MessageStop, Opaque
from router.errors import ProtocolViolation, StreamInterrupted, UpstreamError
from router.formats.openai_responses.errors import in_band
from router.formats.openai_responses.response import (
    decode_usage,
    parts_of,
    seconds_of,
    stop_reason,
    text_of,
)
from router.formats.openai_responses.stream_items import ARGUMENTS, Key, StreamItems
from router.formats.openai_responses.vocabulary import JsonObject


def decode_events(frames: Iterable[Frame]) -> Iterator[Event]:
    """Return the stream's events, by the decoder contract of `router.formats.base`.

    The end marker is the terminal ``response.*`` event, whose response is the yardstick:
    what it has and the stream left out is told before the end.
    """
    reader = _Reader()
    try:
        for frame in frames:
            yield from reader.read(frame) or (Opaque(frame),)
        if not reader.ended:
            yield Failed(StreamInterrupted("the answer broke off before its end"))
    finally:
        close = getattr(frames, "close", None)
        if close is not None:
            close()


class _Reader:
    """Where the stream stands."""

    def __init__(self) -> None:
        self.ended = False
        self._started = False
        self._items = StreamItems()

    def read(self, frame: Frame) -> list[Event]:
        """Return the events of a frame; none where it means nothing to us."""
        data = frame.data.strip()
        if self.ended or not data or data == b"[DONE]":
            return []
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            return self._fail(ProtocolViolation("an event of the stream is not JSON"))
        if not isinstance(body, dict):
            return self._fail(ProtocolViolation("an event of the stream is not an object"))
        kind = text_of(body.get("type")) or frame.event
        if (told := _TEXTS.get(kind)) is not None:
            return self._begin(body) + told(self._items, body)
        return self._step(kind, body)

    def _step(self, kind: str, body: dict[str, Any]) -> list[Event]:
        """Return the events of what is not text."""
        match kind:
            case "response.created" | "response.queued" | "response.in_progress":
                return self._begin(body)
            case "response.output_item.added" | "response.output_item.done":
                return self._begin(body) + self._item(kind, body)
            case "response.completed" | "response.incomplete":
                return self._begin(body) + self._end(body)
            case "response.failed":
                response = _object(body, "response")
                return self._fail(in_band(response.get("error") or body))
            case "response.cancelled":
                return self._fail(StreamInterrupted("the answer was cancelled at the provider"))
            case "error":
                return self._fail(in_band(body))
            case "" if body.get("error"):
                return self._fail(in_band(body))
            case _:
                return []

    def _fail(self, error: UpstreamError) -> list[Event]:
        """End the stream with an error."""
        self.ended = True
        return [Failed(error)]

    def _begin(self, body: JsonObject) -> list[Event]:
        """Start the message, once; some servers leave out ``created``."""
        if self._started:
            return []
        self._started = True
        response = _object(body, "response")
        return [
            MessageStart(
                id=text_of(response.get("id")),
                model=text_of(response.get("model")),
                created=seconds_of(response.get("created_at")),
            )
        ]

    def _item(self, kind: str, body: JsonObject) -> list[Event]:
        """Open or close an item."""
        item, position = _object(body, "item"), _at(body, "output_index")
        if not item:
            return []
        if kind == "response.output_item.added":
            return self._items.open(position, item)
        return self._items.complete(position, item)

    def _end(self, body: JsonObject) -> list[Event]:
        """Tell what only the final response has, close all blocks, stop the message."""
        response = _object(body, "response")
        events: list[Event] = []
        for position, item in enumerate(parts_of(response, "output")):
            events += self._items.complete(position, item)
        events += self._items.close_all()
        try:
            reason, detail = stop_reason(response, self._items.has_calls)
        except UpstreamError as error:
            return [*events, *self._fail(error)]
        self.ended = True
        tier = text_of(response.get("service_tier")) or None
        usage = decode_usage(response.get("usage"))
        return [*events, MessageStop(reason, usage, detail, service_tier=tier)]


def _object(body: JsonObject, key: str) -> JsonObject:
    """Return an object; empty where it is none."""
    value = body.get(key)
    return value if isinstance(value, Mapping) else {}


def _at(body: JsonObject, key: str) -> int:
    """Return an index; 0 where a server leaves it out."""
    value = body.get(key)
    return value if isinstance(value, int) else 0


def _reasoning_key(body: JsonObject) -> Key:
    """Return which text of a reasoning item an event speaks of."""
    if "summary_index" in body:
        return "summary", _at(body, "summary_index")
    return "content", _at(body, "content_index")


def _say(kind: str) -> _Teller:
    """Return how a delta of a message's part is told; servers may not have opened it."""

    def tell(items: StreamItems, body: JsonObject) -> list[Event]:
        position, at = _at(body, "output_index"), _at(body, "content_index")
        delta = text_of(body.get("delta"))
        return items.tell(position, ("content", at), delta) or (
            items.open_part(position, at, {"type": kind})
            + items.tell(position, ("content", at), delta)
            if delta
            else []
        )

    return tell


def _say_rest(kind: str, field: str) -> _Teller:
    """Return how the whole text of a message's part is told."""

    def tell(items: StreamItems, body: JsonObject) -> list[Event]:
        position, at = _at(body, "output_index"), _at(body, "content_index")
        opened = items.open_part(position, at, {"type": kind})
        return opened + items.tell_rest(position, ("content", at), text_of(body.get(field)))

    return tell


def _cite(items: StreamItems, body: JsonObject) -> list[Event]:
    """Tell a source."""
    annotation = _object(body, "annotation")
    return items.cite(_at(body, "output_index"), _at(body, "content_index"), annotation)


def _open_part(items: StreamItems, body: JsonObject) -> list[Event]:
    """Open a message's part."""
    position, at = _at(body, "output_index"), _at(body, "content_index")
    return items.open_part(position, at, _object(body, "part"))


def _close_part(items: StreamItems, body: JsonObject) -> list[Event]:
    """Close a message's part, or tell the rest of a reasoning item's."""
    position, part = _at(body, "output_index"), _object(body, "part")
    if part.get("type") in ("reasoning_text", "summary_text"):
        return items.tell_rest(position, _reasoning_key(body), text_of(part.get("text")))
    return items.complete_part(position, _at(body, "content_index"), part)


def _think(items: StreamItems, body: JsonObject) -> list[Event]:
    """Tell more of a thought."""
    position, delta = _at(body, "output_index"), text_of(body.get("delta"))
    return items.tell(position, _reasoning_key(body), delta)


def _think_rest(items: StreamItems, body: JsonObject) -> list[Event]:
    """Tell what the deltas left out of a thought."""
    position, whole = _at(body, "output_index"), text_of(body.get("text"))
    return items.tell_rest(position, _reasoning_key(body), whole)


def _argue(items: StreamItems, body: JsonObject) -> list[Event]:
    """Tell more of a call's arguments or input."""
    return items.tell(_at(body, "output_index"), ARGUMENTS, text_of(body.get("delta")))


def _argue_rest(items: StreamItems, body: JsonObject) -> list[Event]:
    """Tell what the deltas left out of a call's arguments or input."""
    whole = text_of(body.get("arguments")) or text_of(body.get("input"))
    return items.tell_rest(_at(body, "output_index"), ARGUMENTS, whole)


_Teller = Callable[[StreamItems, JsonObject], list[Event]]

_TEXTS: Mapping[str, _Teller] = {
    "response.content_part.added": _open_part,
    "response.output_text.delta": _say("output_text"),
    "response.output_text.done": _say_rest("output_text", "text"),
    "response.output_text.annotation.added": _cite,
    "response.refusal.delta": _say("refusal"),
    "response.refusal.done": _say_rest("refusal", "refusal"),
    "response.content_part.done": _close_part,
    "response.reasoning_summary_text.delta": _think,
    "response.reasoning_summary_text.done": _think_rest,
    "response.reasoning_summary_part.done": _close_part,
    "response.reasoning_text.delta": _think,
    "response.reasoning_text.done": _think_rest,
    "response.function_call_arguments.delta": _argue,
    "response.function_call_arguments.done": _argue_rest,
    "response.custom_tool_call_input.delta": _argue,
    "response.custom_tool_call_input.done": _argue_rest,
}
