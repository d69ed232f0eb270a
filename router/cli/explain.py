"""This module is ``open-llm-router explain``: the decision for a request; nobody is called."""

from __future__ import annotations

import random
from typing import IO, Any

import click
import orjson

from router.cli.settings import in_sentences, read_snapshot
from router.config.snapshot import Snapshot
from router.errors import InvalidRequest, RouterError
from router.routing.classify import Judge
from router.routing.constraints import needs_of
from router.routing.controls import read_controls, strip_controls
from router.routing.decide import decide
from router.routing.decision import AttemptPlan, RouteDecision
from router.routing.explain import explain
from router.routing.plan import plan
from router.state.health import Health
from router.web.status import ingress_of


@click.command("explain")
@click.argument("request_file", type=click.File("rb"), metavar="REQUEST.json")
@click.option("--config", "-c", help="Configuration file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_sentences
def explain_command(request_file: IO[bytes], config: str | None, as_json: bool) -> None:
    """Explain how a request would be routed ("-" reads standard input)."""
    try:
        body = orjson.loads(request_file.read())
    except orjson.JSONDecodeError as exc:
        raise InvalidRequest(f"{request_file.name}: not JSON: {exc}") from exc
    if not isinstance(body, dict):
        raise InvalidRequest(f"{request_file.name}: must hold a JSON object, a request's body")
    told = explained(read_snapshot(config), body)
    if as_json:
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return
    for line in as_text(told):
        click.echo(line)


def explained(snapshot: Snapshot, body: dict[str, Any]) -> dict[str, Any]:
    """Return decision and plan for a body, as a server just started would make them."""
    judge = Judge.from_file()
    controls = read_controls(body, {})
    view = ingress_of(body).view(body)
    needs = needs_of(view, strip_controls(body))
    decision: RouteDecision | None = None
    planned: AttemptPlan | None = None
    refused: RouterError | None = None
    try:
        decision = decide(snapshot, view, controls, judge.judge)
        rng = random.Random(0)  # noqa: S311  the same answer each time it is asked
        planned = plan(snapshot, decision, controls, needs, Health(), rng, 0.0)
    except RouterError as error:
        refused = error
    judged = judge.judge(view)
    return explain(snapshot, controls, needs, decision, planned, Health(), 0.0, refused, judged)


def as_text(told: dict[str, Any], indent: str = "") -> list[str]:
    """Return a nested value as indented lines."""
    lines: list[str] = []
    for name, value in told.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{name}:", *as_text(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{indent}{name}:")
            for item in value:
                first, *rest = as_text(item, indent + "    ")
                lines += [f"{indent}  - {first.strip()}", *rest]
        elif value not in (None, [], {}):
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            lines.append(f"{indent}{name}: {shown}")
    return lines
