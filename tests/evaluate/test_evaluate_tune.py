"""Weights are found where there is something to find, and nothing is written where there is not."""

import sys
import tomllib

import numpy as np
import pytest
from shop_of import shop_of

from sosie.config import read_config
from sosie.errors import TruthError
from sosie.evaluate.front import Truth
from sosie.evaluate.task import TaskOptions
from sosie.evaluate.tune import Effort, tune

tune_module = sys.modules["sosie.evaluate.tune"]  # its name in the package is the function's

SIZE = 240
KINDS = 8
QUICK = Effort(trials=24, settings=False)
BY_SPLIT = Truth(labels=("kind",), options=TaskOptions(split="split"))


def planted(folder, noise, seed=0):
    """A shop whose signal `good` tells kinds apart as far as its noise lets it, beside one that says nothing."""
    draw = np.random.default_rng(seed)
    kinds = np.arange(SIZE) % KINDS
    good = draw.standard_normal((KINDS, 8))[kinds] + noise * draw.standard_normal((SIZE, 8))
    bad = draw.standard_normal((SIZE, 8))
    columns = {
        "kind": [f"k{kind}" for kind in kinds],
        "split": [("train", "val", "test")[at % 5 % 3] for at in range(SIZE)],
    }
    vectors = {"bad": bad.astype(np.float32), "good": good.astype(np.float32)}
    return shop_of(folder, columns, vectors, ignore=("kind", "split"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("planted"), noise=0.6)


@pytest.mark.parametrize("truth", [BY_SPLIT, Truth(labels=("kind",))])
def test_the_signal_that_tells_kinds_apart_is_found(shop, tmp_path, truth):
    out = tmp_path / "sosie.toml"
    report = tune(shop, truth, "map@r", out, QUICK, command="sosie tune")
    assert report.difference.low > 0
    assert report.p < 0.05
    assert report.before == {"bad": 1.0, "good": 1.0}
    assert report.after["good"] > 4 * report.after["bad"]
    assert sum(report.after.values()) == pytest.approx(2, abs=1e-3)
    assert report.adopted == {f"signals.given.{name}": weight for name, weight in report.after.items()}
    assert report.written == str(out)
    assert dict(read_config(out).signals.given) == report.after
    assert report.reproduce["command"] == "sosie tune"
    if truth is BY_SPLIT:
        assert report.truth == "label kind, queries val, gallery train"
        assert report.test["difference"].low > 0
        assert report.test["after"].value - report.test["before"].value == pytest.approx(
            report.test["difference"].value
        )
    else:
        assert report.test == {}


def test_written_weights_give_the_figure_that_was_promised(shop, tmp_path):
    from sosie.evaluate.front import evaluate
    from sosie.evaluate.judge import Options

    out = tmp_path / "sosie.toml"
    report = tune(shop, BY_SPLIT, "map@r", out, QUICK)
    weights = dict(read_config(out).signals.given)
    for which, some in (("before", None), ("after", weights)):
        again = evaluate(shop, BY_SPLIT, options=Options("map@r", (), some, beside=False))
        assert again.metrics["map@r"] == report.test[which]


@pytest.mark.parametrize("seed", range(3))
def test_noise_writes_nothing(tmp_path, seed):
    shop = planted(tmp_path, noise=1e3, seed=seed)
    out = tmp_path / "sosie.toml"
    report = tune(shop, Truth(labels=("kind",)), "map@r", out, Effort(trials=12, settings=False))
    assert report.p >= 0.05
    assert (report.adopted, report.written, report.test) == ({}, "", {})
    assert not out.exists()
    assert "nothing was written" in report.verdict
    assert report.after != report.before  # something always seems better on what it was chosen on


def test_test_is_read_once_and_only_to_judge_what_was_chosen(shop, tmp_path, monkeypatch):
    asked = []
    real = tune_module.task_of

    def noted(snapshot, truth):
        asked.append(truth.options.query_split)
        return real(snapshot, truth)

    monkeypatch.setattr(tune_module, "task_of", noted)
    tune(shop, BY_SPLIT, "map@r", tmp_path / "sosie.toml", QUICK)
    assert asked == ["val", ""]
    asked.clear()
    noise = planted(tmp_path / "noise", noise=1e3)
    report = tune(noise, BY_SPLIT, "map@r", tmp_path / "none.toml", QUICK)
    assert report.written == ""
    assert asked == ["val"]


def test_the_figure_that_decides_is_of_questions_that_were_not_searched_on(shop, tmp_path, monkeypatch):
    searched = []
    real = tune_module._Search.best

    def noted(self, some, stage):
        searched.append(set(some.tolist()))
        return real(self, some, stage)

    monkeypatch.setattr(tune_module._Search, "best", noted)
    report = tune(shop, Truth(labels=("kind",)), "hit@1", tmp_path / "sosie.toml", Effort(trials=4, settings=False))
    *folds, last = searched
    assert len(folds) == 4
    assert last == set(range(report.queries))
    left_out = [last - some for some in folds]
    assert set().union(*left_out) == last
    assert sum(map(len, left_out)) == len(last)


def test_products_of_train_ask_each_other_where_there_is_no_val(tmp_path):
    draw = np.random.default_rng(0)
    columns = {"kind": [f"k{at % 4}" for at in range(80)], "part": ["train", "test"] * 40}
    vectors = {name: draw.standard_normal((80, 4)).astype(np.float32) for name in ("one", "two")}
    shop = shop_of(tmp_path, columns, vectors, ignore=("kind", "part"))
    truth = Truth(labels=("kind",), options=TaskOptions(split="part"))
    report = tune(shop, truth, "hit@1", tmp_path / "out.toml", Effort(trials=2, settings=False))
    assert report.truth == "label kind, queries train, gallery train"
    assert report.queries == 40


def test_too_few_questions_choose_nothing(shop, tmp_path):
    qrels = tmp_path / "qrels.csv"
    qrels.write_text("query,product,grade\np00001,p00009,1\np00002,p00010,1\n")
    with pytest.raises(TruthError, match="2 questions can be answered; at least 20 are needed"):
        tune(shop, Truth(qrels=qrels), "hit@1", tmp_path / "out.toml", QUICK)


def test_other_settings_are_tried_and_a_signal_that_harms_is_switched_off(tmp_path):
    """With weights alone kept as they are, what is left is to do without the noise."""
    draw = np.random.default_rng(0)
    kinds = np.arange(200) % 10
    words = ["boot", "lamp", "shirt", "chair", "spoon", "watch", "radio", "fence", "glove", "towel"]
    columns = {
        "title": [f"{words[kind]} {words[draw.integers(10)]} x{at}" for at, kind in enumerate(kinds)],
        "kind": kinds,
    }
    noise = draw.standard_normal((200, 12)).astype(np.float32)
    shop = shop_of(tmp_path, columns, {"noise": noise}, on=("words",), ignore=("kind",))
    report = tune(shop, Truth(labels=("kind",)), "map@r", tmp_path / "out.toml", Effort(trials=1))
    trades = {trade.name: trade for trade in report.trades}
    assert {"without noise", "words.dim = 128"} | {f"{bits} bits a number" for bits in (16, 8, 4)} <= trades.keys()
    first = report.trades[0]
    dims = {name: state.dim for name, state in shop.snapshot.manifest.signals.items()}
    assert first.bytes == 4 * sum(dims.values())
    assert trades["8 bits a number"].bytes == sum(dims.values())
    assert trades["without noise"].bytes == 4 * dims["words"]
    assert (first.difference, first.p_holm) == (None, None)
    assert trades["without noise"].p_holm < 0.05
    assert report.adopted.items() >= {"signals.given.noise": 0.0}.items()
    assert tomllib.loads((tmp_path / "out.toml").read_text())["signals"]["given"]["noise"] == 0
    fronts = [trade for trade in report.trades if trade.front]
    assert max(report.trades, key=lambda trade: trade.quality.value).quality.value in {t.quality.value for t in fronts}
