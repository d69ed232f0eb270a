"""This module fits a request to a server that departs from the format it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from router.providers.base import Quirks


def fit(
    body: dict[str, Any], quirks: Quirks, also_drop: Iterable[str] = ()
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Rename and drop top-level fields.

    Returns
    -------
    body : dict
        The same object where nothing had to change.
    dropped : tuple of str
        Names of the fields that were taken out.

    Examples
    --------
    >>> fit({"max_completion_tokens": 5, "logprobs": True},
    ...     Quirks(rename={"max_completion_tokens": "max_tokens"}, drop=("logprobs",)))
    ({'max_tokens': 5}, ('logprobs',))
    """
    dropped = tuple(name for name in (*quirks.drop, *also_drop) if name in body)
    renamed = {old: new for old, new in quirks.rename.items() if old in body}
    if not dropped and not renamed:
        return body, ()
    fitted = {renamed.get(name, name): value for name, value in body.items() if name not in dropped}
    return fitted, dropped


_CANONICAL_NAMES = {"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens"}


def with_defaults(
    body: dict[str, Any], defaults: Mapping[str, Any], format_name: str
) -> dict[str, Any]:
    """Return a body with a target's defaults where the caller left a field out.

    Parameters
    ----------
    defaults : mapping
        By OpenAI's chat names (``temperature``, ``max_tokens``, …).
    format_name : str
        Format of `body`; Gemini keeps sampling in ``generationConfig``.

    Examples
    --------
    >>> with_defaults({"temperature": 0}, {"temperature": 1, "max_tokens": 9}, "openai_chat")
    {'temperature': 0, 'max_tokens': 9}
    """
    if not defaults:
        return body
    present = {_CANONICAL_NAMES.get(name, name) for name in body}
    missing = {
        name: value
        for name, value in defaults.items()
        if _CANONICAL_NAMES.get(name, name) not in present
    }
    if format_name == "gemini":
        return _gemini_defaults(body, defaults)
    if format_name == "openai_responses" and "max_tokens" in missing:
        missing["max_output_tokens"] = missing.pop("max_tokens")
    return {**body, **missing}


_GEMINI_NAMES = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "seed": "seed",
    "stop": "stopSequences",
}


def _gemini_defaults(body: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Put defaults where Gemini has them; others have no place there."""
    config = {
        _GEMINI_NAMES[name]: value for name, value in defaults.items() if name in _GEMINI_NAMES
    }
    return {**body, "generationConfig": {**config, **(body.get("generationConfig") or {})}}
