"""This module is ``open-llm-router routes``: which models ``auto`` chooses among."""

from __future__ import annotations

import click
import orjson

from router.cli.settings import in_sentences, read_snapshot
from router.config.snapshot import Snapshot
from router.routing.match import targets_for


@click.command("routes")
@click.option("--config", "-c", help="Configuration file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_sentences
def routes_command(config: str | None, as_json: bool) -> None:
    """List what auto chooses, by task and tier, and the targets of each model."""
    snapshot = read_snapshot(config)
    if as_json:
        click.echo(orjson.dumps(as_dict(snapshot), option=orjson.OPT_INDENT_2))
        return
    for line in as_text(snapshot):
        click.echo(line)


def as_dict(snapshot: Snapshot) -> dict[str, object]:
    """Return the routes as JSON has them."""
    routes = snapshot.routes
    return {
        "origin": routes.origin,
        "default_model": routes.default_model,
        "task_routes": {task: dict(tiers) for task, tiers in routes.tasks.items()},
        "fallback_models": routes.fallback_models,
        "targets": {model: _targets(snapshot, model) for model in _named(snapshot)},
    }


def as_text(snapshot: Snapshot) -> list[str]:
    """Return the routes as lines."""
    routes = snapshot.routes
    default = routes.default_model or "none is known"
    lines = [f"routes from: {routes.origin}", f"default_model: {default}"]
    for task, tiers in routes.tasks.items():
        lines.append(f"{task}:")
        lines += [f"  {tier}: {', '.join(models)}" for tier, models in tiers.items()]
    if routes.fallback_models:
        lines.append(f"fallback_models: {', '.join(routes.fallback_models)}")
    lines.append("targets:")
    for model in _named(snapshot):
        lines.append(f"  {model}: {', '.join(_targets(snapshot, model)) or 'none usable'}")
    return lines


def _named(snapshot: Snapshot) -> list[str]:
    """Return every model that a route names, once, in order."""
    routes = snapshot.routes
    chains = [models for tiers in routes.tasks.values() for models in tiers.values()]
    named = [routes.default_model, *(model for chain in chains for model in chain)]
    return [model for model in dict.fromkeys([*named, *routes.fallback_models]) if model]


def _targets(snapshot: Snapshot, model: str) -> list[str]:
    return [target.name for target in targets_for(snapshot, model)]
