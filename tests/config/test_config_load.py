from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from router.config import models_table
from router.config.holder import SnapshotHolder
from router.config.last_good import forget, load_and_keep, load_or_last_good
from router.config.load import PLACES, load
from router.config.masked import masked
from router.config.settings import Settings
from router.config.snapshot import Snapshot
from router.errors import ConfigError

Load = Callable[..., Snapshot]
ROOT = Path(models_table.__file__).parents[2]
GOOD = "models: [m]\naccounts: [{name: a, base_url: 'http://a', api_key: '${KEY}'}]\n"
LITELLM = "model_list: [{model_name: m, litellm_params: {model: openai/m, api_key: k}}]\n"


def write(root: Path, place: str, text: str) -> None:
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text(text)


# --- which source


def test_nothing_configured_is_the_demo_and_says_so(load_text: Load, notes_of) -> None:
    snapshot = load_text(None)
    assert snapshot.source.kind == "demo"
    account = snapshot.accounts["demo"]
    assert (account.kind, account.base_url) == ("demo", "demo://local")
    tiers = snapshot.routes.tasks["general"]
    assert tiers["low"] == tiers["medium"] == ("demo-fast",)
    assert tiers["high"] == tiers["xhigh"] == ("demo-smart",)
    assert "demo account" in notes_of(snapshot, "warning")[0].message


def test_places_are_looked_at_in_order_and_the_winner_is_named(tmp_path: Path) -> None:
    for number, place in enumerate(reversed(PLACES)):
        write(tmp_path, place, GOOD if place.endswith("router.yaml") else LITELLM)
        snapshot = load(Settings.read({}, {}, tmp_path))
        assert snapshot.source.path == str(tmp_path / place)
        warnings = [note for note in snapshot.notes if "is used" in note.message]
        assert len(warnings) == (number > 0)
        assert not warnings or warnings[0].path == place


def test_a_named_file_wins_and_the_flag_wins_over_the_variable(tmp_path: Path) -> None:
    write(tmp_path, "config/router.yaml", "broken: [")
    write(tmp_path, "a.yaml", GOOD)
    write(tmp_path, "b.yml", LITELLM)
    env = {"ROUTING_CONFIG_PATH": "a.yaml"}
    assert load(Settings.read({}, env, tmp_path)).source.kind == "router"
    flags = {"config": str(tmp_path / "b.yml")}
    assert load(Settings.read(flags, env, tmp_path)).source.kind == "litellm"


@pytest.mark.parametrize(
    ("flags", "env", "origin"),
    [
        ({"config": "gone.yaml"}, {}, "--config"),
        ({}, {"ROUTING_CONFIG_PATH": "gone.yaml"}, "ROUTING_CONFIG_PATH"),
        ({"config": "."}, {}, "--config"),
    ],
)
def test_a_named_file_that_is_missing_is_an_error_never_the_demo(
    flags: dict[str, str], env: dict[str, str], origin: str, problems_of: Callable[..., str]
) -> None:
    problems = problems_of(None, flags=flags, env=env)
    assert origin in problems
    assert "which is not a file" in problems


def test_a_backend_alone_serves_any_model(load_text: Load) -> None:
    env = {"BACKEND_BASE_URL": "http://b:1/v1", "OPENAI_API_KEY": "k"}
    snapshot = load_text(None, env=env)
    assert snapshot.source.kind == "backend"
    assert list(snapshot.accounts) == ["default"]
    target = snapshot.wildcards[0].match("what/ever")
    assert target is not None
    assert target.upstream_model == "what/ever"
    found = load_text(None, env=env, discovered={"default": ("llama3:8b",)})
    assert found.routes.default_model == "llama3:8b"


def test_provider_keys_make_accounts_models_and_tiers(load_text: Load) -> None:
    env = {"CLAUDE_API_KEY": "sk-c", "GOOGLE_API_KEY": "g", "GROK_API_KEY": "x"}
    snapshot = load_text(None, env=env, dotenv="OPENAI_API_KEY=sk-o\nGROQ_API_KEY=gq\n")
    assert snapshot.source.kind == "environment"
    assert list(snapshot.accounts) == ["openai", "anthropic", "gemini", "xai", "groq"]
    assert snapshot.routes.origin == "models table"
    tiers = snapshot.routes.tasks["general"]
    assert set(tiers) == {"low", "medium", "high", "xhigh", "default"}
    # Providers take turns, so that the second choice fails for other reasons.
    owners = [snapshot.models[model].owned_by for model in tiers["xhigh"]]
    assert owners[:3] == ["openai", "anthropic", "gemini"]
    assert all(snapshot.targets[model] for models in tiers.values() for model in models)
    assert "groq/openai/gpt-oss-120b" in snapshot.targets
    assert any(w.pattern == "anthropic/*" for w in snapshot.wildcards)
    assert "sk-" not in repr(snapshot)


def test_every_key_variable_of_the_eight_providers_counts(load_text: Load) -> None:
    for variable in (
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "CLAUDE_API_KEY",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "XAI_API_KEY",
        "GROK_API_KEY",
        "GROQ_API_KEY",
        "MISTRAL_API_KEY",
        "DEEPSEEK_API_KEY",
        "OPENROUTER_API_KEY",
    ):
        snapshot = load_text(None, env={variable: "k"})
        assert len(snapshot.accounts) == 1
        assert snapshot.routes.default_model


def test_a_provider_key_file_that_is_missing_is_not_the_demo(load_text: Load, notes_of) -> None:
    snapshot = load_text(None, env={"OPENAI_API_KEY_FILE": "/nowhere"})
    assert snapshot.source.kind == "environment"
    assert "/nowhere" in snapshot.disabled["openai"]
    assert notes_of(snapshot, "error")


def test_an_ollama_is_an_account_whose_models_are_found_later(load_text: Load) -> None:
    env = {"OLLAMA_HOST": "0.0.0.0:11434"}
    before = load_text(None, env=env)
    assert before.accounts["ollama"].base_url == "http://127.0.0.1:11434"
    assert before.models == {}
    tags = ("llama3.2:3b", "qwen3:32b", "nomic-embed-text:latest")
    after = load_text(None, env=env, discovered={"ollama": tags})
    assert after.routes.tasks["general"]["low"] == ("llama3.2:3b",)
    assert after.routes.tasks["general"]["high"] == ("qwen3:32b",)
    assert after.models["nomic-embed-text:latest"].mode == "embedding"
    assert after.targets["ollama/qwen3:32b"][0].upstream_model == "qwen3:32b"
    # Each worker finds models in its own time; the configuration is the same.
    assert after.digest == before.digest


def test_bad_addresses_in_the_environment_are_told(problems_of: Callable[..., str]) -> None:
    assert "BACKEND_BASE_URL" in problems_of(None, env={"BACKEND_BASE_URL": "b:1"})
    assert "OLLAMA_HOST" in problems_of(None, env={"OLLAMA_HOST": "http://u:p@h"})
    env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "x"}
    assert "OPENAI_BASE_URL" in problems_of(None, env=env)


def test_ignored_proxy_variables_draw_a_note(load_text: Load, notes_of) -> None:
    snapshot = load_text(None, env={"HTTPS_PROXY": "http://p"})
    assert "HTTPS_PROXY" in {note.path for note in notes_of(snapshot, "info")}


@pytest.mark.parametrize("name", ["router.example.yaml", "config.example.yml"])
def test_the_examples_load_and_use_every_key(name: str, load_text: Load) -> None:
    env = dict.fromkeys(
        ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"), "k"
    )
    snapshot = load_text((ROOT / "config" / name).read_text(), env=env)
    assert {note.level for note in snapshot.notes} <= {"info"}
    without_keys = load_text((ROOT / "config" / name).read_text())
    assert {note.level for note in without_keys.notes} <= {"info", "error", "warning"}


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "config/router.yaml", "")
    (tmp_path / "config/router.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(Settings.read({}, {}, tmp_path))


# --- digest


def test_the_digest_follows_what_the_configuration_does(load_text: Load) -> None:
    first = load_text(GOOD, env={"KEY": "one"})
    assert len(first.digest) == 12
    assert int(first.digest, 16) >= 0
    assert load_text(GOOD, env={"KEY": "one"}).digest == first.digest
    assert load_text("# comment\n" + GOOD, env={"KEY": "one"}).digest == first.digest
    assert load_text(GOOD, env={"KEY": "two"}).digest != first.digest
    assert load_text(GOOD + "max_attempts: 4\n", env={"KEY": "one"}).digest != first.digest
    assert load_text(GOOD, env={"KEY": "one", "INGRESS_API_KEYS": "k"}).digest != first.digest


def test_the_digest_is_the_same_in_every_process_and_directory(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from router.config.load import load;"
        "from router.config.settings import Settings;"
        "print(load(Settings.read({}, {}, pathlib.Path(sys.argv[1]))).digest)"
    )
    digests = set()
    for seed in ("1", "2"):
        root = tmp_path / seed
        write(root, "config/config.yml", (ROOT / "config" / "config.example.yml").read_text())
        env = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", program, str(root)],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(run.stdout.strip())
    assert len(digests) == 1


# --- masking


def test_masked_shows_everything_but_secrets(load_text: Load) -> None:
    text = """
models: {m: {api_token: geheim-meta}}
accounts:
  - {name: a, base_url: 'http://a', api_key: geheim-key, headers: {X-Key: geheim-header},
     proxy: 'http://u:geheim-proxy@p:1'}
  - {name: b, provider: openai, base_url: 'http://b', auth_mode: oauth,
     oauth_access_token: geheim-access, oauth_client_secret: geheim-client}
keys: [{name: k, key: geheim-caller}]
"""
    env = {
        "OAUTH_ENABLED": "true",
        "OAUTH_JWT_SECRET": "geheim-jwt",
        "ROUTER_ADMIN_API_KEYS": "geheim-admin",
    }
    snapshot = load_text(text, env=env)
    shown = masked(snapshot)
    dumped = json.dumps(shown)
    assert "geheim" not in dumped
    assert "geheim" not in repr(snapshot).replace("geheim-meta", "")
    assert shown["accounts"]["a"]["api_key"] == "****"
    assert shown["accounts"]["a"]["proxy"] == "http://****@p:1"
    assert shown["targets"]["m"][0]["account"] == "a"
    assert {key["name"] for key in shown["auth"]["keys"]} == {"k", "admin-key-1"}
    assert all(key["digest"] == "****" for key in shown["auth"]["keys"])
    assert shown["routes"]["learned"]["default_output_tokens"] == 512
    assert shown["digest"] == snapshot.digest


# --- swapping and the last good


def test_a_swap_takes_the_new_and_keeps_the_old_on_any_problem(tmp_path: Path) -> None:
    place = tmp_path / "config/router.yaml"
    write(tmp_path, "config/router.yaml", GOOD)
    holder = SnapshotHolder(lambda: load(Settings.read({}, {"KEY": "k"}, tmp_path)))
    first = holder.current
    assert holder.swap().changed is False
    place.write_text(GOOD + "max_attempts: 4\n")
    result = holder.swap()
    assert (result.changed, result.error) == (True, None)
    second = holder.current
    assert second.digest != first.digest
    place.write_text("broken: [")
    result = holder.swap()
    assert result.changed is False
    assert result.error is not None
    assert holder.current is second


def test_a_holder_does_not_start_on_a_bad_file(tmp_path: Path) -> None:
    write(tmp_path, "config/router.yaml", "broken: [")
    with pytest.raises(ConfigError):
        SnapshotHolder(lambda: load(Settings.read({}, {}, tmp_path)))


def test_the_last_good_is_kept_private_and_whole(tmp_path: Path) -> None:
    write(tmp_path, ".env", "KEY=k\n")
    write(tmp_path, "config/router.yaml", GOOD)
    load_and_keep({}, {}, tmp_path)
    kept = tmp_path / "run" / "last-good" / "sources.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o077 == 0
    assert list(kept.parent.iterdir()) == [kept]


@pytest.mark.parametrize("harm", ["broken", "gone", "dotenv"])
def test_a_worker_born_beside_a_bad_file_runs_the_last_good(harm: str, tmp_path: Path) -> None:
    write(tmp_path, ".env", "KEY=k\n")
    write(tmp_path, "config/router.yaml", GOOD)
    good = load_and_keep({}, {}, tmp_path)
    if harm == "gone":
        (tmp_path / "config/router.yaml").unlink()
        write(tmp_path, "config/config.yml", "model_list: 3")
    elif harm == "broken":
        write(tmp_path, "config/router.yaml", "broken: [")
    else:
        write(tmp_path, ".env", "KEY=k\nLLM_ROUTER_PORT=x\n")
    snapshot, error = load_or_last_good({}, {}, tmp_path)
    assert error is not None
    assert snapshot.digest == good.digest
    assert snapshot.notes[0].level == "error"


def test_included_files_are_part_of_the_last_good(tmp_path: Path) -> None:
    write(tmp_path, "config/config.yml", LITELLM + "include: more.yml\n")
    write(tmp_path, "config/more.yml", LITELLM.replace("model_name: m", "model_name: n"))
    good = load_and_keep({}, {}, tmp_path)
    write(tmp_path, "config/more.yml", "model_list: 3")
    snapshot, error = load_or_last_good({}, {}, tmp_path)
    assert error is not None
    assert snapshot.digest == good.digest
    assert "n" in snapshot.targets


def test_a_good_file_is_taken_and_kept_anew(tmp_path: Path) -> None:
    write(tmp_path, "config/router.yaml", GOOD)
    load_and_keep({}, {"KEY": "k"}, tmp_path)
    write(tmp_path, "config/router.yaml", GOOD + "max_attempts: 4\n")
    snapshot, error = load_or_last_good({}, {"KEY": "k"}, tmp_path)
    assert (error, snapshot.retry.max_attempts) == (None, 4)
    write(tmp_path, "config/router.yaml", "broken: [")
    revived, _ = load_or_last_good({}, {"KEY": "k"}, tmp_path)
    assert revived.retry.max_attempts == 4


def test_a_first_start_with_a_bad_file_fails(tmp_path: Path) -> None:
    write(tmp_path, "config/router.yaml", GOOD)
    load_and_keep({}, {"KEY": "k"}, tmp_path)
    forget(str(tmp_path / "run"))
    write(tmp_path, "config/router.yaml", "broken: [")
    with pytest.raises(ConfigError, match="not YAML"):
        load_or_last_good({}, {"KEY": "k"}, tmp_path)


def test_a_damaged_last_good_is_no_help_and_no_trouble(tmp_path: Path) -> None:
    write(tmp_path, "run/last-good/sources.json", '{"dotenv": 1')
    write(tmp_path, "config/router.yaml", "broken: [")
    with pytest.raises(ConfigError, match="not YAML"):
        load_or_last_good({}, {}, tmp_path)


def test_a_state_directory_that_cannot_be_written_is_only_noted(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file, not a directory")
    snapshot = load_and_keep({}, {}, tmp_path)
    assert any("is not kept" in note.message for note in snapshot.notes)
