"""The model's field of a form is found and renamed; every other byte stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.errors import InvalidRequest
from router.web.multipart import read_form

TYPE = "multipart/form-data; boundary=bound"


def form(*fields: tuple[str, bytes]) -> bytes:
    parts = [
        b'--bound\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + value
        for name, value in fields
    ]
    return b"\r\n".join(parts) + b"\r\n--bound--\r\n"


def test_the_model_is_renamed_and_the_file_untouched() -> None:
    body = form(("file", b"RIFF\x00\xff"), ("model", b"whisper-1"), ("language", b"en"))
    found = read_form(body, TYPE)
    assert found.model == "whisper-1"
    assert found.named("upstream/m") == body.replace(b"whisper-1", b"upstream/m")


def test_a_file_that_speaks_of_a_model_is_not_mistaken_for_the_field() -> None:
    trick = b'Content-Disposition: form-data; name="model"\r\n\r\nevil'
    found = read_form(form(("file", trick), ("model", b"good")), TYPE)
    assert found.model == "good"


def test_a_form_without_a_model_stays_as_it_is() -> None:
    body = form(("file", b"x"), ("model_extra", b"y"))
    found = read_form(body, TYPE)
    assert found.model is None
    assert found.named("m") == body


def test_a_form_without_a_boundary_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="boundary"):
        read_form(b"x", "multipart/form-data")


def test_a_quoted_boundary_is_read() -> None:
    assert read_form(form(("model", b"m")), 'multipart/form-data; boundary="bound"').model == "m"


LIMITED = b'--bound\r\nContent-Disposition: form-data; name="model"\r\n\r\nallowed\r\n'
SECOND = b'Content-Disposition: form-data; name="model"'
TWO_READINGS = {
    "two models": LIMITED + b"--bound\r\n" + SECOND + b"\r\n\r\nother\r\n--bound--\r\n",
    "extended name": LIMITED
    + b"--bound\r\nContent-Disposition: form-data; name*=utf-8''m%6Fdel\r\n\r\nother"
    + b"\r\n--bound--\r\n",
    "escaped name": LIMITED
    + b'--bound\r\nContent-Disposition: form-data; name="m\\odel"\r\n\r\nother\r\n--bound--\r\n',
    "bare line feeds": LIMITED + b"--bound\n" + SECOND + b"\n\nother\n--bound--\n\r\n--bound--\r\n",
    "an overlong name": LIMITED.replace(b"allowed", b"allowed" + b" " * 520 + b"-other")
    + b"--bound--\r\n",
}


@pytest.mark.parametrize("name", TWO_READINGS)
def test_a_form_that_a_provider_could_read_otherwise_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        read_form(TWO_READINGS[name], TYPE)


def test_a_second_boundary_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="more than one boundary"):
        read_form(form(("model", b"m")), f"{TYPE}; boundary=other")


@given(st.binary(max_size=400))
def test_no_body_breaks_it(data: bytes) -> None:
    try:
        found = read_form(data, TYPE)
    except InvalidRequest:
        return
    assert found.model is not None or found.named("m") == data
