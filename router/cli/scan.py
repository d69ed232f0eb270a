"""This module is ``open-llm-router scan-models``: which models local servers have, and --update."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import orjson

from router.cli.router_edits import Draft, Edit, add_models
from router.cli.settings import ROOT, in_sentences, read_settings
from router.cli.smr_config import Options, carry_out
from router.config.addresses import BadAddress, ollama_base_url
from router.config.findings import Findings
from router.config.load import find_file
from router.config.services import service_named
from router.config.settings import Settings
from router.errors import ConfigError, UpstreamError
from router.providers import addresses
from router.providers.base import Account
from router.state.retry_tokens import RetryTokens
from router.upstream.fetch import Fetcher
from router.upstream.transport import Transport

_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of local server: how it is found, and how it tells its models."""

    service: str
    title: str
    variable: str
    default: str
    path: str
    list_key: str
    name_key: str


_KINDS = (
    _Kind("ollama", "Ollama", "OLLAMA_HOST", "localhost:11434", "/api/tags", "models", "name"),
    _Kind("lmstudio", "LM Studio", "LMSTUDIO_HOST", "localhost:1234", "/v1/models", "data", "id"),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A local server and what it has.

    Attributes
    ----------
    service : str
        Its well-known name, as ``ollama``.
    base_url : str
        Without ``/v1``.
    """

    service: str
    base_url: str
    models: tuple[str, ...]


@click.command("scan-models")
@click.argument("which", type=click.Choice(["all", "ollama", "lmstudio"]), default="all")
@click.option("--update", "-u", is_flag=True, help="Add them to the configuration file.")
@click.option("--dry-run", is_flag=True, help="With --update: print the file, write nothing.")
@click.option("--reload", is_flag=True, help="Have a running gateway read the file again.")
@click.option("--config", "-c", help="Configuration file.")
@in_sentences
def scan_command(which: str, update: bool, dry_run: bool, reload: bool, config: str | None) -> None:
    """List the models of local servers; with --update add them, so that they can be called.

    Looks at OLLAMA_HOST (localhost:11434) and LMSTUDIO_HOST (localhost:1234). Exit code 1
    where no server answers.
    """
    settings = read_settings(config=config)
    fetcher = Fetcher(Transport(1, {}, RetryTokens(), time.monotonic).send, time.monotonic)
    servers = []
    for kind in _KINDS:
        if which in ("all", kind.service):
            found = _ask(fetcher, kind, settings.env)
            servers += [found] if found else []
    if not servers:
        sys.exit(1)
    for server in servers:
        for model in server.models:
            click.echo(f"{server.service}/{model}", err=update and dry_run)
    if update:
        carry_out(Options(_path(settings), dry_run, reload), add_servers(servers))


def add_servers(servers: Sequence[Server]) -> Edit:
    """Add servers and their models; what is there already stays as it is."""

    def edit(draft: Draft) -> None:
        for server in servers:
            if draft.is_litellm:
                _add_entries(draft, server)
            elif server.models:
                names = [f"{server.service}/{model}" for model in server.models]
                account = _account_name(draft, server)
                known = _known_models(draft, account)
                fresh = [name for name in names if name not in known]
                if fresh:
                    _add_to_account(draft, account, server, fresh)

    return edit


def litellm_name(model: str) -> str:
    """Return the name that a model gets in a LiteLLM file.

    Examples
    --------
    >>> litellm_name("qwen/qwen3:32b")
    'qwen-qwen3-32b'
    """
    return model.replace(":", "-").replace("/", "-")


def _ask(fetcher: Fetcher, kind: _Kind, env: Mapping[str, str]) -> Server | None:
    """Return a server that answers; say so of one that does not."""
    host = env.get(kind.variable, "").strip() or kind.default
    try:
        base_url = addresses.root(ollama_base_url(host))
    except BadAddress as exc:
        raise ConfigError([f"{kind.variable}: {exc}"]) from exc
    account = Account(kind.service, kind.service, "openai", base_url)
    try:
        body = orjson.loads(fetcher.get(base_url + kind.path, account, _TIMEOUT_S))
        items = body[kind.list_key] or []
        models = sorted({str(item[kind.name_key]) for item in items})
    except UpstreamError as error:
        click.echo(f"{kind.title} at {base_url}: no answer: {error.message}", err=True)
        return None
    except (ValueError, KeyError, TypeError):
        click.echo(f"{kind.title} at {base_url}: another program answers there", err=True)
        return None
    click.echo(f"{kind.title} at {base_url}: {len(models)} model(s)", err=True)
    return Server(kind.service, base_url, tuple(models))


def _path(settings: Settings) -> Path:
    """Return the file to write: the one that is read, else a new router.yaml."""
    findings = Findings("settings")
    if settings.config_path is not None:
        return settings.resolve(settings.config_path)
    return find_file(settings, findings) or ROOT / "config" / "router.yaml"


def _account_name(draft: Draft, server: Server) -> str:
    """Return the account of a server: one that leads there, else a new one with a free name."""
    accounts = draft.get("accounts") or []
    for account in accounts:
        base_url = _expanded(account.get("base_url")) or _default_url(account.get("provider"))
        if base_url is not None and addresses.root(base_url) == server.base_url:
            return str(account.get("name"))
    taken = {account.get("name") for account in accounts}
    names = [server.service, *(f"{server.service}-{number}" for number in range(2, 1000))]
    return next(name for name in names if name not in taken)


def _known_models(draft: Draft, account: str) -> frozenset[str]:
    """Return what an account serves by now, with and without its provider's name."""
    for entry in draft.get("accounts") or []:
        if entry.get("name") == account:
            models = [str(model) for model in entry.get("models") or ()]
            provider = entry.get("provider") or "openai"
            return frozenset(models) | {f"{provider}/{model}" for model in models}
    return frozenset()


def _add_to_account(draft: Draft, name: str, server: Server, models: Sequence[str]) -> None:
    """Add models to an account, which is made where it is not there."""
    accounts = draft.get("accounts") or []
    names = [entry.get("name") for entry in accounts]
    if name in names:
        draft.append(("accounts", names.index(name), "models"), models)
    else:
        entry = {"name": name, "provider": server.service, "base_url": server.base_url}
        draft.append(("accounts",), [{**entry, "models": list(models)}])
    # An account without a list of its own would claim whatever stands among all models.
    if all(entry.get("models") for entry in accounts if entry.get("name") != name):
        add_models(draft, models)


def _add_entries(draft: Draft, server: Server) -> None:
    """Add a LiteLLM entry for each model that has none; a name in use is left alone."""
    entries = draft.get("model_list") or []
    taken = {entry.get("model_name") for entry in entries}
    for model in server.models:
        name = litellm_name(model)
        if name not in taken:
            base = server.base_url + ("/v1" if server.service == "lmstudio" else "")
            params = {"model": f"{_PREFIXES[server.service]}/{model}", "api_base": base}
            draft.append(("model_list",), [{"model_name": name, "litellm_params": params}])


# LiteLLM's own names of these servers, so that the file still means the same there.
_PREFIXES = {"ollama": "ollama", "lmstudio": "lm_studio"}


def _expanded(base_url: object) -> str | None:
    """Return an address with its references replaced, as far as they are set here."""
    return os.path.expandvars(base_url) if isinstance(base_url, str) and base_url else None


def _default_url(provider: object) -> str | None:
    service = service_named(provider) if isinstance(provider, str) else None
    return service.base_url if service else None
