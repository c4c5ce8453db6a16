"""Clusters that nobody named: what signals agree on, clusters of unlike sizes, names, and the whole of a training."""

import json

import numpy as np
import polars as pl
import pytest
import torch
from shop_of import shop_of
from toy_shop import quiet, truth_of

from sosie.encoders import load_encoder
from sosie.errors import TrainingError
from sosie.train.clustering import Clustering, agreement, cluster, names_of, purity
from sosie.train.recipe import RECIPES, changed
from sosie.train.run import TrainOptions, train

NAMES = ("boots", "mirror", "kettle", "jacket")
SIZES = (160, 40, 24, 16)
kinds = np.repeat(np.arange(len(SIZES)), SIZES)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def two_signals(seed=0):
    """Two signals, each of which says loudly something of its own, and both softly what the kind is."""
    draw = np.random.default_rng(seed)
    rows = len(kinds)
    signals = {}
    for name in ("seen", "told"):
        kind = 0.6 * np.eye(4)[kinds] + 0.1 * draw.standard_normal((rows, 4))
        own = 1.5 * np.eye(4)[draw.integers(0, 4, rows)] + 0.1 * draw.standard_normal((rows, 4))
        mixing = np.linalg.qr(draw.standard_normal((12, 12)))[0]
        signals[name] = unit(np.hstack([kind, own, 0.05 * draw.standard_normal((rows, 4))]) @ mixing)
    return signals


def right(labels):
    return purity(labels, kinds)


def test_what_signals_agree_on_is_what_both_say():
    signals = two_signals()
    side_by_side = unit(np.hstack(list(signals.values())))
    shared = agreement(signals, 3)
    np.testing.assert_allclose(np.linalg.norm(shared, axis=1), 1, atol=1e-5)
    assert right(cluster(shared, 4, 0).of(shared)) > 0.9
    assert right(cluster(side_by_side, 4, 0).of(side_by_side)) < 0.75


def test_a_single_signal_and_one_that_is_missing():
    signals = two_signals()
    alone = agreement({"seen": signals["seen"]}, 12)
    assert alone.shape == (len(kinds), 12)
    signals["told"][::3] = 0
    some = agreement(signals, 3)
    assert np.isfinite(some).all()
    assert right(cluster(some, 4, 0).of(some)) > 0.8


def test_clusters_of_unlike_sizes_and_how_many():
    draw = np.random.default_rng(0)
    vectors = unit(np.eye(8)[kinds] + 0.15 * draw.standard_normal((len(kinds), 8)))
    for count in (4, 0):  # 0: as many as part best
        found = cluster(vectors, count, 0)
        assert found.count == 4
        assert right(found.of(vectors)) == 1
    assert cluster(vectors[:1], 3, 0).count == 1
    assert cluster(vectors[:6], 3, 0).count <= 3
    one, other = (cluster(vectors, 4, 0).of(vectors) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_the_cluster_is_that_of_the_nearest_seed():
    draw = np.random.default_rng(0)
    seeds, labels = draw.normal(size=(7, 3)).astype(np.float32), np.array([0, 1, 2, 1, 0, 2, 2])
    vectors = draw.normal(size=(50, 3)).astype(np.float32)
    expected = [labels[np.argmin([np.linalg.norm(vector - seed) for seed in seeds])] for vector in vectors]
    assert Clustering(seeds, labels).of(vectors).tolist() == expected


def test_names_are_the_words_that_tell_clusters_apart():
    titles = ["red leather boots", "blue leather boots", "red kettle", "blue steel kettle", "boots", ""]
    names = names_of(titles, np.array([0, 0, 1, 1, 0, 2]), 4)
    assert names[0].split()[0] == "boots"
    assert names[1].split()[0] == "kettle"
    assert names[2:] == ["cluster", "cluster 2"]


def test_purity_is_the_share_of_the_most_frequent_kinds():
    assert purity(np.array([0, 0, 0, 1, 1, 3]), np.array([2, 2, 0, 0, 1, 1])) == pytest.approx(4 / 6)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Titles that say the kind and little else."""
    titles = [f"{NAMES[kind]} n{at:03}" for at, kind in enumerate(kinds)]
    columns = {
        "title": titles,
        "kind": [NAMES[kind] for kind in kinds],
        "split": ["train" if at % 4 else "val" for at in range(len(kinds))],
    }
    return shop_of(tmp_path_factory.mktemp("clusters"), columns, {}, on=("words",), ignore=("kind", "split"))


def test_clusters_are_found_learnt_named_and_judged(store):
    torch.set_num_threads(1)
    small = {"signals": ["words"], "dim": 16, "epochs": 4, "batch": 32, "clusters": {"count": 4}}
    recipe = changed(RECIPES["clusters"], small, "test")
    truth = truth_of(labels=("kind",), split="split")
    report = train(store, truth, recipe, TrainOptions("groups", activate=False), quiet)
    groups = report.clusters
    assert groups.count == 4
    assert groups.label == "kind"
    assert groups.judged == len(kinds[::4])
    assert groups.purity > max(groups.purity_before, 0.8)
    assert groups.nmi > groups.nmi_before > 0
    assert report.products == len(kinds) - len(kinds[::4])
    table = pl.read_parquet(report.model / "clusters.parquet")
    assert table["id"].to_list() == store.snapshot.ids(np.arange(len(kinds)))
    val = table.filter(np.arange(len(kinds)) % 4 == 0)
    assert purity(val["cluster"].to_numpy(), kinds[::4]) == pytest.approx(groups.purity)
    named = dict(zip(table["cluster"], table["name"], strict=True))
    assert set(groups.largest) == set(named.values())
    assert sum(groups.largest.values()) == len(kinds)
    assert {name.split()[0] for name in named.values()} & set(NAMES)
    assert load_encoder(report.model).dim == 16  # sealed with its clusters
    assert "clusters.parquet" in (report.model / "README.md").read_text()
    assert json.loads((report.model / "report.json").read_text())["clusters"]["nmi"] == groups.nmi


def test_nothing_is_learnt_from_what_judges(store, tmp_path):
    torch.set_num_threads(1)
    small = {"signals": ["words"], "dim": 8, "epochs": 1, "clusters": {"count": 3, "rounds": 1}}
    recipe = changed(RECIPES["clusters"], small, "test")
    judged = train(store, truth_of(labels=("kind",)), recipe, TrainOptions("judged", activate=False), quiet)
    alone = train(store, truth_of(), recipe, TrainOptions("alone", activate=False), quiet)
    one, other = ((report.model / "clusters.parquet").read_bytes() for report in (judged, alone))
    assert one == other
    assert alone.clusters.label == ""
    with pytest.raises(TrainingError, match="leave --pairs out"):
        train(store, truth_of(pairs=tmp_path / "pairs.csv"), recipe, TrainOptions("pairs"), quiet)
