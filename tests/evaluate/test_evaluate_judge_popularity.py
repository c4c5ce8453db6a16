"""How novel and how popular a judged store's answers are, by ratings or by what was taken before."""

import math

import numpy as np
import pytest
from shop_of import shop_of

from sosie.evaluate.front import Truth, evaluate
from sosie.evaluate.judge import Options

SIZE = 15
SHOWN = 10
KIND = Truth(labels=("kind",))
RATED = [0, 7, 0, 3, 1, 0, 0, 12, 0, 0, 2, 0, 5, 0, 0]


def shop(folder, **columns):
    vectors = np.random.default_rng(2).standard_normal((SIZE, 4)).astype(np.float32)
    kinds = {"kind": [f"k{at % 2}" for at in range(SIZE)]}
    return shop_of(folder, {**kinds, **columns}, {"own": vectors}, ignore=("kind",))


def measured(store, truth=KIND):
    return evaluate(store, truth, options=Options(beside=False))


def test_by_how_often_products_are_rated(tmp_path):
    store = shop(tmp_path, rating_count=RATED)
    rated = dict(zip(store.table()["id"], RATED, strict=True))
    total = sum(RATED) + SIZE
    novel, biased = [], []
    for id in rated:
        hits = [hit.product.id for hit in store.similar(id, limit=SHOWN)]
        novel.append(np.mean([-math.log2((rated[hit] + 1) / total) for hit in hits]))
        biased.append(np.mean([rated[hit] for hit in hits]) / np.mean(RATED))
    found = measured(store).metrics
    assert found[f"novelty@{SHOWN}"].value == pytest.approx(np.mean(novel))
    assert found[f"popularity_bias@{SHOWN}"].value == pytest.approx(np.mean(biased))
    assert found[f"novelty@{SHOWN}"].n == SIZE


def test_not_told_where_nobody_rated_anything(tmp_path):
    assert not {"novelty@10", "popularity_bias@10"} & set(measured(shop(tmp_path)).metrics)


def test_by_what_users_took_before(tmp_path):
    store = shop(tmp_path, rating_count=RATED)
    ids = store.table()["id"].to_list()
    lines = ["user,product,time", *(f"u{user},{ids[0]},{user}" for user in range(9))]
    lines += [f"u{user},{ids[1 + user]},{20 + user}" for user in range(9)]
    events = tmp_path / "events.csv"
    events.write_text("\n".join(lines) + "\n", "utf-8")
    found = measured(store, Truth(events=events)).metrics
    assert found["popularity_bias@10"].value == pytest.approx(0)
    assert found["novelty@10"].value == pytest.approx(-math.log2(1 / (9 + SIZE)))
