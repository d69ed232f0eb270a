"""This module reads settings: flags, process environment, ``.env``, defaults, in that order."""

from __future__ import annotations

import io
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from dotenv import dotenv_values
from dotenv.variables import parse_variables

from router.canonical.secret import Secret
from router.config.findings import Findings
from router.config.secrets import Secrets
from router.errors import ConfigError

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is not in the configuration file.

    Attributes
    ----------
    root : Path
        Directory that relative paths, ``.env`` and ``config/`` are looked for in.
    config_path : str, optional
        As named by ``--config`` or ``ROUTING_CONFIG_PATH``.
    config_origin : str
        Which of the two named it, for error messages.
    ingress_required : bool, optional
        ``INGRESS_AUTH_REQUIRED``; None where it is not set.
    audit_enabled, audit_path, audit_content, metrics_enabled : optional
        None where not set; the configuration file may then say it.
    oauth_algorithms : tuple of str
        Empty where not set.
    env : mapping of str to str
        Process environment over ``.env``: where secrets are looked up.
    dotenv_text : str
        ``.env`` as read, kept for the last good configuration.
    """

    root: Path
    env: Mapping[str, str] = field(repr=False)
    dotenv_text: str = field(repr=False)
    host: str
    port: int
    workers: int
    log_level: str
    log_format: Literal["text", "json"]
    config_path: str | None
    config_origin: str
    state_dir: str
    audit_enabled: bool | None
    audit_path: str | None
    audit_content: Literal["none", "preview"] | None
    metrics_enabled: bool | None
    tracing_enabled: bool
    service_name: str | None
    otlp_endpoint: str | None
    ingress_required: bool | None
    ingress_keys: tuple[Secret, ...]
    admin_keys: tuple[Secret, ...]
    openwebui_key: Secret | None
    user_jwt_secret: Secret | None
    trusted_proxies: tuple[str, ...]
    oauth_enabled: bool
    oauth_issuer: str | None
    oauth_audience: str | None
    oauth_jwks_url: str | None
    oauth_algorithms: tuple[str, ...]
    oauth_required_scopes: tuple[str, ...]
    oauth_jwt_secret: Secret | None
    oauth_clock_skew_s: int
    backend_base_url: str | None
    backend_api_key: Secret | None
    backend_timeout_s: float | None

    @classmethod
    def read(
        cls,
        flags: Mapping[str, str | None],
        environ: Mapping[str, str],
        root: Path,
        dotenv_text: str | None = None,
    ) -> Settings:
        """Return the settings.

        Parameters
        ----------
        flags : mapping
            Of ``host``, ``port``, ``workers``, ``log_level``, ``config``, ``state_dir``;
            None or absent where not given.
        environ : mapping
            The process environment.
        dotenv_text : str, optional
            Replaces the text of ``root/.env``.

        Raises
        ------
        ConfigError
            Every value that cannot be used, each with its variable and remedy.
        """
        text = read_dotenv(root) if dotenv_text is None else dotenv_text
        env = {**parse_dotenv(text, environ), **environ}
        findings = Findings("settings")
        values = _Values(flags, env, Secrets(env), findings)
        settings = _settings(values, root, text)
        if findings.problems:
            raise ConfigError(findings.problems)
        return settings

    @property
    def secrets(self) -> Secrets:
        """Where secrets are looked up."""
        return Secrets(self.env)

    def resolve(self, path: str) -> Path:
        """Return a path of the configuration, relative ones below `root`."""
        return self.root / Path(path).expanduser()


def read_dotenv(root: Path) -> str:
    """Return the text of ``root/.env``; empty where there is none.

    Raises
    ------
    ConfigError
        It is there and cannot be read.
    """
    path = root / ".env"
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from exc


def parse_dotenv(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    r"""Return the variables of a ``.env`` text; ``${NAME}`` is replaced, nothing is run.

    A name is taken from the process environment, else from the lines before.

    Examples
    --------
    >>> parse_dotenv("A=1\nB=${A}${HOME}$(id)", {"HOME": "/h"})
    {'A': '1', 'B': '1/h$(id)'}
    """
    # python-dotenv's own interpolation reads os.environ behind our back.
    raw = dotenv_values(stream=io.StringIO(text), interpolate=False)
    values: dict[str, str] = {}
    for name, value in raw.items():
        if value is not None:
            known = {**values, **environ}
            values[name] = "".join(atom.resolve(known) for atom in parse_variables(value))
    return values


@dataclass(frozen=True, slots=True)
class _Values:
    """Reads one setting at a time; what cannot be used becomes a problem."""

    flags: Mapping[str, str | None]
    env: Mapping[str, str]
    secrets: Secrets
    findings: Findings

    def text(self, *names: str, flag: str = "") -> str | None:
        """Return the flag, else the first variable that is not blank."""
        given = self.flags.get(flag)
        if given is not None and str(given).strip():
            return str(given).strip()
        return next((v.strip() for name in names if (v := self.env.get(name, "")).strip()), None)

    def number(
        self, default: float, lowest: float, highest: float, *names: str, flag: str = ""
    ) -> float:
        """Return a finite number within bounds."""
        text = self.text(*names, flag=flag)
        if text is None:
            return default
        if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text) and lowest <= float(text) <= highest:
            return float(text)
        self.findings.problem(
            _label(names, flag), f"must be a number from {lowest:g} to {highest:g}"
        )
        return default

    def whole(self, default: int, lowest: int, highest: int, *names: str, flag: str = "") -> int:
        """Return a whole number within bounds."""
        value = self.number(default, lowest, highest, *names, flag=flag)
        if value != int(value):
            self.findings.problem(_label(names, flag), "must be a whole number")
        return int(value)

    def flagged(self, name: str) -> bool | None:
        """Return a truth value; None where it is not set."""
        text = (self.text(name) or "").lower()
        if text and text not in _TRUE | _FALSE:
            self.findings.problem(name, "must be true or false")
        return None if not text else text in _TRUE

    def one_of(self, *names: str, choices: tuple[str, ...], flag: str = "") -> str | None:
        """Return a lower-case word of a list."""
        text = self.text(*names, flag=flag)
        if text is not None and text.lower() not in choices:
            self.findings.problem(_label(names, flag), f"must be one of {', '.join(choices)}")
            return None
        return text.lower() if text else None

    def listed(self, name: str) -> tuple[str, ...]:
        """Return a comma-separated list."""
        return _split(self.text(name) or "")

    def secret(self, name: str) -> Secret | None:
        """Return a secret; one that is named by file and not there is a problem."""
        value = self.secrets.find(name)
        if value is None and self.secrets.names(name):
            self.findings.problem(name, self.secrets.why_missing(name))
        return Secret(value) if value else None

    def listed_secrets(self, name: str) -> tuple[Secret, ...]:
        """Return a comma-separated list of secrets; in files also one a line."""
        secret = self.secret(name)
        return tuple(map(Secret, _split(secret.value))) if secret else ()

    def networks(self, name: str) -> tuple[str, ...]:
        """Return a list of addresses or networks."""
        networks = self.listed(name)
        for network in networks:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                self.findings.problem(
                    name, f'"{network}" is no address or network, as 10.0.0.1 or 10.0.0.0/8'
                )
        return networks


def _settings(values: _Values, root: Path, dotenv_text: str) -> Settings:
    """Read every setting; the table of names and defaults."""
    text, flagged = values.text, values.flagged
    json = values.one_of("LOG_FORMAT", choices=("text", "json")) == "json"
    content = values.one_of("ROUTER_AUDIT_LOG_CONTENT", choices=("none", "preview"))
    return Settings(
        root=root,
        env=MappingProxyType(dict(values.env)),
        dotenv_text=dotenv_text,
        host=text("LLM_ROUTER_HOST", flag="host") or "0.0.0.0",  # noqa: S104
        port=values.whole(8000, 0, 65535, "LLM_ROUTER_PORT", flag="port"),
        workers=values.whole(1, 1, 512, "LLM_ROUTER_WORKERS", "WEB_CONCURRENCY", flag="workers"),
        log_level=values.one_of(
            "LLM_ROUTER_LOG_LEVEL", "LOG_LEVEL", choices=_LOG_LEVELS, flag="log_level"
        )
        or "info",
        log_format="json" if json else "text",
        config_path=text("ROUTING_CONFIG_PATH", flag="config"),
        config_origin="--config" if values.flags.get("config") else "ROUTING_CONFIG_PATH",
        state_dir=str(root / _state_dir(text)),
        audit_enabled=flagged("ROUTER_AUDIT_LOG_ENABLED"),
        audit_path=text("ROUTER_AUDIT_LOG_PATH"),
        audit_content=None if content is None else "preview" if content == "preview" else "none",
        metrics_enabled=flagged("OBSERVABILITY_METRICS_ENABLED"),
        tracing_enabled=bool(flagged("OBSERVABILITY_TRACING_ENABLED")),
        service_name=text("OBSERVABILITY_SERVICE_NAME"),
        otlp_endpoint=text("OBSERVABILITY_OTLP_ENDPOINT"),
        ingress_required=flagged("INGRESS_AUTH_REQUIRED"),
        ingress_keys=values.listed_secrets("INGRESS_API_KEYS"),
        admin_keys=values.listed_secrets("ROUTER_ADMIN_API_KEYS"),
        openwebui_key=values.secret("OPENWEBUI_ROUTER_KEY"),
        user_jwt_secret=values.secret("FORWARD_USER_INFO_HEADER_JWT_SECRET"),
        trusted_proxies=values.networks("ROUTER_TRUSTED_PROXIES"),
        oauth_enabled=bool(flagged("OAUTH_ENABLED")),
        oauth_issuer=text("OAUTH_ISSUER"),
        oauth_audience=text("OAUTH_AUDIENCE"),
        oauth_jwks_url=text("OAUTH_JWKS_URL"),
        oauth_algorithms=values.listed("OAUTH_ALGORITHMS"),
        oauth_required_scopes=values.listed("OAUTH_REQUIRED_SCOPES"),
        oauth_jwt_secret=values.secret("OAUTH_JWT_SECRET"),
        oauth_clock_skew_s=values.whole(30, 0, 3600, "OAUTH_CLOCK_SKEW_SECONDS"),
        backend_base_url=text("BACKEND_BASE_URL"),
        backend_api_key=values.secret("BACKEND_API_KEY"),
        backend_timeout_s=values.number(0, 0.1, 86_400, "BACKEND_TIMEOUT_SECONDS") or None,
    )


def _state_dir(text: Callable[..., str | None]) -> str:
    """Return the state directory; systemd gives several separated by colons."""
    named = text("ROUTER_STATE_DIR", flag="state_dir")
    return named or (text("STATE_DIRECTORY") or "run").split(":")[0]


def _label(names: tuple[str, ...], flag: str) -> str:
    """Return how a setting is spelled, for messages."""
    return f"{names[0]} (or --{flag.replace('_', '-')})" if flag else names[0]


def _split(text: str) -> tuple[str, ...]:
    """Return the parts of a list separated by commas or line breaks."""
    return tuple(part.strip() for part in re.split(r"[,\n]", text) if part.strip())
