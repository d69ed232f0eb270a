"""Tests that need a real component: skipped by name where it is missing, or failed in CI."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

COMMANDS = {
    "logrotate": "logrotate",
    "pm2": "pm2",
    "shellcheck": "shellcheck",
    "systemd": "systemd-analyze",
}
"""Component -> the command that tells whether it is there. ``.ci/run`` installs them all."""

FILES = {
    "postgresql": "usr/lib/postgresql/*/bin/initdb",
}
"""Component -> what tells that it is there, where no command on the path does."""

PACKAGES = {
    "opentelemetry": "opentelemetry.exporter.otlp.proto.http",
}
"""Component -> the Python package that is needed; those above it may be there without it."""

# They are loaded as what they are; searched for doctests, their equal names would clash.
collect_ignore_glob = ["conftest.py", "*/conftest.py"]

REQUIRE = "ROUTER_TESTS_REQUIRE_COMPONENTS"
_PREFIX = "needs: "


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for component in marker.args:
            if not _is_there(component):
                _missing(component)


def _is_there(component: str) -> bool:
    if component in PACKAGES:
        try:
            return importlib.util.find_spec(PACKAGES[component]) is not None
        except ModuleNotFoundError:
            return False
    if component in FILES:
        return any(Path("/").glob(FILES[component])) and shutil.which("psql") is not None
    return shutil.which(COMMANDS[component]) is not None


def _missing(component: str) -> None:
    if os.environ.get(REQUIRE) == "1":
        pytest.fail(f"{_PREFIX}{component}, and {REQUIRE}=1 forbids to skip", pytrace=False)
    pytest.skip(f"{_PREFIX}{component}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what was skipped for a missing component, just before the closing line."""
    reasons = [
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    ]
    missing = Counter(r.removeprefix(_PREFIX) for r in reasons if r.startswith(_PREFIX))
    for component, count in sorted(missing.items()):
        terminalreporter.write_line(f"skipped for want of {component}: {count} test(s)")
