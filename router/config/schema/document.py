"""This module writes down, from the schemas themselves, what a configuration may say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marshmallow import Schema, fields

from router.config.schema.kinds import Names, Pattern
from router.config.schema.litellm import EntrySchema, LiteLLMSchema
from router.config.schema.router import Models, ModelSchema, RouterSchema

_HEAD = """\
# Configuration

<!-- Written by `python -m router.cli.config_docs`; edit the schemas instead. -->

Settings are looked for in this order: flags, the process environment, `.env`, defaults;
[.env.example](../.env.example) names every variable. What is called and how `auto` chooses
stands in one file, the first of these that is there: `--config` or `ROUTING_CONFIG_PATH`,
`config/router.yaml`, `config/config.yml` (LiteLLM's format). Without a file, the provider
keys and the Ollama that are found are used; without these, a demo account answers.

```bash
.venv/bin/open-llm-router check       # every problem at once, each with its place and remedy
.venv/bin/open-llm-router routes      # what auto chooses among
./manage.sh reload                    # no request is cut; a bad file is refused
```

A value may name a secret instead of holding it: `${NAME}`, `os.environ/NAME`, or a key ending
in `_env`. `NAME` is looked for in the environment, in the file that `NAME_FILE` names, and in
systemd's credentials. Unknown keys of router.yaml are refused, with the key that was probably
meant; of a LiteLLM file they are reported by `check` and left alone.
"""


def document() -> str:
    """Return the reference of both files, as Markdown."""
    parts = [_HEAD, *_file("router.yaml", RouterSchema()), *_file("config.yml", LiteLLMSchema())]
    return "\n".join(parts)


def _file(name: str, schema: Schema) -> Iterator[str]:
    """Yield a section for a file, and one for each kind of object in it."""
    title = "## router.yaml" if name == "router.yaml" else "## config.yml (LiteLLM)"
    told: set[str] = set()
    left = [(title, schema)]
    if isinstance(schema, LiteLLMSchema):
        left.append(("### model_list[]", EntrySchema()))
    while left:
        heading, current = left.pop(0)
        yield f"{heading}\n\n{_doc(current)}\n"
        yield "\n".join(_table(current)) + "\n"
        for key, field in current.fields.items():
            inner = _inner(field)
            if inner is not None and type(inner).__name__ not in told:
                told.add(type(inner).__name__)
                left.append((f"### {_path(heading, key, field)}", inner))


def _path(heading: str, key: str, field: fields.Field[Any]) -> str:
    """Return how an object is reached, as ``accounts[].quirks``."""
    above = heading.removeprefix("### ") + "." if heading.startswith("### ") else ""
    if isinstance(field, fields.List):
        return f"{above}{key}[]"
    return f"{above}{key}.*" if isinstance(field, fields.Dict | Models) else f"{above}{key}"


def _table(schema: Schema) -> Iterator[str]:
    """Yield the keys that have an effect."""
    yield "| key | value | |"
    yield "| --- | --- | --- |"
    for key, field in schema.fields.items():
        text = field.metadata.get("description")
        if text:
            needed = "**Required.** " if field.required else ""
            told = str(text).replace("|", "\\|").replace("<", "&lt;")
            yield f"| `{key}` | {_kind(field)} | {needed}{told} |"


def _kind(field: fields.Field[Any]) -> str:
    """Return what a key's value is, in a word."""
    if isinstance(field, fields.List):
        return f"list of {_kind(field.inner)}"
    if isinstance(field, fields.Dict):
        return "mapping" if field.value_field is None else f"mapping to {_kind(field.value_field)}"
    for kind, word in _WORDS:
        if isinstance(field, kind):
            return word
    return "value"


_WORDS: tuple[tuple[type[fields.Field[Any]], str], ...] = (
    (fields.Nested, "object"),
    (Models, "list or mapping"),
    (Names, "text or list"),
    (Pattern, "expression"),
    (fields.Boolean, "true/false"),
    (fields.Integer, "whole number"),
    (fields.Number, "number"),
    (fields.String, "text"),
)


def _inner(field: fields.Field[Any]) -> Schema | None:
    """Return the schema of the objects that a field holds, if it holds any."""
    if isinstance(field, Models):
        return ModelSchema()
    if isinstance(field, fields.List):
        return _inner(field.inner)
    if isinstance(field, fields.Dict) and field.value_field is not None:
        return _inner(field.value_field)
    return field.schema if isinstance(field, fields.Nested) else None


def _doc(schema: Schema) -> str:
    """Return the first paragraph that a schema says of itself."""
    return " ".join((schema.__doc__ or "").split("\n\n")[0].split())
