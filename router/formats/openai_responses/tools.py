"""This module turns tools and tool choice into ours, and back.

What a function or custom tool says beyond our own fields (``format``, ``defer_loading``
…) rests in ``Tool.data``, and with it the description of its namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from router.canonical.request import Tool, ToolChoice
from router.errors import InvalidRequest
from router.formats.openai_responses.fields import (
    below,
    boolean,
    mapping,
    objects,
    required_string,
    string,
    wrong,
)
from router.formats.openai_responses.vocabulary import NAME, JsonObject, flat_name

_OWN_FIELDS = frozenset({"type", "name", "description", "parameters", "strict"})
_NAMESPACE_DESCRIPTION = "namespace_description"


def decode_tools(value: object) -> tuple[Tool, ...]:
    """Return the tools on offer; a namespace's tools each carry its name."""
    return tuple(
        tool for path, entry in objects(value, "tools") for tool in _decode_tool(entry, path)
    )


def _decode_tool(entry: JsonObject, path: str) -> tuple[Tool, ...]:
    """Return one tool, or those of a namespace."""
    match kind := required_string(entry, "type", path):
        case "function" | "custom":
            return (_decode_own(entry, path, kind),)
        case "namespace":
            return tuple(_decode_namespace(entry, path))
        case _:
            name = string(entry, "name", path) or kind
            return (Tool(name, kind="hosted", data=entry, origin=NAME),)


def _decode_own(
    entry: JsonObject,
    path: str,
    kind: Literal["function", "custom"],
    namespace: str | None = None,
    more: dict[str, Any] | None = None,
) -> Tool:
    """Return a tool that the client runs."""
    rest = {key: value for key, value in entry.items() if key not in _OWN_FIELDS} | (more or {})
    return Tool(
        name=required_string(entry, "name", path, empty=False),
        description=string(entry, "description", path),
        parameters=mapping(entry, "parameters", path),
        strict=boolean(entry, "strict", path),
        kind=kind,
        namespace=namespace,
        data=rest or None,
        origin=NAME if rest else None,
    )


def _decode_namespace(entry: JsonObject, path: str) -> Iterable[Tool]:
    """Yield a namespace's tools."""
    name = required_string(entry, "name", path, empty=False)
    more = {_NAMESPACE_DESCRIPTION: string(entry, "description", path) or ""}
    for where, tool in objects(entry.get("tools"), below(path, "tools")):
        match required_string(tool, "type", where):
            case "function" | "custom" as kind:
                yield _decode_own(tool, where, kind, name, more)
            case _:
                at = below(where, "type")
                raise InvalidRequest(f'"{at}" must be "function" or "custom"', param=at)


def decode_tool_choice(
    value: object, tools: tuple[Tool, ...]
) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    """Return the choice, and the tools that it leaves on offer.

    ``allowed_tools`` narrows the tools without changing the list, for the sake of the
    prompt cache; for other formats the list itself is narrowed.
    """
    if value is None:
        return None, tools
    match value:
        case "auto" | "none" | "required":
            return ToolChoice(value), tools
        case Mapping() if value.get("type") == "allowed_tools":
            return _decode_allowed(value, tools)
        case Mapping():
            return ToolChoice("named", (_chosen_name(value, "tool_choice"),)), tools
        case str():
            raise InvalidRequest(
                '"tool_choice" must be "auto", "none", "required" or an object',
                param="tool_choice",
            )
        case _:
            raise wrong("tool_choice", "a string or an object", value)


def _chosen_name(entry: JsonObject, path: str) -> str:
    """Return the name of the tool that a choice speaks of; hosted ones go by their type."""
    kind = required_string(entry, "type", path)
    if kind in ("function", "custom"):
        name = required_string(entry, "name", path, empty=False)
        return flat_name(string(entry, "namespace", path), name)
    return string(entry, "name", path) or kind


def _decode_allowed(
    value: JsonObject, tools: tuple[Tool, ...]
) -> tuple[ToolChoice, tuple[Tool, ...]]:
    """Narrow the tools to those allowed."""
    mode = value.get("mode", "auto")
    if mode not in ("auto", "required"):
        raise InvalidRequest(
            '"tool_choice.mode" must be "auto" or "required"', param="tool_choice.mode"
        )
    allowed = {
        _chosen_name(entry, path)
        for path, entry in objects(value.get("tools"), "tool_choice.tools")
    }
    kept = tuple(tool for tool in tools if names_of(tool) & allowed)
    return ToolChoice("auto" if mode == "auto" else "required"), kept


def names_of(tool: Tool) -> frozenset[str]:
    """Return the names by which a choice may speak of a tool."""
    names = {tool.name, flat_name(tool.namespace, tool.name), tool.namespace}
    if tool.kind == "hosted" and tool.data is not None:
        names.add(tool.data.get("type"))
    return frozenset(name for name in names if name)


def encode_tools(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """Return tools as this format has them; hosted ones of other formats are left out.

    ``strict`` is always told: left out, Responses may turn it on, where other formats
    mean off.
    """
    encoded: list[dict[str, Any]] = []
    namespaces: dict[str, list[dict[str, Any]]] = {}
    for tool in tools:
        if tool.kind == "hosted":
            if tool.origin == NAME and tool.data is not None:
                encoded.append(dict(tool.data))
        elif tool.namespace is None:
            encoded.append(_encode_own(tool))
        else:
            if tool.namespace not in namespaces:
                members = namespaces[tool.namespace] = []
                encoded.append(_encode_namespace(tool, members))
            namespaces[tool.namespace].append(_encode_own(tool))
    return encoded


def _encode_namespace(tool: Tool, members: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the namespace that a tool belongs to."""
    description = (tool.data or {}).get(_NAMESPACE_DESCRIPTION, "")
    return {
        "type": "namespace",
        "name": tool.namespace,
        "description": description,
        "tools": members,
    }


def _encode_own(tool: Tool) -> dict[str, Any]:
    """Return a tool that the client runs."""
    body: dict[str, Any] = {"type": tool.kind, "name": tool.name}
    if tool.description is not None:
        body["description"] = tool.description
    if tool.kind == "function":
        body["parameters"] = tool.parameters or {"type": "object", "properties": {}}
        body["strict"] = bool(tool.strict)
    elif (grammar := _custom_format(tool.data or {})) is not None:
        body["format"] = grammar
    if tool.origin == NAME and tool.data is not None:
        rest = {key: value for key, value in tool.data.items() if key != _NAMESPACE_DESCRIPTION}
        body = rest | body
    return body


def _custom_format(said: JsonObject) -> dict[str, Any] | None:
    """Return a custom tool's format; Chat nests it, and its grammar once more."""
    nested = said.get("custom")
    form = said.get("format") or (nested.get("format") if isinstance(nested, Mapping) else None)
    if not isinstance(form, Mapping):
        return None
    grammar = form.get("grammar")
    return {"type": "grammar", **grammar} if isinstance(grammar, Mapping) else dict(form)


def encode_tool_choice(choice: ToolChoice, tools: Iterable[Tool]) -> str | dict[str, Any]:
    """Return a tool choice as this format has it."""
    if choice.mode != "named":
        return choice.mode
    offered = {name: tool for tool in tools for name in names_of(tool)}
    chosen = [_choose(name, offered.get(name)) for name in choice.names]
    if len(chosen) == 1:
        return chosen[0]
    return {"type": "allowed_tools", "mode": "required", "tools": chosen}


def _choose(name: str, tool: Tool | None) -> dict[str, Any]:
    """Return the choice of one tool."""
    if tool is None:
        return {"type": "function", "name": name}
    if tool.kind == "hosted":
        return {"type": (tool.data or {}).get("type", tool.name)}
    named = {"type": tool.kind, "name": tool.name}
    return named if tool.namespace is None else {**named, "namespace": tool.namespace}
