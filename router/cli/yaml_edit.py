"""This module changes values in YAML text and leaves every other byte as it was.

The text is cut where PyYAML says that a node begins and ends; comments, blank lines, quotes
and the order of keys are never written anew. (A round trip through ruamel.yaml moves the
comment above the *next* section between the old and the new last item of a list.) What an
edit did is checked against the same change to the plain data: a layout that cannot be
edited is refused, never spoilt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

Path = tuple[str | int, ...]
"""Keys and indexes from the root, as ``("accounts", 0, "models")``."""

_STEP = 2
_ENDLESS = 10**9


class CannotEdit(ValueError):
    """The text's layout or content does not allow the change; the message says where."""


def set_value(text: str, path: Path, value: Any) -> str:
    r"""Return the text with `value` at `path`; missing mappings on the way are made.

    Raises
    ------
    CannotEdit
        Something else than a mapping is in the way, or the layout is not understood.

    Examples
    --------
    >>> set_value("a: 1  # one\nb:\n  c: [x]\n", ("b", "d"), "y")
    'a: 1  # one\nb:\n  c: [x]\n  d: y\n'
    """
    expected = _applied(_plain(text), path, value)
    node, found = _walk(text, path)
    rest = path[found:]
    if not rest:
        changed = _replaced(text, node, value, _column(text, path))
    else:
        changed = _inserted(text, node, path[:found], rest, value)
    return _checked(changed, expected, path)


def append_item(text: str, path: Path, item: Any) -> str:
    r"""Return the text with `item` at the end of the list at `path`, which may be missing.

    Raises
    ------
    CannotEdit
        There is something else than a list, or the layout is not understood.

    Examples
    --------
    >>> append_item("a:\n- x  # first\n\n# next\nb: 1\n", ("a",), "y")
    'a:\n- x  # first\n- y\n\n# next\nb: 1\n'
    """
    items = value_at(_plain(text), path)
    if items is not None and not isinstance(items, list):
        raise CannotEdit(f"{spelled(path)} is not a list")
    if not items:
        return set_value(text, path, [item])
    node, _ = _walk(text, path)
    expected = _applied(_plain(text), path, [*items, item])
    if node.flow_style:
        changed = _spliced(text, node.value[-1].end_mark.index, f", {_flow(item)}")
    else:
        column = node.start_mark.column
        changed = _with_lines(text, _last_end(node), _block_items([item], column))
    return _checked(changed, expected, path)


def value_at(data: Any, path: Path) -> Any:
    """Return what stands at `path` in plain data; None where nothing does."""
    for step in path:
        inside = isinstance(data, Mapping) and step in data
        inside = inside or (isinstance(data, list) and isinstance(step, int) and step < len(data))
        if not inside:
            return None
        data = data[step]
    return data


def spelled(path: Path) -> str:
    """Return a path as messages show it.

    Examples
    --------
    >>> spelled(("accounts", 2, "models"))
    'accounts[2].models'
    """
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(parts).lstrip(".") or "the file"


# --- finding ---------------------------------------------------------------------------------


def _plain(text: str) -> Any:
    """Return the plain data; what aliases share is copied."""
    return _unshared(yaml.safe_load(text))


def _unshared(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _unshared(value) for key, value in data.items()}
    return [_unshared(item) for item in data] if isinstance(data, list) else data


def _applied(data: Any, path: Path, value: Any) -> Any:
    """Return plain data with `value` at `path`."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        if not isinstance(data, list) or step >= len(data):
            raise CannotEdit(f"there is no item {step}")
        return [_applied(x, rest, value) if i == step else x for i, x in enumerate(data)]
    if data is not None and not isinstance(data, dict):
        raise CannotEdit(f'"{step}" cannot be set in what is not a mapping')
    known = data or {}
    return {**known, step: _applied(known.get(step), rest, value)}


def _walk(text: str, path: Path) -> tuple[Any, int]:
    """Return the deepest node on the way along `path`, and how many steps lead to it."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for taken, step in enumerate(path):
        inner = _inner(node, step)
        if inner is None:
            return node, taken
        node = inner
    return node, len(path)


def _inner(node: Any, step: str | int) -> Any:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step] if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    return None


def _column(text: str, path: Path) -> int:
    """Return the column of the key or dash that a node belongs to."""
    if not path:
        return -_STEP
    parent, _ = _walk(text, path[:-1])
    return int(parent.start_mark.column)


def _last_end(node: Any) -> int:
    """Return where a node's last character ends; without the comments that follow it."""
    if isinstance(node, yaml.MappingNode) and node.value and not node.flow_style:
        key, value = node.value[-1]
        return max(int(key.end_mark.index) + 1, _last_end(value))
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        return _last_end(node.value[-1])
    return int(node.end_mark.index)


# --- cutting ---------------------------------------------------------------------------------


def _replaced(text: str, node: Any, value: Any, column: int) -> str:
    """Return the text with another value in a node's place."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        if isinstance(node, yaml.SequenceNode) and _are_scalars(node, value):
            return _with_items(text, node, value)
        return _without_block(text, node, value, column)
    if _is_block_value(value) and not _in_flow(text, node):
        return _with_block(text, node, value, column)
    start, end = node.start_mark.index, node.end_mark.index
    blank = " " if start == end and text[:start].endswith(":") else ""
    tail = "\n" if text[start:end].endswith("\n") else ""
    return f"{text[:start]}{blank}{_flow(value)}{tail}{text[end:]}"


def _are_scalars(node: Any, value: Any) -> bool:
    """Tell whether a list and what replaces it have one line an item."""
    old_ones = all(isinstance(item, yaml.ScalarNode) for item in node.value)
    new_ones = isinstance(value, list) and bool(value)
    return old_ones and new_ones and not any(isinstance(item, dict | list) for item in value)


def _without_block(text: str, node: Any, value: Any, column: int) -> str:
    """Return the text with a value in place of the block below a key; the key's line stays."""
    colon = text.rindex(":", 0, node.start_mark.index) + 1
    head_end = _line_end(text, colon)
    rest = text[_line_end(text, _last_end(node)) :]
    if _is_block_value(value):
        return _with_lines(text[:head_end] + rest, colon, _block_lines(value, column + _STEP))
    return f"{text[:colon]} {_flow(value)}{text[colon:head_end]}{rest}"


def _inserted(text: str, node: Any, path: Path, rest: Path, value: Any) -> str:
    """Return the text with a new key in the mapping `node`."""
    for step in reversed(rest[1:]):
        value = {step: value}
    entry = {rest[0]: value}
    if node is None:
        joint = "" if not text or text.endswith("\n") else "\n"
        return text + joint + "".join(f"{line}\n" for line in _block_entries(entry, 0))
    if not isinstance(node, yaml.MappingNode) or not node.value:
        return _replaced(text, node, entry, _column(text, path))
    if node.flow_style:
        return _spliced(text, node.value[-1][1].end_mark.index, f", {_flow(entry)[1:-1]}")
    lines = _block_entries(entry, node.start_mark.column)
    return _with_lines(text, _last_end(node), lines)


def _with_items(text: str, node: Any, values: Sequence[Any]) -> str:
    """Return the text with other items in a block list; those that stay keep their lines."""
    lines = {}
    for item in node.value:
        end = _line_end(text, _last_end(item))
        start = text.rfind("\n", 0, item.start_mark.index) + 1
        lines[_flow(yaml.safe_load(text[item.start_mark.index : item.end_mark.index]))] = text[
            start:end
        ]
    column = node.start_mark.column
    fresh = [lines.get(_flow(value)) or _block_items([value], column)[0] for value in values]
    start = text.rfind("\n", 0, node.start_mark.index) + 1
    return text[:start] + "\n".join(fresh) + text[_line_end(text, _last_end(node)) :]


def _with_block(text: str, node: Any, value: Any, column: int) -> str:
    """Return the text with a block below a key that had an empty or a flow value."""
    start, end = node.start_mark.index, node.end_mark.index
    cut = text[:start].rstrip(" ") + text[end:]
    at = len(text[:start].rstrip(" "))
    return _with_lines(cut, at, _block_lines(value, column + _STEP))


def _in_flow(text: str, node: Any) -> bool:
    """Tell whether a node lies within brackets or braces."""
    place = node.start_mark.index

    def within(outer: Any, flow: bool) -> bool:
        if outer.start_mark.index == place and type(outer) is type(node):
            return flow
        inside = flow or bool(getattr(outer, "flow_style", False))
        return any(within(part, inside) for part in _parts(outer))

    return within(yaml.compose(text, Loader=yaml.SafeLoader), False)


def _parts(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _spliced(text: str, at: int, piece: str) -> str:
    return text[:at] + piece + text[at:]


def _line_end(text: str, at: int) -> int:
    """Return where the line that `at` lies in ends; a block scalar ends with its last line."""
    while at > 0 and text[at - 1] == "\n":
        at -= 1
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _with_lines(text: str, at: int, lines: Sequence[str]) -> str:
    """Return the text with whole lines after the line that `at` lies in."""
    end = _line_end(text, at)
    return text[:end] + "".join(f"\n{line}" for line in lines) + (text[end:] or "\n")


# --- writing ---------------------------------------------------------------------------------


def _is_block_value(value: Any) -> bool:
    """Tell whether a value is written over several lines: mappings, and lists of them."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) and item for item in value)
    return isinstance(value, dict) and bool(value)


def _flow(value: Any) -> str:
    """Return a value on one line, as it may stand anywhere."""
    dumped: str = yaml.safe_dump(
        [value], default_flow_style=True, sort_keys=False, allow_unicode=True, width=_ENDLESS
    )
    return dumped.strip()[1:-1]


def _on_a_line(value: Any) -> str:
    """Return a value as it may stand at the end of a line: texts without quotes, if they can."""
    if isinstance(value, str) and "\n" not in value:
        try:
            if yaml.safe_load(f"key: {value}") == {"key": value}:
                return value
        except yaml.YAMLError:
            pass
    return _flow(value)


def _block_lines(value: Any, column: int) -> list[str]:
    """Return the lines of a mapping, or of a list of them."""
    if isinstance(value, list):
        return _block_items(value, column)
    return _block_entries(value, column)


def _block_entries(entries: Mapping[Any, Any], column: int) -> list[str]:
    """Return a mapping's lines."""
    lines = []
    for key, value in entries.items():
        head = f"{' ' * column}{_flow(key)}:"
        if not _is_block_value(value):
            lines.append(f"{head} {_on_a_line(value)}")
        else:
            lines += [head, *_block_lines(value, column + _STEP)]
    return lines


def _block_items(items: Sequence[Any], column: int) -> list[str]:
    """Return a list's lines."""
    lines = []
    for item in items:
        if not _is_block_value(item):
            lines.append(f"{' ' * column}- {_on_a_line(item)}")
            continue
        first, *rest = _block_entries(item, column + _STEP)
        lines += [f"{' ' * column}- {first.lstrip()}", *rest]
    return lines


def _checked(text: str, expected: Any, path: Path) -> str:
    """Return the text if it says what it should."""
    try:
        if _plain(text) == expected:
            return text
    except yaml.YAMLError:
        pass
    raise CannotEdit(f"{spelled(path)} is laid out in a way that cannot be edited here")
