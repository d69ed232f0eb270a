"""This module fits JSON schemas to what Anthropic's API accepts.

Structured outputs and strict tools compile a schema into a grammar, and take a subset:
closed objects, no recursion, no bounds on numbers, lengths or items. Bounds are moved
into the description, as Anthropic's own SDKs do; what would change the meaning is not
converted (https://platform.claude.com/docs/en/build-with-claude/structured-outputs).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from router.formats.anthropic_messages.vocabulary import json_text

_KEPT = frozenset(
    {"type", "title", "description", "default", "enum", "const", "required", "additionalProperties"}
)
_NESTED = frozenset({"properties", "$defs", "definitions", "items", "anyOf", "oneOf", "allOf"})
_REFUSED = frozenset(
    {
        "patternProperties",
        "propertyNames",
        "prefixItems",
        "not",
        "if",
        "then",
        "else",
        "dependentSchemas",
        "dependentRequired",
        "unevaluatedProperties",
        "$dynamicRef",
    }
)
_SILENT = frozenset({"$schema", "$id", "$comment", "examples", "strict", "nullable"})
_FORMATS = frozenset(
    {
        "date-time",
        "time",
        "date",
        "duration",
        "email",
        "hostname",
        "uri",
        "ipv4",
        "ipv6",
        "uuid",
    }
)
_MAX_DEPTH = 64


class _Inexpressible(Exception):
    """The subset cannot say this schema."""


def grammar_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a schema in the subset, or None where that would change its meaning.

    Examples
    --------
    >>> grammar_schema({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}})
    ... # doctest: +NORMALIZE_WHITESPACE
    {'type': 'object', 'properties': {'n': {'type': 'integer', 'description': '{minimum: 1}'}},
     'additionalProperties': False}
    >>> grammar_schema({"type": "object", "additionalProperties": {"type": "string"}}) is None
    True
    """
    if is_recursive(schema):
        return None
    try:
        return _node(schema, 0)
    except _Inexpressible:
        return None


def input_schema(parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a tool's `input_schema`: always of type object, without a union at its root.

    Anthropic refuses ``anyOf``, ``oneOf`` and ``allOf`` at the root, so the branches'
    properties are offered together; only those of ``allOf`` stay required.

    Examples
    --------
    >>> input_schema(None)
    {'type': 'object', 'properties': {}}
    """
    if not parameters:
        return {"type": "object", "properties": {}}
    unions = [key for key in ("anyOf", "oneOf", "allOf") if isinstance(parameters.get(key), list)]
    if not unions:
        return {**parameters, "type": "object"}
    flat = {key: value for key, value in parameters.items() if key not in unions}
    properties = dict(_mapping(parameters.get("properties")))
    required = list(parameters.get("required") or ())
    for key in unions:
        for option in parameters[key]:
            branch = _resolved(_mapping(option), parameters)
            properties = {**_mapping(branch.get("properties")), **properties}
            if key == "allOf":
                required += [name for name in branch.get("required") or () if name not in required]
    flat |= {"type": "object", "properties": properties}
    return {**flat, "required": required} if required else flat


def is_recursive(schema: Mapping[str, Any]) -> bool:
    """Tell whether a schema refers to itself by local references."""
    refs = {
        name: set(_references(_follow(f"#/{key}/{name}", schema)))
        for key in ("$defs", "definitions")
        for name in _mapping(schema.get(key))
    }
    if any(_reaches(name, refs) for name in refs):
        return True
    return "#" in _references(schema, whole=True)


def _reaches(start: str, refs: Mapping[str, set[str]]) -> bool:
    """Tell whether a definition can be reached from itself."""
    seen: set[str] = set()
    open_ = list(refs[start])
    while open_:
        name = open_.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            open_ += refs.get(name, ())
    return False


def _references(node: Any, whole: bool = False) -> Iterator[str]:
    """Yield the last name of each local reference within a node; as written if `whole`."""
    open_ = [node]
    while open_:
        value = open_.pop()
        if isinstance(value, Mapping):
            ref = value.get("$ref")
            if isinstance(ref, str):
                yield ref if whole else ref.rsplit("/", 1)[-1]
            open_ += value.values()
        elif isinstance(value, list):
            open_ += value


def _follow(ref: str, root: Mapping[str, Any]) -> Any:
    """Return what a local reference points to; an empty mapping where it points nowhere."""
    node: Any = root
    for key in ref.lstrip("#/").split("/"):
        node = _mapping(node).get(key, {})
    return node


def _resolved(branch: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    ref = branch.get("$ref")
    return _mapping(_follow(ref, root)) if isinstance(ref, str) else branch


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _node(schema: Any, depth: int) -> dict[str, Any]:
    """Convert one schema and all below it."""
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH or not _REFUSED.isdisjoint(schema):
        raise _Inexpressible
    if isinstance(schema.get("type"), list):
        return _one_of_types(schema, depth)
    out: dict[str, Any] = {}
    notes: list[str] = []
    for key, value in schema.items():
        if key == "$ref":
            if not str(value).startswith(("#/$defs/", "#/definitions/")):
                raise _Inexpressible  # elsewhere, or a part of the schema itself
            out[key] = value
        elif key in _NESTED:
            out["anyOf" if key == "oneOf" else key] = _nested(key, value, depth)
        elif key in _KEPT or _is_supported(key, value):
            out[key] = value
        elif key not in _SILENT:
            notes.append(f"{key}: {value if isinstance(value, str) else json_text(value)}")
    if notes:
        said = out.get("description")
        out["description"] = (f"{said}\n\n" if said else "") + "{" + ", ".join(notes) + "}"
    return _closed(out)


def _is_supported(key: str, value: Any) -> bool:
    """Tell whether a keyword is taken with this value only."""
    return (key == "format" and value in _FORMATS) or (key == "minItems" and value in (0, 1))


def _nested(key: str, value: Any, depth: int) -> Any:
    """Convert the schemas that a keyword holds."""
    if key == "items":
        return _node(value, depth + 1)
    if isinstance(value, list):
        return [_node(item, depth + 1) for item in value]
    return {name: _node(item, depth + 1) for name, item in _mapping(value).items()}


def _closed(node: dict[str, Any]) -> dict[str, Any]:
    """Close objects, and refuse what says too little to make a grammar of."""
    if "$ref" in node:
        return {key: node[key] for key in ("$ref", "$defs", "definitions") if key in node}
    if "type" not in node and "properties" in node:
        node["type"] = "object"
    kind = node.get("type")
    if kind == "object":
        extra = node.get("additionalProperties")
        if isinstance(extra, Mapping) or (extra is not False and not node.get("properties")):
            raise _Inexpressible  # a map, or any object at all
        node["additionalProperties"] = False
    says_something = kind is not None or {"anyOf", "allOf", "enum", "const"} & node.keys()
    if not says_something or (kind == "array" and "items" not in node):
        raise _Inexpressible
    return node


def _one_of_types(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """Say ``type: [a, b]`` as a union, as a list of types is not in the subset."""
    shared = {key: schema[key] for key in ("title", "description") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in {"type", *shared}}
    if "enum" in rest or "const" in rest:
        return _node({**shared, **rest}, depth)
    kinds = schema["type"]
    branches = [
        _node({"type": kind} if kind == "null" else {"type": kind, **rest}, depth + 1)
        for kind in kinds
    ]
    return {**shared, "anyOf": branches}
