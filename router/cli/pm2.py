"""This module writes what PM2 needs to run the gateway and Open-WebUI: no secret in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import orjson

from router.cli.settings import ROOT, in_sentences
from router.cli.webui_database import write_private

# What may differ from .env at a start, and is no secret.
_PASSED_ON = (
    "LLM_ROUTER_HOST",
    "LLM_ROUTER_PORT",
    "LLM_ROUTER_WORKERS",
    "LLM_ROUTER_PIDFILE",
    "LLM_ROUTER_GRACEFUL_TIMEOUT",
    "LLM_ROUTER_LOG_LEVEL",
    "LOG_FORMAT",
    "ROUTING_CONFIG_PATH",
    "ROUTER_STATE_DIR",
    "OPENWEBUI_HOST",
    "OPENWEBUI_PORT",
)
_RESERVE_S = 10


@click.command("pm2-config", hidden=True)
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True)
@in_sentences
def pm2_command(output: Path) -> None:
    """Write PM2's ecosystem file."""
    text = orjson.dumps(ecosystem(ROOT, os.environ), option=orjson.OPT_INDENT_2).decode()
    head = "// Made by ./manage.sh start; it is written anew at each start. Secrets stay in .env.\n"
    write_private(output, f"{head}module.exports = {text};\n")


def ecosystem(root: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the two programs as PM2 runs them.

    Examples
    --------
    >>> apps = ecosystem(Path("/srv/a b"), {"OPENAI_API_KEY": "sk-1", "LLM_ROUTER_PORT": "1"})
    >>> [app["name"] for app in apps["apps"]], apps["apps"][0]["env"]
    (['llm-router', 'open-webui'], {'LLM_ROUTER_PORT': '1'})
    """
    env = {name: environ[name] for name in _PASSED_ON if environ.get(name)}
    drain_s = int(env.get("LLM_ROUTER_GRACEFUL_TIMEOUT") or 120) + _RESERVE_S
    return {
        "apps": [
            _app(root, "llm-router", env, drain_s, "1G"),
            _app(root, "open-webui", env, _RESERVE_S, "4G"),
        ]
    }


def _app(
    root: Path, name: str, env: Mapping[str, str], drain_s: int, memory: str
) -> dict[str, Any]:
    return {
        "name": name,
        "cwd": str(root),
        # PM2 hands a path with a blank in it to a shell; this one, below cwd, has none.
        "script": "./manage.sh",
        "args": ["start", name],
        "interpreter": "none",
        "env": dict(env),
        # Nothing of the shell that called PM2 gets into the programs, or into PM2's dump.
        "filter_env": True,
        "autorestart": True,
        "exp_backoff_restart_delay": 200,
        # gunicorn's master tells its workers itself; a signal to all at once would cut streams.
        "treekill": False,
        "kill_timeout": drain_s * 1000,
        "max_memory_restart": memory,
        "merge_logs": True,
        "time": True,
        "out_file": str(root / "logs" / f"{name}.log"),
        "error_file": str(root / "logs" / f"{name}.error.log"),
    }
