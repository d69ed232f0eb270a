from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.config import models_table
from router.config.load import load
from router.config.masked import masked
from router.config.settings import Settings
from router.errors import ConfigError

CONFIG = Path(models_table.__file__).parents[2] / "config"
DOCUMENTS = [
    yaml.safe_load((CONFIG / name).read_text())
    for name in ("router.example.yaml", "config.example.yml")
]
JUNK = st.sampled_from(
    [None, "", " ", 0, -1, 1.5, True, "x", "*", "auto", "${X}", "os.environ/X", [], {}, [[]],
     [None], {"a": None}, {1: 2}, "http://h", "a\nb", 10**30, float("inf")]
)  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value of a document."""
    items: list[tuple[Any, Any]] = []
    if isinstance(node, dict):
        items = list(node.items())
    elif isinstance(node, list):
        items = list(enumerate(node))
    return [p for key, below in items for p in [(*path, key), *places(below, (*path, key))]]


PLACES = [(number, path) for number, document in enumerate(DOCUMENTS) for path in places(document)]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.sampled_from(PLACES), junk=JUNK)
def test_any_value_anywhere_is_taken_or_refused_with_its_file(
    place: tuple[int, tuple[Any, ...]], junk: Any
) -> None:
    number, path = place
    document = copy.deepcopy(DOCUMENTS[number])
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = junk
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "config").mkdir()
        (root / "config/router.yaml").write_text(yaml.safe_dump(document))
        try:
            snapshot = load(Settings.read({}, {"OPENAI_API_KEY": "k"}, root))
        except ConfigError as error:
            problems, digest = error.problems, None
        else:
            problems, digest = (), snapshot.digest
            assert masked(snapshot)["digest"] == digest
    assert all(line.startswith("config/router.yaml: ") for line in problems)
    assert bool(problems) == (digest is None)
