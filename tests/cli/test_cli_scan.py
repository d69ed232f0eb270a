"""``scan-models``: local servers are listed, and the entries written really route."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from router.cli.main import main
from router.cli.settings import read_snapshot

HOSTILE = "x/$(touch hacked) 'y': \"z\""
MODELS = ["qwen3:32b", HOSTILE]
ANSWERS: Mapping[str, Any] = {
    "/api/tags": {"models": [{"name": name, "size": 1} for name in MODELS]},
    "/v1/models": {"object": "list", "data": [{"id": "google/gemma-3"}]},
}

SMALL = "models: [m]\naccounts: [{name: a, base_url: 'http://a'}]\n"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(ANSWERS.get(self.path, {})).encode()
        self.send_response(200 if self.path in ANSWERS else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "router.yaml"


def scan(server: str, *arguments: str) -> Result:
    env = {
        "OLLAMA_HOST": server,
        "LMSTUDIO_HOST": server.replace("127.0.0.1", "localhost"),
        "ROUTING_CONFIG_PATH": None,
    }
    return CliRunner().invoke(main, ["scan-models", *arguments], env=env)


def test_the_models_are_listed_and_nothing_is_written(server: str, path: Path) -> None:
    path.write_text(SMALL)
    done = scan(server, "--config", str(path))
    assert done.stdout.splitlines() == [
        "ollama/qwen3:32b",
        f"ollama/{HOSTILE}",
        "lmstudio/google/gemma-3",
    ]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", [None, SMALL])
def test_what_it_writes_routes_to_the_server(server: str, path: Path, text: str | None) -> None:
    if text:
        path.write_text(text)
    arguments = ("all", "--update", "--config", str(path))
    done = scan(server, *arguments)
    assert done.exit_code == 0, done.output
    snapshot = read_snapshot(str(path))
    for model, provider in {
        "ollama/qwen3:32b": "ollama",
        f"ollama/{HOSTILE}": "ollama",
        "lmstudio/google/gemma-3": "lmstudio",
    }.items():
        (target,) = snapshot.targets[model]
        assert target.account.provider == provider
        assert target.account.base_url.rpartition(":")[2].startswith(server.rpartition(":")[2])
        assert target.upstream_model == model.partition("/")[2]
    before = path.read_text()
    assert len(list(path.parent.glob("router.yaml.*.bak"))) == (1 if text else 0)
    assert "nothing to change" in scan(server, *arguments).stdout
    assert path.read_text() == before


def test_an_account_that_leads_there_gets_the_new_models_and_keeps_its_name(
    server: str, path: Path
) -> None:
    path.write_text(
        "models: [ollama/qwen3:32b]\n"
        "accounts:\n"
        f"  - {{name: gpu, provider: ollama, base_url: '{server}/v1', models: ['qwen3:32b']}}"
        "  # my own\n"
    )
    assert scan(server, "ollama", "--update", "--config", str(path)).exit_code == 0
    (account,) = yaml.safe_load(path.read_text())["accounts"]
    assert account["models"] == ["qwen3:32b", f"ollama/{HOSTILE}"]
    assert "# my own" in path.read_text()


def test_litellm_files_get_entries_that_route_and_names_in_use_are_left_alone(
    server: str, path: Path
) -> None:
    path.write_text(
        "model_list:\n"
        "  - model_name: google-gemma-3  # at a provider\n"
        "    litellm_params: {model: gemini/gemma-3-27b-it, api_key: k}\n"
    )
    assert scan(server, "all", "-u", "--config", str(path)).exit_code == 0
    snapshot = read_snapshot(str(path))
    (target,) = snapshot.targets["qwen3-32b"]
    assert (target.upstream_model, target.account.provider) == ("qwen3:32b", "ollama")
    (kept,) = snapshot.targets["google-gemma-3"]
    assert kept.account.provider == "gemini"
    (named,) = snapshot.targets[HOSTILE.replace(":", "-").replace("/", "-")]
    assert named.upstream_model == HOSTILE


def test_a_dry_run_prints_the_file_alone_on_standard_output(server: str, path: Path) -> None:
    path.write_text(SMALL)
    done = scan(server, "--update", "--dry-run", "--config", str(path))
    assert "ollama/qwen3:32b" in yaml.safe_load(done.stdout)["accounts"][1]["models"]
    assert "ollama" not in path.read_text()


def test_without_any_server_the_exit_code_is_1(path: Path) -> None:
    done = scan("http://127.0.0.1:1", "ollama")
    assert done.exit_code == 1
    assert "Ollama at http://127.0.0.1:1: no answer" in done.stderr


def test_another_program_is_told(server: str) -> None:
    done = CliRunner().invoke(main, ["scan-models", "ollama"], env={"OLLAMA_HOST": f"{server}/x"})
    assert done.exit_code == 1


def test_an_address_that_is_none_is_a_sentence() -> None:
    done = CliRunner().invoke(main, ["scan-models", "ollama"], env={"OLLAMA_HOST": "http://a b"})
    assert (done.exit_code, done.stderr.startswith("error: OLLAMA_HOST: ")) == (2, True)
