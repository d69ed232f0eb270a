"""This module reads content parts: text, images, files and audio, as chat clients send them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from router.canonical.messages import (
    Block,
    Media,
    MediaKind,
    RedactedThinking,
    Refusal,
    Text,
    Thinking,
)
from router.canonical.signature import unseal
from router.errors import InvalidRequest
from router.formats.openai_chat.fields import (
    mapping,
    missing,
    opt_mapping,
    opt_str,
    req_str,
    sequence,
    wrong,
)

NAME = "openai_chat"

SIGNER = "anthropic_messages"
"""Format whose signatures ``thinking_blocks`` hold unsealed, by LiteLLM's convention."""

# First characters of a file's base64, for clients that leave the type out.
_MAGIC = (
    ("iVBOR", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBER", "application/pdf"),
)
_FAMILIES: Mapping[str, MediaKind] = {"image": "image", "audio": "audio", "video": "video"}
_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_TO_STANDARD = str.maketrans("-_", "+/")


def decode_content(value: Any, path: str, *, assistant: bool = False) -> tuple[Block, ...]:
    """Return the blocks of a message's ``content``; none for an empty string.

    Parameters
    ----------
    assistant : bool
        Thinking parts are taken too, as Mistral and LiteLLM write them.
    """
    if isinstance(value, str):
        return (Text(value),) if value else ()
    if not isinstance(value, (list, tuple)):
        raise wrong(path, "a string or a list of parts", value)
    return tuple(
        decode_part(part, f"{path}[{index}]", assistant=assistant)
        for index, part in enumerate(value)
    )


def decode_part(value: Any, at: str, *, assistant: bool) -> Block:
    """Return one content part as a block."""
    part = mapping(value, at)
    match req_str(part, "type", at):
        case "text":
            text = opt_str(part, "text", at)
            if text is None:
                raise missing(f"{at}.text")
            return Text(text, cache_control=opt_mapping(part, "cache_control", at))
        case "image_url":
            return _url_media(part, "image_url", "image", at)
        case "video_url":
            return _url_media(part, "video_url", "video", at)
        case "input_audio":
            return _audio(part, at)
        case "file":
            return _file(part, at)
        case "refusal":
            return Refusal(req_str(part, "refusal", at))
        case "thinking" | "redacted_thinking" if assistant:
            return decode_thinking(part, at)
        case kind:
            raise InvalidRequest(
                f'{at}.type: content parts of type "{kind[:40]}" are not known here',
                param=f"{at}.type",
            )


def decode_thinking(value: Any, at: str) -> Block:
    """Return one of the ``thinking_blocks`` that a client echoes."""
    part = mapping(value, at)
    if req_str(part, "type", at) == "redacted_thinking":
        return RedactedThinking(unseal(req_str(part, "data", at), SIGNER))
    thinking = part.get("thinking")
    # Mistral's thinking part holds a list of text parts.
    text = thinking_text(thinking) if isinstance(thinking, (list, tuple)) else None
    if text is None:
        text = opt_str(part, "thinking", at) or ""
    signature = opt_str(part, "signature", at)
    return Thinking(text, unseal(signature, SIGNER) if signature else None)


def thinking_text(parts: Any) -> str:
    """Return the text of Mistral's thinking part, whatever else is in it."""
    if isinstance(parts, str):
        return parts
    if not isinstance(parts, (list, tuple)):
        return ""
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "".join(text for text in texts if isinstance(text, str))


def media_of_url(
    url: str, kind: MediaKind, path: str, detail: str | None = None, filename: str | None = None
) -> Media:
    """Return the media at a URL, or in a ``data:`` URL.

    Examples
    --------
    >>> media = media_of_url("data:image/jpg;base64,/9j/4A", "image", "")
    >>> media.media_type, media.data
    ('image/jpeg', '/9j/4A')
    """
    if url[:5].lower() != "data:":
        return Media(kind, url=url, detail=detail, filename=filename)
    head, comma, data = url[5:].partition(",")
    media_type, *flags = (word.strip().lower() for word in head.split(";"))
    if not comma or "base64" not in flags:
        raise InvalidRequest(f"{path}: a data URL must be base64", param=path)
    return Media(
        kind,
        media_type=_media_type(media_type, data, kind),
        data=_standard(data),
        detail=detail,
        filename=filename,
    )


def _url_media(part: Mapping[str, Any], key: str, kind: MediaKind, at: str) -> Media:
    """Return an image or video, whose URL stands in an object or alone."""
    path = f"{at}.{key}"
    value = part.get(key)
    detail = None
    if isinstance(value, Mapping):
        detail = opt_str(value, "detail", path)
        path = f"{path}.url"
        value = value.get("url")
    if value is None or value == "":
        raise missing(path)
    if not isinstance(value, str):
        raise wrong(path, "a string", value)
    return _marked(media_of_url(value, kind, path, detail), part, at)


def _audio(part: Mapping[str, Any], at: str) -> Media:
    """Return spoken input."""
    path = f"{at}.input_audio"
    audio = mapping(part.get("input_audio"), path)
    form = req_str(audio, "format", path).lower()
    data = req_str(audio, "data", path)
    if data.startswith("data:"):
        return _marked(media_of_url(data, "audio", f"{path}.data"), part, at)
    media_type = _AUDIO_TYPES.get(form, f"audio/{form}")
    return _marked(Media("audio", media_type=media_type, data=_standard(data)), part, at)


def _file(part: Mapping[str, Any], at: str) -> Media:
    """Return an attached file: stored at the provider, inline, or at a URL (OpenRouter)."""
    path = f"{at}.file"
    file = mapping(part.get("file"), path)
    filename = opt_str(file, "filename", path)
    file_id = opt_str(file, "file_id", path)
    if file_id:
        stored = Media("document", file_id=file_id, filename=filename, origin=NAME)
        return _marked(stored, part, at)
    data = req_str(file, "file_data", path)
    path = f"{path}.file_data"
    if not data.startswith(("data:", "http://", "https://")):
        data = f"data:;base64,{data}"
    media = media_of_url(data, "document", path, filename=filename)
    return _marked(_refined(media, path), part, at)


def _refined(media: Media, path: str) -> Media:
    """Return a file as the kind of media that it is."""
    media_type = media.media_type or ""
    kind = _FAMILIES.get(media_type.partition("/")[0], "document")
    if media_type != "text/plain" or media.data is None:
        return replace(media, kind=kind)
    try:
        text = base64.b64decode(media.data, validate=True).decode()
    except (binascii.Error, ValueError) as exc:
        raise InvalidRequest(f"{path} is not base64 of UTF-8 text", param=path) from exc
    return replace(media, data=text)


def _marked(media: Media, part: Mapping[str, Any], at: str) -> Media:
    """Return the media with its part's prompt-cache marker, if it has one."""
    cache_control = opt_mapping(part, "cache_control", at)
    return media if cache_control is None else replace(media, cache_control=cache_control)


def _media_type(told: str, data: str, kind: MediaKind) -> str | None:
    """Return the MIME type, read off the first bytes where the client leaves it out."""
    if told == "image/jpg":  # no such type, but a common one
        return "image/jpeg"
    if told and told != "application/octet-stream":
        return told
    fallback = "application/pdf" if kind == "document" else None
    return next((known for magic, known in _MAGIC if data.startswith(magic)), fallback)


def _standard(data: str) -> str:
    """Return base64 of either alphabet in the standard one."""
    return data.translate(_TO_STANDARD) if "-" in data or "_" in data else data


def text_only(blocks: tuple[Block, ...], path: str) -> tuple[Text | Media, ...]:
    """Return the blocks of a tool's result, which are text and media only."""
    kept: list[Text | Media] = []
    for index, block in enumerate(blocks):
        if not isinstance(block, (Text, Media)):
            raise InvalidRequest(
                f"{path}[{index}].type: a tool's result holds text and media only",
                param=f"{path}[{index}].type",
            )
        kept.append(block)
    return tuple(kept)


def decode_thinking_blocks(message: Mapping[str, Any], at: str) -> tuple[Block, ...]:
    """Return the reasoning that an assistant message echoes.

    ``thinking_blocks`` hold it with its signatures; ``reasoning_content`` or ``reasoning``
    hold the bare text, and repeat what a thinking block says.
    """
    echoed = message.get("thinking_blocks")
    blocks: tuple[Block, ...] = ()
    if echoed is not None:
        path = f"{at}.thinking_blocks"
        blocks = tuple(
            decode_thinking(block, f"{path}[{index}]")
            for index, block in enumerate(sequence(echoed, path))
        )
    if any(isinstance(block, Thinking) for block in blocks):
        return blocks
    for key in ("reasoning_content", "reasoning"):
        text = message.get(key)
        if isinstance(text, str) and text:
            return (Thinking(text), *blocks)
    return blocks
