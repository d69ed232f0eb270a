"""This module turns content parts into blocks, and blocks into input parts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from router.canonical.messages import Block, Citation, Media, MediaKind, Refusal, Text
from router.errors import InvalidRequest, UnsupportedFeature
from router.formats.openai_responses.fields import (
    below,
    mapping,
    objects,
    required_string,
    string,
    wrong,
)
from router.formats.openai_responses.vocabulary import NAME, JsonObject

# OpenAI's files are one store for both of its formats.
_FILE_ORIGINS = frozenset({NAME, "openai_chat"})
_AUDIO_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
_AUDIO_FORMATS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
}
# `file_data` may be bare base64; the type is then known by the file's name only.
_TYPE_OF_SUFFIX = {
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
}


def decode_content(content: object, path: str) -> tuple[Block, ...]:
    """Return the blocks of a message's or result's content: a string or a list of parts."""
    if isinstance(content, str):
        return (Text(content),)
    if not isinstance(content, list | tuple):
        raise wrong(path, "a string or a list of parts", content)
    return tuple(_decode_part(part, where) for where, part in objects(content, path))


def decode_result(content: object, path: str) -> tuple[Text | Media, ...]:
    """Return what a tool returned; only text and media may stand in it."""
    blocks: list[Text | Media] = []
    for position, block in enumerate(decode_content(content, path)):
        if not isinstance(block, Text | Media):
            raise wrong(f"{path}[{position}].type", "a text, image or file part")
        blocks.append(block)
    return tuple(blocks)


def _decode_part(part: JsonObject, path: str) -> Block:
    """Return the block of one part."""
    match kind := required_string(part, "type", path):
        case "input_text" | "output_text" | "text":
            text = required_string(part, "text", path)
            return Text(text, tuple(map(decode_citation, _annotations(part, path))))
        case "refusal":
            return Refusal(required_string(part, "refusal", path))
        case "input_image":
            return _decode_image(part, path)
        case "input_file":
            return _decode_file(part, path)
        case "input_audio":
            return _decode_audio(part, path)
        case _:
            where = below(path, "type")
            raise InvalidRequest(f'"{where}": no content part of type "{kind}"', param=where)


def _annotations(part: JsonObject, path: str) -> list[JsonObject]:
    """Return the annotations of an output text echoed by the client."""
    return [entry for _, entry in objects(part.get("annotations"), below(path, "annotations"))]


def decode_citation(annotation: JsonObject) -> Citation:
    """Return the citation of an annotation, whose fields are taken where they fit.

    Examples
    --------
    >>> decode_citation({"type": "url_citation", "url": "https://a.example"}).url
    'https://a.example'
    """

    def text(key: str) -> str | None:
        value = annotation.get(key)
        return value if isinstance(value, str) else None

    def position(key: str) -> int | None:
        value = annotation.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    return Citation(
        url=text("url"),
        title=text("title") or text("filename"),
        start=position("start_index"),
        end=position("end_index"),
        native=annotation,
        origin=NAME,
    )


def _decode_image(part: JsonObject, path: str) -> Media:
    """Return an image: by URL, in line or by file id."""
    detail = string(part, "detail", path)
    if (file_id := string(part, "file_id", path)) is not None:
        return Media("image", file_id=file_id, detail=detail, origin=NAME)
    url = required_string(part, "image_url", path, empty=False)
    if not url.startswith("data:"):
        return Media("image", url=url, detail=detail)
    media_type, data = _split_data_url(url, below(path, "image_url"))
    return Media("image", media_type or "image/png", data, detail=detail)


def _decode_file(part: JsonObject, path: str) -> Media:
    """Return a document (or other media told as a file): by URL, in line or by file id."""
    filename = string(part, "filename", path)
    detail = string(part, "detail", path)
    if (file_id := string(part, "file_id", path)) is not None:
        return Media("document", file_id=file_id, filename=filename, detail=detail, origin=NAME)
    if (url := string(part, "file_url", path)) is not None:
        return Media("document", url=url, filename=filename, detail=detail)
    where = below(path, "file_data")
    data = required_string(part, "file_data", path, empty=False)
    media_type = None
    if data.startswith("data:"):
        media_type, data = _split_data_url(data, where)
    if not media_type:
        suffix = (filename or "").rpartition(".")[2].lower()
        media_type = _TYPE_OF_SUFFIX.get(suffix, "application/pdf")
    if media_type == "text/plain":
        data = _plain_text(data, where)
    return Media(_kind_of(media_type), media_type, data, filename=filename, detail=detail)


def _kind_of(media_type: str) -> MediaKind:
    """Return what kind of media a file is."""
    match media_type.partition("/")[0]:
        case "image":
            return "image"
        case "audio":
            return "audio"
        case "video":
            return "video"
        case _:
            return "document"


def _decode_audio(part: JsonObject, path: str) -> Media:
    """Return a sound in line."""
    audio, where = mapping(part, "input_audio", path), below(path, "input_audio")
    if audio is None:
        raise wrong(where, "an object")
    form = required_string(audio, "format", where)
    data = required_string(audio, "data", where, empty=False)
    return Media("audio", _AUDIO_TYPES.get(form, f"audio/{form}"), data)


def _split_data_url(url: str, path: str) -> tuple[str, str]:
    """Return media type (maybe empty) and base64 of a ``data:`` URL (RFC 2397)."""
    head, comma, data = url.partition(",")
    if not comma:
        raise InvalidRequest(f'"{path}" is a data URL without data', param=path)
    media_type, *options = head.removeprefix("data:").split(";")
    if "base64" not in options:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return media_type.strip().lower(), data


def _plain_text(data: str, path: str) -> str:
    """Return the text of a base64 text file."""
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise InvalidRequest(f'"{path}" is not UTF-8 text in base64', param=path) from exc


def encode_input_part(block: Text | Media, path: str) -> dict[str, Any]:
    """Return the input part of a text or media.

    Raises
    ------
    UnsupportedFeature
        The media is of a kind, or stored where, this format cannot reach.
    """
    if isinstance(block, Text):
        return {"type": "input_text", "text": block.text}
    if block.file_id is not None and block.origin not in _FILE_ORIGINS:
        raise UnsupportedFeature(
            f'"{path}" is a file stored at another provider; send its content instead', param=path
        )
    match block.kind:
        case "image":
            return {"type": "input_image", "detail": block.detail or "auto", **_image_source(block)}
        case "document":
            return {"type": "input_file", **_file_source(block)}
        case "audio" if block.data is not None and block.media_type in _AUDIO_FORMATS:
            sound = {"data": block.data, "format": _AUDIO_FORMATS[block.media_type]}
            return {"type": "input_audio", "input_audio": sound}
        case kind:
            raise UnsupportedFeature(
                f'"{path}": the target takes no {kind} of this form', param=path
            )


def _image_source(image: Media) -> dict[str, Any]:
    """Return where an image is."""
    if image.file_id is not None:
        return {"file_id": image.file_id}
    if image.data is not None:
        return {"image_url": f"data:{image.media_type or 'image/png'};base64,{image.data}"}
    return {"image_url": image.url}


def _file_source(document: Media) -> dict[str, Any]:
    """Return where a document is; data needs a name beside it."""
    named: Mapping[str, Any] = {"filename": document.filename} if document.filename else {}
    if document.file_id is not None:
        return {"file_id": document.file_id, **named}
    if document.data is None:
        return {"file_url": document.url, **named}
    media_type, data = document.media_type or "application/pdf", document.data
    if media_type == "text/plain":
        data = base64.b64encode(data.encode()).decode()
    name = document.filename or ("document.txt" if media_type == "text/plain" else "document.pdf")
    return {"filename": name, "file_data": f"data:{media_type};base64,{data}"}
