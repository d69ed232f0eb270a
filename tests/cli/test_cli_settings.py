from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from router.cli.main import main


def test_a_file_named_by_a_flag_is_relative_to_where_it_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("accounts: [{name: a, provider: demo, models: [small]}]\n")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["check", "--config", "mine.yaml"])
    assert f"{tmp_path / 'mine.yaml'}: 1 account(s), 1 model(s)" in result.output


def test_routes_without_any_known_model_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKEND_BASE_URL", "https://any.example")
    result = CliRunner().invoke(main, ["routes"])
    assert "default_model: none is known" in result.output
    assert "none usable" not in result.output
