"""Two ways to answer: none is better than itself, a planted difference is found, what changes is seen."""

import numpy as np
import pytest
from shop_of import shop_of

from sosie.errors import TruthError
from sosie.evaluate import sides
from sosie.evaluate.front import Truth, evaluate
from sosie.evaluate.judge import ECHOES, Options
from sosie.evaluate.sides import compare_sides
from sosie.evaluate.task import TaskOptions

SIZE = 150
KINDS = 5
KIND = Truth(labels=("kind",))
SPLIT = Truth(labels=("kind",), options=TaskOptions(split="split"))


def columns(size=SIZE):
    return {
        "category": [f"{['Shoes', 'Hats', 'Bags'][at % 3]}" for at in range(size)],
        "kind": [f"k{at % KINDS}" for at in range(size)],
        "split": ["train" if at % 4 else "test" for at in range(size)],
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """`good` tells kinds apart but for shoes, `poor` says nothing."""
    draw = np.random.default_rng(8)
    kinds = np.arange(SIZE) % KINDS
    good = draw.standard_normal((KINDS, 6))[kinds] + 0.8 * draw.standard_normal((SIZE, 6))
    good[::3] = draw.standard_normal((len(good[::3]), 6))
    poor = draw.standard_normal((SIZE, 6))
    vectors = {"good": good.astype(np.float32), "poor": poor.astype(np.float32)}
    return shop_of(tmp_path_factory.mktemp("shop"), columns(), vectors, ignore=("kind", "split"))


@pytest.mark.parametrize("truth", [KIND, SPLIT])
def test_nothing_is_better_than_itself(shop, truth):
    report = compare_sides(str(shop.folder), "default", shop.folder, truth, "map@r")
    for one in report.differences:
        assert (one.win, one.loss, one.difference.value, one.p, one.p_holm) == (0, 0, 0, 1, 1)
        assert one.a == one.b
    assert report.differences[0].tie == report.queries
    assert report.overlap.value == pytest.approx(1)
    assert report.changed == ()
    assert report.verdict.startswith("No more than chance")


def test_a_planted_difference_is_found(shop):
    report = compare_sides("poor=1,good=0", "good=1,poor=0", shop.folder, KIND, "map@r", "sosie compare")
    first = report.differences[0]
    assert (first.measure, first.where) == ("map@r", "")
    assert first.difference.low > 0
    assert first.p_holm < 0.05
    assert first.win > first.loss
    assert first.win + first.tie + first.loss == report.queries == SIZE
    assert "good=1,poor=0 is better than poor=1,good=0: map@r" in report.verdict
    assert report.overlap.value < 0.5
    assert report.reproduce["command"] == "sosie compare"
    figures = [
        evaluate(shop, KIND, options=Options("map@r", (), weights, beside=False)).metrics["map@r"].value
        for weights in ({"good": 0.0}, {"poor": 0.0})
    ]
    assert [first.a, first.b] == pytest.approx(figures)
    back = compare_sides("good=1,poor=0", "poor=1,good=0", shop.folder, KIND, "map@r")
    assert back.differences[0].difference.value == pytest.approx(-first.difference.value)
    assert (back.differences[0].win, back.differences[0].loss) == (first.loss, first.win)
    assert "good=1,poor=0 is better" in back.verdict


def test_slices_are_compared_and_all_p_corrected_together(shop):
    report = compare_sides("poor=1,good=0", "good=1,poor=0", shop.folder, KIND, "map@r")
    where = {one.where: one for one in report.differences if one.where}
    assert {"category=Shoes", "category=Hats", "category=Bags"} <= where.keys()
    assert all(one.measure == "map@r" for one in where.values())
    assert where["category=Shoes"].difference.value < where["category=Hats"].difference.value / 4
    assert where["category=Hats"].win + where["category=Hats"].tie + where["category=Hats"].loss == SIZE / 3
    ps = sorted((one.p, one.p_holm) for one in report.differences)
    m, highest = len(ps), 0.0
    for at, (p, corrected) in enumerate(ps):
        highest = max(highest, min(1.0, p * (m - at)))
        assert corrected == pytest.approx(highest)
    assert set(report.overlap_by) == {"Shoes", "Hats", "Bags"}
    assert sum(figure.n for figure in report.overlap_by.values()) == SIZE


def test_overlap_is_rank_biased(shop):
    report = compare_sides("default", "poor=0.9", shop.folder, Truth(), "hit@1")
    found = []
    for id in shop.table()["id"]:
        a = [hit.product.id for hit in shop.similar(id, limit=10)]
        b = [hit.product.id for hit in shop.similar(id, limit=10, weights={"poor": 0.9})]
        shared = [len(set(a[:d]) & set(b[:d])) for d in range(1, 11)]
        found.append(0.1 * sum(0.9 ** (d - 1) * shared[d - 1] / d for d in range(1, 11)) + shared[9] / 10 * 0.9**10)
    assert report.overlap.value == pytest.approx(np.mean(found))
    assert (report.truth, report.measure, report.differences) == ("", "", ())
    assert report.verdict.startswith("No truth was given: answers of default and poor=0.9 overlap by")
    assert f"{np.mean(found):.0%} (rank-biased overlap)" in report.verdict
    assert [one.overlap for one in report.changed] == pytest.approx(sorted(found)[:8])


def test_what_changed_most_is_shown_side_by_side(shop):
    report = compare_sides("poor=1,good=0", "good=1,poor=0", shop.folder, KIND, "map@r")
    gains = [abs(one.b.value - one.a.value) for one in report.changed]
    assert gains == sorted(gains, reverse=True)
    for one in report.changed:
        assert one.a.query == one.b.query
        assert [hit.id for hit in one.a.hits] == [
            hit.product.id for hit in shop.similar(one.a.query, limit=10, weights={"good": 0})
        ]


def test_two_stores_are_compared_on_what_both_have(shop, tmp_path):
    """The other store lacks the last fifty products, and has a better signal."""
    less = 100
    kinds = np.arange(less) % KINDS
    draw = np.random.default_rng(1)
    good = np.eye(KINDS)[kinds] + 0.3 * draw.standard_normal((less, KINDS))
    other = shop_of(tmp_path, columns(less), {"good": good.astype(np.float32)}, ignore=("kind", "split"))
    report = compare_sides(str(shop.folder), str(other.folder), shop.folder, KIND, "hit@1")
    assert report.queries == less
    assert report.differences[0].difference.low > 0
    assert f"{shop.folder}: 50 of 150 questions are not asked of the other." in report.notes
    assert "the galleries differ: 150 and 100 products." in report.notes
    assert ECHOES in report.notes
    assert len(report.notes) == len(set(report.notes))
    seen = compare_sides(str(shop.folder), str(other.folder), shop.folder, Truth(), "hit@1")
    assert seen.queries == less
    assert 0 < seen.overlap.value < 1


def test_questions_without_end_are_asked_in_part_the_same_of_both(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(sides, "SAMPLE", 40)
    size = SIZE - 1
    vectors = {"good": shop.vectors("good")[:size], "poor": shop.vectors("poor")[:size]}
    other = shop_of(tmp_path, columns(size), vectors, ignore=("kind", "split"))
    report = compare_sides(str(shop.folder), str(other.folder), shop.folder, Truth(), "hit@1")
    assert report.queries == 40
    assert report.overlap.value > 0.8


def test_runs_are_compared_as_the_answers_they_hold(shop, tmp_path):
    runs = []
    for name, weights in (("a", {"good": 0.0}), ("b", {"poor": 0.0})):
        runs.append(str(tmp_path / f"{name}.run"))
        options = Options("map@r", (), weights, beside=False)
        evaluate(shop, KIND, options=options, write_run_to=tmp_path / f"{name}.run")
    by_runs = compare_sides(*runs, shop.folder, KIND, "map@r")
    by_weights = compare_sides("good=0", "poor=0", shop.folder, KIND, "map@r")
    assert by_runs.differences == by_weights.differences
    assert by_runs.overlap == by_weights.overlap
    mixed = compare_sides(runs[0], "poor=0", shop.folder, KIND, "map@r")
    assert mixed.differences == by_weights.differences


@pytest.mark.parametrize(
    ("a", "truth", "says"),
    [
        ("nowhere", KIND, "is no folder of a store, no run file, no weights"),
        (".", KIND, "is no folder of a store"),
        ("look=2", KIND, "unknown signal 'look'"),
        ("good=many", KIND, "SIGNAL=NUMBER"),
        (__file__, Truth(), "a run is compared by a truth only"),
        (__file__, KIND, "have not the six fields"),
        ("default", Truth(labels=("knd",)), "no column 'knd'"),
    ],
)
def test_what_can_not_be_compared_is_said(shop, a, truth, says):
    from sosie.errors import SosieError

    with pytest.raises(SosieError, match=says):
        compare_sides(a, "default", shop.folder, truth, "hit@1")


def test_stores_that_share_nothing_are_told(shop, tmp_path):
    look = np.eye(4, dtype=np.float32)
    other = shop_of(tmp_path, {"id": list("wxyz"), "kind": list("aabb")}, {"look": look}, ignore=("kind",))
    with pytest.raises(TruthError, match="no product in common"):
        compare_sides(str(shop.folder), str(other.folder), shop.folder, Truth(), "hit@1")
    with pytest.raises(TruthError, match="no question in common"):
        compare_sides(str(shop.folder), str(other.folder), shop.folder, KIND, "hit@1")
