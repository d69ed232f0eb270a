from __future__ import annotations

from pathlib import Path

import pytest

from router.canonical.secret import Secret
from router.config.secrets import Secrets, is_sendable


def test_a_name_is_found_in_environment_then_file_then_credentials(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("from-file\n")
    (tmp_path / "KEY").write_text("from-credential\n")
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert Secrets(env).find("KEY") == "from-credential"
    env["KEY_FILE"] = str(tmp_path / "file")
    assert Secrets(env).find("KEY") == "from-file"
    env["KEY"] = "from-environment"
    assert Secrets(env).find("KEY") == "from-environment"


@pytest.mark.parametrize("reference", ["os.environ/KEY", "${KEY}"])
def test_references_are_replaced(reference: str) -> None:
    assert Secrets({"KEY": "value"}).expand(reference).text == "value"


@pytest.mark.parametrize("reference", ["os.environ/KEY", "${KEY}", "Bearer ${KEY}"])
def test_a_missing_reference_names_the_variable(reference: str) -> None:
    resolved = Secrets({}).expand(reference)
    assert resolved.secret is None
    assert "KEY is not set" in resolved.missing[0]


def test_a_literal_is_itself() -> None:
    assert Secrets({}).expand("sk-literal").text == "sk-literal"


def test_the_variable_wins_over_the_literal_and_falls_back_to_it() -> None:
    assert Secrets({"KEY": "env"}).choose("KEY", "literal").text == "env"
    assert Secrets({}).choose("KEY", "literal").text == "literal"
    assert Secrets({}).choose(None, None).missing == ()


def test_a_value_is_not_expanded_twice() -> None:
    assert Secrets({"A": "${B}", "B": "no"}).expand("${A}").text == "${B}"


def test_a_reference_that_is_no_name_reads_no_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("secret")
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path / "sub")}
    assert Secrets(env).expand("os.environ/../x").secret is None


def test_an_unreadable_file_is_told_by_its_path() -> None:
    assert "/nowhere" in Secrets({"KEY_FILE": "/nowhere"}).variable("KEY").missing[0]


def test_secrets_with_line_breaks_cannot_be_sent() -> None:
    assert is_sendable(Secret("sk-ä"))
    assert not is_sendable(Secret("a\r\nX-Evil: 1"))


def test_repr_hides_values() -> None:
    assert "s3cret" not in repr(Secrets({"KEY": "s3cret"}).expand("${KEY}"))
    assert "s3cret" not in repr(Secrets({"KEY": "s3cret"}))
