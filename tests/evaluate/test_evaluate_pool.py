"""A pool answers as ranking does, at any weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shop_of import shop_of

from sosie.evaluate import pool as pool_module
from sosie.evaluate.answers import Made, ask, fused
from sosie.evaluate.pool import _first, pool, replaced
from sosie.evaluate.task import Lists, Task, TaskOptions
from sosie.evaluate.truth import Listed, label_task
from sosie.evaluate.values import values_of
from sosie.types import Query

SIZE = 90
NAMES = ("hit@1", "ndcg@10", "map@r", "ap")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Three signals on a coarse grid, so that scores tie; one of them is missing here and there."""
    draw = np.random.default_rng(3)
    one, two, three = draw.integers(-1, 2, (3, SIZE, 4)).astype(np.float32)
    three[::4] = 0
    columns = {
        "kind": [f"k{at % 7}" for at in range(SIZE)],
        "title": [f"thing {'red' * (at % 2)} {at % 5}" for at in range(SIZE)],
    }
    folder = tmp_path_factory.mktemp("shop")
    return shop_of(folder, columns, {"one": one, "two": two, "three": three}, ignore=("kind",))


WEIGHTS = (
    {"one": 1.0, "two": 1.0, "three": 1.0},
    {"one": 3.0, "two": 0.0, "three": 0.25},
    {"one": 0.0, "two": 0.5, "three": 2.0},
)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_values_at_any_weights_are_those_of_ranking(shop, weights):
    task = label_task(shop.snapshot, ["kind"], TaskOptions())
    asked = ask(shop.snapshot, task, shop.encoder)
    pooled = pool(asked, SIZE)
    values, _ = values_of(fused(asked, weights), task, NAMES)
    for name in NAMES:
        np.testing.assert_allclose(pooled.values(weights, name), values[name], rtol=1e-12)
    some = np.array([5, 3, 70])
    np.testing.assert_allclose(pooled.values(weights, "ap", some), values["ap"][some], rtol=1e-12)


def test_variants_share_a_place(tmp_path):
    draw = np.random.default_rng(0)
    look = draw.standard_normal((40, 3)).astype(np.float32)
    columns = {"kind": [f"k{at // 2 % 4}" for at in range(40)], "item_group_id": [f"g{at // 2}" for at in range(40)]}
    shop = shop_of(tmp_path, columns, {"look": look}, ignore=("kind",))
    task = label_task(shop.snapshot, ["kind"], TaskOptions())
    assert (task.size, len(task.titles), len(task.gallery)) == (20, 20, 40)
    asked = ask(shop.snapshot, task, shop.encoder)
    values, _ = values_of(fused(asked), task, NAMES)
    for name in NAMES:
        np.testing.assert_allclose(pool(asked, 40).values({"look": 1.0}, name), values[name], rtol=1e-12)


def test_words_found_literally_are_a_signal(tmp_path):
    titles = [f"{'red' if at % 2 else 'blue'} {['boot', 'lamp', 'shirt'][at % 3]} no{at}" for at in range(30)]
    shop = shop_of(tmp_path, {"title": titles}, {}, on=("words",))
    rows = np.arange(30)
    ids = tuple(sorted(shop.snapshot.ids(rows), reverse=True))
    queries = (Query(text="red boot"), Query(text="no7"), Query(text="lamp blue"))
    relevance = Listed.same_grade(Lists.build([np.arange(0, 9), np.array([22]), np.arange(3, 20)]))
    task = Task("words", ("a", "b", "c"), queries, rows, rows[::-1].copy(), ids, relevance, Lists.build([[]] * 3))
    asked = ask(shop.snapshot, task, shop.encoder)
    pooled = pool(asked, 30)
    assert pooled.signals == ("words", "exact")
    for weights in ({"words": 0.3, "exact": 1.0}, {"words": 2.0, "exact": 0.0}, {"words": 0.0, "exact": 1.0}):
        values, _ = values_of(fused(asked, weights), task, ("ap",))
        np.testing.assert_allclose(pooled.values(weights, "ap"), values["ap"], rtol=1e-12)


def test_one_signal_made_another_way_changes_only_that_one(shop):
    task = label_task(shop.snapshot, ["kind"], TaskOptions())
    asked = ask(shop.snapshot, task, shop.encoder)
    pooled = pool(asked, SIZE)
    other = np.random.default_rng(9).standard_normal((SIZE, 6)).astype(np.float32)
    changed = pool_module.replace(asked, made={"two": Made(other, other, 0.5)})
    again = replaced(pooled, changed, "two")
    np.testing.assert_array_equal(again.cosines[0], pooled.cosines[0])
    values, _ = values_of(fused(changed, WEIGHTS[2]), task, NAMES)
    for name in NAMES:
        np.testing.assert_allclose(again.values(WEIGHTS[2], name), values[name], rtol=1e-12)


def test_what_no_signal_proposes_is_left_out(shop, monkeypatch):
    monkeypatch.setattr(pool_module, "DEPTH", 5)
    task = label_task(shop.snapshot, ["kind"], TaskOptions())
    asked = ask(shop.snapshot, task, shop.encoder)
    pooled = pool(asked, 10)
    _, top = values_of(fused(asked), task, ())
    for at in range(task.size):
        there = pooled.places[at][pooled.places[at] >= 0]
        assert len(set(there.tolist())) == len(there) <= 20
        assert (np.diff(there) > 0).all()
        assert set(top.places[at][:5].tolist()) <= set(there.tolist())


@given(
    st.lists(st.lists(st.sampled_from([-2.0, -0.5, -0.0, 0.0, 0.5, 3.0, -np.inf]), min_size=6, max_size=6), min_size=1),
    st.integers(1, 8),
)
@settings(max_examples=50, deadline=None)
def test_the_first_columns_are_those_of_a_stable_sort(rows, depth):
    scores = np.array(rows, np.float32)
    np.testing.assert_array_equal(_first(scores, depth), np.argsort(-scores, axis=1, kind="stable")[:, :depth])
