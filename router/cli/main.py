"""This module is the command ``open-llm-router``: the server, and what looks at it."""

from __future__ import annotations

import sys

import click

from router import __version__
from router.cli.check import check_command
from router.cli.classify import classify_lines
from router.cli.doctor import doctor_command
from router.cli.explain import explain_command
from router.cli.logs import logs_command
from router.cli.plan import plan_command
from router.cli.pm2 import pm2_command
from router.cli.routes import routes_command
from router.cli.scan import scan_command
from router.cli.serve import SERVER_OPTIONS, serve
from router.cli.tail import tail_command
from router.cli.webui import open_webui_command
from router.cli.webui_database import init_command
from router.cli.why import why_command


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="open-llm-router")
@SERVER_OPTIONS
@click.pass_context
def main(context: click.Context, /, **options: str | None) -> None:
    """Self-hosted LLM gateway. Without a command, start the server."""
    if context.invoked_subcommand is None:
        serve(**options)


@main.command("serve")
@SERVER_OPTIONS
@click.pass_context
def serve_command(context: click.Context, /, **options: str | None) -> None:
    """Start the server."""
    given = context.parent.params if context.parent else {}
    serve(**{name: value or given.get(name) for name, value in options.items()})


@main.command("classify")
def classify_command() -> None:
    """Judge requests: JSON lines from standard input, one JSON line each to standard output."""
    classify_lines(sys.stdin, sys.stdout)


main.add_command(check_command)
main.add_command(doctor_command)
main.add_command(explain_command)
main.add_command(init_command)
main.add_command(logs_command)
main.add_command(open_webui_command)
main.add_command(plan_command)
main.add_command(pm2_command)
main.add_command(routes_command)
main.add_command(scan_command)
main.add_command(tail_command)
main.add_command(why_command)
