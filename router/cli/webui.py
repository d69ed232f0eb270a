"""This module starts Open-WebUI beside the gateway, with its own variables and no others."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

import click
import orjson

from router.cli.settings import ROOT, in_sentences, read_settings
from router.cli.webui_database import named_database, write_private
from router.config.load import load
from router.config.settings import Settings
from router.config.snapshot import Snapshot
from router.errors import ConfigError

_DEFAULT_PORT = "8087"
# Above our own total deadline: the gateway's answer to a late provider is the better one.
_PATIENCE_S = 30
# What any program on this machine needs, and what leads it to the network.
_MACHINE = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SHELL", "TERM"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    }
)
_OWN = frozenset(
    {
        *("DATA_DIR", "DATABASE_URL", "CORS_ALLOW_ORIGIN", "GLOBAL_LOG_LEVEL", "HF_HUB_OFFLINE"),
        *("HF_HOME", "HF_ENDPOINT", "OFFLINE_MODE", "SCARF_NO_ANALYTICS", "DO_NOT_TRACK"),
        *("ANONYMIZED_TELEMETRY", "FORWARDED_ALLOW_IPS", "BYPASS_MODEL_ACCESS_CONTROL"),
        *("OPENAI_API_CONFIGS", "MODELS_CACHE_TTL", "TASK_MODEL", "TASK_MODEL_EXTERNAL"),
        *("RAG_EMBEDDING_MODEL", "JWT_EXPIRES_IN", "USER_PERMISSIONS"),
    }
)
_OWN_PREFIXES = (
    *("WEBUI_", "ENABLE_", "DATABASE_", "DEFAULT_", "AIOHTTP_CLIENT_", "FORWARD_USER_INFO_"),
    *("USER_PERMISSIONS_", "SENTENCE_TRANSFORMERS_", "LC_"),
)
_HEADERS = {"X-OpenWebUI-Task": "{{TASK}}", "X-OpenWebUI-Chat-Id": "{{CHAT_ID}}"}


@click.command(
    "open-webui",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]},
)
@click.option(
    "--venv",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / ".venv-open-webui",
    help="Where it is installed (default: .venv-open-webui).",
)
@click.option("--show-env", is_flag=True, help="Print the names of the variables it is given.")
@click.option(
    "--write-env",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the variables that are its own into a file for systemd, unless it is there.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it keeps files (default: open-webui in the gateway's state directory).",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@in_sentences
def open_webui_command(
    venv: Path,
    show_env: bool,
    write_env: Path | None,
    data_dir: Path | None,
    arguments: tuple[str, ...],
) -> None:
    """Become Open-WebUI; further options go to ``open-webui serve``."""
    settings = read_settings()
    snapshot = load(settings)
    if write_env is not None:
        _write_env(write_env, settings, snapshot, data_dir or Path("/var/lib/open-webui"))
        return
    data_dir = data_dir or settings.resolve(settings.state_dir) / "open-webui"
    if show_env:
        click.echo("\n".join(sorted(environment(settings, snapshot, data_dir, ""))))
        return
    env = environment(settings, snapshot, data_dir, kept_secret(data_dir / "secret_key"))
    program = venv / "bin" / "open-webui"
    if not program.exists():
        raise ConfigError([f"{program} is not there; ./manage.sh start open-webui installs it"])
    host, port = _address(settings.env)
    command = [str(program), "serve", "--host", host, "--port", port, *arguments]
    click.echo(
        f"Open-WebUI at http://{host}:{port}, through {env['OPENAI_API_BASE_URLS']}", err=True
    )
    os.chdir(data_dir)
    os.execve(program, command, env)  # noqa: S606


def environment(
    settings: Settings, snapshot: Snapshot, data_dir: Path, secret_key: str
) -> dict[str, str]:
    """Return the variables that Open-WebUI is given.

    They lead it to the gateway, and hold no provider's key: nothing gets past the gateway.
    Its own variables may be set as anybody likes, but for its connection.

    Parameters
    ----------
    secret_key : str
        Signs its sessions; another one signs everybody out.

    Raises
    ------
    ConfigError
        The gateway wants a key, and there is none for Open-WebUI.
    """
    given = settings.env
    host = "localhost" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    total_s = int(snapshot.timeouts.total_s) + _PATIENCE_S
    defaults = {
        "DATA_DIR": str(data_dir),
        "WEBUI_SECRET_KEY": secret_key,
        "ENABLE_OLLAMA_API": "false",
        "AIOHTTP_CLIENT_TIMEOUT": str(total_s),
        "AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST": "10",
        "ENABLE_FORWARD_USER_INFO_HEADERS": "true",
        "OPENAI_API_CONFIGS": orjson.dumps({"0": {"enable": True, "headers": _HEADERS}}).decode(),
        **_database(given),
    }
    own = {name: value for name, value in given.items() if value and _is_its_own(name)}
    connection = {
        "ENABLE_OPENAI_API": given.get("ENABLE_OPENAI_API") or "true",
        "OPENAI_API_BASE_URLS": f"http://{host}:{settings.port}/v1",
        "OPENAI_API_KEYS": _key(settings, snapshot),
    }
    machine = {name: value for name, value in given.items() if name in _MACHINE}
    return {**machine, **defaults, **own, **connection}


def kept_secret(path: Path) -> str:
    """Return the secret in a file, which is made where it is not there.

    Raises
    ------
    ConfigError
        It can be neither read nor made.
    """
    try:
        kept = path.read_text().strip()
    except FileNotFoundError:
        kept = ""
    except OSError as exc:
        raise ConfigError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    if not kept:
        kept = secrets.token_urlsafe(48)
        write_private(path, kept + "\n")
    return kept


def systemd_line(name: str, value: str) -> str:
    r"""Return a line of an ``EnvironmentFile``.

    Examples
    --------
    >>> print(systemd_line("A", 'x "y" $z \\'))
    A="x \"y\" \$z \\"
    """
    escaped = re.sub(r'(["\\$`])', r"\\\1", value)
    return f'{name}="{escaped}"'


def _write_env(path: Path, settings: Settings, snapshot: Snapshot, data_dir: Path) -> None:
    """Write what the service Open-WebUI is given, its address too; a file that is there stays."""
    if path.exists():
        return
    env = environment(settings, snapshot, data_dir, secrets.token_urlsafe(48))
    host, port = _address(settings.env)
    own = {name: value for name, value in env.items() if name not in _MACHINE}
    lines = [systemd_line(*item) for item in {**own, "HOST": host, "PORT": port}.items()]
    write_private(path, "\n".join(lines) + "\n")


def _address(given: Mapping[str, str]) -> tuple[str, str]:
    """Return where Open-WebUI listens."""
    host = given.get("OPENWEBUI_HOST", "").strip() or "localhost"
    return host, given.get("OPENWEBUI_PORT", "").strip() or _DEFAULT_PORT


def _is_its_own(name: str) -> bool:
    is_own = name in _OWN or name.startswith(_OWN_PREFIXES)
    # As RAG_OPENAI_API_KEY: whatever it is for, it leads past the gateway.
    return is_own and not name.endswith(("_API_KEY", "_API_KEYS"))


def _database(given: Mapping[str, str]) -> dict[str, str]:
    """Return the address of the database that ``init`` makes; without one it uses SQLite."""
    if not given.get("OPENWEBUI_DB_PASSWORD"):
        return {}
    return {"DATABASE_URL": named_database(given).url}


def _key(settings: Settings, snapshot: Snapshot) -> str:
    """Return the gateway's key that Open-WebUI calls with."""
    if settings.openwebui_key is not None:
        return settings.openwebui_key.value
    if settings.ingress_keys:
        return settings.ingress_keys[0].value
    if snapshot.auth.required:
        raise ConfigError(
            ["OPENWEBUI_ROUTER_KEY: is not set; set it to a new secret: Open-WebUI's own key here"]
        )
    return "none-needed"
