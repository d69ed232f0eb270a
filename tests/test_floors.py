"""The floors hold: who may import whom, and which library has which home.

Imports are read from the source text, at module scope and inside functions alike, so that
nothing needs to be importable, and nothing hides.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "router"

FLOORS = (
    ("canonical", "errors"),
    ("formats",),
    ("providers",),
    ("config", "state"),
    ("routing",),
    ("upstream", "observe", "auth"),
    ("web",),
    ("cli",),
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}

# They wire the floors together, and may import any but the command line.
BESIDE = frozenset({"app", "background", "worker", "gunicorn_worker", "readiness"})

# It runs on a workbench, never in the gateway.
OUTSIDE = {"training": frozenset({"training", "formats", "canonical", "routing", "errors"})}

# Library -> modules and packages of `router` that may import it.
HOMES = {
    "flask": ("web", "app"),
    "flask_httpauth": ("web", "app"),
    "werkzeug": ("web", "app"),
    "requests": ("upstream",),
    "urllib3": ("upstream",),
    "gevent": ("upstream", "app", "worker", "gunicorn_worker"),
    "gunicorn": ("worker", "gunicorn_worker"),
    "prometheus_client": ("observe.metrics",),
    "opentelemetry": ("observe.tracing",),
    "marshmallow": ("config.schema",),
    "numpy": ("training",),
    "click": ("cli",),
}


def imports(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """Yield line, absolute dotted name and "is inside a function" of every import."""

    def visit(node: ast.AST, inside: bool) -> Iterator[tuple[int, str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield child.lineno, alias.name, inside
            elif isinstance(child, ast.ImportFrom):
                module = "." * child.level + (child.module or "")
                for alias in child.names:
                    # `from router import web` names the package router.web.
                    name = f"{module}.{alias.name}" if module == "router" else module
                    yield child.lineno, name, inside
            elif isinstance(child, ast.Call) and _imports_by_name(child):
                name = child.args[0].value if isinstance(child.args[0], ast.Constant) else "?"
                yield child.lineno, str(name), inside
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from visit(child, inside or function)

    yield from visit(tree, False)


def _imports_by_name(call: ast.Call) -> bool:
    """Tell whether a call is ``importlib.import_module("…")`` or ``__import__("…")``."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__") and bool(call.args)


def faults(module: str, source: str) -> list[str]:
    """Return what is wrong with the imports of `module`, as ``web.chat``, below ``router``."""
    found = []
    for line, name, inside in imports(ast.parse(source)):
        where = f"router.{module}:{line}: import of {name}"
        if name.startswith("."):
            found.append(f"{where}: relative")
            continue
        if inside:
            found.append(f"{where}: inside a function")
        if name == "router" or name.startswith("router."):
            fault = floor_fault(module, name.removeprefix("router").lstrip("."))
        else:
            fault = home_fault(module, name.split(".")[0])
        if fault:
            found.append(f"{where}: {fault}")
    return found


def floor_fault(module: str, imported: str) -> str | None:
    """Return why `module` may not import `imported`, both below ``router``; None if it may."""
    own, other = module.partition(".")[0], imported.partition(".")[0]
    if other in ("", "__version__", own):
        return None
    if other in BESIDE:
        return None if own in BESIDE or own == "cli" else f"{other} is for wsgi.py and cli only"
    if own in OUTSIDE or other in OUTSIDE:
        return None if other in OUTSIDE.get(own, frozenset()) else f"{own} may not use {other}"
    if other not in FLOOR_OF:
        return f"{other} stands on no floor"
    if own in BESIDE:
        return "nothing imports cli" if other == "cli" else None
    if own not in FLOOR_OF:
        return f"{own} stands on no floor"
    if FLOOR_OF[own] < FLOOR_OF[other]:
        return f"{own} is below {other}"
    # Values and errors are one vocabulary; apart from these, neighbours do not know each other.
    if FLOOR_OF[own] == FLOOR_OF[other] != 0:
        return f"{own} and {other} share a floor"
    return None


def home_fault(module: str, library: str) -> str | None:
    """Return why `module` may not import `library`; None if it may."""
    homes = HOMES.get(library)
    if homes is None or any(_lives_in(module, home) for home in homes):
        return None
    return f"{library} lives in {', '.join(homes)}"


def _lives_in(module: str, home: str) -> bool:
    """Tell whether a module is its library's home, lies in it, or is named after it.

    ``observe.metrics`` is home to ``observe.metrics``, ``observe.metrics.x`` and
    ``observe.metrics_x``.
    """
    return module == home or module.startswith((f"{home}.", f"{home}_"))


def modules() -> dict[str, Path]:
    """Return the path of every module by its name below ``router``."""
    paths = sorted(PACKAGE.rglob("*.py"))
    named = ((".".join(path.relative_to(PACKAGE).with_suffix("").parts), path) for path in paths)
    return {name.removesuffix(".__init__"): path for name, path in named}


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_what_its_floor_allows(module: str) -> None:
    assert faults(module, modules()[module].read_text(encoding="utf-8")) == []


def test_every_package_stands_on_a_floor() -> None:
    names = {module.partition(".")[0] for module in modules()} - {"__init__"}
    assert names <= FLOOR_OF.keys() | BESIDE | OUTSIDE.keys()
    assert FLOOR_OF.keys() <= names


def test_the_entry_imports_the_application_alone_and_patches_first() -> None:
    tree = ast.parse((ROOT / "wsgi.py").read_text(encoding="utf-8"))
    names = [name for _, name, _ in imports(tree) if name != "__future__"]
    assert names == ["gevent", "router.app"]


def test_the_servers_configuration_imports_nothing_of_ours_before_workers_patch() -> None:
    tree = ast.parse((ROOT / "config" / "gunicorn.conf.py").read_text(encoding="utf-8"))
    at_once = {name.split(".")[0] for _, name, inside in imports(tree) if not inside}
    assert at_once <= sys.stdlib_module_names | {"dotenv"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("canonical.usage", "from router.formats.sse import frames"),
        ("canonical.usage", "import router.web"),
        ("errors", "from router.providers.base import Target"),
        ("formats.sse", "import router.providers.base as base"),
        ("providers.openai", "from router.config.snapshot import Snapshot"),
        ("config.load", "from router.state.health import Health"),
        ("state.health", "from router.config.snapshot import Snapshot"),
        ("routing.plan", "from router.upstream.reply import Reply"),
        ("upstream.relay", "from router.observe.audit import Audit"),
        ("upstream.relay", "from router.auth.keys import digest"),
        ("observe.audit", "from router.auth.keys import digest"),
        ("auth.jwt", "from router.upstream.fetch import Fetcher"),
        ("web.chat", "from router.cli.main import main"),
        ("web.chat", "from router.app import create_app"),
        ("web.chat", "from router import app"),
        ("routing.plan", "from router import web"),
        ("app", "from router.cli import main"),
        ("cli.routes", "from router.training.fit import fit"),
        ("routing.classify", "from router.training.fit import fit"),
        ("training.fit", "from router.config.snapshot import Snapshot"),
        ("training.fit", "from router.web import chat"),
        ("web.chat", "from router.novelty import x"),
        ("novelty", "from router.errors import RouterError"),
        ("routing.plan", "from flask import g"),
        ("routing.plan", "import werkzeug.exceptions"),
        ("auth.guard", "from flask_httpauth import HTTPTokenAuth"),
        ("web.chat", "import requests"),
        ("web.chat", "from urllib3.exceptions import HTTPError"),
        ("auth.jwks", "import requests.adapters"),
        ("web.exchange", "import gevent"),
        ("state.store", "from gevent.lock import RLock"),
        ("web.metrics", "from prometheus_client import Counter"),
        ("observe.audit", "import prometheus_client"),
        ("config.load", "from marshmallow import Schema"),
        ("web.body", "from gunicorn.http import errors"),
        ("config.load", "import click"),
        ("web.chat", "from . import models"),
        ("web.chat", "from ..routing import plan"),
        ("web.chat", "def f():\n    import json"),
        (
            "web.chat",
            "class A:\n    async def f(self):\n        from router.errors import NotFound",
        ),
        ("routing.plan", "def f():\n    if True:\n        from router.web import chat"),
        ("routing.plan", "try:\n    import requests\nexcept ImportError:\n    pass"),
        ("routing.plan", "import importlib\nimportlib.import_module('router.web.chat')"),
        ("routing.plan", "x = __import__('requests')"),
        ("routing.plan", "import json, flask"),
        ("routing.plan", "if TYPE_CHECKING:\n    from router.web.chat import blueprint"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str) -> None:
    assert len(faults(module, source)) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("errors", "from router.canonical.usage import Usage"),
        ("canonical.usage", "from router.errors import InvalidRequest"),
        ("providers.azure", "from router.providers.openai import OpenAI"),
        (
            "upstream.relay",
            "import gevent\nimport requests\nfrom urllib3.exceptions import HTTPError",
        ),
        ("observe.metrics", "from prometheus_client import Counter"),
        ("observe.metrics_labels", "from prometheus_client import Counter"),
        ("config.schema.router", "from marshmallow import fields"),
        (
            "web.chat",
            "from flask import Blueprint\nfrom router.upstream.dispatch import Dispatcher",
        ),
        (
            "cli.main",
            "import click\nfrom router import __version__\nfrom router.app import create_app",
        ),
        (
            "app",
            "from router.web import chat\nfrom router.worker import Worker",
        ),
        ("training.fit", "from router.routing.features import features"),
    ],
)
def test_an_allowed_import_is_not_found(module: str, source: str) -> None:
    assert faults(module, source) == []
