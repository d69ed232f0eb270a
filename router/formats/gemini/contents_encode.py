"""This module writes a conversation as ``contents`` and ``systemInstruction``.

Rules of the API, from https://ai.google.dev/gemini-api/docs/function-calling and
https://ai.google.dev/gemini-api/docs/thought-signatures: roles are ``user`` and
``model``; the turn after function calls answers each of them, in their order; Gemini 3
wants a signature on the first call of each step, and the calls' ids on their results.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import Any

from router.canonical.messages import (
    Block,
    Media,
    Message,
    Native,
    RedactedThinking,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from router.canonical.signature import Signature
from router.errors import UnsupportedFeature
from router.formats.gemini.calls import arguments_object, json_object, wire_name
from router.formats.gemini.media import NAME, encode_media
from router.formats.gemini.models import SKIP_SIGNATURE, is_third_generation

_Part = dict[str, Any]
_Placed = tuple[Role, str, Block]
"""Who says a block, its path in the caller's request, and the block."""

_NO_RESULT = {"error": "the call was not answered"}


def system_instruction(messages: Sequence[Message]) -> dict[str, Any] | None:
    """Return the system and developer messages, in order; never part of a user turn.

    Raises
    ------
    UnsupportedFeature
        One of them holds anything but text.
    """
    parts: list[_Part] = []
    for _, where, block in _placed(messages, ("system", "developer")):
        if not isinstance(block, Text):
            raise UnsupportedFeature("Gemini's system instruction is text only", param=where)
        if block.text:
            parts.append({"text": block.text})
    return {"parts": parts} if parts else None


def contents(messages: Sequence[Message], model: str) -> list[dict[str, Any]]:
    """Return the turns of the conversation, system and developer messages left out.

    Parameters
    ----------
    messages : sequence of Message
        In order.
    model : str
        The provider's id of the model, which tells its generation.

    Raises
    ------
    UnsupportedFeature
        A block that Gemini has no part for, a result without its call, or no turn.
    """
    third = is_third_generation(model)
    turns: list[dict[str, Any]] = []
    calls: list[ToolCall] = []
    for role, group in groupby(_placed(messages, ("user", "assistant")), lambda placed: placed[0]):
        placed = list(group)
        if role == "assistant":
            parts = _model_parts(placed, third)
            calls = [block for _, _, block in placed if isinstance(block, ToolCall)]
        else:
            parts = _user_parts(placed, calls, third)
            calls = []
        _append(turns, "model" if role == "assistant" else "user", parts)
    if not turns:
        raise UnsupportedFeature("Gemini needs at least one user message", param="messages")
    return turns


def _placed(messages: Sequence[Message], roles: Collection[Role]) -> Iterator[_Placed]:
    """Yield the blocks of the messages of some roles."""
    for number, message in enumerate(messages):
        if message.role in roles:
            for index, block in enumerate(message.content):
                yield message.role, f"messages[{number}].content[{index}]", block


def _append(turns: list[dict[str, Any]], role: str, parts: list[_Part]) -> None:
    """Add a turn; one without parts is refused by the API, and one role has one turn."""
    if not parts:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["parts"].extend(parts)
    else:
        turns.append({"role": role, "parts": parts})


def _model_parts(placed: Sequence[_Placed], third: bool) -> list[_Part]:
    """Return the parts of a model's turn; its thoughts need not be sent back."""
    parts: list[_Part] = []
    for _, where, block in placed:
        match block:
            case Text(text=text, signature=signature):
                signed = _own(signature)
                if text or signed:
                    parts.append({"text": text, **signed})
            case Refusal(text=text) if text:
                parts.append({"text": text})
            case ToolCall():
                parts.append(_call(block, third))
            case Media(signature=signature):
                parts.append({**encode_media(block, where), **_own(signature)})
            case Native(origin=origin, data=data) if origin == NAME:
                parts.append(dict(data))
            case Thinking() | RedactedThinking() | Refusal():
                pass
            case _:
                raise _unsayable(block, where)
    if third:
        _sign_first_call(parts)
    return parts


def _call(call: ToolCall, third: bool) -> _Part:
    """Return a function call."""
    function: dict[str, Any] = {
        "name": wire_name(call.name, call.namespace),
        "args": arguments_object(call),
    }
    if third:
        function["id"] = call.id
    return {"functionCall": function, **_own(call.signature)}


def _sign_first_call(parts: Sequence[_Part]) -> None:
    """Give the first call the bypass where it has no signature: another model made it."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", SKIP_SIGNATURE)


def _own(signature: Signature | None) -> dict[str, str]:
    """Return the field of a signature that Gemini gave; others mean nothing to it."""
    if signature is None or signature.origin != NAME:
        return {}
    return {"thoughtSignature": signature.value}


def _user_parts(placed: Sequence[_Placed], calls: Sequence[ToolCall], third: bool) -> list[_Part]:
    """Return the parts of a user's turn: the results first, one for each call."""
    results = _results(placed, {call.id for call in calls})
    responses: list[_Part] = []
    rest: list[_Part] = []
    for call in calls:
        response, media = _response(call, results.get(call.id), third)
        responses.append(response)
        rest.extend(media)
    for _, where, block in placed:
        match block:
            case ToolResult() | Text(text=""):
                pass
            case Text(text=text):
                rest.append({"text": text})
            case Media():
                rest.append(encode_media(block, where))
            case Native(origin=origin, data=data) if origin == NAME:
                rest.append(dict(data))
            case _:
                raise _unsayable(block, where)
    return responses + rest


def _results(
    placed: Sequence[_Placed], awaited: Collection[str]
) -> dict[str, tuple[str, ToolResult]]:
    """Return the results of a user's turn by the id of their call, each with its path."""
    results: dict[str, tuple[str, ToolResult]] = {}
    for _, where, block in placed:
        if isinstance(block, ToolResult):
            if block.call_id not in awaited:
                raise UnsupportedFeature(
                    f"the tool result {block.call_id!r} does not follow its call", param=where
                )
            results[block.call_id] = (where, block)
    return results


def _response(
    call: ToolCall, answer: tuple[str, ToolResult] | None, third: bool
) -> tuple[_Part, list[_Part]]:
    """Return a call's response, and the media that have no place inside of it.

    Only Gemini 3 takes media in the response, and only inline ones.
    """
    response: dict[str, Any] = {"name": wire_name(call.name, call.namespace)}
    if third:
        response["id"] = call.id
    if answer is None:
        return {"functionResponse": {**response, "response": dict(_NO_RESULT)}}, []
    where, result = answer
    media = [
        encode_media(block, f"{where}.content[{index}]")
        for index, block in enumerate(result.content)
        if isinstance(block, Media)
    ]
    response["response"] = _result_object(result)
    inside = [part for part in media if third and "inlineData" in part]
    if inside:
        response["parts"] = inside
    return {"functionResponse": response}, [part for part in media if part not in inside]


def _result_object(result: ToolResult) -> dict[str, Any]:
    """Return a result as the object that ``response`` must be."""
    text = "\n".join(block.text for block in result.content if isinstance(block, Text))
    if result.is_error:
        return {"error": text}
    parsed = json_object(text)
    return {"result": text} if parsed is None else parsed


def _unsayable(block: Block, where: str) -> UnsupportedFeature:
    """Return the error of a block that has no part."""
    kind = f"{block.origin} block" if isinstance(block, Native) else type(block).__name__
    return UnsupportedFeature(f"Gemini cannot be sent this {kind} here", param=where)
