"""This module reads the tools of a chat request, and which of them may be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.request import Tool, ToolChoice
from router.errors import InvalidRequest
from router.formats.openai_chat.fields import (
    mapping,
    missing,
    opt_bool,
    opt_mapping,
    opt_sequence,
    opt_str,
    req_str,
    wrong,
)
from router.formats.openai_chat.parts import NAME

LEGACY = "openai_chat_functions"
"""``Tool.origin`` of the deprecated ``functions``: their calls are answered in the old form."""


def decode_tools(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    """Return the tools on offer, deprecated functions among them."""
    tools = tuple(
        _tool(tool, f"tools[{index}]") for index, tool in enumerate(opt_sequence(body, "tools"))
    )
    functions = tuple(
        _function(mapping(function, f"functions[{index}]"), f"functions[{index}]", origin=LEGACY)
        for index, function in enumerate(opt_sequence(body, "functions"))
    )
    return tools + functions


def _tool(value: Any, at: str) -> Tool:
    """Return one tool: a function, a free-text tool, or one that the provider runs."""
    tool = mapping(value, at)
    kind = opt_str(tool, "type", at)
    if kind is None and "function" not in tool:
        raise missing(f"{at}.type")
    if kind in (None, "function"):
        function = mapping(tool.get("function"), f"{at}.function")
        marker = opt_mapping(tool, "cache_control", at)
        return _function(function, f"{at}.function", marker)
    if kind == "custom":
        custom = mapping(tool.get("custom"), f"{at}.custom")
        return Tool(
            req_str(custom, "name", f"{at}.custom"),
            opt_str(custom, "description", f"{at}.custom"),
            kind="custom",
            data=custom,
            origin=NAME,
            cache_control=opt_mapping(tool, "cache_control", at),
        )
    return Tool(kind or "", kind="hosted", data=tool, origin=NAME)


def _function(
    function: Mapping[str, Any],
    at: str,
    cache_control: Mapping[str, Any] | None = None,
    origin: str | None = None,
) -> Tool:
    """Return a function on offer."""
    return Tool(
        req_str(function, "name", at),
        opt_str(function, "description", at),
        opt_mapping(function, "parameters", at),
        opt_bool(function, "strict", at),
        origin=origin,
        cache_control=cache_control or opt_mapping(function, "cache_control", at),
    )


def decode_tool_choice(body: Mapping[str, Any]) -> ToolChoice | None:
    """Return which tools may or must be used; `names` with ``auto`` limits the offer."""
    choice = body.get("tool_choice")
    if choice is None:
        return _function_call(body.get("function_call"))
    match choice:
        case "auto" | "none" | "required":
            return ToolChoice(choice)
        case "any":  # Mistral's word
            return ToolChoice("required")
        case str():
            raise InvalidRequest(
                "tool_choice must be auto, none, required or an object", param="tool_choice"
            )
    named = mapping(choice, "tool_choice")
    kind = req_str(named, "type", "tool_choice")
    if kind == "allowed_tools":
        return _allowed_tools(named)
    if kind in ("function", "custom"):
        path = f"tool_choice.{kind}"
        return ToolChoice("named", (req_str(mapping(named.get(kind), path), "name", path),))
    return ToolChoice("named", (kind,))


def _allowed_tools(choice: Mapping[str, Any]) -> ToolChoice:
    """Return a choice among some of the tools."""
    path = "tool_choice.allowed_tools"
    allowed = mapping(choice.get("allowed_tools"), path)
    names: list[str] = []
    for index, value in enumerate(opt_sequence(allowed, "tools", path)):
        at = f"{path}.tools[{index}]"
        tool = mapping(value, at)
        kind = req_str(tool, "type", at)
        match tool.get(kind):
            case Mapping() as holder:
                names.append(req_str(holder, "name", f"{at}.{kind}"))
            case _:
                names.append(kind)
    if req_str(allowed, "mode", path) == "required":
        return ToolChoice("named", tuple(names))
    return ToolChoice("auto", tuple(names))


def _function_call(choice: Any) -> ToolChoice | None:
    """Return the deprecated form of a tool choice."""
    match choice:
        case None:
            return None
        case "auto" | "none":
            return ToolChoice(choice)
        case Mapping():
            return ToolChoice("named", (req_str(choice, "name", "function_call"),))
        case _:
            raise wrong("function_call", "auto, none or an object", choice)
