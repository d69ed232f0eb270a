r"""This module reads and renames the model in a multipart form, and leaves the rest alone.

Audio and file uploads come as ``multipart/form-data``. Parsing one into a form and writing
it anew would copy the files and lose what they were sent with, so the one field that is
the router's business is found and replaced in the bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from router.errors import InvalidRequest

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb'(?i)[;\s]name\s*(\*?)[\d*]*\s*=\s*(?:"((?:[^"\\\r\n]|\\.)*)"|([^\s;"]*))')
_MAX_MODEL_BYTES = 512


@dataclass(frozen=True, slots=True)
class Form:
    """A form's bytes, and where its model's name stands in them.

    Attributes
    ----------
    start, end : int
        Range of the value; equal where the form names no model.
    """

    data: bytes
    start: int = 0
    end: int = 0

    @property
    def model(self) -> str | None:
        """The model named, if any."""
        value = self.data[self.start : self.end].decode("utf-8", "replace").strip()
        return value or None

    def named(self, model: str) -> bytes:
        """Return the bytes with another model's name."""
        if self.model is None:
            return self.data
        return self.data[: self.start] + model.encode() + self.data[self.end :]


def read_form(data: bytes, content_type: str) -> Form:
    r"""Find the model's name in a form.

    What providers' parsers could read in two ways is refused, as it would reach another
    model than the one that was checked: two models, two boundaries, bare line feeds.

    Raises
    ------
    InvalidRequest
        No boundary or no single one, no single model, or one that is too long.

    Examples
    --------
    >>> body = (b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n'
    ...         b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nAB\r\n--x--\r\n')
    >>> form = read_form(body, "multipart/form-data; boundary=x")
    >>> form.model, form.named("m")[:61]
    ('whisper', b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--x\r\n')
    """
    delimiter = _delimiter(content_type)
    if data.count(b"\n" + delimiter) != data.count(b"\r\n" + delimiter):
        raise InvalidRequest("the multipart body's parts must be separated by CRLF")
    found: list[Form] = []
    position = data.find(delimiter)
    while position >= 0:
        head_start = position + len(delimiter)
        head_end = data.find(b"\r\n\r\n", head_start)
        following = data.find(b"\r\n" + delimiter, head_start)
        if head_end < 0 or following < 0:
            break
        if head_end < following and _names_model(data[head_start:head_end]):
            found.append(Form(data, head_end + 4, following))
        position = following + 2
    if len(found) > 1:
        raise InvalidRequest("the form names more than one model", param="model")
    form = found[0] if found else Form(data)
    if form.end - form.start > _MAX_MODEL_BYTES:
        raise InvalidRequest("the form's model is too long to be a name", param="model")
    return form


def _delimiter(content_type: str) -> bytes:
    """Return what stands before each part."""
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise InvalidRequest("the multipart body's Content-Type names no boundary")
    if content_type.lower().count("boundary") > 1:
        raise InvalidRequest("the multipart body's Content-Type names more than one boundary")
    return b"--" + (match[1] or match[2]).encode("latin-1", "replace")


def _names_model(head: bytes) -> bool:
    r"""Tell whether a part is the model, in any spelling that a parser may know.

    Examples
    --------
    >>> _names_model(b'\r\nContent-Disposition: form-data; name*=utf-8\'\'model')
    True
    """
    for extended, quoted, plain in _NAME.findall(head):
        name = re.sub(rb"\\(.)", rb"\1", quoted) or plain
        if name == b"model" or (extended and unquote_to_bytes(name).endswith(b"model")):
            return True
    return False
