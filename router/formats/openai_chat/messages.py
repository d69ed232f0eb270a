"""This module reads the conversation of a chat request into canonical messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from router.canonical.messages import Block, Message, Refusal, Role, Text, ToolCall, ToolResult
from router.canonical.signature import Signature, split_id, unseal
from router.errors import InvalidRequest
from router.formats.openai_chat.fields import (
    mapping,
    missing,
    opt_bool,
    opt_mapping,
    opt_str,
    req_str,
    sequence,
    wrong,
)
from router.formats.openai_chat.parts import decode_content, decode_thinking_blocks, text_only

_KNOWN = frozenset(
    {
        "cache_control",
        "content",
        "function_call",
        "name",
        "reasoning",
        "reasoning_content",
        "refusal",
        "role",
        "thinking_blocks",
        "tool_call_id",
        "tool_calls",
    }
)


def decode_messages(value: Any) -> tuple[Message, ...]:
    """Return the conversation; tool messages in a row become one user message of results.

    Raises
    ------
    InvalidRequest
        `value` is not a list of messages, or empty; `param` is the path at fault.
    """
    if value is None:
        raise missing("messages")
    messages = sequence(value, "messages")
    if not messages:
        raise InvalidRequest("messages must hold at least one message", param="messages")
    conversation = _Conversation()
    for index, message in enumerate(messages):
        at = f"messages[{index}]"
        conversation.add(mapping(message, at), at)
    return conversation.close()


@dataclass(slots=True)
class _Conversation:
    """The messages read so far, and what later ones refer to."""

    messages: list[Message] = field(default_factory=list)
    results: list[ToolResult] = field(default_factory=list)
    custom_ids: set[str] = field(default_factory=set)
    legacy_calls: int = 0

    def add(self, message: Mapping[str, Any], at: str) -> None:
        """Read one message."""
        role = req_str(message, "role", at)
        match role:
            case "tool":
                self.results.append(self._result(message, at))
            case "function":
                self.results.append(self._legacy_result(message, at))
            case "system" | "developer" | "user":
                self._flush()
                content = _marked(decode_content(_content(message, at), f"{at}.content"), message)
                self._append(role, content, message, at)
            case "assistant":
                self._flush()
                self._append("assistant", self._assistant(message, at), message, at)
            case _:
                raise InvalidRequest(
                    f'{at}.role must be system, developer, user, assistant or tool, not "'
                    f'{role[:40]}"',
                    param=f"{at}.role",
                )

    def close(self) -> tuple[Message, ...]:
        """Return all messages."""
        self._flush()
        return tuple(self.messages)

    def _flush(self) -> None:
        """End a row of tool results."""
        if self.results:
            self.messages.append(Message("user", tuple(self.results)))
            self.results = []

    def _append(
        self, role: Role, content: tuple[Block, ...], message: Mapping[str, Any], at: str
    ) -> None:
        """Add a message with its name and what we do not know of it."""
        extras = {key: message[key] for key in message.keys() - _KNOWN}
        self.messages.append(Message(role, content, opt_str(message, "name", at), extras))

    def _assistant(self, message: Mapping[str, Any], at: str) -> tuple[Block, ...]:
        """Read an answer of the model: reasoning, text, refusal, then calls."""
        content = message.get("content")
        blocks = list(decode_thinking_blocks(message, at))
        if content is not None:
            told = decode_content(content, f"{at}.content", assistant=True)
            blocks.extend(_marked(told, message))
        if refusal := opt_str(message, "refusal", at):
            blocks.append(Refusal(refusal))
        calls = message.get("tool_calls")
        if calls is not None:
            path = f"{at}.tool_calls"
            for index, call in enumerate(sequence(calls, path)):
                blocks.append(self._call(mapping(call, f"{path}[{index}]"), f"{path}[{index}]"))
        function_call = opt_mapping(message, "function_call", at)
        if function_call is not None:
            self.legacy_calls += 1
            blocks.append(
                ToolCall(
                    self._legacy_id(),
                    req_str(function_call, "name", f"{at}.function_call"),
                    decode_arguments(function_call, "arguments", f"{at}.function_call"),
                )
            )
        return tuple(blocks)

    def _call(self, call: Mapping[str, Any], at: str) -> ToolCall:
        """Read one of an answer's tool calls."""
        call_id, carried = split_id(req_str(call, "id", at))
        custom = call.get("type") == "custom"
        key = "custom" if custom else "function"
        function = mapping(call.get(key), f"{at}.{key}")
        if custom:
            self.custom_ids.add(call_id)
            arguments = opt_str(function, "input", f"{at}.custom") or ""
        else:
            arguments = decode_arguments(function, "arguments", f"{at}.function")
        return ToolCall(
            call_id,
            req_str(function, "name", f"{at}.{key}"),
            arguments,
            signature=call_signature(call) or carried,
            custom=custom,
            cache_control=opt_mapping(call, "cache_control", at),
        )

    def _result(self, message: Mapping[str, Any], at: str) -> ToolResult:
        """Read a tool message."""
        call_id, _ = split_id(req_str(message, "tool_call_id", at))
        content = message.get("content")
        # A tool without a result is common; null says that as well as an empty string.
        blocks = () if content is None else decode_content(content, f"{at}.content")
        return ToolResult(
            call_id,
            text_only(blocks, f"{at}.content"),
            is_error=opt_bool(message, "is_error", at) or False,
            name=opt_str(message, "name", at),
            custom=call_id in self.custom_ids,
            cache_control=opt_mapping(message, "cache_control", at),
        )

    def _legacy_result(self, message: Mapping[str, Any], at: str) -> ToolResult:
        """Read a message of the deprecated role ``function``: it answers the last call."""
        content = message.get("content")
        blocks = () if content is None else decode_content(content, f"{at}.content")
        return ToolResult(
            self._legacy_id(),
            text_only(blocks, f"{at}.content"),
            name=req_str(message, "name", at),
        )

    def _legacy_id(self) -> str:
        """Return an id for a deprecated call, which has none on the wire."""
        return f"call_function_{self.legacy_calls}"


def decode_arguments(function: Mapping[str, Any], key: str, at: str) -> str:
    """Return a call's arguments as JSON text; ``{}`` where there are none."""
    arguments = function.get(key)
    if isinstance(arguments, str):
        return arguments if arguments.strip() else "{}"
    if arguments is None:
        return "{}"
    if not isinstance(arguments, Mapping):
        raise wrong(f"{at}.{key}", "a string of JSON", arguments)
    try:
        return orjson.dumps(arguments).decode()
    except orjson.JSONEncodeError as exc:
        path = f"{at}.{key}"
        raise InvalidRequest(f"{path} cannot be written as JSON", param=path) from exc


def call_signature(call: Mapping[str, Any]) -> Signature | None:
    """Return Gemini's signature of a call, where its chat interface and LiteLLM put it."""
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, Mapping) else None
    for holder in (google, call.get("provider_specific_fields")):
        signature = holder.get("thought_signature") if isinstance(holder, Mapping) else None
        if isinstance(signature, str) and signature:
            return unseal(signature, "gemini")
    return None


def _content(message: Mapping[str, Any], at: str) -> str | Sequence[Any]:
    """Return the content of a message that must have some."""
    content: str | Sequence[Any] | None = message.get("content")
    if content is None:
        raise missing(f"{at}.content")
    return content


def _marked(content: tuple[Block, ...], message: Mapping[str, Any]) -> tuple[Block, ...]:
    """Return the content with a prompt-cache marker that stands on the message (LiteLLM)."""
    marker = message.get("cache_control")
    match content:
        case (*earlier, Text(text=text, cache_control=None)) if isinstance(marker, Mapping):
            return (*earlier, Text(text, cache_control=marker))
        case _:
            return content
