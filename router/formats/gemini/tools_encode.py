"""This module writes tools and tool choice.

Source: https://ai.google.dev/api/caching#Tool. Functions are declared with
``parametersJsonSchema``, which keeps references and recursion; ``strict`` has no word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from router.canonical.request import Tool, ToolChoice
from router.errors import UnsupportedFeature
from router.formats.gemini.calls import wire_name
from router.formats.gemini.media import NAME
from router.formats.gemini.schema import to_parameters

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}


def encode_tools(tools: Sequence[Tool]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the tools, and the paths of those of other providers, which are left out.

    Raises
    ------
    UnsupportedFeature
        None of the tools can be offered.
    """
    encoded: list[dict[str, Any]] = []
    declarations: list[dict[str, Any]] = []
    dropped: list[str] = []
    for index, tool in enumerate(tools):
        if tool.kind != "hosted":
            declarations.append(_declaration(tool))
        elif tool.origin == NAME and tool.data is not None:
            encoded.append(dict(tool.data))
        else:
            dropped.append(f"tools[{index}].type")
    if declarations:
        encoded.insert(0, {"functionDeclarations": declarations})
    if dropped and not encoded:
        raise UnsupportedFeature("Gemini does not have this hosted tool", param=dropped[0])
    return encoded, dropped


def _declaration(tool: Tool) -> dict[str, Any]:
    """Return a function's declaration; free text becomes a function of one string."""
    declaration: dict[str, Any] = {"name": wire_name(tool.name, tool.namespace)}
    if tool.description is not None:
        declaration["description"] = tool.description
    parameters = _free_text(tool) if tool.kind == "custom" else to_parameters(tool.parameters)
    if parameters is not None:
        declaration["parametersJsonSchema"] = parameters
    return declaration


def _free_text(tool: Tool) -> dict[str, Any]:
    """Return the schema of a free-text tool; a grammar is told in words."""
    field: dict[str, Any] = {"type": "string"}
    grammar = (tool.data or {}).get("format")
    if isinstance(grammar, dict) and isinstance(grammar.get("definition"), str):
        field["description"] = f"Text of this grammar:\n{grammar['definition']}"
    return {"type": "object", "properties": {"input": field}, "required": ["input"]}


def encode_choice(tools: Sequence[Tool], choice: ToolChoice | None) -> dict[str, Any] | None:
    """Return ``functionCallingConfig``; None where there is no function to choose.

    Raises
    ------
    UnsupportedFeature
        The tool that must be used is one that another provider hosts.
    """
    if choice is None:
        return None
    functions = {tool.name: tool for tool in tools if tool.kind != "hosted"}
    config: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if choice.mode == "named":
        hosted = {tool.name for tool in tools if tool.kind == "hosted"} - set(functions)
        if hosted.intersection(choice.names):
            raise UnsupportedFeature("Gemini cannot be made to use this tool", param="tool_choice")
        config["allowedFunctionNames"] = [
            wire_name(name, functions[name].namespace if name in functions else None)
            for name in choice.names
        ]
    return config if functions else None
