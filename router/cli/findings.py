"""This module looks at what is on this machine: files, port, versions, Open-WebUI."""

from __future__ import annotations

import os
import socket
import stat
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import orjson
from packaging.requirements import InvalidRequirement, Requirement

from router.auth.keys import find_key
from router.config.settings import Settings
from router.config.snapshot import Snapshot

Level = Literal["ok", "warning", "error", "skipped"]
_PORT_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's table.

    Attributes
    ----------
    remedy : str
        What to do; empty where nothing is wrong.
    """

    level: Level
    area: str
    told: str
    remedy: str = ""


def configuration(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what the configuration says of itself."""
    source = snapshot.source.path or snapshot.source.kind
    told = f"{source}: {len(snapshot.accounts)} account(s), {snapshot.listed_models} model(s)"
    if snapshot.source.kind == "demo":
        remedy = "set a provider key as OPENAI_API_KEY, or write config/router.yaml"
        yield Finding("warning", "configuration", "only the demo account is there", remedy)
    else:
        yield Finding("ok", "configuration", told)
    for note in snapshot.notes:
        if note.level in ("error", "warning"):
            level: Level = "error" if note.level == "error" else "warning"
            yield Finding(level, "configuration", f"{note.path}: {note.message}", "see the line")
    for name, reason in snapshot.disabled.items():
        yield Finding("warning", f"account {name}", f"not used: {reason}", "mend or remove it")
    if not snapshot.auth.required and snapshot.auth.explicitly_open:
        yield Finding(
            "warning",
            "access",
            "everybody who reaches the port may call, at your cost",
            "remove INGRESS_AUTH_REQUIRED=false and set keys",
        )


def files(settings: Settings, snapshot: Snapshot) -> Iterator[Finding]:
    """Yield whether directories can be written, and secrets cannot be read by others."""
    if snapshot.audit.enabled:
        yield _writable("audit log", settings.resolve(snapshot.audit.path).parent)
    yield _writable("state", settings.resolve(settings.state_dir))
    yield from _private("audit log", settings.resolve(snapshot.audit.path), 0o007)
    yield from _private(".env", settings.root / ".env", 0o077)


def port(settings: Settings, snapshot: Snapshot) -> Finding:
    """Return whether the port is free, ours, or somebody else's."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104
    area = f"port {settings.port}"
    try:
        socket.create_connection((host, settings.port), _PORT_TIMEOUT_S).close()
    except OSError:
        return Finding("ok", area, "free")
    running = _readiness(host, settings.port)
    if running is None:
        remedy = "stop the other program, or set LLM_ROUTER_PORT"
        return Finding("error", area, "another program listens", remedy)
    if running.get("config") != snapshot.digest:
        told = f"a gateway runs configuration {running.get('config')}, not {snapshot.digest}"
        return Finding("warning", area, told, "reload it: kill -HUP its pid, or manage.sh reload")
    if running.get("audit_failures"):
        told = f"{running['audit_failures']} audit records were lost"
        return Finding("error", area, told, "look at the disk behind the audit log")
    return Finding("ok", area, "the gateway runs this configuration")


def versions(root: Path) -> Iterator[Finding]:
    """Yield how the installed packages compare to what ``pyproject.toml`` asks for."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        yield Finding("skipped", "versions", "no pyproject.toml beside the program")
        return
    wrong = [told for text in project["dependencies"] if (told := _misfit(text))]
    for told in wrong:
        yield Finding("error", "versions", told, "pip install -r requirements.txt")
    if not wrong:
        python = ".".join(map(str, sys.version_info[:3]))
        yield Finding("ok", "versions", f"Python {python}, {len(project['dependencies'])} packages")


def open_webui(settings: Settings, snapshot: Snapshot) -> Iterator[Finding]:
    """Yield whether Open-WebUI's variables, where they are set here, lead to this gateway."""
    area, env = "Open-WebUI", settings.env
    urls = [url for url in env.get("OPENAI_API_BASE_URLS", "").split(";") if url.strip()]
    if not urls:
        yield Finding("skipped", area, "OPENAI_API_BASE_URLS is not set here")
        return
    ours = [url for url in urls if _port_of(url) == settings.port]
    if not ours:
        told = f"none of its connections leads to port {settings.port}"
        remedy = f"OPENAI_API_BASE_URLS=http://localhost:{settings.port}/v1"
        yield Finding("error", area, told, remedy)
    if len(ours) < len(urls):
        told = "it also reaches providers past the gateway: no audit, no limits there"
        yield Finding("warning", area, told, "leave the gateway's address alone in the list")
    for url in ours:
        if not urlsplit(url).path.rstrip("/").endswith("/v1"):
            yield Finding("error", area, f"{url} lacks /v1", "end the address in /v1")
    keys = [key for key in env.get("OPENAI_API_KEYS", "").split(";") if key]
    if snapshot.auth.required and not any(find_key(key, snapshot.auth) for key in keys):
        remedy = "set OPENAI_API_KEYS to one of the gateway's keys"
        yield Finding("error", area, "it has no key that the gateway knows", remedy)
    timeout_s = env.get("AIOHTTP_CLIENT_TIMEOUT", "300")
    if timeout_s.isdigit() and int(timeout_s) < snapshot.timeouts.total_s:
        told = f"it gives up after {timeout_s} s, the gateway after {snapshot.timeouts.total_s:g} s"
        remedy = f"AIOHTTP_CLIENT_TIMEOUT={snapshot.timeouts.total_s:.0f}"
        yield Finding("warning", area, told, remedy)


def _writable(area: str, directory: Path) -> Finding:
    """Return whether files can be made in a directory, or in the nearest one that is there."""
    existing = directory
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return Finding("ok", area, f"{directory} can be written")
    remedy = f"chown the directory to the gateway's user (you look as uid {os.getuid()})"
    return Finding("error", area, f"{existing} cannot be written", remedy)


def _private(area: str, path: Path, forbidden: int) -> Iterator[Finding]:
    """Yield a warning if others may read a file."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return
    if mode & forbidden:
        told = f"{path} may be read by others (mode {mode:o})"
        holds_keys = area == ".env"
        remedy = f"chmod {'600' if holds_keys else 'o-rwx'} {path}"
        yield Finding("error" if holds_keys else "warning", area, told, remedy)


def _readiness(host: str, number: int) -> dict[str, object] | None:
    """Return what a gateway at a port says of itself; None if it is none."""
    connection = HTTPConnection(host, number, timeout=_PORT_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        body = orjson.loads(connection.getresponse().read(65536))
    except (HTTPException, OSError, ValueError):
        return None
    finally:
        connection.close()
    return body if isinstance(body, dict) and "config" in body else None


def _misfit(text: str) -> str | None:
    """Return how an installed package misses a requirement; None if it fits."""
    try:
        wanted = Requirement(text)
        installed = version(wanted.name)
    except InvalidRequirement:
        return f"{text} is no requirement"
    except PackageNotFoundError:
        return f"{text} is not installed"
    if wanted.specifier.contains(installed, prereleases=True):
        return None
    return f"{wanted.name} {installed} does not fit {wanted.specifier}"


def _port_of(url: str) -> int | None:
    try:
        parts = urlsplit(url.strip())
        return parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
