"""Open-WebUI is given its own variables, and no key but the gateway's."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from router.cli.webui import environment, kept_secret, systemd_line
from router.config.load import load
from router.config.settings import Settings
from router.errors import ConfigError


def given(root: Path, **env: str) -> dict[str, str]:
    settings = Settings.read({}, env, root, "")
    return environment(settings, load(settings), root / "data", "kept")


def test_no_providers_key_reaches_it_however_it_is_named(tmp_path: Path) -> None:
    keys = {
        "OPENAI_API_KEY": "sk-1",
        "ANTHROPIC_API_KEY": "sk-2",
        "RAG_OPENAI_API_KEY": "sk-3",
        "DEFAULT_IMAGE_API_KEY": "sk-4",
        "INGRESS_API_KEYS": "sk-5,sk-6",
        "ROUTER_ADMIN_API_KEYS": "sk-7",
        "POSTGRES_PASSWORD": "sk-8",
        "AWS_SECRET_ACCESS_KEY": "sk-9",
    }
    env = given(tmp_path, PATH="/bin", WEBUI_NAME="Ours", **keys)
    assert (env["PATH"], env["WEBUI_NAME"], env["OPENAI_API_KEYS"]) == ("/bin", "Ours", "sk-5")
    assert [value for value in env.values() if value.startswith("sk-")] == ["sk-5"]


def test_its_connection_is_the_gateway_whatever_is_set(tmp_path: Path) -> None:
    elsewhere = {"OPENAI_API_BASE_URLS": "https://api.openai.com/v1", "OPENAI_API_KEYS": "sk-x"}
    env = given(tmp_path, LLM_ROUTER_HOST="::1", LLM_ROUTER_PORT="9", **elsewhere)
    assert (env["OPENAI_API_BASE_URLS"], env["OPENAI_API_KEYS"]) == (
        "http://[::1]:9/v1",
        "none-needed",
    )
    headers = json.loads(env["OPENAI_API_CONFIGS"])["0"]["headers"]
    assert headers["X-OpenWebUI-Task"] == "{{TASK}}"


def test_its_own_key_is_preferred_and_one_is_needed(tmp_path: Path) -> None:
    both = {"INGRESS_API_KEYS": "sk-a", "OPENWEBUI_ROUTER_KEY": "sk-own"}
    assert given(tmp_path, **both)["OPENAI_API_KEYS"] == "sk-own"
    with pytest.raises(ConfigError, match="OPENWEBUI_ROUTER_KEY: is not set"):
        given(tmp_path, ROUTER_ADMIN_API_KEYS="sk-admin")


def test_the_database_is_made_of_its_parts_unless_it_is_named(tmp_path: Path) -> None:
    parts = {
        "OPENWEBUI_DB_NAME": "n",
        "OPENWEBUI_DB_USER": "u",
        "OPENWEBUI_DB_PASSWORD": "p@:/ß",
        "DB_HOST": "db",
    }
    assert given(tmp_path, **parts)["DATABASE_URL"] == "postgresql://u:p%40%3A%2F%C3%9F@db/n"
    named = given(tmp_path, DATABASE_URL="postgresql://mine", **parts)
    assert named["DATABASE_URL"] == "postgresql://mine"
    assert "DATABASE_URL" not in given(tmp_path)


def test_the_secret_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret_key"
    first = kept_secret(path)
    assert len(first) > 40
    assert kept_secret(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_for_systemd_are_quoted() -> None:
    assert systemd_line("A", '{"a": "$(id) `b` \\"}') == (
        'A="{\\"a\\": \\"\\$(id) \\`b\\` \\\\\\"}"'
    )
