r"""This module reads and renames the model in a multipart form, and leaves the rest alone.

Audio and file uploads come as ``multipart/form-data``. Parsing one into a form and writing
it anew would copy the files and lose what they were sent with, so the one field that is
the router's business is found and replaced in the bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from router.errors import InvalidRequest

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))')
_FIELD = re.compile(rb'(?i)content-disposition:[^\r\n]*;\s*name="?model"?\s*(?:;|\r|\n|$)')
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

    Raises
    ------
    InvalidRequest
        The content type names no boundary.

    Examples
    --------
    >>> body = (b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n'
    ...         b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nAB\r\n--x--\r\n')
    >>> form = read_form(body, "multipart/form-data; boundary=x")
    >>> form.model, form.named("m")[:61]
    ('whisper', b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--x\r\n')
    """
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise InvalidRequest("the multipart body's Content-Type names no boundary")
    delimiter = b"--" + (match[1] or match[2]).encode("latin-1", "replace")
    position = data.find(delimiter)
    while position >= 0:
        head_start = position + len(delimiter)
        head_end = data.find(b"\r\n\r\n", head_start)
        following = data.find(b"\r\n" + delimiter, head_start)
        if head_end < 0 or following < 0:
            break
        if head_end < following and _FIELD.search(data[head_start : head_end + 2]):
            end = min(following, head_end + 4 + _MAX_MODEL_BYTES)
            return Form(data, head_end + 4, end)
        position = following + 2
    return Form(data)
