"""This module finds the configuration and turns it into a snapshot: text in, `Snapshot` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from router.config.backend import read_backend, read_demo
from router.config.compile import compile_draft
from router.config.draft import Draft
from router.config.environment import has_provider, read_environment
from router.config.findings import Findings
from router.config.litellm import read_litellm
from router.config.models_table import ModelsTable, shipped
from router.config.router_file import read_router
from router.config.settings import Settings
from router.config.snapshot import Snapshot
from router.config.yaml_text import BadYaml, parse_yaml
from router.errors import ConfigError

PLACES = (
    "config/router.yaml",
    "conf/config.yml",
    "conf/config.yaml",
    "config/config.yml",
    "config/config.yaml",
)
_LITELLM_SECTIONS = ("litellm_settings", "router_settings", "general_settings")
_NONE: Mapping[str, tuple[str, ...]] = MappingProxyType({})

ReadText = Callable[[Path], str]
"""Returns the text of a file; raises `OSError` or `UnicodeDecodeError`."""

FindFile = Callable[[Settings, Findings], Path | None]
"""Returns the file to read, None where there is none; adds a problem if it is missing."""


def read_text(path: Path) -> str:
    """Return the text of a file, without the mark that some editors begin it with."""
    return path.read_text(encoding="utf-8-sig")


def load(settings: Settings, discovered: Mapping[str, tuple[str, ...]] = _NONE) -> Snapshot:
    """Return the compiled configuration.

    Parameters
    ----------
    discovered : mapping of str to tuple of str
        Account name -> models that the account was found to have. They do not enter the
        digest, as each worker finds them in its own time.

    Raises
    ------
    ConfigError
        Every problem, each with file, path and remedy.
    """
    return load_from(settings, discovered, read_text)


def load_from(
    settings: Settings,
    discovered: Mapping[str, tuple[str, ...]],
    read: ReadText,
    find: FindFile | None = None,
) -> Snapshot:
    """Return the compiled configuration, as `load`; files found by `find`, read by `read`."""
    find = find or find_file
    snapshot = _load(settings, discovered, read, find)
    if not discovered:
        return snapshot
    return replace(snapshot, digest=_load(settings, _NONE, read, find).digest)


def find_file(settings: Settings, findings: Findings) -> Path | None:
    """Return the file to read, or None where there is none.

    A file that was named must exist; of several that were not, the first is read and
    the others are noted.
    """
    if settings.config_path is not None:
        path = settings.resolve(settings.config_path)
        if not path.is_file():
            findings.problem(settings.config_origin, f"names {path}, which is not a file")
        return path
    found = [settings.root / place for place in PLACES if (settings.root / place).is_file()]
    if len(found) > 1:
        others = ", ".join(str(path.relative_to(settings.root)) for path in found[1:])
        winner = found[0].relative_to(settings.root)
        findings.note("warning", str(winner), f"is used; {others} is there too, and is not read")
    return found[0] if found else None


def _load(
    settings: Settings,
    discovered: Mapping[str, tuple[str, ...]],
    read: ReadText,
    find: FindFile,
) -> Snapshot:
    """Find, read, compile; raise all problems at once."""
    findings = Findings("environment")
    path = find(settings, findings)
    draft: Draft | None = None
    if not findings.problems:
        if path is None:
            draft = _without_file(settings, findings, discovered)
        else:
            findings.file = _shown(path, settings)
            draft = _from_file(path, settings, findings, discovered, read)
    if draft is not None:
        snapshot = compile_draft(draft, settings, findings)
        if not findings.problems:
            return snapshot
    raise ConfigError(list(dict.fromkeys(findings.problems)))


def _without_file(
    settings: Settings, findings: Findings, discovered: Mapping[str, tuple[str, ...]]
) -> Draft:
    """Return the draft of the environment, or the demo's."""
    table = shipped()
    if settings.backend_base_url is not None:
        return read_backend(settings, table, findings, discovered)
    if has_provider(settings):
        return read_environment(settings, table, findings, discovered)
    findings.note(
        "warning",
        "demo",
        "nothing is configured: the demo account answers; "
        "set a provider key or write config/router.yaml",
    )
    return read_demo(settings)


def _from_file(
    path: Path,
    settings: Settings,
    findings: Findings,
    discovered: Mapping[str, tuple[str, ...]],
    read: ReadText,
) -> Draft | None:
    """Return the draft of a file of either kind."""
    document = _document(path, findings, read)
    if document is None:
        return None
    table: ModelsTable = shipped()
    if "include" in document and "model_list" not in document:
        document.setdefault("model_list", [])
    if "model_list" in document:
        document = _with_includes(document, path, settings, findings, read)
        return read_litellm(document, str(path), settings, table, findings)
    if any(section in document for section in _LITELLM_SECTIONS):
        findings.problem("model_list", "is missing; a LiteLLM file needs it")
        return None
    return read_router(document, str(path), settings, table, findings, discovered)


def _document(path: Path, findings: Findings, read: ReadText) -> dict[str, Any] | None:
    """Return a file's mapping; anything else is a problem."""
    try:
        document, twice = parse_yaml(read(path))
    except BadYaml as exc:
        findings.problem("", str(exc))
        return None
    except UnicodeDecodeError:
        findings.problem("", "is not UTF-8 text; save it as UTF-8")
        return None
    except OSError as exc:
        findings.problem("", f"cannot be read: {exc.strerror}")
        return None
    for sentence in twice:
        findings.problem("", sentence)
    if isinstance(document, dict):
        return document
    findings.problem("", "is empty; write at least one account" if document is None else
                     "must be a mapping of key: value at the top")  # fmt: skip
    return None


def _with_includes(
    document: dict[str, Any],
    path: Path,
    settings: Settings,
    findings: Findings,
    read: ReadText,
) -> dict[str, Any]:
    """Return a LiteLLM document with its `include` files joined in, one level deep.

    Lists are appended, other keys of an included file replace those before, as LiteLLM
    does it.
    """
    included = document.get("include") or []
    names = [included] if isinstance(included, str) else included
    joined = dict(document)
    for index, name in enumerate(names if isinstance(names, list) else []):
        other = path.parent / str(name)
        inner = Findings(_shown(other, settings))
        part = _document(other, inner, read)
        findings.problems.extend(inner.problems)
        if part is None:
            findings.problem(f"include[{index}]", f"{other} cannot be used; correct or remove it")
            continue
        for key, value in part.items():
            known = joined.get(key)
            is_list = isinstance(known, list) and isinstance(value, list)
            joined[key] = [*known, *value] if is_list and known is not None else value
    return joined


def _shown(path: Path, settings: Settings) -> str:
    """Return a path as messages show it: relative to the root where it lies below it."""
    return str(path.relative_to(settings.root) if path.is_relative_to(settings.root) else path)
