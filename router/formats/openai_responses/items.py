"""This module turns the items of ``input`` into messages.

Responses has a flat list of items where we have turns: what the assistant said in one
go (thoughts, texts, calls) becomes one message, and so do the results that follow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from router.canonical.messages import (
    Block,
    Message,
    Native,
    RedactedThinking,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from router.canonical.signature import is_sealed, split_id, unseal
from router.errors import InvalidRequest
from router.formats.openai_responses.content import decode_content, decode_result
from router.formats.openai_responses.fields import (
    below,
    objects,
    required_string,
    string,
    wrong,
)
from router.formats.openai_responses.vocabulary import NAME, JsonObject, joined

_ROLES = frozenset({"system", "developer", "user", "assistant"})


def decode_input(value: object) -> tuple[Message, ...]:
    """Return the messages of ``input``: a string or a list of items.

    Raises
    ------
    InvalidRequest
        An item is malformed; ``param`` is the path of the field.
    """
    if isinstance(value, str):
        return (Message("user", (Text(value),)),)
    if not isinstance(value, list | tuple):
        raise wrong("input", "a string or a list of items", value)
    turns = _Turns()
    for path, item in objects(value, "input"):
        _decode_item(item, path, turns)
    return turns.close()


class _Turns:
    """Messages so far, and the turn that is still being gathered."""

    def __init__(self) -> None:
        self._done: list[Message] = []
        self._role: Role = "user"
        self._blocks: list[Block] = []

    def add(self, role: Role, *blocks: Block) -> None:
        """Add to the turn of `role`, opening it where another's is open."""
        if role != self._role:
            self.close()
            self._role = role
        self._blocks += blocks

    def message(self, role: Role, blocks: tuple[Block, ...]) -> None:
        """Add a message item: the assistant's joins its turn, all others stand alone."""
        if role == "assistant":
            self.add(role, *blocks)
        else:
            self.close()
            self._done.append(Message(role, blocks))

    def close(self) -> tuple[Message, ...]:
        """Close the open turn; return all messages."""
        if self._blocks:
            self._done.append(Message(self._role, tuple(self._blocks)))
            self._blocks = []
        return tuple(self._done)


def _decode_item(item: JsonObject, path: str, turns: _Turns) -> None:
    """Add one item to the turns."""
    match kind := _item_type(item, path):
        case "message":
            content = decode_content(item.get("content"), below(path, "content"))
            turns.message(_role(item, path), content)
        case "function_call" | "custom_tool_call":
            turns.add("assistant", _decode_call(item, path, custom=kind == "custom_tool_call"))
        case "function_call_output" | "custom_tool_call_output":
            custom = kind == "custom_tool_call_output"
            turns.add("user", _decode_output(item, path, custom=custom))
        case "reasoning":
            turns.add("assistant", *_decode_reasoning(item, path))
        case _:
            turns.add(_native_role(kind), Native(NAME, item))


def _item_type(item: JsonObject, path: str) -> str:
    """Return an item's type, which messages and references may leave out."""
    kind = string(item, "type", path)
    if kind is not None:
        return kind
    if "role" in item:
        return "message"
    if isinstance(item.get("id"), str):
        return "item_reference"
    raise wrong(below(path, "type"), "a string")


def _native_role(kind: str) -> Role:
    """Return whose turn a hosted tool's item belongs to."""
    answers = kind.endswith("_output") or kind in ("mcp_approval_response", "item_reference")
    return "user" if answers else "assistant"


def _role(item: JsonObject, path: str) -> Role:
    """Return a message's role."""
    role = required_string(item, "role", path)
    if role not in _ROLES:
        where = below(path, "role")
        raise InvalidRequest(f'"{where}" must be one of {sorted(_ROLES)}', param=where)
    return cast(Role, role)


def _decode_call(item: JsonObject, path: str, *, custom: bool) -> ToolCall:
    """Return a call that the client echoes."""
    call_id, signature = split_id(required_string(item, "call_id", path, empty=False))
    arguments = required_string(item, "input" if custom else "arguments", path)
    return ToolCall(
        id=call_id,
        name=required_string(item, "name", path, empty=False),
        arguments=arguments if custom else arguments or "{}",
        signature=signature,
        custom=custom,
        namespace=string(item, "namespace", path),
    )


def _decode_output(item: JsonObject, path: str, *, custom: bool) -> ToolResult:
    """Return what a tool of the client's returned."""
    call_id, _ = split_id(required_string(item, "call_id", path, empty=False))
    content = decode_result(item.get("output"), below(path, "output"))
    return ToolResult(call_id, content, custom=custom)


def _decode_reasoning(item: JsonObject, path: str) -> tuple[Block, ...]:
    """Return a reasoning item's thoughts; nothing where it neither tells nor proves any."""
    parts = [
        required_string(part, "text", where)
        for key in ("summary", "content")
        for where, part in objects(item.get(key), below(path, key))
    ]
    text = joined(parts)
    encrypted = string(item, "encrypted_content", path)
    if not encrypted:
        return (Thinking(text),) if text else ()
    signature = unseal(encrypted, NAME)
    if signature.origin == NAME and signature.item_id is None:
        signature = replace(signature, item_id=string(item, "id", path))
    # Our own encoder gives thoughts without text one empty part, redacted ones none.
    if is_sealed(encrypted) and signature.origin != NAME and not parts:
        return (RedactedThinking(signature),)
    return (Thinking(text, signature),)
