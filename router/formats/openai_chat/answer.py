"""This module reads the pieces that whole answers and chunks have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from router.canonical.messages import Citation, Media
from router.canonical.response import StopReason
from router.errors import InvalidRequest
from router.formats.openai_chat.parts import media_of_url, thinking_text

_STOP_REASONS: Mapping[str, StopReason] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",  # Mistral
    "content_filter": "content_filter",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


def parse_json(data: bytes) -> Any:
    r"""Return a JSON value; None where it is none.

    What the strict parser refuses is tried again with the lenient one: some servers write
    ``NaN`` among log probabilities, or cut a character outside the BMP into two halves.

    Examples
    --------
    >>> parse_json(b'{"logprob": NaN, "text": "\\ud83d"}')
    {'logprob': None, 'text': '?'}
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        value = json.loads(data, parse_constant=lambda _: None)
        return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def stop_reason(word: Any, *, has_calls: bool) -> StopReason:
    """Return why an answer ended; some servers say ``stop``, or nothing, after tool calls.

    Examples
    --------
    >>> stop_reason("stop", has_calls=True), stop_reason("eos", has_calls=False)
    ('tool_calls', 'stop')
    """
    reason = _STOP_REASONS.get(word, "stop") if isinstance(word, str) else "stop"
    return "tool_calls" if reason == "stop" and has_calls else reason


def text_of(message: Mapping[str, Any], key: str) -> str:
    """Return a string of a message or delta; empty where there is none."""
    value = message.get(key)
    return value if isinstance(value, str) else ""


def reasoning_of(message: Mapping[str, Any]) -> str:
    """Return the reasoning told outside the content, once where it is told twice."""
    told = text_of(message, "reasoning_content") or text_of(message, "reasoning")
    if told:
        return told
    details = message.get("reasoning_details")
    if not isinstance(details, list):
        return ""
    objects = [detail for detail in details if isinstance(detail, Mapping)]
    return "".join(text_of(detail, "text") or text_of(detail, "summary") for detail in objects)


def content_of(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the content's pieces, as ``("text", …)`` and ``("thinking", …)``.

    Mistral writes a list of parts; everybody else a string.
    """
    content = message.get("content")
    if isinstance(content, str):
        if content:
            yield "text", content
        return
    for part in content if isinstance(content, list) else ():
        if isinstance(part, Mapping):
            thinking = thinking_text(part.get("thinking"))
            text = text_of(part, "text")
            if thinking:
                yield "thinking", thinking
            if text:
                yield "text", text


def images_of(message: Mapping[str, Any]) -> Iterator[Media]:
    """Yield generated images, as OpenRouter tells them."""
    images = message.get("images")
    for image in images if isinstance(images, list) else ():
        holder = image.get("image_url") if isinstance(image, Mapping) else None
        url = text_of(holder, "url") if isinstance(holder, Mapping) else ""
        if not url:
            continue
        try:
            yield media_of_url(url, "image", "images")
        except InvalidRequest:  # a data URL without base64: nothing that could be passed on
            continue


def citations_of(message: Mapping[str, Any]) -> Iterator[Citation]:
    """Yield the sources that annotations name."""
    annotations = message.get("annotations")
    for annotation in annotations if isinstance(annotations, list) else ():
        cited = annotation.get("url_citation") if isinstance(annotation, Mapping) else None
        if isinstance(cited, Mapping):
            yield Citation(
                url=text_of(cited, "url") or None,
                title=text_of(cited, "title") or None,
                quote=text_of(cited, "content") or None,
                start=position(cited.get("start_index")),
                end=position(cited.get("end_index")),
            )


def arguments_of(function: Mapping[str, Any]) -> str:
    """Return a call's arguments, or a piece of them, as text; Ollama writes an object."""
    arguments = function.get("arguments", function.get("input"))
    if isinstance(arguments, str):
        return arguments
    if not isinstance(arguments, Mapping):
        return ""
    try:
        return orjson.dumps(arguments).decode()
    except orjson.JSONEncodeError:  # nested deeper than any tool's schema
        return ""


def made_up_id(message_id: str, created: int | None, number: int) -> str:
    """Return an id for a call that has none: the same in the stream and in the whole answer."""
    seed = f"{message_id}|{created}|{number}".encode("utf-8", "replace")
    return f"call_{hashlib.blake2s(seed, digest_size=12).hexdigest()}"


def position(value: Any) -> int | None:
    """Return a whole number, such as a time or an index; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if abs(value) < 2**53 else None
