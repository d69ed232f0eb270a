"""This module turns schemas from and to JSON Schema, as the other formats have it.

``parametersJsonSchema`` and ``responseJsonSchema`` are JSON Schema, references and
recursion included. ``parameters`` and ``responseSchema`` are Google's subset of
OpenAPI 3.0 (https://ai.google.dev/api/caching#Schema): types in upper case, ``nullable``,
counts as strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.errors import InvalidRequest
from router.formats.gemini.fields import camel

_MAX_DEPTH = 64
_COUNTS = frozenset(
    {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
)
# Meaningless outside of Gemini, and refused by validators that know their keywords.
_GOOGLE_ONLY = frozenset({"propertyOrdering", "nullable", "example"})
_TYPELESS = frozenset({"$ref", "anyOf", "oneOf", "allOf", "type"})


def to_parameters(schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a tool's schema for ``parametersJsonSchema``; None for a tool without any.

    Examples
    --------
    >>> to_parameters({"properties": {"q": {"$ref": "#/$defs/q"}}})
    {'type': 'object', 'properties': {'q': {'$ref': '#/$defs/q'}}}
    """
    if schema is None:
        return None
    if not schema:
        return {"type": "object", "properties": {}}
    if _TYPELESS.isdisjoint(schema):
        return {"type": "object", **schema}
    return dict(schema)


def from_openapi(schema: Any, path: str, depth: int = 0) -> dict[str, Any]:
    """Return the JSON Schema that says what a schema of the OpenAPI subset says.

    Raises
    ------
    InvalidRequest
        It is not an object, or nested deeper than 64 levels.

    Examples
    --------
    >>> from_openapi({"type": "STRING", "nullable": True, "min_length": "1"}, "schema")
    {'type': ['string', 'null'], 'minLength': 1}
    """
    if not isinstance(schema, Mapping):
        raise InvalidRequest(f"{path} must be a schema object", param=path)
    if depth > _MAX_DEPTH:
        raise InvalidRequest(f"a schema is nested deeper than {_MAX_DEPTH} levels", param=path)
    out: dict[str, Any] = {}
    for spelt, value in schema.items():
        key = camel(spelt)
        if key not in _GOOGLE_ONLY:
            out[key] = _keyword(key, value, f"{path}.{spelt}", depth)
    if out.get("type") == "type_unspecified":
        del out["type"]
    if schema.get("nullable") is True and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
    return out


def _keyword(key: str, value: Any, path: str, depth: int) -> Any:
    """Return a keyword's value; subschemas are converted, data is left alone."""
    match key:
        case "type" if isinstance(value, str):
            return value.lower()
        case "properties" | "$defs" | "defs" if isinstance(value, Mapping):
            return {
                name: from_openapi(inner, f"{path}.{name}", depth + 1)
                for name, inner in value.items()
            }
        case "items" | "additionalProperties" if isinstance(value, Mapping):
            return from_openapi(value, path, depth + 1)
        case "anyOf" | "oneOf" | "allOf" | "prefixItems" if isinstance(value, list):
            return [
                from_openapi(inner, f"{path}[{index}]", depth + 1)
                for index, inner in enumerate(value)
            ]
        case _ if key in _COUNTS and isinstance(value, str) and value.isdecimal():
            return int(value)
        case _:
            return value
