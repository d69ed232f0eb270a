"""This module turns the body of ``POST /v1/messages`` into a canonical request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.messages import Message, Role
from router.canonical.request import (
    ChatRequest,
    Reasoning,
    ResponseFormat,
    Sampling,
    Tool,
    ToolChoice,
)
from router.errors import InvalidRequest
from router.formats.anthropic_messages.checks import (
    list_at,
    mapping_at,
    optional_bool,
    optional_int,
    optional_mapping,
    optional_number,
    optional_text,
    text_at,
)
from router.formats.anthropic_messages.decode_blocks import decode_content, decode_texts
from router.formats.anthropic_messages.vocabulary import NAME

Wire = Mapping[str, Any]

_KNOWN = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "metadata",
        "stop_sequences",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "service_tier",
    }
)
_ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


def decode_request(body: Wire) -> ChatRequest:
    """Return the request; ``max_tokens`` may be missing, as the gateway knows a default.

    Raises
    ------
    InvalidRequest
        A field has the wrong type or value; `param` is its path.
    """
    choice = optional_mapping(body.get("tool_choice"), "tool_choice")
    metadata = dict(optional_mapping(body.get("metadata"), "metadata") or {})
    user = optional_text(metadata.pop("user_id", None), "metadata.user_id")
    return ChatRequest(
        model=optional_text(body.get("model"), "model"),
        messages=(*_system(body.get("system")), *_messages(body.get("messages"))),
        tools=_tools(body.get("tools")),
        tool_choice=None if choice is None else _tool_choice(choice),
        parallel_tool_calls=_parallel(choice),
        sampling=_sampling(body),
        max_output_tokens=optional_int(body.get("max_tokens"), "max_tokens"),
        stream=optional_bool(body.get("stream"), "stream") or False,
        response_format=_response_format(body),
        reasoning=_reasoning(body),
        metadata=metadata or None,
        user=user,
        service_tier=optional_text(body.get("service_tier"), "service_tier"),
        extras={key: value for key, value in body.items() if key not in _KNOWN},
    )


def _system(value: Any) -> tuple[Message, ...]:
    return () if value is None else (Message("system", decode_texts(value, "system")),)


def _messages(value: Any) -> tuple[Message, ...]:
    if value is None:
        raise InvalidRequest("messages is missing: send a list of them", param="messages")
    messages = list_at(value, "messages")
    if not messages:
        raise InvalidRequest("messages must have at least one entry", param="messages")
    return tuple(_message(message, f"messages[{i}]") for i, message in enumerate(messages))


def _message(value: Any, path: str) -> Message:
    message = mapping_at(value, path)
    name = text_at(message.get("role"), f"{path}.role")
    role = _ROLES.get(name)
    if role is None:
        raise InvalidRequest(
            f'{path}.role must be "user", "assistant" or "system"', param=f"{path}.role"
        )
    return Message(role, decode_content(message.get("content"), role, f"{path}.content"))


def _tools(value: Any) -> tuple[Tool, ...]:
    if value is None:
        return ()
    tools = list_at(value, "tools")
    return tuple(
        _tool(mapping_at(tool, f"tools[{i}]"), f"tools[{i}]") for i, tool in enumerate(tools)
    )


def _tool(tool: Wire, path: str) -> Tool:
    """Read one tool; a typed one is known to Anthropic only, and kept as it is."""
    kind = optional_text(tool.get("type"), f"{path}.type")
    marker = optional_mapping(tool.get("cache_control"), f"{path}.cache_control")
    if kind not in (None, "custom"):
        name = tool.get("name") or tool.get("mcp_server_name") or kind
        return Tool(text_at(name, f"{path}.name"), kind="hosted", data=tool, origin=NAME)
    return Tool(
        text_at(tool.get("name"), f"{path}.name"),
        optional_text(tool.get("description"), f"{path}.description"),
        mapping_at(tool.get("input_schema"), f"{path}.input_schema"),
        optional_bool(tool.get("strict"), f"{path}.strict"),
        cache_control=marker,
    )


def _tool_choice(choice: Wire) -> ToolChoice:
    match choice.get("type"):
        case "auto":
            return ToolChoice("auto")
        case "none":
            return ToolChoice("none")
        case "any":
            return ToolChoice("required")
        case "tool":
            return ToolChoice("named", (text_at(choice.get("name"), "tool_choice.name"),))
        case _:
            raise InvalidRequest(
                'tool_choice.type must be "auto", "any", "tool" or "none"', param="tool_choice.type"
            )


def _parallel(choice: Wire | None) -> bool | None:
    path = "tool_choice.disable_parallel_tool_use"
    disabled = None if choice is None else optional_bool(choice.get(path.split(".")[1]), path)
    return None if disabled is None else not disabled


def _sampling(body: Wire) -> Sampling:
    stops = body.get("stop_sequences")
    stops = [] if stops is None else list_at(stops, "stop_sequences")
    return Sampling(
        temperature=optional_number(body.get("temperature"), "temperature"),
        top_p=optional_number(body.get("top_p"), "top_p"),
        top_k=optional_int(body.get("top_k"), "top_k", minimum=0),
        stop=tuple(text_at(stop, f"stop_sequences[{i}]") for i, stop in enumerate(stops)),
    )


def _response_format(body: Wire) -> ResponseFormat | None:
    """Read ``output_config.format``, or ``output_format`` as the beta called it."""
    config = optional_mapping(body.get("output_config"), "output_config") or {}
    path = "output_config.format" if config.get("format") is not None else "output_format"
    wanted = optional_mapping(config.get("format") or body.get("output_format"), path)
    if wanted is None:
        return None
    if wanted.get("type") != "json_schema":
        raise InvalidRequest(f'{path}.type must be "json_schema"', param=f"{path}.type")
    schema = mapping_at(wanted.get("schema"), f"{path}.schema")
    return ResponseFormat("json_schema", schema, strict=True)


def _reasoning(body: Wire) -> Reasoning | None:
    """Read ``thinking`` and ``output_config.effort``.

    Anthropic tells thoughts unless ``display`` says otherwise; only an explicit wish
    becomes a wish for summaries, for which some providers want a verified account.
    """
    config = optional_mapping(body.get("output_config"), "output_config") or {}
    effort = optional_text(config.get("effort"), "output_config.effort")
    thinking = optional_mapping(body.get("thinking"), "thinking")
    if thinking is None:
        return None if effort is None else Reasoning(effort)
    summary = "auto" if thinking.get("display") == "summarized" else None
    match thinking.get("type"):
        case "disabled" | "between_tools":
            return Reasoning(enabled=False)
        case "adaptive":
            return Reasoning(effort, enabled=True, summary=summary)
        case "enabled":
            budget = optional_int(thinking.get("budget_tokens"), "thinking.budget_tokens")
            return Reasoning(effort, budget, enabled=True, summary=summary)
        case _:
            raise InvalidRequest(
                'thinking.type must be "enabled", "adaptive" or "disabled"', param="thinking.type"
            )
