from __future__ import annotations

from pathlib import Path

import pytest

from router.config.settings import Settings, parse_dotenv
from router.errors import ConfigError


def test_flags_win_over_environment_over_dotenv_over_defaults(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LLM_ROUTER_HOST=from-file\nLLM_ROUTER_PORT=1\nLOG_LEVEL=debug")
    environ = {"LLM_ROUTER_HOST": "from-environ", "LLM_ROUTER_PORT": "2"}
    settings = Settings.read({"port": "3", "host": None}, environ, tmp_path)
    assert (settings.port, settings.host, settings.log_level) == (3, "from-environ", "debug")
    assert settings.workers == 1


def test_defaults_are_those_of_a_plain_server(tmp_path: Path) -> None:
    settings = Settings.read({}, {}, tmp_path)
    assert (settings.host, settings.port, settings.workers) == ("0.0.0.0", 8000, 1)
    assert settings.config_path is None
    assert settings.ingress_required is None
    assert settings.audit_enabled is None
    assert settings.oauth_clock_skew_s == 30
    assert settings.state_dir == str(tmp_path / "run")


def test_dotenv_is_interpolated_and_never_executed(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    text = (
        "USER_NAME=bob\n"
        f"URL=postgresql://${{USER_NAME}}:${{SECRET:-none}}@host/$(touch {marker})`id`\n"
        "export QUOTED='a b'\n"
    )
    values = parse_dotenv(text, {})
    assert values["URL"] == f"postgresql://bob:none@host/$(touch {marker})`id`"
    assert values["QUOTED"] == "a b"
    assert not marker.exists()


def test_the_process_environment_wins_inside_interpolation() -> None:
    assert parse_dotenv("A=file\nB=${A}", {"A": "process"})["B"] == "process"


def test_interpolation_does_not_read_the_real_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONLY_IN_OS_ENVIRON", "leak")
    assert parse_dotenv("A=${ONLY_IN_OS_ENVIRON}", {}) == {"A": ""}


def test_every_bad_setting_is_told_at_once_with_its_name(tmp_path: Path) -> None:
    environ = {
        "LLM_ROUTER_PORT": "eighty",
        "INGRESS_AUTH_REQUIRED": "maybe",
        "ROUTER_AUDIT_LOG_CONTENT": "all",
        "ROUTER_TRUSTED_PROXIES": "10.0.0.0/8,proxy",
        "OAUTH_CLOCK_SKEW_SECONDS": "1.5",
        "BACKEND_TIMEOUT_SECONDS": "-1",
    }
    with pytest.raises(ConfigError) as caught:
        Settings.read({"workers": "0"}, environ, tmp_path)
    text = "\n".join(caught.value.problems)
    for name in (*environ, "LLM_ROUTER_WORKERS (or --workers)"):
        assert name in text
    assert "true or false" in text
    assert "none, preview" in text


def test_lists_and_truth_values_are_read(tmp_path: Path) -> None:
    environ = {
        "INGRESS_API_KEYS": "key1, key2,,",
        "INGRESS_AUTH_REQUIRED": "False",
        "ROUTER_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        "OAUTH_REQUIRED_SCOPES": "a,b",
        "BACKEND_TIMEOUT_SECONDS": "12.5",
    }
    settings = Settings.read({}, environ, tmp_path)
    assert [key.value for key in settings.ingress_keys] == ["key1", "key2"]
    assert settings.ingress_required is False
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")
    assert settings.oauth_required_scopes == ("a", "b")
    assert settings.backend_timeout_s == 12.5


def test_keys_come_from_files_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("one\ntwo\n")
    settings = Settings.read({}, {"INGRESS_API_KEYS_FILE": str(tmp_path / "keys")}, tmp_path)
    assert [key.value for key in settings.ingress_keys] == ["one", "two"]


def test_a_key_file_that_is_missing_is_refused_not_ignored(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="INGRESS_API_KEYS_FILE names /nowhere"):
        Settings.read({}, {"INGRESS_API_KEYS_FILE": "/nowhere"}, tmp_path)


def test_a_dotenv_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        Settings.read({}, {}, tmp_path)


def test_systemd_gives_the_state_directory(tmp_path: Path) -> None:
    settings = Settings.read({}, {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, tmp_path)
    assert settings.state_dir == "/var/lib/a"


def test_no_secret_stands_in_the_repr(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-dotenv")
    environ = {
        "INGRESS_API_KEYS": "sk-ingress",
        "OAUTH_JWT_SECRET": "sk-jwt",
        "BACKEND_API_KEY": "sk-backend",
        "ROUTER_ADMIN_API_KEYS": "sk-admin",
    }
    assert "sk-" not in repr(Settings.read({}, environ, tmp_path))
