"""This module holds the field types that our schemas share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate

# Account names, providers and task names stand in response headers and log lines.
LABEL = validate.Regexp(
    re.compile(r"[!-~]([ -~]{0,126}[!-~])?\Z"),
    error="must be 1 to 128 printable ASCII characters, no blank at either end",
)
NOT_BLANK = validate.Regexp(re.compile(r"\s*\S"), error="is blank; give it a value")
HEADER_NAME = validate.Regexp(
    re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z"), error="is not a header name"
)
POSITIVE = validate.Range(min=0, min_inclusive=False, error="must be more than 0")
NOT_NEGATIVE = validate.Range(min=0, error="must be 0 or more")


class Names(fields.Field[tuple[str, ...]]):
    """A text, or a list of texts; loads as a tuple."""

    def _deserialize(
        self,
        value: Any,
        attr: str | None,  # noqa: ARG002
        data: Mapping[str, Any] | None,  # noqa: ARG002
        **_: Any,
    ) -> tuple[str, ...]:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list):
            raise ValidationError("must be a text or a list of texts")
        faults = {i: [fault] for i, item in enumerate(items) if (fault := _fault(item))}
        if faults:
            raise ValidationError(faults)
        return tuple(item.strip() for item in items)


class Pattern(fields.String):
    """A regular expression."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            re.compile(text)
        except re.error as exc:
            raise ValidationError(f"is not a regular expression: {exc.msg}") from exc
        return text


def _fault(item: Any) -> str | None:
    """Return what is wrong with a name, if anything."""
    if not isinstance(item, str):
        return "must be text; put quotes around it"
    return None if item.strip() else "is blank; give it a value"


def described(text: str, **more: Any) -> dict[str, Any]:
    """Return a field's metadata; ``docs/configuration.md`` is made of these."""
    return {"description": text, **more}
