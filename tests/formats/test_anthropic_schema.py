"""JSON schemas are fitted to the subset that Anthropic compiles, or left alone."""

from __future__ import annotations

from typing import Any

import pytest

from router.formats.anthropic_messages.schema import grammar_schema, input_schema, is_recursive


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_every_object_is_closed() -> None:
    schema = obj(a=obj(b={"type": "string"}), c={"type": "array", "items": obj(d={"type": "null"})})
    fitted = grammar_schema(schema)
    assert fitted is not None
    assert fitted["additionalProperties"] is False
    assert fitted["properties"]["a"]["additionalProperties"] is False
    assert fitted["properties"]["c"]["items"]["additionalProperties"] is False


def test_bounds_move_into_the_description() -> None:
    number = {"type": "number", "minimum": 0, "maximum": 1, "description": "Share"}
    fitted = grammar_schema(obj(a=number, b={"type": "string", "format": "iban"}))
    assert fitted is not None
    assert fitted["properties"]["a"] == {
        "type": "number",
        "description": "Share\n\n{minimum: 0, maximum: 1}",
    }
    assert fitted["properties"]["b"]["description"] == "{format: iban}"


def test_lists_of_types_become_unions() -> None:
    fitted = grammar_schema(
        obj(
            a={"type": ["string", "null"], "description": "A"},
            b={"type": ["string", "null"], "enum": ["x", None]},
        )
    )
    assert fitted is not None
    assert fitted["properties"]["a"] == {
        "description": "A",
        "anyOf": [{"type": "string"}, {"type": "null"}],
    }
    assert fitted["properties"]["b"] == {"enum": ["x", None]}


def test_definitions_and_references_stay() -> None:
    schema = obj(a={"$ref": "#/$defs/A", "description": "lost beside a reference"})
    fitted = grammar_schema(schema | {"$defs": {"A": obj(b={"type": "string"})}})
    assert fitted is not None
    assert fitted["properties"]["a"] == {"$ref": "#/$defs/A"}
    assert fitted["$defs"]["A"]["additionalProperties"] is False


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        obj(a={}),
        obj(a={"type": "array"}),
        obj(a={"not": {"type": "string"}}),
        obj(a={"$ref": "https://elsewhere.example/schema"}),
        obj(a={"$ref": "#"}),
        obj(a={"$ref": "#/properties/a"}),
        obj(a=True),
    ],
)
def test_what_would_change_its_meaning_is_not_converted(schema: dict[str, Any]) -> None:
    assert grammar_schema(schema) is None


def test_recursion_is_found_through_other_definitions() -> None:
    defs = {
        "A": obj(b={"$ref": "#/$defs/B"}),
        "B": {"type": "array", "items": {"$ref": "#/$defs/A"}},
        "C": obj(x={"type": "string"}),
    }
    assert is_recursive({"$ref": "#/$defs/C", "$defs": defs})
    assert not is_recursive({"$ref": "#/$defs/C", "$defs": {"C": defs["C"]}})


def test_a_schema_without_bottom_is_left_alone() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(500):
        deep = {"type": "array", "items": deep}
    assert grammar_schema(obj(a=deep)) is None


def test_unions_at_the_root_of_a_tool_are_offered_together() -> None:
    schema = {
        "anyOf": [{"$ref": "#/$defs/A"}, obj(b={"type": "integer"}) | {"required": ["b"]}],
        "$defs": {"A": obj(a={"type": "string"})},
    }
    fitted = input_schema(schema)
    assert fitted["type"] == "object"
    assert set(fitted["properties"]) == {"a", "b"}
    assert "anyOf" not in fitted
    assert "required" not in fitted
    joined = input_schema({"allOf": [obj(b={"type": "integer"}) | {"required": ["b"]}]})
    assert joined["required"] == ["b"]


def test_a_tool_always_takes_an_object() -> None:
    assert input_schema({"properties": {"a": {}}}) == {"type": "object", "properties": {"a": {}}}
