"""This module is the command ``smr-config``: it edits router.yaml, and keeps people's words."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import yaml

from router.cli import router_edits
from router.cli.router_edits import SKELETON, Draft, Edit
from router.cli.settings import ROOT, in_sentences
from router.cli.yaml_edit import CannotEdit
from router.cli.yaml_file import YamlFile, diff, literal_secrets, locked
from router.config.load import load_from, read_text
from router.config.settings import Settings
from router.config.snapshot import Snapshot
from router.config.yaml_text import BadYaml, parse_yaml
from router.errors import ConfigError

_TIERS = ("low", "medium", "high", "xhigh", "default")
_AUTH_MODES = ("api_key", "oauth", "passthrough")
_ACCOUNT_FIELDS = (
    "api_key",
    "api_key_env",
    "oauth_access_token",
    "oauth_access_token_env",
    "oauth_refresh_token",
    "oauth_refresh_token_env",
    "oauth_expires_at_env",
    "oauth_token_url",
    "oauth_client_id",
    "oauth_client_id_env",
    "oauth_client_secret",
    "oauth_client_secret_env",
    "oauth_account_id",
    "oauth_account_id_env",
    "organization",
    "project",
)
_PROFILE_FIELDS = (
    "quality_bias",
    "quality_sensitivity",
    "cost_input_per_1k",
    "cost_output_per_1k",
    "latency_ms",
    "failure_rate",
)


@dataclass(frozen=True, slots=True)
class Options:
    """What stands before the verb.

    Attributes
    ----------
    reload : bool
        Have a running gateway read the file afterwards.
    """

    path: Path
    dry_run: bool
    reload: bool


class _Names(click.ParamType[tuple[str, ...]]):
    """A comma-separated list of at least one name."""

    name = "CSV"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names, each once."""
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        return names or self.fail("names no model", param, ctx)


class _Feature(click.ParamType[tuple[str, float]]):
    """A weight, as ``code_score=0.8``."""

    name = "KEY=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Return name and weight."""
        name, _, weight = value.partition("=")
        try:
            number = float(weight)
        except ValueError:
            self.fail(f'"{value}" is not KEY=NUMBER', param, ctx)
        return name.strip() or self.fail("names no feature", param, ctx), number


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=ROOT / "config" / "router.yaml",
    help="The file to edit (default: config/router.yaml).",
)
@click.option("--dry-run", is_flag=True, help="Print the resulting YAML; write nothing.")
@click.option("--reload", is_flag=True, help="Have a running gateway read the file again.")
@click.pass_context
def main(context: click.Context, path: Path, dry_run: bool, reload: bool) -> None:
    """Edit the routing configuration; comments and order stay as they are."""
    context.obj = Options(path, dry_run, reload)


def _account_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add a flag for each plain field of an account."""
    for field in reversed(_ACCOUNT_FIELDS):
        command = click.option(f"--{field.replace('_', '-')}")(command)
    return command


def _profile_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add a flag for each field of a profile."""
    for field in reversed(_PROFILE_FIELDS):
        command = click.option(f"--{field.replace('_', '-')}", type=float)(command)
    return command


@main.command("add-account")
@click.option("--name", required=True)
@click.option("--provider", required=True)
@click.option("--base-url", help="May be left out for well-known providers.")
@click.option("--auth-mode", type=click.Choice(_AUTH_MODES))
@_account_options
@click.option("--oauth-expires-at", type=int, help="Seconds since the epoch.")
@click.option("--models", type=_Names(), default=(), help="Models it serves, by commas.")
@click.option("--set-default", is_flag=True, help="Make the first of the models the default.")
@click.option("--disabled", is_flag=True, help="Keep it, and do not use it.")
@click.pass_obj
@in_sentences
def add_account(options: Options, /, **given: Any) -> None:
    """Add an account, or change the one of that name."""
    edit = router_edits.add_account(
        name=given.pop("name"),
        provider=given.pop("provider"),
        base_url=given.pop("base_url"),
        models=given.pop("models"),
        enabled=not given.pop("disabled"),
        set_default=given.pop("set_default"),
        fields=_given(given),
    )
    carry_out(options, edit)


@main.command("add-model")
@click.option("--model", required=True)
@click.option("--account", help="Have this account serve it.")
@click.option("--set-default", is_flag=True, help="Make it the default.")
@click.pass_obj
@in_sentences
def add_model(options: Options, model: str, account: str | None, set_default: bool) -> None:
    """Add a model."""
    carry_out(options, router_edits.add_model(model, account, set_default))


@main.command("set-route")
@click.option("--task", required=True)
@click.option("--tier", required=True, type=click.Choice(_TIERS))
@click.option("--model", "models", required=True, type=_Names(), help="Best first, by commas.")
@click.pass_obj
@in_sentences
def set_route(options: Options, task: str, tier: str, models: tuple[str, ...]) -> None:
    """Set the models of one task and tier."""
    carry_out(options, router_edits.set_route(task, tier, models))


@main.command("set-fallbacks")
@click.option("--models", required=True, type=_Names())
@click.option("--append", is_flag=True, help="Add to those that are there.")
@click.pass_obj
@in_sentences
def set_fallbacks(options: Options, models: tuple[str, ...], append: bool) -> None:
    """Set the models that are tried after those of a route."""
    carry_out(options, router_edits.set_fallbacks(models, append))


@main.command("set-profile")
@click.option("--model", required=True)
@_profile_options
@click.pass_obj
@in_sentences
def set_profile(options: Options, /, model: str, **given: float | None) -> None:
    """Set what is said of a model: quality, cost, latency, failures."""
    carry_out(options, router_edits.set_profile(model, _given(given)))


@main.command("set-candidates")
@click.option("--task", required=True)
@click.option("--models", required=True, type=_Names())
@click.option("--enable", is_flag=True, help="Also switch learned routing on.")
@click.pass_obj
@in_sentences
def set_candidates(options: Options, task: str, models: tuple[str, ...], enable: bool) -> None:
    """Set the further models that learned routing considers for a task."""
    carry_out(options, router_edits.set_candidates(task, models, enable))


@main.command("set-learned")
@click.option("--enabled", type=bool, help="true or false.")
@click.option("--bias", type=float)
@click.option("--default-output-tokens", type=int)
@click.option("--utility-cost", type=float)
@click.option("--utility-latency", type=float)
@click.option("--utility-failure", type=float)
@click.option("--set-feature", "features", type=_Feature(), multiple=True, help="May be repeated.")
@click.option("--clear-features", is_flag=True, help="Drop all weights before setting any.")
@click.pass_obj
@in_sentences
def set_learned(
    options: Options,
    /,
    features: tuple[tuple[str, float], ...],
    clear_features: bool,
    **given: Any,
) -> None:
    """Set how learned routing weighs its candidates."""
    weights = {name: given.pop(f"utility_{name}") for name in ("cost", "latency", "failure")}
    edit = router_edits.set_learned(_given(given), _given(weights), dict(features), clear_features)
    carry_out(options, edit)


@main.command("show")
@click.pass_obj
@in_sentences
def show(options: Options) -> None:
    """Print a summary of the file."""
    with locked(options.path) as file:
        if file.is_new:
            raise ConfigError([f"{options.path}: there is no such file"])
        document = _document(file.text, options.path)
    click.echo(yaml.safe_dump(router_edits.summary(document), sort_keys=False), nl=False)


@main.command(
    "login-chatgpt", context_settings={"ignore_unknown_options": True, "help_option_names": []}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@in_sentences
def login_chatgpt(arguments: tuple[str, ...]) -> NoReturn:  # noqa: ARG001
    """Not offered: it would sign in with another product's client id."""
    raise ConfigError(
        [
            "login-chatgpt is left out on purpose: it would sign in under another product's"
            " client id, which that product's terms do not allow; use an API key:"
            " smr-config add-account --provider openai --api-key-env OPENAI_API_KEY …"
        ]
    )


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags that stood on the command line."""
    return {key: value for key, value in values.items() if value is not None}


def carry_out(options: Options, edit: Edit) -> None:
    """Edit the file: nothing is written unless the result is a good configuration.

    Raises
    ------
    ConfigError
        It is none, or the file cannot be edited.
    """
    with locked(options.path) as file:
        before = SKELETON if file.is_new else file.text
        document = _document(before, options.path)
        draft = Draft(before)
        try:
            edit(draft)
            router_edits.choose_default(draft)
        except CannotEdit as exc:
            raise ConfigError([f"{options.path}: {exc}; edit it by hand"]) from exc
        snapshot = _validated(draft.text, file.path)
        if options.dry_run:
            click.echo(draft.text, nl=False)
            return
        if draft.text == before and not file.is_new:
            click.echo(f"{options.path}: nothing to change")
        else:
            secrets = literal_secrets(document) | literal_secrets(yaml.safe_load(draft.text))
            shown = "" if file.is_new else before
            click.echo(diff(shown, draft.text, options.path.name, secrets), err=True)
            _write(file, draft.text, options.path)
    for note in snapshot.notes:
        if note.level in ("error", "warning"):
            click.echo(f"warning: {note.path}: {note.message}", err=True)
    if options.reload:
        click.echo(_reload())


def _write(file: YamlFile, text: str, path: Path) -> None:
    """Replace the file, and say so."""
    stamp = datetime.now().astimezone().strftime("%Y%m%d_%H%M%S")
    try:
        backup = file.replace(text, stamp)
    except OSError as exc:
        raise ConfigError([f"{path}: cannot be written: {exc.strerror}"]) from exc
    click.echo(f"{path}: written" + (f"; the old one is {backup.name}" if backup else ""))


def _document(text: str, path: Path) -> dict[str, Any]:
    """Return a file's mapping, empty for an empty file."""
    try:
        document, twice = parse_yaml(text)
    except BadYaml as exc:
        raise ConfigError([f"{path}: {exc}"]) from exc
    if twice:
        raise ConfigError([f"{path}: {sentence}" for sentence in twice])
    if document is not None and not isinstance(document, dict):
        raise ConfigError([f"{path}: must be a mapping of key: value at the top"])
    return document or {}


def _validated(text: str, path: Path) -> Snapshot:
    """Compile the text as the server would, as if it stood at `path`."""
    settings = Settings.read({"config": str(path)}, os.environ, ROOT)

    def read(wanted: Path) -> str:
        return text if wanted == path else read_text(wanted)

    return load_from(settings, {}, read, lambda *_: path)


def _reload() -> str:
    """Signal a running gateway; say what happened."""
    pid_file = ROOT / (os.environ.get("LLM_ROUTER_PIDFILE") or "run/open-llm-router.pid")
    try:
        pid = int(pid_file.read_text())
        if b"gunicorn" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            raise ProcessLookupError
        os.kill(pid, signal.SIGHUP)
    except PermissionError as exc:
        raise ConfigError(
            ["the running gateway belongs to somebody else; reload it as that user"]
        ) from exc
    except (OSError, ValueError):
        return "no gateway runs here; it reads the file when it starts"
    return (
        f"asked the gateway (pid {pid}) to read its configuration again; its log tells the outcome"
    )
