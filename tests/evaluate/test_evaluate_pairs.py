"""Judged pairs: measures against those of single resamples, thresholds that judged pairs never see."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shop_of import shop_of

from sosie.errors import TruthError
from sosie.evaluate.front import Truth, evaluate
from sosie.evaluate.judge import Options
from sosie.evaluate.pair_figures import MEASURES, Said, difference, figures, value, values
from sosie.metrics.pairs import average_precision, best_threshold, brier, ece, f1, roc_auc

SIZE = 240


def one_of(name, said, truth):
    """A measure of some pairs by the functions of metrics."""
    match name:
        case "f1":
            return f1(said.alike.astype(float), truth, 0.5)
        case "precision":
            return truth[said.alike].mean() if said.alike.any() else 0.0
        case "recall":
            return said.alike[truth].mean() if truth.any() else 0.0
        case "roc_auc":
            return roc_auc(said.scores, truth)
        case "ap":
            return average_precision(said.scores, truth)
        case "brier":
            return brier(said.stated, truth)
    return ece(said.stated, truth)


@given(st.integers(2, 30), st.integers(0, 2**32 - 1), st.sampled_from(MEASURES))
@settings(max_examples=150, deadline=None)
def test_weighted_pairs_are_pairs_drawn_as_often(size, seed, name):
    draw = np.random.default_rng(seed)
    said = Said(draw.integers(0, 6, size) / 5, draw.random(size) < 0.5, draw.integers(0, 11, size) / 10)
    truth = draw.random(size) < 0.4
    drawn = [draw.integers(0, size, size) for _ in range(4)]
    weights = np.array([np.bincount(some, minlength=size) for some in drawn], np.float64)
    expected = [one_of(name, said.at(some), truth[some]) for some in drawn]
    np.testing.assert_allclose(values(name, said, truth, weights), expected, atol=1e-12)
    assert value(name, said, truth) == pytest.approx(one_of(name, said, truth), nan_ok=True)


def planted(noise, size=300, seed=0):
    """What a system of some noise says of pairs, half of them alike, two pairs a cluster."""
    draw = np.random.default_rng(seed)
    truth = np.arange(size) % 2 == 0
    scores = truth + noise * draw.standard_normal(size)
    return Said(scores, scores > 0.5, np.clip(scores, 0, 1)), truth, np.arange(size) // 2


@pytest.mark.parametrize("name", ["f1", "roc_auc", "ap"])
def test_a_planted_difference_of_systems_is_found_and_none_of_equals(name):
    good, truth, clusters = planted(0.4)
    poor, _, _ = planted(2.0, seed=1)
    figure, p = difference(name, poor, good, truth, clusters)
    assert figure.low > 0
    assert p < 0.01
    assert figure.value == pytest.approx(value(name, good, truth) - value(name, poor, truth))
    same, p = difference(name, good, good, truth, clusters)
    assert (same.value, p) == (0, 1)
    scaled = Said(10 * good.scores - 3, good.alike, good.stated)  # scores of another scale, in the same order
    assert difference(name, good, scaled, truth, clusters)[1] == 1
    other, _, _ = planted(2.0, seed=2)
    assert difference(name, poor, other, truth, clusters)[1] > 0.05


def test_intervals_hold_the_value_and_know_clusters():
    said, truth, _ = planted(1.0)
    alone = figures(("f1",), said, truth, np.arange(len(truth)))["f1"]
    few = figures(("f1",), said, truth, np.arange(len(truth)) // 30)["f1"]
    assert alone.low < alone.value < alone.high
    assert (alone.n, few.value) == (300, alone.value)
    repeated = Said(np.repeat(said.scores[:60], 5), np.repeat(said.alike[:60], 5), np.repeat(said.stated[:60], 5))
    told = np.repeat(truth[:60], 5)
    wide = figures(("f1",), repeated, told, np.repeat(np.arange(60), 5))["f1"]
    narrow = figures(("f1",), repeated, told, np.arange(300))["f1"]
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Products 2n and 2n + 1 are alike by the signal `good`, but for a fifth of them; `poor` says nothing."""
    draw = np.random.default_rng(4)
    good = np.repeat(draw.standard_normal((SIZE // 2, 6)), 2, axis=0) + 0.35 * draw.standard_normal((SIZE, 6))
    good[::10] = draw.standard_normal((SIZE // 10, 6))
    poor = draw.standard_normal((SIZE, 6))
    folder = tmp_path_factory.mktemp("shop")
    vectors = {"good": good.astype(np.float32), "poor": poor.astype(np.float32)}
    return shop_of(folder, {"title": [f"thing {at}" for at in range(SIZE)]}, vectors)


def rows(splits=("train", "val", "test")):
    """Alike pairs and twice as many unlike ones."""
    found = []
    for at in range(0, SIZE, 2):
        split = splits[at // 2 % len(splits)]
        found.append((at, at + 1, 1, split))
        found += [(at, (at + step) % SIZE, 0, split) for step in (7, 31)]
    return found


def write(file, pairs):
    lines = [f"p{a:05},p{b:05},{grade},{split}" for a, b, grade, split in pairs]
    file.write_text("\n".join(["a,b,similar,split", *lines]) + "\n")
    return Truth(pairs=file)


def score_of(shop):
    """The mean of both scores of a pair as hits of each other, by the store's own vectors, both signals weighing 1."""
    vectors = [(shop.snapshot.scales[name].sigma, shop.vectors(name).astype(np.float64)) for name in ("good", "poor")]
    cosines = [1 / sigma * matrix @ matrix.T for sigma, matrix in vectors]
    scores = sum(cosines) / sum(1 / sigma for sigma, _ in vectors)
    hits = shop.similar("p00004", limit=5)
    assert [hit.score for hit in hits] == pytest.approx(sorted(np.delete(scores[4], 4))[:-6:-1], abs=1e-4)
    return scores


def test_the_threshold_is_of_val_and_the_figures_of_test(shop, tmp_path):
    pairs = rows()
    truth = write(tmp_path / "pairs.csv", pairs)
    out = tmp_path / "values.parquet"
    report = evaluate(shop, truth, options=Options("f1", beside=False), per_query=out)
    whole = score_of(shop)
    scores = {split: np.array([whole[a, b] for a, b, _, s in pairs if s == split]) for split in ("val", "test")}
    alike = {split: np.array([g for _, _, g, s in pairs if s == split]) > 0 for split in ("val", "test")}
    threshold = best_threshold(scores["val"], alike["val"])
    assert report.metrics["f1"].value == pytest.approx(f1(scores["test"], alike["test"], threshold), abs=1e-9)
    assert report.metrics["roc_auc"].value == pytest.approx(roc_auc(scores["test"], alike["test"]), abs=1e-9)
    assert report.metrics["ap"].value == pytest.approx(average_precision(scores["test"], alike["test"]), abs=1e-9)
    assert report.queries == len(scores["test"])
    assert report.truth == "pairs pairs.csv, threshold and calibration chosen on val"
    table = pl.read_parquet(out)
    assert table.columns == ["a", "b", "grade", "score", "alike", "stated"]
    assert table["score"].to_list() == pytest.approx(scores["test"].tolist(), abs=1e-6)
    assert table["grade"].to_list() == alike["test"].tolist()
    assert table["alike"].to_list() == (scores["test"] >= threshold).tolist()
    assert sum(one.n for one in report.reliability) == report.queries


def test_what_test_pairs_are_called_changes_no_threshold(shop, tmp_path):
    """Were the threshold read off the pairs that judge, other labels of these would move it."""
    pairs = rows()
    draw = np.random.default_rng(0)
    turned = [(a, b, int(draw.integers(2)) if s == "test" else g, s) for a, b, g, s in pairs]
    said = []
    for name, some in (("a", pairs), ("b", turned)):
        evaluate(
            shop, write(tmp_path / f"{name}.csv", some), options=Options("f1", beside=False), per_query=tmp_path / name
        )
        said.append(pl.read_parquet(tmp_path / name)["alike"].to_list())
    assert said[0] == said[1]


def test_pairs_are_judged_by_f1_unless_told():
    assert Truth(pairs=Path("pairs.csv")).measure == "f1"


def test_each_signal_alone_and_baselines_stand_beside(shop, tmp_path):
    report = evaluate(shop, write(tmp_path / "pairs.csv", rows()), options=Options("roc_auc"))
    beside = {one.name: one for one in report.baselines}
    assert {"good", "poor", "random", "tfidf words"} <= beside.keys()
    assert not {"poor", "random"} & set(report.beaten_by)
    assert beside["good"].metrics["roc_auc"].value > report.metrics["roc_auc"].value
    assert "good" in report.beaten_by
    for one in beside.values():
        expected = report.metrics["roc_auc"].value - one.metrics["roc_auc"].value
        assert one.difference.value == pytest.approx(expected)
        assert one.difference.low < expected < one.difference.high


def test_without_splits_each_half_is_judged_by_the_other(shop, tmp_path):
    pairs = [(a, b, grade, "") for a, b, grade, _ in rows()]
    report = evaluate(shop, write(tmp_path / "pairs.csv", pairs), options=Options("f1", beside=False))
    assert report.queries == len(pairs)
    assert report.truth.endswith("chosen on one half, judged by the other")
    with_val = evaluate(shop, write(tmp_path / "val.csv", rows()), options=Options("f1", beside=False))
    assert report.metrics["f1"].value == pytest.approx(with_val.metrics["f1"].value, abs=0.1)


def test_pairs_that_hang_together_are_no_single_witness(shop, tmp_path):
    """All pairs of a split share products by a chain: resampled as one cluster, they would leave no interval."""
    report = evaluate(shop, write(tmp_path / "pairs.csv", rows()), options=Options("f1", beside=False))
    assert report.metrics["f1"].low < report.metrics["f1"].value < report.metrics["f1"].high
    assert any("100% of the pairs that judge hang together" in note for note in report.notes)
    apart = [(at, at + 1 + (grade == 0), grade, "") for at, grade in zip(range(0, SIZE, 4), [1, 0] * 30, strict=True)]
    report = evaluate(shop, write(tmp_path / "apart.csv", apart), options=Options("f1", beside=False))
    assert not [note for note in report.notes if "hang together" in note]


def test_the_most_wrongly_judged_pairs_are_shown(shop, tmp_path):
    report = evaluate(shop, write(tmp_path / "pairs.csv", rows()), options=Options("f1", beside=False, cases=4))
    assert [len(report.worst), len(report.best)] == [4, 4]
    assert max(case.value for case in report.worst) < min(case.value for case in report.best)
    for case in (*report.worst, *report.best):
        assert case.value == pytest.approx(1 - abs(case.hits[0].score - case.relevant), abs=1e-3)
        assert case.hits[0].grade == case.relevant


@pytest.mark.parametrize(
    ("some", "measure", "says"),
    [
        (rows(), "hit@1", "pairs are not judged by 'hit@1', but by f1, roc_auc, ap"),
        ([row for row in rows() if row[2] == 1], "f1", "have the grade 1; alike and unlike ones are needed"),
        ([row for row in rows() if row[3] != "val" or row[2] == 0], "f1", "0 alike and 80 unlike pairs are too few"),
        ([*rows(), *[(a, b, 1 - g, s) for a, b, g, s in rows()[:100]]], "f1", "100 of 360 pairs are judged both ways"),
        (rows()[:12], "f1", "too few"),
    ],
)
def test_pairs_that_judge_nothing_are_refused(shop, tmp_path, some, measure, says):
    with pytest.raises(TruthError, match=says):
        evaluate(shop, write(tmp_path / "pairs.csv", some), options=Options(measure))
