"""What is stated of hits comes true for hits as a shop shows them, and not only for those it was learnt from."""

from pathlib import Path

import numpy as np
import pytest
from shop_of import shop_of

from sosie.errors import TruthError
from sosie.evaluate import calibrate as module
from sosie.evaluate.calibrate import DEPTH, LEAST, Scored, calibrate, judged_pairs, label_hits, scored
from sosie.evaluate.front import Truth
from sosie.evaluate.task import TaskOptions
from sosie.evaluate.truth import pairs_task
from sosie.metrics.calibration import apply
from sosie.types import Query

SIZE, KINDS = 900, 30


@pytest.fixture(scope="module")
def kinds():
    return np.random.default_rng(5).integers(0, KINDS, SIZE)


@pytest.fixture(scope="module")
def shop(tmp_path_factory, kinds):
    """Kinds of products that overlap: about half of the first hits are of the kind asked about."""
    generator = np.random.default_rng(6)
    look = generator.standard_normal((KINDS, 12))[kinds] + 0.9 * generator.standard_normal((SIZE, 12))
    columns = {
        "title": [f"thing {at}" for at in range(SIZE)],
        "kind": [f"kind {kind}" if at % 50 else "" for at, kind in enumerate(kinds)],
        "part": np.where(np.arange(SIZE) % 3 == 0, "val", np.where(np.arange(SIZE) % 3 == 1, "train", "test")).tolist(),
    }
    return shop_of(tmp_path_factory.mktemp("shop"), columns, {"look": look}, ignore=("kind", "part"))


@pytest.fixture(scope="module")
def hits(shop):
    return label_hits(shop.snapshot, ["kind"], TaskOptions(), shop.encoder)


@pytest.fixture
def untouched(shop, monkeypatch):
    monkeypatch.setattr(module, "RESAMPLES", 40)
    yield shop
    (shop.folder / "calibration.json").unlink(missing_ok=True)


def test_hits_are_those_that_the_shop_shows(shop, hits):
    ids = np.array(shop.snapshot.ids(np.arange(SIZE)))
    first = [at for at in range(SIZE) if at % 50][:40]  # products that have a label ask, in the order of the store
    for number, at in enumerate(first):
        shown = [hit for hit in shop.similar(ids[at], limit=DEPTH) if "kind" in hit.product.other]
        here = hits.clusters == number
        assert np.allclose(np.sort(hits.scores[here]), np.sort([hit.score for hit in shown]), atol=1e-4)
        assert hits.alike[here].sum() == sum(hit.product.other["kind"] == shop[ids[at]].other["kind"] for hit in shown)


def test_what_is_stated_comes_true_for_hits_that_it_was_not_learnt_from(untouched, kinds):
    shop = untouched
    report = calibrate(shop.snapshot, label_hits(shop.snapshot, ["kind"], TaskOptions(split="part"), shop.encoder))
    assert "queries val, gallery train" in report.truth
    stated, alike = [], []
    for at in np.flatnonzero((np.arange(SIZE) % 3 == 2) & (np.arange(SIZE) % 50 > 0)):  # those of the test split ask
        for hit in shop.similar(f"p{at:05}", limit=DEPTH, where="part = 'train'"):
            if "kind" in hit.product.other:
                stated.append(hit.likely)
                alike.append(kinds[int(hit.product.id[1:])] == kinds[at])
    stated, alike = np.array(stated), np.array(alike)
    assert abs(stated.mean() - alike.mean()) < 0.03
    for low, high in ((0.0, 0.3), (0.3, 0.6), (0.6, 1.0)):
        some = (stated >= low) & (stated < high)
        assert some.sum() > 100
        assert abs(stated[some].mean() - alike[some].mean()) < 0.08


def test_the_report_is_of_pairs_held_out(untouched, hits):
    shop = untouched
    report = calibrate(shop.snapshot, hits)
    assert report.questions == SIZE - SIZE // 50
    assert report.pairs == sum(one.n for one in report.reliability)
    assert report.ece.low <= report.ece.value <= report.ece.high < 0.06
    assert report.brier.high < report.base == pytest.approx(report.alike * (1 - report.alike))
    assert report.method == min(report.losses, key=report.losses.get)
    marks = [*report.marks.items()]
    assert len(marks) >= 4
    assert [score for _, score in marks] == sorted(score for _, score in marks)
    kept = shop.snapshot.calibration
    for said, score in marks:
        share = int(said.split()[0]) / 10
        assert apply(kept.curve, [score - 1e-4])[0] <= share <= apply(kept.curve, [score])[0]
    assert (kept.truth, kept.pairs) == (report.truth, report.pairs)
    assert "alike" in report.verdict
    assert shop.ask(Query(like=("p00001",))).alike == report.truth


def test_a_score_that_tells_nothing_is_said_to(untouched):
    generator = np.random.default_rng(8)
    scores, alike = generator.random(4_000), generator.random(4_000) < 0.3
    assert "says little" in calibrate(untouched.snapshot, Scored("noise", "", scores, alike, None)).verdict


@pytest.mark.parametrize("alike", [True, False])
def test_pairs_of_one_kind_teach_nothing(shop, alike):
    kinds = np.full(500, alike)
    kinds[: LEAST - 1] = not alike
    with pytest.raises(TruthError, match=f"{LEAST - 1} of the 500 pairs are {'unlike' if alike else 'alike'}"):
        calibrate(shop.snapshot, Scored("few", "", np.linspace(0, 1, 500), kinds, None))
    assert shop.snapshot.calibration is None


def test_judged_pairs_are_scored_as_hits_and_the_test_split_is_left(untouched, kinds, tmp_path):
    shop = untouched
    generator = np.random.default_rng(9)
    a, b = generator.integers(0, SIZE, (2, 3_000))
    b[::2] = [generator.choice(np.flatnonzero(kinds == kinds[at])) for at in a[::2]]
    part = np.array(["val", "test"])[np.arange(3_000) // 1_500]
    keys = np.unique(np.sort([a, b], axis=0).T, axis=0, return_index=True)[1]
    kept = [at for at in keys if a[at] != b[at]]
    lines = [f"p{a[at]:05},p{b[at]:05},{int(kinds[a[at]] == kinds[b[at]])},{part[at]}" for at in kept]
    file = tmp_path / "pairs.csv"
    file.write_text("\n".join(["a,b,similar,split", *lines]) + "\n")
    task = pairs_task(shop.snapshot, file, TaskOptions(split="split"))
    found = judged_pairs(shop.snapshot, task)
    assert len(found.scores) == sum(part[at] == "val" for at in kept)
    assert "split val" in found.name
    ids = shop.snapshot.ids(task.a[task.splits == "val"][:30]), shop.snapshot.ids(task.b[task.splits == "val"][:30])
    for one, other, score, alike in zip(*ids, found.scores, found.alike, strict=False):
        hits = {hit.product.id: hit.score for hit in shop.similar(one, limit=SIZE)}
        assert score == pytest.approx(hits[other], abs=1e-4)
        assert alike == (kinds[int(one[1:])] == kinds[int(other[1:])])
    assert "hits only where" in calibrate(shop.snapshot, found).holds_for


def linked(kinds):
    """Every third product with three of its kind."""
    generator = np.random.default_rng(11)
    return {
        f"p{at:05}": [
            f"p{other:05}" for other in generator.choice(np.flatnonzero(kinds == kinds[at]), 4) if other != at
        ]
        for at in range(0, SIZE, 3)
    }


@pytest.mark.parametrize("given", ["links", "qrels"])
def test_hits_that_a_file_names_are_alike_and_those_it_is_silent_of_are_not(untouched, kinds, tmp_path, given):
    shop, links = untouched, linked(kinds)
    file = tmp_path / "truth.csv"
    header = "a,b" if given == "links" else "query,product"
    file.write_text("\n".join([header, *(f"{one},{other}" for one in links for other in links[one])]) + "\n")
    found = scored(shop.snapshot, Truth(**{given: file}), shop.encoder)
    assert found.questions == len(links)
    for number, one in list(enumerate(links))[:30]:
        shown = shop.similar(one, limit=DEPTH)
        here = found.clusters == number
        assert np.allclose(np.sort(found.scores[here]), np.sort([hit.score for hit in shown]), atol=1e-4)
        assert found.alike[here].sum() == sum(hit.product.id in links[one] for hit in shown)
    report = calibrate(shop.snapshot, found)
    assert "says nothing count as unlike" in report.notes[-1]
    assert report.alike < 0.5


def test_links_of_the_test_split_are_left_for_judging(untouched, kinds, tmp_path):
    file = tmp_path / "links.csv"
    links = linked(kinds)  # every third product: those of the split val
    file.write_text("\n".join(["a,b", *(f"{one},{other}" for one in links for other in links[one])]) + "\n")
    found = scored(untouched.snapshot, Truth(links=file, options=TaskOptions(split="part")), untouched.encoder)
    assert "queries val" in found.name
    options = TaskOptions(split="part", query_split="test")
    with pytest.raises(TruthError):
        scored(untouched.snapshot, Truth(links=file, options=options), untouched.encoder)


def test_words_that_ask_teach_nothing_of_products(untouched, tmp_path):
    file = tmp_path / "qrels.csv"
    file.write_text("query,words,product,grade\n" + "".join(f"q{at},thing {at},p{at:05},1\n" for at in range(40)))
    with pytest.raises(TruthError, match="words or pictures ask"):
        scored(untouched.snapshot, Truth(qrels=file), untouched.encoder)


@pytest.mark.parametrize("truth", [Truth(), Truth(events=Path("events.csv"))])
def test_a_truth_that_tells_of_no_pairs_is_refused(untouched, truth):
    with pytest.raises(TruthError, match="give a truth that tells which products are alike"):
        scored(untouched.snapshot, truth, untouched.encoder)


def test_only_grades_from_the_least_on_are_alike(untouched, tmp_path):
    shop = untouched
    every = label_hits(shop.snapshot, ["kind", "part"], TaskOptions(), shop.encoder)
    both = label_hits(shop.snapshot, ["kind", "part"], TaskOptions(), shop.encoder, least=2)
    assert np.array_equal(every.scores, both.scores)
    assert 0 < both.alike.sum() < every.alike.sum()
    assert not (both.alike & ~every.alike).any()
    assert both.name.endswith("grade 2 or more")
    file = tmp_path / "pairs.csv"
    file.write_text("a,b,grade\n" + "".join(f"p{at:05},p{at + 1:05},{at % 5}\n" for at in range(0, 200, 2)))
    task = pairs_task(shop.snapshot, file, TaskOptions())
    assert judged_pairs(shop.snapshot, task).alike.tolist() == [at % 5 > 2 for at in range(0, 200, 2)]
    assert judged_pairs(shop.snapshot, task, least=2).alike.tolist() == [at % 5 >= 2 for at in range(0, 200, 2)]


def test_a_score_that_tells_a_little_more_than_none_is_believed(untouched):
    """By pairs, and not by whether two intervals overlap."""
    generator = np.random.default_rng(12)
    scores = generator.random(4_000)
    alike = generator.random(4_000) < 0.2 + 0.2 * scores
    report = calibrate(untouched.snapshot, Scored("weak", "", scores, alike, None))
    assert report.brier.high > report.base
    assert "is off by" in report.verdict
