"""This module tells callers that ask for it what an answer cost, in its ``usage``.

Only the usage is edited: a whole answer's JSON is read and written again, of a stream the
one frame that carries usage; every other byte stays the provider's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from flask import Response

from router.canonical.price import Price
from router.canonical.usage import Usage
from router.formats.openai_chat.passthrough import ask_usage
from router.routing.controls import RequestControls
from router.web.story import Story

_USAGE = b'"usage"'
_DATA = b"data:"
_OPEN_WEBUI = "open-webui"
_OPEN_WEBUI_HEADER = "x-openwebui-"


def ask_for_it(body: dict[str, Any]) -> None:
    """Have a stream tell its usage where the caller asks for its cost alone."""
    usage = body.get("usage")
    if isinstance(usage, Mapping) and usage.get("include") is True:
        ask_usage(body)


def is_open_webui(headers: Mapping[str, str]) -> bool:
    """Tell whether Open-WebUI calls; it adds up the costs that it finds in ``usage``.

    Examples
    --------
    >>> is_open_webui({"x-openwebui-user-id": "7"}), is_open_webui({"user-agent": "curl/8"})
    (True, False)
    """
    if _OPEN_WEBUI in headers.get("user-agent", "").lower():
        return True
    return any(name.startswith(_OPEN_WEBUI_HEADER) for name in headers)


def tell_cost(
    response: Response, controls: RequestControls, headers: Mapping[str, str], story: Story
) -> None:
    """Write the cost into the usage of an answer, if the caller wants it there.

    Where no price is known, those who asked read null; Open-WebUI, which adds up numbers,
    reads nothing.
    """
    if not (controls.usage_cost or is_open_webui(headers)):
        return
    if response.is_streamed:
        source: Any = response.response
        response.response = _told_in_stream(source, story, controls.usage_cost)
    elif response.mimetype == "application/json" and _USAGE in response.get_data():
        cost = cost_fields(story.target.price if story.target else None, story.usage)
        if cost["cost"] is not None or controls.usage_cost:
            response.set_data(with_cost(response.get_data(), cost))


def cost_fields(price: Price | None, usage: Usage | None) -> dict[str, Any]:
    """Return OpenRouter's fields of cost, in USD; null where the price is unknown.

    Examples
    --------
    >>> from decimal import Decimal
    >>> cost_fields(Price(Decimal(3), Decimal(15)), Usage(1000, 0, 0, 100))["cost"]
    0.0045
    """
    parts = price.parts_usd(usage) if price and usage else None
    prompt, output = parts or (None, None)
    total = None if prompt is None or output is None else prompt + output
    return {
        "cost": _number(total),
        "cost_details": {
            "upstream_inference_cost": _number(total),
            "upstream_inference_prompt_cost": _number(prompt),
            "upstream_inference_completions_cost": _number(output),
        },
    }


def with_cost(body: bytes, cost: Mapping[str, Any]) -> bytes:
    """Return a JSON object with `cost` in its usage; unchanged where it has none.

    Examples
    --------
    >>> with_cost(b'{"usage": {"total_tokens": 4}}', {"cost": 0.5})
    b'{"usage":{"total_tokens":4,"cost":0.5}}'
    >>> with_cost(b'{"usage": null}', {"cost": 0.5})
    b'{"usage": null}'
    """
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    for holder in (told, *_inner(told)):
        if isinstance(holder, dict) and isinstance(holder.get("usage"), dict):
            holder["usage"].update(cost)
            return orjson.dumps(told)
    return body


def _inner(told: Any) -> tuple[Any, ...]:
    """Return where else usage may stand: Responses' and Anthropic's events wrap an answer."""
    return (told.get("response"), told.get("message")) if isinstance(told, dict) else ()


def _told_in_stream(pieces: Iterable[bytes], story: Story, explicit: bool) -> Iterator[bytes]:
    """Pass a stream's frames on; edit the one that tells usage."""
    try:
        for piece in pieces:
            if _USAGE not in piece or story.usage is None:
                yield piece
                continue
            cost = cost_fields(story.target.price if story.target else None, story.usage)
            wanted = explicit or cost["cost"] is not None
            yield _in_frames(piece, cost) if wanted else piece
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def _in_frames(piece: bytes, cost: Mapping[str, Any]) -> bytes:
    """Edit the data lines that hold usage; `piece` is made of whole frames."""
    return b"\n".join(
        _DATA + b" " + with_cost(line[len(_DATA) :].strip(), cost)
        if line.startswith(_DATA) and _USAGE in line
        else line
        for line in piece.split(b"\n")
    )


def _number(usd: Any) -> float | None:
    return None if usd is None else float(usd)
