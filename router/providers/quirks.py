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
        By OpenAI's chat names (``temperature``, ``max_tokens``, …); one that has no place
        in the format is left out. Other names go as they are.
    format_name : str
        Format of `body`; Gemini keeps sampling in ``generationConfig``.

    Examples
    --------
    >>> with_defaults({"temperature": 0}, {"temperature": 1, "max_tokens": 9}, "openai_chat")
    {'temperature': 0, 'max_tokens': 9}
    >>> with_defaults({}, {"stop": ["END"], "seed": 1}, "anthropic_messages")
    {'stop_sequences': ['END']}
    """
    if not defaults:
        return body
    if format_name == "gemini":
        return _gemini_defaults(body, defaults)
    present = {_CANONICAL_NAMES.get(name, name) for name in body}
    missing = {}
    for name, value in defaults.items():
        written = _name_in(format_name, name)
        if written and _CANONICAL_NAMES.get(written, written) not in present:
            missing[written] = value
    return {**body, **missing}


_CHAT_ONLY = frozenset(
    {
        "dimensions",
        "encoding_format",
        "frequency_penalty",
        "logit_bias",
        "n",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "tools",
        "verbosity",
    }
)
_OTHER_NAMES: Mapping[str, Mapping[str, str | None]] = {
    "anthropic_messages": {
        **dict.fromkeys(_CHAT_ONLY),
        "max_completion_tokens": "max_tokens",
        "parallel_tool_calls": None,
        "service_tier": None,
        "stop": "stop_sequences",
        "tool_choice": None,
        "user": None,
    },
    "openai_responses": {
        **dict.fromkeys(_CHAT_ONLY),
        "max_completion_tokens": "max_output_tokens",
        "max_tokens": "max_output_tokens",
        "top_k": None,
    },
}


def _name_in(format_name: str, name: str) -> str | None:
    """Return what a format calls a field of chat; None where it has no place for it."""
    return _OTHER_NAMES.get(format_name, {}).get(name, name)


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
