"""This module turns marshmallow's error trees into sentences with paths and remedies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, pre_load

from router.config.findings import did_you_mean

_UNKNOWN = "Unknown field."
_SENTENCES = {
    "Missing data for required field.": "is missing; add it",
    "Field may not be null.": "is empty; give it a value or remove the key",
    "Not a valid string.": "must be text; put quotes around it",
    "Not a valid integer.": "must be a whole number",
    "Not a valid number.": "must be a number",
    "Not a valid boolean.": "must be true or false",
    "Not a valid list.": "must be a list; start each item with a dash",
    "Not a valid mapping type.": "must be a mapping of key: value",
    "Invalid input type.": "must be a mapping of key: value",
    "Special numeric values (nan or infinity) are not permitted.": "must be a finite number",
}


class StrictSchema(Schema):
    """A schema that refuses unknown keys; a known key set to null counts as not given."""

    class Meta:
        """What marshmallow reads."""

        unknown = RAISE

    @pre_load
    def drop_nulls(self, data: Any, **_: Any) -> Any:
        """Take out known keys that are null, as configuration tools write them."""
        if not isinstance(data, Mapping):
            return data
        known = self.fields
        return {str(k): v for k, v in data.items() if v is not None or str(k) not in known}


def validate(schema: Schema, document: object) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return what a document says, and each problem as a path and a sentence.

    The first is empty where there are problems.
    """
    try:
        loaded = schema.load(document)  # type: ignore[arg-type]
    except ValidationError as error:
        return {}, list(_sentences(error.messages, schema, ""))
    return dict(loaded), []


def join(path: str, key: object) -> str:
    """Return the path of a key or list index below another.

    Examples
    --------
    >>> join("accounts", 2), join("accounts[2]", "name"), join("models", "gpt-4.1")
    ('accounts[2]', 'accounts[2].name', 'models["gpt-4.1"]')
    """
    if isinstance(key, int):
        return f"{path}[{key}]"
    text = str(key)
    if not text.replace("_", "a").replace("-", "a").isalnum():
        return f'{path}["{text}"]'
    return f"{path}.{text}" if path else text


def _sentences(tree: object, schema: object, path: str) -> Iterator[tuple[str, str]]:
    """Walk an error tree beside the schema it comes from."""
    if isinstance(tree, str):
        yield path, _SENTENCES.get(tree, tree)
    elif isinstance(tree, list):
        for item in tree:
            yield from _sentences(item, schema, path)
    elif isinstance(tree, Mapping):
        for key, below in tree.items():
            yield from _below(key, below, schema, path)


def _below(key: Any, tree: object, schema: object, path: str) -> Iterator[tuple[str, str]]:
    """Step down one key; the level that marshmallow adds for itself vanishes."""
    if key == "_schema":
        yield from _sentences(tree, schema, path)
    elif isinstance(schema, fields.Dict) and isinstance(tree, Mapping):
        for part in ("key", "value"):
            yield from _sentences(tree.get(part, []), _plain(schema.value_field), join(path, key))
    elif tree == [_UNKNOWN] and isinstance(schema, Schema):
        yield join(path, key), f"unknown key{did_you_mean(str(key), schema.fields)}; or remove it"
    else:
        yield from _sentences(tree, _child(schema, key), join(path, key))


def _child(schema: object, key: Any) -> object:
    """Return the schema or field that a key or index of another stands for."""
    if isinstance(schema, Schema):
        return _plain(schema.fields.get(key))
    return _plain(schema.inner) if isinstance(schema, fields.List) else schema


def _plain(field: object) -> object:
    """Return the schema of a nested field, other fields as they are."""
    return field.schema if isinstance(field, fields.Nested) else field
