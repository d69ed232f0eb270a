"""This module is ``open-llm-router explain``: the decision for a request; nobody is called."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from typing import IO, Any

import click
import orjson

from router.auth.guard import may_use
from router.canonical.principal import Principal
from router.cli.explain_text import as_text
from router.cli.settings import in_sentences, read_snapshot
from router.config.snapshot import Snapshot
from router.errors import InvalidRequest, RouterError
from router.routing.classify import Judge
from router.routing.constraints import needs_of
from router.routing.controls import read_controls, strip_controls
from router.routing.decide import decide
from router.routing.decision import AttemptPlan, RouteDecision
from router.routing.explain import Seen, explain
from router.routing.match import leaves_choice
from router.routing.plan import PlanOptions, plan
from router.routing.rules import Circumstances
from router.state.health import Health
from router.web.status import ENDPOINTS, ingress_of

_LOCAL = "local"


def _headers(
    _context: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """Return headers by lower-case name."""
    headers = {}
    for value in values:
        name, colon, text = value.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f'"{value}" is no header; write "name: value"')
        headers[name.strip().lower()] = text.strip()
    return headers


@click.command("explain")
@click.argument("request_file", type=click.File("rb"), metavar="REQUEST.json")
@click.option("--config", "-c", help="Configuration file.")
@click.option("--header", "-H", multiple=True, callback=_headers, help='As "name: value".')
@click.option("--key", default=_LOCAL, help="Name of the key that the request comes with.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_sentences
def explain_command(
    request_file: IO[bytes], config: str | None, header: dict[str, str], key: str, as_json: bool
) -> None:
    """Explain how a request would be routed ("-" reads standard input)."""
    try:
        body = orjson.loads(request_file.read())
    except orjson.JSONDecodeError as exc:
        raise InvalidRequest(f"{request_file.name}: not JSON: {exc}") from exc
    if not isinstance(body, dict):
        raise InvalidRequest(f"{request_file.name}: must hold a JSON object, a request's body")
    told = explained(read_snapshot(config), body, header, key)
    if as_json:
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return
    for line in as_text(told):
        click.echo(line)


def explained(
    snapshot: Snapshot,
    body: dict[str, Any],
    headers: Mapping[str, str] | None = None,
    key: str = _LOCAL,
) -> dict[str, Any]:
    """Return decision and plan for a body, as a server just started would make them.

    Parameters
    ----------
    headers : mapping of str to str, optional
        By lower-case name.
    key : str
        Name of the caller's key: what it may use, and what rules see.

    Raises
    ------
    InvalidRequest
        No key has the name, or the body is of no known format.
    """
    headers = headers or {}
    judge, caller = Judge.from_file(), _caller(snapshot, key)
    controls = read_controls(body, headers, partial(leaves_choice, snapshot))
    view = ingress_of(body).view(body)
    needs = needs_of(view, strip_controls(body))
    around = Circumstances(ENDPOINTS[view.format], key, str(body.get("user") or ""), headers)
    judged = judge.judge(view, headers)

    def allowed(model: str) -> bool:
        return may_use(caller, model)

    decision: RouteDecision | None = None
    planned: AttemptPlan | None = None
    refused: RouterError | None = None
    try:
        decision = decide(snapshot, view, controls, lambda _: judged, allowed, around)
        rng = random.Random(0)  # noqa: S311  the same answer each time it is asked
        options = PlanOptions(may_use=allowed)
        planned = plan(snapshot, decision, controls, needs, Health(), rng, 0.0, options)
    except RouterError as error:
        refused = error
    return explain(
        snapshot,
        controls,
        needs,
        decision,
        planned,
        Health(),
        0.0,
        refused,
        judged,
        Seen(view, around),
        judge.explain(view, headers),
    )


def _caller(snapshot: Snapshot, key: str) -> Principal:
    """Return the caller with a key's name."""
    if key == _LOCAL:
        return Principal(key, "open")
    keys = {known.name: known for known in snapshot.auth.keys.values()}
    if key not in keys:
        known = ", ".join(sorted(keys)) or "none"
        raise InvalidRequest(f'no key is named "{key}"; known: {known}')
    return Principal(key, "key", keys[key].models, keys[key].is_admin)
