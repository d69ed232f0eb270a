"""This module turns media from and to ``inlineData`` and ``fileData`` parts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from router.canonical.messages import Media, MediaKind
from router.errors import InvalidRequest, UnsupportedFeature
from router.formats.gemini.fields import Fields

NAME = "gemini"
"""The format's name, as signatures, files and native blocks carry it."""

_URL_SAFE = str.maketrans("-_", "+/")

# By file extension; Google wants a type with every URI, and the gateway fetches nothing.
_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "heif": "image/heif",
    "bmp": "image/bmp",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "csv": "text/csv",
    "json": "application/json",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "m4a": "audio/m4a",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mov": "video/quicktime",
    "webm": "video/webm",
}
_DEFAULT_TYPES: dict[MediaKind, str | None] = {
    "image": "image/jpeg",
    "document": "application/pdf",
    "audio": "audio/mp3",
    "video": None,  # a YouTube address wants none
}
_STORED = ("https://generativelanguage.googleapis.com/", "gs://", "files/")


def kind_of(media_type: str | None) -> MediaKind:
    """Return what a MIME type is of.

    Examples
    --------
    >>> kind_of("audio/wav"), kind_of("text/csv")
    ('audio', 'document')
    """
    match (media_type or "").partition("/")[0].lower():
        case "image":
            return "image"
        case "audio":
            return "audio"
        case "video":
            return "video"
        case _:
            return "document"


def guess_type(url: str) -> str | None:
    """Return the MIME type that an address's extension tells.

    Examples
    --------
    >>> guess_type("https://example.com/a/photo.PNG?size=2")
    'image/png'
    """
    name = urlsplit_path(url).rpartition("/")[2]
    return _TYPES.get(name.rpartition(".")[2].lower()) if "." in name else None


def urlsplit_path(url: str) -> str:
    """Return an address's path; of one that is no address, nothing."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def encode_media(media: Media, where: str) -> dict[str, Any]:
    """Return the part for some media.

    Raises
    ------
    UnsupportedFeature
        A file stored at another provider, or nothing that tells the content.
    """
    if media.data is not None:
        return {"inlineData": _inline(media)}
    if media.file_id is not None and media.origin != NAME:
        raise UnsupportedFeature(
            "a file stored at another provider cannot be sent to Gemini; send its content",
            param=where,
        )
    uri = media.file_id or media.url
    if not uri:
        raise UnsupportedFeature("media without data or address", param=where)
    media_type = media.media_type or guess_type(uri)
    if media_type is None and media.file_id is None:
        media_type = _DEFAULT_TYPES[media.kind]
    return {"fileData": {"fileUri": uri, **({"mimeType": media_type} if media_type else {})}}


def _inline(media: Media) -> dict[str, str]:
    """Return the blob; plain-text documents hold text, not base64."""
    data = media.data or ""
    media_type = media.media_type or _DEFAULT_TYPES[media.kind] or "video/mp4"
    if media.kind == "document" and media_type == "text/plain":
        data = base64.b64encode(data.encode()).decode()
    return {"mimeType": media_type, "data": data}


def decode_media(part: Fields) -> Media | None:
    """Return the media of a part of a client's request; None where it has none.

    Raises
    ------
    InvalidRequest
        The data are not base64, or type or address is missing.
    """
    inline = part.object("inlineData")
    if inline is not None:
        return _decode_inline(inline)
    file = part.object("fileData")
    if file is None:
        return None
    uri = file.text("fileUri")
    if not uri:
        raise InvalidRequest(f"{file.at('fileUri')} is missing", param=file.at("fileUri"))
    return _stored(uri, file.text("mimeType"))


def read_media(part: Mapping[str, Any]) -> Media | None:
    """Return the media of a part of a provider's answer; None where it has none."""
    try:
        return decode_media(Fields(part))
    except InvalidRequest:
        return None


def _decode_inline(inline: Fields) -> Media:
    """Return media given as base64."""
    media_type, data = inline.text("mimeType"), inline.text("data")
    for name, value in (("mimeType", media_type), ("data", data)):
        if not value:
            raise InvalidRequest(f"{inline.at(name)} is missing", param=inline.at(name))
    assert media_type is not None
    assert data is not None
    kind = kind_of(media_type)
    plain = _standard(data)
    if plain is None:
        raise InvalidRequest(f"{inline.at('data')} is not base64", param=inline.at("data"))
    if media_type != "text/plain":
        return Media(kind, media_type, plain)
    try:
        return Media(kind, media_type, base64.b64decode(plain).decode())
    except UnicodeDecodeError as exc:
        raise InvalidRequest(
            f"{inline.at('data')} is not UTF-8 text", param=inline.at("data")
        ) from exc


def _standard(data: str) -> str | None:
    """Return base64 in its standard alphabet, padded; Google takes the URL-safe one too."""
    plain = data.translate(_URL_SAFE).rstrip("=")
    plain += "=" * (-len(plain) % 4)
    try:
        binascii.a2b_base64(plain, strict_mode=True)
    except (binascii.Error, ValueError):
        return None
    return plain


def _stored(uri: str, media_type: str | None) -> Media:
    """Return media given by address: a file stored at Google, or one on the web."""
    media_type = media_type or guess_type(uri)
    kind: MediaKind = kind_of(media_type)
    if media_type is None and "youtu" in uri:
        kind = "video"
    if uri.startswith(_STORED):
        return Media(kind, media_type, file_id=uri, origin=NAME)
    return Media(kind, media_type, url=uri)
