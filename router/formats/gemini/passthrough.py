"""This module prepares a Gemini client's own body for a Gemini provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.canonical.request import ModelTraits
from router.canonical.signature import is_sealed
from router.formats.gemini.models import SKIP_SIGNATURE, is_third_generation

_SIGNATURES = ("thoughtSignature", "thought_signature")
_CALLS = ("functionCall", "function_call")


def passthrough_body(body: Mapping[str, Any], traits: ModelTraits) -> dict[str, Any]:
    """Return the body for the provider; nothing but what is named here is touched.

    ``model`` and ``stream``, which the web layer read off the URL, are taken out, and so
    are other providers' signatures. Gemini 3 refuses a call that has lost its signature,
    so there the word that Google gives for it takes its place.
    """
    passed = {name: value for name, value in body.items() if name not in ("model", "stream")}
    contents = passed.get("contents")
    third = is_third_generation(traits.name)
    if isinstance(contents, list):
        passed["contents"] = [_content(content, third) for content in contents]
    elif isinstance(contents, dict):
        passed["contents"] = _content(contents, third)
    return passed


def _content(content: Any, third: bool) -> Any:
    """Return a turn without foreign signatures; the same object where it has none."""
    parts = content.get("parts") if isinstance(content, dict) else None
    if isinstance(parts, dict):
        return {**content, "parts": _part(parts, third)} if _carries(parts) else content
    if not isinstance(parts, list) or not any(_carries(part) for part in parts):
        return content
    return {**content, "parts": [_part(part, third) for part in parts]}


def _carries(part: Any) -> bool:
    """Tell whether a part carries another provider's signature."""
    return isinstance(part, dict) and any(
        isinstance(part.get(name), str) and is_sealed(part[name]) for name in _SIGNATURES
    )


def _part(part: Any, third: bool) -> Any:
    """Return a part without another provider's signature."""
    if not _carries(part):
        return part
    bare = {name: value for name, value in part.items() if name not in _SIGNATURES}
    if third and any(name in part for name in _CALLS):
        bare["thoughtSignature"] = SKIP_SIGNATURE
    return bare
