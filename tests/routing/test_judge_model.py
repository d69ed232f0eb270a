from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.routing.classify import MODEL_PATH
from router.routing.features import (
    BUCKETS,
    LAYOUT,
    STRUCTURE,
    extract,
    opener_row,
    pair_row,
    tokens,
    word_hash,
    word_row,
)
from router.routing.linear import LinearModel, scaled
from router.routing.model_file import OUTPUTS, TASKS, Header, Model, dump, load

SHIPPED = load(MODEL_PATH)
LINEAR = LinearModel(SHIPPED)


def tiny(**weights: int) -> Model:
    """Return a model that knows one word, ``alpha``, with a weight per task."""
    lanes = [array("b", [weights.get(name, 0)]) for name in OUTPUTS]
    facts = [array("b", [0] * len(STRUCTURE)) for _ in OUTPUTS]
    ones = (1.0,) * len(OUTPUTS)
    header = Header(LAYOUT, (0.0,) * len(OUTPUTS), ones, ones, (0.0, 0.4, 0.8, 1.2, 1.55), "x")
    return Model(header, array("I", [word_row(word_hash("alpha"))]), lanes, facts)


def test_the_shipped_file_is_small_and_of_this_layout() -> None:
    assert MODEL_PATH.stat().st_size < 2_000_000
    assert SHIPPED.header.layout == LAYOUT
    assert dump(SHIPPED) == dump(load(MODEL_PATH))


def test_a_file_survives_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(dump(tiny(coding=-128, general=127)))
    assert load(path) == tiny(coding=-128, general=127)


def test_a_file_of_other_features_is_refused(tmp_path: Path) -> None:
    model = tiny()
    path = tmp_path / "model.bin"
    path.write_bytes(dump(replace(model, header=replace(model.header, layout=1))))
    with pytest.raises(ValueError, match="train it again"):
        load(path)


@pytest.mark.parametrize("damage", [b"", b"\x00nonsense", dump(tiny())[:-9]])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(damage)
    with pytest.raises(ValueError, match=r"model\.bin"):
        load(path)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("weight", [127, -128])
def test_packed_lanes_do_not_touch_their_neighbours(task: str, weight: int) -> None:
    model = LinearModel(tiny(**{task: weight}))
    groups = model.weigh(extract("alpha"), 5).groups["words"]
    share = len(extract("alpha").words) ** -0.5
    assert groups[TASKS.index(task)] == pytest.approx(weight * share)
    assert [g for i, g in enumerate(groups) if i != TASKS.index(task)] == [0.0] * len(TASKS)


@given(st.text(max_size=300))
def test_features_are_rows_of_the_tables(text: str) -> None:
    features = extract(text)
    assert all(0 <= row < BUCKETS for row in (*features.words, *features.pairs))
    assert all(0 <= fact < len(STRUCTURE) for fact in features.structure)
    assert len(set(features.structure)) == len(features.structure)
    assert len(set(features.words)) == len(features.words)


def test_words_openers_and_pairs_are_hashed_as_documented() -> None:
    one, two = (word_hash(w) for w in tokens("sort lists"))
    features = extract("sort lists")
    assert set(features.words) == {word_row(one), word_row(two), opener_row(one), opener_row(two)}
    assert features.pairs == (pair_row(one, two),)


@given(st.text(max_size=300))
def test_an_opinion_is_a_distribution_and_a_score(text: str) -> None:
    opinion = LINEAR.weigh(extract(text), len(text))
    assert sum(opinion.p) == pytest.approx(1.0)
    assert 0.0 <= opinion.score <= 1.0


@given(st.floats(-1, 3), st.floats(-1, 3))
def test_scaling_keeps_the_order(a: float, b: float) -> None:
    cuts = SHIPPED.header.cuts
    low, high = sorted((a, b))
    assert scaled(low, cuts) <= scaled(high, cuts)
