from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from router.cli.router_edits import SKELETON
from router.cli.smr_config import main
from router.cli.yaml_file import locked

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "router.example.yaml"

LITELLM = """\
model_list:  # what is served
  - model_name: gpt
    litellm_params: {model: openai/gpt-5.2, api_key: sk-literal}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "router.yaml"


@pytest.fixture
def example(path: Path) -> Path:
    path.parent.mkdir()
    path.write_text(EXAMPLE.read_text())
    return path


def run(path: Path, *arguments: str, options: tuple[str, ...] = ()) -> Result:
    return CliRunner().invoke(main, ["--path", str(path), *options, *arguments])


def edited(path: Path, *arguments: str) -> dict[str, Any]:
    result = run(path, *arguments)
    assert result.exit_code == 0, result.output
    return dict(yaml.safe_load(path.read_text()))


ADD = ("add-account", "--name", "default", "--provider", "openai")
LOCAL = ("--base-url", "http://localhost:11434")


def test_the_first_account_makes_a_whole_file(path: Path) -> None:
    document = edited(path, *ADD, *LOCAL, "--api-key-env", "K", "--models", "gpt-5.2,x/y")
    assert document.keys() == yaml.safe_load(SKELETON).keys()
    assert document["accounts"] == [
        {
            "name": "default",
            "provider": "openai",
            "base_url": "http://localhost:11434",
            "auth_mode": "api_key",
            "api_key_env": "K",
            "models": ["openai/gpt-5.2", "x/y"],
            "enabled": True,
        }
    ]
    assert list(document["models"]) == ["openai/gpt-5.2", "x/y"]
    assert document["default_model"] == "openai/gpt-5.2"
    assert path.stat().st_mode & 0o077 == 0, "it may hold keys"


def test_an_account_is_changed_by_name_and_keeps_what_was_not_given(path: Path) -> None:
    edited(path, *ADD, *LOCAL, "--api-key-env", "K", "--organization", "o", "--models", "a")
    again = ("--models", "a,b", "--disabled", "--organization", "", "--set-default")
    document = edited(path, *ADD, "--base-url", "http://other:1", *again)
    (account,) = document["accounts"]
    assert account["base_url"] == "http://other:1"
    assert account["api_key_env"] == "K"
    assert account["models"] == ["openai/a", "openai/b"]
    assert account["enabled"] is False
    assert account["organization"] is None
    assert document["default_model"] == "openai/a"


@pytest.mark.parametrize(
    ("arguments", "where", "value"),
    [
        (("add-model", "--model", "m", "--set-default"), ("default_model",), "m"),
        (("add-model", "--model", "m", "--account", "gpu"), ("accounts", 2, "models"),
         ["qwen3", "m"]),
        (("set-route", "--task", "coding", "--tier", "low", "--model", "m"),
         ("task_routes", "coding", "low"), ["m"]),
        (("set-route", "--task", "general", "--tier", "low", "--model", "m, qwen3"),
         ("task_routes", "general", "low"), ["m", "qwen3"]),
        (("set-fallbacks", "--models", "m"), ("fallback_models",), ["m"]),
        (("set-fallbacks", "--models", "m,gpt-6-luna", "--append"),
         ("fallback_models",), ["gpt-6-luna", "m"]),
        (("set-profile", "--model", "m", "--quality-bias", "-1.5", "--failure-rate", "0.1"),
         ("model_profiles", "m"), {"quality_bias": -1.5, "failure_rate": 0.1}),
        (("set-candidates", "--task", "coding", "--models", "m", "--enable"),
         ("learned_routing",), {"task_candidates": {"coding": ["m"]}, "enabled": True}),
        (("set-learned", "--enabled", "on", "--bias", "-3", "--utility-latency", "0.5",
          "--set-feature", "code_score=1.25", "--set-feature", "has_image=-2"),
         ("learned_routing",),
         {"enabled": True, "bias": -3.0, "utility_weights": {"latency": 0.5},
          "feature_weights": {"code_score": 1.25, "has_image": -2.0}}),
    ],
)  # fmt: skip
def test_each_verb_edits_the_example_and_keeps_every_comment(
    example: Path, arguments: tuple[str, ...], where: tuple[Any, ...], value: Any
) -> None:
    before = example.read_text()
    found: Any = edited(example, *arguments)
    for step in where:
        found = found[step]
    assert found == value
    comments = [line.partition("#")[2] for line in before.splitlines() if "#" in line]
    after = example.read_text()
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == comments
    models = yaml.safe_load(after)["models"]
    assert "m" in models or "set-learned" in arguments


def test_clearing_features_comes_before_setting_them(path: Path) -> None:
    edited(path, *ADD, *LOCAL, "--models", "a")
    edited(path, "set-learned", "--set-feature", "a=1", "--set-feature", "b=2")
    document = edited(path, "set-learned", "--set-feature", "c=3", "--clear-features")
    assert document["learned_routing"]["feature_weights"] == {"c": 3.0}


def test_a_write_leaves_a_backup_and_shows_a_diff(example: Path) -> None:
    before = example.read_text()
    example.chmod(0o640)
    result = run(example, "add-model", "--model", "m")
    (backup,) = example.parent.glob("router.yaml.*.bak")
    assert backup.read_text() == before
    assert (backup.stat().st_mode & 0o777, example.stat().st_mode & 0o777) == (0o640, 0o640)
    assert "+  m: {}" in result.stderr
    assert backup.name in result.stdout


def test_a_dry_run_prints_the_result_and_writes_nothing(example: Path) -> None:
    before = example.read_text()
    result = run(example, "add-model", "--model", "m", options=("--dry-run",))
    assert "m" in yaml.safe_load(result.stdout)["models"]
    assert example.read_text() == before
    assert [entry.name for entry in example.parent.iterdir()] == ["router.yaml"]


def test_what_is_so_already_is_not_written_again(example: Path) -> None:
    result = run(example, "set-fallbacks", "--models", "gpt-6-luna")
    assert "nothing to change" in result.stdout
    assert [entry.name for entry in example.parent.iterdir()] == ["router.yaml"]


def test_a_result_that_the_server_would_refuse_is_not_written(example: Path) -> None:
    before = example.read_text()
    result = run(example, "set-profile", "--model", "m", "--failure-rate", "7")
    assert result.exit_code == 2
    assert "error: " in result.stderr
    assert "failure_rate" in result.stderr
    assert "Traceback" not in result.output
    assert example.read_text() == before


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("a: [", ("add-model", "--model", "m"), "not YAML"),
        ("models: {}\nmodels: {}\n", ("add-model", "--model", "m"), "stands twice"),
        ("- a\n", ("add-model", "--model", "m"), "must be a mapping"),
        (None, ("show",), "no such file"),
        (None, ("add-model", "--model", "m", "--account", "nobody"), 'no account "nobody"'),
        (LITELLM, ("add-model", "--model", "m"), "model_list"),
        (None, ("set-learned", "--set-feature", "x"), "KEY=NUMBER"),
        (None, ("set-fallbacks", "--models", " , "), "names no model"),
        (None, ("login-chatgpt", "--account", "a", "--no-browser"), "on purpose"),
        (None, ("add-account", "--name", "a"), "--provider"),
    ],
)
def test_errors_are_sentences_with_exit_code_2(
    path: Path, text: str | None, arguments: tuple[str, ...], said: str
) -> None:
    if text is not None:
        path.parent.mkdir()
        path.write_text(text)
    result = run(path, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert isinstance(result.exception, SystemExit)
    assert not path.exists() or path.read_text() == text


def test_a_litellm_file_takes_routes(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(LITELLM)
    document = edited(path, "set-route", "--task", "coding", "--tier", "default", "--model", "gpt")
    assert document["task_routes"] == {"coding": {"default": ["gpt"]}}
    assert "models" not in document
    assert path.read_text().startswith(LITELLM)


def test_the_diff_shows_no_secret(path: Path) -> None:
    first = run(path, *ADD, *LOCAL, "--api-key", "sk-very-secret", "--models", "a")
    second = run(path, *ADD, "--base-url", "http://other:1", "--models", "a")
    assert yaml.safe_load(path.read_text())["accounts"][0]["api_key"] == "sk-very-secret"
    assert "sk-very-secret" not in first.output + second.output
    assert "***" in first.output


def test_line_ends_marks_and_links_stay(example: Path, tmp_path: Path) -> None:
    crlf = b"\xef\xbb\xbf" + example.read_bytes().replace(b"\n", b"\r\n")
    example.write_bytes(crlf)
    link = tmp_path / "link.yaml"
    link.symlink_to(example)
    edited(link, "add-model", "--model", "m")
    assert link.is_symlink()
    assert example.read_bytes().replace(b"  m: {}\r\n", b"") == crlf


def test_show_sums_the_file_up(example: Path) -> None:
    told = yaml.safe_load(run(example, "show").stdout)
    assert told == {
        "default_model": "gpt-6.1-terra",
        "models_count": 4,
        "accounts": ["openai", "anthropic", "gpu"],
        "tasks": ["general", "coding", "housekeeping"],
        "learned_enabled": False,
    }


def test_two_that_edit_at_once_both_have_their_way(example: Path) -> None:
    names = [f"m{number}" for number in range(6)]
    threads = [threading.Thread(target=edit_under_lock, args=(example, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(example.read_text().split("# added ")[1:]) == [f"{name}\n" for name in names]


def edit_under_lock(path: Path, name: str) -> None:
    with locked(path) as file:
        file.replace(f"{file.text}# added {name}\n", "now")


def test_a_reload_without_a_gateway_says_so(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(str(os.getpid()))  # alive, and no gateway
    monkeypatch.setenv("LLM_ROUTER_PIDFILE", str(pid_file))
    result = run(example, "add-model", "--model", "m", options=("--reload",))
    assert result.exit_code == 0
    assert "no gateway runs" in result.stdout
