"""This module starts the server: gunicorn, in this process's place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from router.cli.settings import ROOT, in_sentences, read_settings

_VARIABLES = {
    "host": "LLM_ROUTER_HOST",
    "port": "LLM_ROUTER_PORT",
    "workers": "LLM_ROUTER_WORKERS",
    "config": "ROUTING_CONFIG_PATH",
    "log_level": "LLM_ROUTER_LOG_LEVEL",
}


def SERVER_OPTIONS(command: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802
    """Add the server's flags to a command."""
    for option in (
        click.option("--log-level", help="debug, info, warning or error (default: info)."),
        click.option("--config", "-c", help="Configuration file."),
        click.option("--workers", help="Worker processes (default: 1)."),
        click.option("--port", help="Port (default: 8000)."),
        click.option("--host", help="Address to listen on (default: 0.0.0.0)."),
    ):
        command = option(command)
    return command


@in_sentences
def serve(**flags: str | None) -> None:
    """Check the settings and become gunicorn.

    Flags travel as environment variables: they win over ``.env`` there, and workers see
    the same at each reload.

    Raises
    ------
    SystemExit
        Code 2, where a setting cannot be used.
    """
    settings = read_settings(**flags)
    for name, value in flags.items():
        if value is not None:
            os.environ[_VARIABLES[name]] = str(Path(value).resolve()) if name == "config" else value
    host = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    url = f"http://{host}:{settings.port}/v1"
    click.echo(f"Open-LLM Router at {url}\nTry it:\n\n{_curl(url)}\n", err=True)
    command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "config" / "gunicorn.conf.py")]
    os.chdir(ROOT)
    os.execv(sys.executable, [*command, "wsgi:application"])  # noqa: S606


def _curl(url: str) -> str:
    """Return a first request to try."""
    body = '{"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}'
    return f"  curl {url}/chat/completions -H 'Content-Type: application/json' \\\n    -d '{body}'"
