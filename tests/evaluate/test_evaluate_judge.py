"""A judged store: figures against plain loops, what stands beside it, what is said of it."""

import numpy as np
import polars as pl
import pytest
from shop_of import shop_of

from sosie.errors import QuestionError, TruthError
from sosie.evaluate import judge as judging
from sosie.evaluate.front import Truth, evaluate
from sosie.evaluate.judge import Options, not_beaten
from sosie.evaluate.task import TaskOptions
from sosie.reports import Figure, Leak, Measured

SIZE = 60
KINDS = 4


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """`good` tells kinds apart, `poor` says nothing; the last product is the only one of its kind."""
    draw = np.random.default_rng(5)
    kinds = np.arange(SIZE) % KINDS
    good = draw.standard_normal((KINDS, 6))[kinds] + 0.7 * draw.standard_normal((SIZE, 6))
    poor = draw.standard_normal((SIZE, 6))
    columns = {
        "kind": [*(f"k{kind}" for kind in kinds[:-1]), "alone"],
        "size": [f"s{at % 3}" for at in range(SIZE)],
        "split": ["test" if at % 3 == 0 or at == SIZE - 1 else "train" for at in range(SIZE)],
    }
    vectors = {"good": good.astype(np.float32), "poor": poor.astype(np.float32)}
    return shop_of(tmp_path_factory.mktemp("shop"), columns, vectors, ignore=("kind", "size", "split"))


KIND = Truth(labels=("kind",))
MAPR = Options("map@r", ("hit@1", "mrr"))


def by_hand(shop, weights, split=False):
    """Key -> (map@r, hit@1, mrr) by plain loops over the store's own answers."""
    table = shop.table()
    kind = dict(zip(table["id"], table["kind"], strict=True))
    part = dict(zip(table["id"], table["split"], strict=True))
    found = {}
    for id in kind:
        if split and part[id] != "test":
            continue
        where = "split = 'train'" if split else ""
        hits = [hit.product.id for hit in shop.similar(id, limit=SIZE, where=where, weights=weights)]
        relevant = {o for o in kind if o != id and kind[o] == kind[id] and not (split and part[o] == "test")}
        if relevant:
            right = [hit in relevant for hit in hits]
            precisions = [sum(right[: at + 1]) / (at + 1) for at in range(len(relevant)) if right[at]]
            found[id] = (sum(precisions) / len(relevant), float(right[0]), 1 / (1 + right.index(True)))
    return found


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("weights", [None, {"poor": 0.0}])
def test_figures_are_means_over_questions(shop, tmp_path, split, weights):
    truth = Truth(labels=("kind",), options=TaskOptions(split="split" if split else ""))
    file = tmp_path / "values.parquet"
    options = Options("map@r", ("hit@1", "mrr"), weights, beside=False)
    report = evaluate(shop, truth, options=options, per_query=file)
    hand = by_hand(shop, weights, split)
    values = pl.read_parquet(file)
    assert values.columns == ["query", "relevant", "map@r", "hit@1", "mrr"]
    assert report.queries == len(values) == len(hand) + 1
    assert report.without_relevant == 1
    for row in values.iter_rows():
        expected = hand.get(row[0], (None,) * 3)
        assert row[2:] == pytest.approx(expected)
        assert row[1] == (0 if row[0] not in hand else row[1])
    for at, name in enumerate(("map@r", "hit@1", "mrr")):
        figure = report.metrics[name]
        assert figure.value == pytest.approx(np.mean([value[at] for value in hand.values()]))
        assert figure.n == len(hand)
        assert figure.low < figure.value < figure.high
    assert report.gallery == (SIZE if not split else sum(part == "train" for part in shop.table()["split"]))


def test_each_signal_stands_beside_it_question_by_question(shop, tmp_path):
    file = tmp_path / "values.parquet"
    report = evaluate(shop, KIND, options=MAPR, per_query=file)
    beside = {one.name: one for one in report.baselines}
    assert [name for name, one in beside.items() if one.kind == "signal"] == ["good", "poor"]
    assert "random" in beside
    values = pl.read_parquet(file)
    for name, one in beside.items():
        column = values[f"map@r {name}"].drop_nulls().to_numpy()
        assert one.metrics["map@r"].value == pytest.approx(column.mean())
        own = values["map@r"].drop_nulls().to_numpy()
        assert one.difference.value == pytest.approx((own - column).mean())
    for name in ("good", "poor"):
        alone = {other: 0.0 for other in ("good", "poor") if other != name}
        hand = by_hand(shop, alone)
        assert beside[name].metrics["map@r"].value == pytest.approx(np.mean([v[0] for v in hand.values()]))
    assert beside["good"].difference.value < 0
    assert "good" in report.beaten_by
    assert not {"poor", "random"} & set(report.beaten_by)


def test_a_signal_that_is_all_there_is_does_not_stand_beside_itself(shop):
    report = evaluate(shop, KIND, options=Options("map@r", (), {"poor": 0.0}))
    assert [one.name for one in report.baselines if one.kind == "signal"] == ["poor"]
    assert report.beaten_by == ()


def test_many_questions_are_asked_of_others_in_part(shop, monkeypatch):
    monkeypatch.setattr(judging, "SAMPLE", 20)
    report = evaluate(shop, KIND, options=MAPR)
    assert report.metrics["map@r"].n == SIZE - 1
    assert {one.metrics["map@r"].n for one in report.baselines} == {20}
    assert {one.difference.n for one in report.baselines} == {20}


def test_not_beaten_unless_by_more_than_chance():
    figure = Figure(0.1, 0.0, 0.2, 9)
    ones = [
        Measured("beaten", "signal", {}, figure, 0.001),
        Measured("nearly", "signal", {}, figure, 0.03),  # 0.06 of two that are left
        Measured("better", "signal", {}, Figure(-0.1, -0.2, 0.0, 9), 0.001),
        Measured("by chance", "baseline", {}, figure, 0.5),
    ]
    assert not_beaten(ones) == ("nearly", "better", "by chance")
    assert not_beaten(()) == ()


def test_several_labels_are_told_apart(shop):
    report = evaluate(shop, Truth(labels=("kind", "size", "kind")), options=MAPR)
    assert list(report.labels) == ["kind", "size"]
    alone = evaluate(shop, KIND, options=MAPR)
    assert report.labels["kind"]["map@r"] == alone.metrics["map@r"]
    assert report.truth == "labels kind+size"


def test_lists_are_described(shop):
    report = evaluate(shop, KIND, options=Options("hit@1", (), {"poor": 0.0}, beside=False))
    assert 0 < report.lists["coverage@10"] <= 1
    assert 0 <= report.lists["gini@10"] < 1
    vectors = shop.vectors("good").astype(np.float64)
    ids = shop.table()["id"].to_list()
    distances = []
    for id in ids:
        rows = [ids.index(hit.product.id) for hit in shop.similar(id, limit=10, weights={"poor": 0.0})]
        cosines = vectors[rows] @ vectors[rows].T
        distances.append(1 - cosines[np.triu_indices(10, 1)].mean())
    assert report.metrics["diversity@10"].value == pytest.approx(np.mean(distances), abs=1e-5)


def test_worst_and_best_are_shown_with_what_was_missed(shop):
    report = evaluate(shop, KIND, options=Options("map@r", (), cases=3, beside=False))
    values = [case.value for case in report.worst]
    assert values == sorted(values)
    hand = {id: value[0] for id, value in by_hand(shop, None).items()}
    assert values == pytest.approx(sorted(hand.values())[:3])
    assert [case.value for case in report.best] == pytest.approx(sorted(hand.values(), reverse=True)[:3])
    kind = dict(zip(shop.table()["id"], shop.table()["kind"], strict=True))
    for case in (*report.worst, *report.best):
        hits = shop.similar(case.query, limit=10)
        assert [hit.id for hit in case.hits] == [hit.product.id for hit in hits]
        assert [hit.score for hit in case.hits] == pytest.approx([hit.score for hit in hits], abs=1e-4)
        assert [hit.grade for hit in case.hits] == [float(kind[hit.id] == kind[case.query]) for hit in case.hits]
        shown = {case.query, *(hit.id for hit in case.hits)}
        left = {id for id in kind if kind[id] == kind[case.query]} - shown
        assert {one.id for one in case.missed} <= left
        assert len(case.missed) == min(3, len(left))


def test_what_could_mislead_is_said(shop):
    report = evaluate(shop, KIND, options=Options("recall@100", ("hit@1", "precision@70"), beside=False))
    assert any(note == "recall@100, precision@70: look deeper than the gallery's 60 products." for note in report.notes)
    assert judging.ECHOES in report.notes
    split = evaluate(shop, Truth(labels=("kind",), options=TaskOptions(split="split")), options=Options(beside=False))
    assert judging.ECHOES not in split.notes


def test_grave_leaks_are_refused_where_that_is_wanted(shop, monkeypatch):
    leaks = (
        Leak("own-variants", 3, 60, True, "3 of 60 leak.", "Mend it."),
        Leak("same-title", 1, 60, False, "Titles.", ""),
    )
    monkeypatch.setattr(judging, "find_leaks", lambda *_: leaks)
    assert evaluate(shop, KIND, options=Options(beside=False)).leaks == leaks
    with pytest.raises(TruthError, match=r"(?s)refused.*3 of 60 leak\. Mend it\.") as caught:
        evaluate(shop, KIND, options=Options(strict=True))
    assert "Titles" not in str(caught.value)


def test_the_report_says_how_to_get_it_again(shop, tmp_path):
    pairs, alone = tmp_path / "links.csv", Options(beside=False)
    pairs.write_text("a,b\np00001,p00005\np00002,p00006\n")
    report = evaluate(
        shop, Truth(links=pairs), command="sosie evaluate --links links.csv", options=Options(beside=False)
    )
    told = report.reproduce
    assert told["command"] == "sosie evaluate --links links.csv"
    assert told["products"].startswith("60, content ")
    assert len(told["links.csv"]) == 16
    assert {"sosie", "python", "numpy", "encoder of good"} <= told.keys()
    pairs.write_text("a,b\np00001,p00005\np00002,p00007\n")
    again = evaluate(shop, Truth(links=pairs), options=alone).reproduce
    assert again["links.csv"] != told["links.csv"]
    assert again["products"] == told["products"]


@pytest.mark.parametrize(
    ("truth", "options", "says"),
    [
        (KIND, Options("hit@"), "unknown measure 'hit@'"),
        (KIND, Options(weights={"look": 1}), "unknown signal 'look'"),
        (KIND, Options(weights={"good": 0, "poor": 0}), "speak to good, poor, but only exact has a weight"),
        (Truth(labels=("kin",)), Options(), "did you mean kind"),
        (Truth(labels=("kind",), options=TaskOptions(split="part")), Options(), "no column 'part'"),
        (Truth(labels=("kind",), options=TaskOptions("split", "val")), Options(), "no split 'val'"),
        (Truth(labels=("kind",), options=TaskOptions(kinds=("up",))), Options(), "only links and events have kinds"),
        (Truth(labels=("kind",), options=TaskOptions(at="80%")), Options(), "only events are parted by time"),
        (Truth(options=TaskOptions(split="split")), Options(), "nothing to judge by"),
        (Truth(), Options("map@r"), "map@r can't be measured"),
    ],
)
def test_what_can_not_be_judged_is_said(shop, truth, options, says):
    with pytest.raises((TruthError, QuestionError), match=says):
        evaluate(shop, truth, options=options)
