"""This module prepares a client's own body for a provider of this same format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.request import ModelTraits
from router.canonical.signature import ID_MARK, is_sealed, split_id, unseal
from router.formats.openai_responses.vocabulary import (
    CALL_TYPES,
    NAME,
    RESULT_TYPES,
    JsonObject,
)

_CALLS_AND_RESULTS = CALL_TYPES | RESULT_TYPES


def passthrough_body(body: JsonObject, traits: ModelTraits) -> dict[str, Any]:
    """Return the body; see `router.formats.base.Ingress.passthrough_body`."""
    forwarded = {**body, "model": traits.name}
    items = body.get("input")
    if isinstance(items, list) and any(map(_carries_foreign, items)):
        forwarded["input"] = [kept for item in items for kept in _cleaned(item)]
    return forwarded


def _carries_foreign(item: object) -> bool:
    """Tell whether an item holds something that we put there for another provider."""
    if not isinstance(item, Mapping):
        return False
    call_id, encrypted = item.get("call_id"), item.get("encrypted_content")
    return (isinstance(call_id, str) and ID_MARK in call_id) or (
        isinstance(encrypted, str) and is_sealed(encrypted)
    )


def _cleaned(item: Any) -> list[Any]:
    """Return the item as the provider may see it; nothing of another provider's thoughts."""
    if not _carries_foreign(item):
        return [item]
    kind = item.get("type")
    if kind in _CALLS_AND_RESULTS:
        return [{**item, "call_id": split_id(item["call_id"])[0]}]
    if kind != "reasoning":
        return [item]
    signature = unseal(item["encrypted_content"], NAME)
    if signature.origin != NAME:
        return []
    # Thoughts of this format come sealed only so that their id travels with them.
    return [{**item, "id": signature.item_id, "encrypted_content": signature.value}]
