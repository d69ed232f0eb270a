"""This module starts what is measured: the gateway, a bare proxy, peers, and the provider."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import proc
from bench.cases import KEY

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from gateway_process import running  # noqa: E402

_NGINX = """\
daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_max_body_size 64m; client_body_buffer_size 2m;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  keepalive_requests 10000000;
  upstream provider {{ server 127.0.0.1:{provider}; keepalive 2000; }}
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 300s;
    }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that answers chat requests.

    Attributes
    ----------
    pids : callable
        Its processes at the moment.
    """

    name: str
    port: int
    pids: Callable[[], list[int]]
    base_path: str = ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def config(provider: int, extra_models: int = 0) -> str:
    """Return the gateway's configuration: three accounts, and `auto` on."""
    base = f"http://127.0.0.1:{provider}"
    extra = [f"extra-{number:05}" for number in range(extra_models)]
    accounts = (
        ("openai", f"{base}/v1", ["gpt-bench", *extra]),
        ("anthropic", base, ["claude-bench"]),
        ("gemini", f"{base}/v1beta", ["gemini-bench"]),
    )
    told = {
        "default_model": "gpt-bench",
        "models": {model: {} for _, _, models in accounts for model in models},
        "accounts": [
            {"name": kind, "provider": kind, "base_url": url, "api_key": f"sk-{kind}-0123456789"}
            | {"models": models}
            for kind, url, models in accounts
        ],
        "task_routes": {"general": {"low": "gpt-bench", "xhigh": "gpt-bench"}},
    }
    return json.dumps(told)  # JSON is YAML


@contextmanager
def provider(cores: set[int]) -> Iterator[Subject]:
    """Run the fake provider."""
    command = [sys.executable, "-m", "bench.provider"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    proc.pin(process.pid, cores)
    try:
        yield Subject("provider", port, lambda: [process.pid])
    finally:
        _end(process)


@contextmanager
def gateway(
    directory: Path, text: str, cores: set[int], workers: int = 1
) -> Iterator[tuple[Subject, float]]:
    """Run the gateway as in production; tell how long it took to be ready, in seconds."""
    directory.mkdir()
    env = {"INGRESS_API_KEYS": KEY, "LLM_ROUTER_WORKERS": str(workers)}
    with running(directory, text, **env) as process:
        took_s = proc.age_s(process.process.pid)
        proc.pin(process.process.pid, cores)
        yield Subject("gateway", process.port, process.workers), took_s


@contextmanager
def bare_proxy(directory: Path, target: int, cores: set[int]) -> Iterator[Subject]:
    """Run nginx, or a relay of our own where there is none."""
    port, nginx = free_port(), shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx:
        directory.mkdir()
        path = directory / "nginx.conf"
        path.write_text(_NGINX.format(directory=directory, provider=target, port=port))
        command = [nginx, "-e", str(directory / "error.log"), "-c", str(path)]
    else:
        command = [sys.executable, "-m", "bench.relay", str(port), str(target)]
    name = "nginx" if nginx else "relay"
    with _process(command, name, port, cores) as subject:
        yield subject


@contextmanager
def litellm(directory: Path, target: int, cores: set[int]) -> Iterator[Subject | None]:
    """Run LiteLLM's proxy where it is installed."""
    found = shutil.which("litellm")
    if found is None:
        yield None
        return
    directory.mkdir()
    # One worker, and no database, log or guardrail: its least.
    params = {"api_base": f"http://127.0.0.1:{target}/v1", "api_key": "sk-openai-0123456789"}
    listed = [
        {"model_name": "gpt-bench", "litellm_params": {"model": "openai/gpt-bench", **params}}
    ]
    path = directory / "litellm.yaml"
    path.write_text(json.dumps({"model_list": listed, "general_settings": {"master_key": KEY}}))
    port = free_port()
    command = [found, "--config", str(path), "--port", str(port), "--num_workers", "1"]
    with _process(command, "litellm", port, cores) as subject:
        yield subject


@contextmanager
def _process(command: list[str], name: str, port: int, cores: set[int]) -> Iterator[Subject]:
    """Run a server until it listens, and to the end of the block."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        proc.pin(process.pid, cores)
        yield Subject(name, port, lambda: proc.family(process.pid))
    finally:
        _end(process)


def _wait_for(port: int, process: subprocess.Popen[bytes], patience_s: float = 90) -> None:
    until_s = time.monotonic() + patience_s
    while time.monotonic() < until_s and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen")


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
