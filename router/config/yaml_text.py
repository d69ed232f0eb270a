"""This module parses YAML text; a key written twice is a problem, not a surprise."""

from __future__ import annotations

from typing import Any

import yaml

# libyaml is about eight times as fast; some builds of PyYAML come without it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"


class BadYaml(ValueError):
    """The text is not YAML; the message says where, and quotes nothing of the file."""


class _Loader(_Base):  # type: ignore[misc]
    """A safe loader that notes keys written twice."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.twice: list[str] = []

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Build a mapping; PyYAML alone would keep the last of two equal keys in silence."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if key.value in seen:
                line = key.start_mark.line + 1
                self.twice.append(f'line {line}: the key "{key.value}" stands twice; keep one')
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str) -> tuple[Any, tuple[str, ...]]:
    r"""Return the document, and a sentence for each key that stands twice in its mapping.

    Raises
    ------
    BadYaml
        The text is not one YAML document.

    Examples
    --------
    >>> parse_yaml("a: 1")
    ({'a': 1}, ())
    >>> parse_yaml("a: 1\na: 2")[1]
    ('line 2: the key "a" stands twice; keep one',)
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data(), tuple(loader.twice)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        # `problem` names the token, not the text around it, which may hold a key.
        raise BadYaml(f"not YAML: {where}{exc.problem or exc.context}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        # `unacceptable character` and bad scalars (a date such as 2026-99-99).
        raise BadYaml(f"not YAML: {type(exc).__name__}; save it as UTF-8 text") from exc
    finally:
        loader.dispose()
