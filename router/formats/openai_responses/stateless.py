"""This module finds what only a provider that keeps conversations can serve."""

from __future__ import annotations

from collections.abc import Mapping

from router.errors import UnsupportedFeature
from router.formats.openai_responses.vocabulary import JsonObject

_REMEDIES = {
    "previous_response_id": 'send the whole conversation in "input" instead',
    "conversation": 'send the whole conversation in "input" instead',
    "prompt": 'send the prompt\'s text in "instructions" and "input" instead',
    "background": 'leave "background" out and wait for the answer',
}
_REFERENCE_REMEDY = "send the item itself instead of a reference to it"


def stateful_fields(body: JsonObject) -> tuple[str, ...]:
    """Return the paths of fields that lean on what a provider has stored.

    ``store`` alone is harmless: nothing needs to be read back for this answer.

    Examples
    --------
    >>> stateful_fields({"previous_response_id": "resp_1", "input": [{"id": "msg_1"}]})
    ('previous_response_id', 'input[0]')
    >>> stateful_fields({"background": False, "store": True, "input": "hi"})
    ()
    """
    named = [field for field in _REMEDIES if body.get(field)]
    items = body.get("input")
    if isinstance(items, list | tuple):
        named += [f"input[{at}]" for at, item in enumerate(items) if _is_reference(item)]
    return tuple(named)


def require_stateless(body: JsonObject) -> None:
    """Refuse a request that a provider without state would answer as if it had forgotten.

    Raises
    ------
    UnsupportedFeature
        Naming the field and the remedy; call this before a request is bridged to
        another format.
    """
    fields = stateful_fields(body)
    if fields:
        remedy = _REMEDIES.get(fields[0], _REFERENCE_REMEDY)
        raise UnsupportedFeature(
            f'"{fields[0]}" needs a provider that stores responses, and this model\'s does not: '
            f"{remedy}",
            param=fields[0],
        )


def _is_reference(item: object) -> bool:
    """Tell whether an item only points to a stored one; its type may be left out."""
    if not isinstance(item, Mapping):
        return False
    kind = item.get("type")
    return kind == "item_reference" or (kind is None and "id" in item and "role" not in item)
