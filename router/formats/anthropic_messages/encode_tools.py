"""This module writes the tools on offer, and which of them must be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router.canonical.request import ChatRequest, Tool, ToolChoice
from router.errors import UnsupportedFeature
from router.formats.anthropic_messages.models import Dialect
from router.formats.anthropic_messages.schema import grammar_schema, input_schema
from router.formats.anthropic_messages.vocabulary import ANSWER_TOOL, NAME, qualified

Wire = dict[str, Any]

# https://platform.claude.com/docs/en/build-with-claude/structured-outputs: tools per request
_MAX_STRICT_TOOLS = 20
_FREE_TEXT = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The tool's whole input."}},
    "required": ["input"],
}


@dataclass(frozen=True, slots=True)
class ToolPlan:
    """Tools and choice on the wire; `choice` None where there is nothing to say."""

    tools: list[Wire]
    choice: Wire | None
    dropped: tuple[str, ...] = ()

    @property
    def forces(self) -> bool:
        """Whether the model must call a tool."""
        return self.choice is not None and self.choice["type"] in {"any", "tool"}


def plan_tools(
    request: ChatRequest, dialect: Dialect, answer_schema: Mapping[str, Any] | None = None
) -> ToolPlan:
    """Return the tools and the choice among them.

    Parameters
    ----------
    answer_schema : mapping, optional
        Schema of the answer, where a forced tool stands in for structured outputs.

    Raises
    ------
    UnsupportedFeature
        A tool that must be used is run by another provider.
    """
    dropped: list[str] = []
    names = _wanted_names(request)
    tools: list[Wire] = []
    for index, tool in enumerate(request.tools):
        if tool.kind == "hosted" and tool.origin != NAME:
            _check_dispensable(request, tool, index)
            dropped.append(f"tools[{index}].type")
        elif names is None or tool.name in names or qualified(tool.name, tool.namespace) in names:
            tools.append(_tool(tool, index, dialect, dropped))
    if request.tools and not tools and request.tool_choice is not None:
        _check_satisfiable(request.tool_choice)
    _limit_strict(tools)
    choice = _choice(request, tools)
    if answer_schema is not None:
        choice = _with_answer(tools, choice, answer_schema)
    if not tools:
        return ToolPlan([], None, tuple(dropped))
    if choice is not None and choice["type"] in {"any", "tool"} and not dialect.forced_tools:
        # Offered alone, a tool that may not be forced is at least the only one.
        tools = [tool for tool in tools if tool.get("name") == choice.get("name")] or tools
        choice = {"type": "auto"}
        dropped.append("tool_choice")
    return ToolPlan(tools, _one_at_a_time(request, choice), tuple(dropped))


def _wanted_names(request: ChatRequest) -> frozenset[str] | None:
    """Return the tools to offer where the caller names several; None offers all."""
    choice = request.tool_choice
    if choice is None or choice.mode != "named" or len(choice.names) < 2:
        return None
    return frozenset(choice.names)


def _check_satisfiable(choice: ToolChoice) -> None:
    if choice.mode in {"required", "named"}:
        raise UnsupportedFeature(
            "this model has none of the tools, which are run by another provider",
            param="tool_choice",
        )


def _check_dispensable(request: ChatRequest, tool: Tool, index: int) -> None:
    choice = request.tool_choice
    if choice is None:
        return
    if choice.mode == "named" and tool.name in choice.names:
        raise UnsupportedFeature(
            f'this model has no tool "{tool.name}", which is run by another provider',
            param=f"tools[{index}].type",
        )


def _tool(tool: Tool, index: int, dialect: Dialect, dropped: list[str]) -> Wire:
    """Write one tool."""
    if tool.kind == "hosted":
        wire = dict(tool.data or {})
    else:
        wire = {"name": qualified(tool.name, tool.namespace)}
        if tool.description:
            wire["description"] = tool.description
        wire["input_schema"] = (
            _FREE_TEXT if tool.kind == "custom" else input_schema(tool.parameters)
        )
        if tool.strict and tool.kind == "function":
            schema = grammar_schema(wire["input_schema"]) if dialect.structured else None
            if schema is None:
                dropped.append(f"tools[{index}].function.strict")
            else:
                wire |= {"input_schema": schema, "strict": True}
    if tool.cache_control is not None:
        wire["cache_control"] = dict(tool.cache_control)
    return wire


def _limit_strict(tools: list[Wire]) -> None:
    """Ask for no more strict tools than the API takes; the others are only advised."""
    for tool in [tool for tool in tools if tool.get("strict")][_MAX_STRICT_TOOLS:]:
        del tool["strict"]


def _choice(request: ChatRequest, tools: list[Wire]) -> Wire | None:
    """Write the caller's choice."""
    choice = request.tool_choice
    if choice is None or not tools:
        return None
    match choice.mode:
        case "auto" | "none":
            return {"type": choice.mode}
        case "required":
            return {"type": "any"}
        case "named" if len(choice.names) == 1:
            return {"type": "tool", "name": _offered(request, choice.names[0])}
        case _:
            return {"type": "any"}


def _offered(request: ChatRequest, name: str) -> str:
    """Return the name under which a tool that the caller chose is offered."""
    found = (tool for tool in request.tools if tool.name == name)
    tool = next(found, None)
    return name if tool is None else qualified(tool.name, tool.namespace)


def _with_answer(tools: list[Wire], choice: Wire | None, schema: Mapping[str, Any]) -> Wire | None:
    """Add the tool that takes the answer, and see to it that one is called."""
    if tools and choice is not None and choice["type"] in {"any", "tool"}:
        return choice  # a real tool comes first; the answer is for a later turn
    may_call = bool(tools) and (choice is None or choice["type"] == "auto")
    tools.append(
        {
            "name": ANSWER_TOOL,
            "description": "Give the final answer, as the arguments of this tool.",
            "input_schema": input_schema(schema),
        }
    )
    if may_call:
        return {"type": "any"}
    return {"type": "tool", "name": ANSWER_TOOL, "disable_parallel_tool_use": True}


def _one_at_a_time(request: ChatRequest, choice: Wire | None) -> Wire | None:
    """Forbid parallel calls where the caller does."""
    if request.parallel_tool_calls is not False or (choice and choice["type"] == "none"):
        return choice
    return {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
