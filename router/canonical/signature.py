"""This module carries one provider's reasoning signatures through another's format.

Providers sign their reasoning and want the signature back, unchanged, in the next turn.
A client that speaks another format echoes it in a field of *its* format, so a foreign
signature travels *sealed*: standard base64 of a fixed mark, the format it belongs to and
the value. Sealed text is valid wherever base64 is wanted, and recognisable in raw bytes.
Formats without any field for it carry it in the tool call's id (`attach_to_id`).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

# 12 bytes: a multiple of 3, so that its base64 (SEALED_MARK) is a constant prefix.
_MARK = b"llm-router\x1f1"
SEALED_MARK = base64.b64encode(_MARK).decode()
ID_MARK = "__sig_"


@dataclass(frozen=True, slots=True)
class Signature:
    """An opaque proof that only its own format's providers understand.

    Attributes
    ----------
    value : str
        As the provider wrote it.
    origin : str
        Name of the format that it belongs to, as ``anthropic_messages``.
    item_id : str, optional
        Id of the item it signs, where the format needs both (Responses).
    """

    value: str
    origin: str
    item_id: str | None = None


def seal(signature: Signature, native: str) -> str:
    """Return the text that a client of format `native` gets for a signature.

    Examples
    --------
    >>> seal(Signature("abc", "gemini"), "gemini")
    'abc'
    >>> unseal(seal(Signature("abc", "gemini"), "openai_chat"), "openai_chat")
    Signature(value='abc', origin='gemini', item_id=None)
    """
    if signature.origin == native and signature.item_id is None:
        return signature.value
    fields = "\x1f".join((signature.origin, signature.item_id or "", signature.value))
    return base64.b64encode(_MARK + b"\x1f" + fields.encode()).decode()


def unseal(text: str, native: str) -> Signature:
    """Return the signature that a client of format `native` echoed."""
    if text.startswith(SEALED_MARK):
        try:
            fields = base64.b64decode(text)[len(_MARK) + 1 :].decode()
            origin, item_id, value = fields.split("\x1f", 2)
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return Signature(text, "unknown")
        return Signature(value, origin, item_id or None)
    return Signature(text, native)


def is_sealed(text: str) -> bool:
    """Tell whether a text is a sealed signature of ours."""
    return text.startswith(SEALED_MARK)


def attach_to_id(call_id: str, signature: Signature | None) -> str:
    """Return a tool call id that carries the signature; letters, digits, ``_``, ``-`` only.

    Examples
    --------
    >>> split_id(attach_to_id("call_1", Signature("a+/=", "gemini")))
    ('call_1', Signature(value='a+/=', origin='gemini', item_id=None))
    """
    if signature is None:
        return call_id
    sealed = seal(signature, "")
    return call_id + ID_MARK + sealed.translate(_TO_ID).rstrip("=")


def split_id(call_id: str) -> tuple[str, Signature | None]:
    """Return the bare id, and the signature that it carried if any."""
    bare, mark, carried = call_id.partition(ID_MARK)
    if not mark:
        return call_id, None
    sealed = carried.translate(_FROM_ID)
    sealed += "=" * (-len(sealed) % 4)
    return (bare, unseal(sealed, "")) if is_sealed(sealed) else (call_id, None)


_TO_ID = str.maketrans("+/", "-_")
_FROM_ID = str.maketrans("-_", "+/")
