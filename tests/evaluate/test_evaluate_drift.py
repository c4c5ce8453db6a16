"""Drift that is planted between two builds is told, and builds that differ by chance are not called drift."""

from dataclasses import replace

import numpy as np
import pytest
from vectors_store import named, normal, store_of, unit

from sosie.errors import TruthError
from sosie.evaluate import drift as module
from sosie.evaluate.drift import drift
from sosie.evaluate.health import health
from sosie.metrics import drift as metrics
from sosie.types import Product

SIZE, NEW, DIM = 300, 120, 12


def builds(folder, old, new, products=None, means=(None, None)):
    """Two builds of a shop whose only signal is "look": the newer one has more products after the older one's."""
    made = []
    for name, matrix, mean in zip(("old", "new"), (old, new), means, strict=True):
        given = (products or named)(len(matrix))
        made.append(
            store_of(folder / name, given, {"look": unit(matrix)}, means={} if mean is None else {"look": mean})
        )
    return made


def clusters(count, seed, kinds=10):
    return 2 * normal(kinds, DIM, 77)[np.random.default_rng(seed).integers(0, kinds, count)] + normal(count, DIM, seed)


def test_the_same_build_did_not_drift(tmp_path):
    old, _ = builds(tmp_path, clusters(SIZE, 1), clusters(SIZE, 1))
    report = drift(old, old)
    (look,) = report.signals
    assert (report.kept, report.fresh, report.gone) == (SIZE, 0, 0)
    assert look.comparable
    assert look.cosine.value == pytest.approx(1)
    assert look.cosine.low == pytest.approx(1)
    assert look.overlap.value == 1
    assert look.cka == pytest.approx(1)
    assert (look.moved, look.new, look.verdict) == (None, None, "")
    assert report.verdict == "No drift: the vectors of the products of both builds are the same."
    assert report.remarks == ()


def test_new_products_like_the_old_are_called_drift_as_often_as_the_level_says(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "SPLITS", 199)
    looks = {f"look{at}": unit(clusters(100 + 50, 100 + at)) for at in range(40)}
    old = store_of(tmp_path / "old", named(100), {name: look[:100] for name, look in looks.items()})
    new = store_of(tmp_path / "new", named(150), looks)
    assert drift(old, new).verdict.startswith("No drift")
    monkeypatch.setattr(module, "holm", lambda ps: ps)
    called = drift(old, new).signals
    assert all(one.new is not None and one.moved is None for one in called)
    assert sum(one.verdict != "" for one in called) < 7  # of 40 at 5%: as many come once in 200


def test_new_products_unlike_the_old_are_told_and_the_strangest_shown(tmp_path):
    rows = clusters(SIZE + NEW, 2)
    rows[SIZE:] = 2 * normal(1, DIM, 5) + normal(NEW, DIM, 6)
    rows[SIZE + 7] = -10 * rows[:SIZE].mean(axis=0) - 5 * normal(1, DIM, 5)[0]
    old, new = builds(tmp_path, rows[:SIZE], rows)
    report = drift(old, new)
    (look,) = report.signals
    assert (report.kept, report.fresh, report.gone, look.kept, look.fresh) == (SIZE, NEW, 0, SIZE, NEW)
    assert look.verdict == "drift"
    assert look.new.p < 0.05
    assert look.new.value > look.new.high > look.new.low
    near = (unit(rows)[SIZE:] @ unit(rows)[:SIZE].T).max(axis=1)
    assert [one.id for one in look.strange] == [f"p{SIZE + at:05}" for at in np.argsort(near)[:6]]
    assert look.strange[0].value == pytest.approx(near.min(), abs=1e-4)
    assert f"told from the old {50 * (1 + look.new.size):.0f} times of 100" in look.what
    assert report.verdict.startswith("Drift in look")
    assert ["--refit" in remark.advice for remark in report.remarks] == [True]


def test_products_that_moved_are_told(tmp_path):
    rows = clusters(SIZE, 3)
    moved = rows.copy()
    moved[:, 0] += 4
    report = drift(*builds(tmp_path, rows, moved))
    (look,) = report.signals
    cosines = np.einsum("ij,ij->i", unit(rows), unit(moved))
    assert look.cosine.value == pytest.approx(cosines.mean(), abs=1e-5)
    assert look.verdict == "drift"
    assert look.moved.value > look.moved.high
    assert 0 < look.overlap.value < 1
    assert "no longer where they were" in report.remarks[0].what


def test_a_few_products_that_moved_are_no_drift(tmp_path):
    rows = clusters(SIZE, 4)
    moved = rows.copy()
    moved[:3] += 4
    (look,) = drift(*builds(tmp_path, rows, moved)).signals
    assert look.cosine.value < 1
    assert (look.verdict, look.moved.p >= 0.05) == ("", True)


def test_builds_fitted_anew_are_compared_by_neighbours(tmp_path):
    rows = clusters(SIZE, 5)
    mean = np.full(DIM, 0.1, np.float32)
    report = drift(*builds(tmp_path, rows, rows[:, ::-1].copy(), means=(None, mean)))
    (look,) = report.signals
    assert not look.comparable
    assert (look.cosine, look.moved) == (None, None)
    assert look.overlap.value == pytest.approx(1)
    assert look.cka == pytest.approx(1, abs=1e-4)
    assert [remark.kind for remark in report.remarks] == ["fitted anew"]
    assert "100% of their neighbours" in report.verdict


def test_what_went_is_counted_and_variants_of_known_products_are_not_new(tmp_path):
    def grouped(count):
        return [Product(id=f"p{at:05}", title="t", group=f"g{at // 3}") for at in range(count)]

    rows = clusters(90, 6)
    new, old = builds(tmp_path, rows, rows[:80], products=grouped)  # the folders' names don't matter
    report = drift(old, new)
    assert (report.kept, report.fresh, report.gone) == (27, 3, 0)  # p80 is a variant of p78 and p79
    report = drift(new, old)
    assert (report.kept, report.fresh, report.gone) == (27, 0, 3)


def test_a_file_of_new_products_alone_is_compared_with_the_older_build(tmp_path):
    old = store_of(tmp_path / "old", named(SIZE), {"look": unit(clusters(SIZE, 7))})
    like = store_of(tmp_path / "like", named(NEW, first=SIZE), {"look": unit(clusters(NEW, 8))})
    unlike = store_of(tmp_path / "unlike", named(NEW, first=SIZE), {"look": unit(normal(NEW, DIM, 9) + 1)})
    assert drift(old, like).signals[0].verdict == ""
    report = drift(old, unlike)
    assert (report.kept, report.fresh, report.gone) == (0, NEW, SIZE)
    assert report.signals[0].verdict == "drift"


def test_builds_with_nothing_to_compare_are_refused(tmp_path):
    old = store_of(tmp_path / "old", named(SIZE), {"look": unit(clusters(SIZE, 7))})
    words = store_of(tmp_path / "words", named(SIZE), {"words": unit(clusters(SIZE, 7))})
    with pytest.raises(TruthError, match="no signal in common"):
        drift(old, words)
    mean = {"look": np.full(DIM, 0.1, np.float32)}
    other = store_of(tmp_path / "other", named(NEW, first=SIZE), {"look": unit(clusters(NEW, 8))}, means=mean)
    with pytest.raises(TruthError, match="share 0 products, at least 20"):
        drift(old, other)


def shop(count, first, category, price, brand="Ours"):
    return [
        replace(one, category=(category[at % len(category)],), price=float(price[at]), brand=brand)
        for at, one in enumerate(named(count, first))
    ]


def test_facts_of_new_products_are_told(tmp_path):
    prices = np.random.default_rng(0).uniform(10, 100, SIZE + NEW)
    old = shop(SIZE, 0, ("Clothes > Shirts", "Clothes > Coats", "Shoes"), prices)
    new = shop(NEW, SIZE, ("Shoes", "Shoes", "Clothes"), prices[SIZE:])
    rows = clusters(SIZE + NEW, 10)
    a = store_of(tmp_path / "a", old, {"look": unit(rows[:SIZE])})
    b = store_of(tmp_path / "b", old + new, {"look": unit(rows)})
    report = drift(a, b)
    facts = {one.name: one for one in report.facts}
    assert set(facts) == {"category", "price"}  # one brand, one language, no pictures: nothing can differ
    bins = {value: (before, after) for value, before, after in facts["category"].bins}
    assert bins == {"Clothes": pytest.approx((2 / 3, 1 / 3)), "Shoes": pytest.approx((1 / 3, 2 / 3))}
    assert facts["category"].verdict == "drift"
    assert "of those that were there" in facts["category"].what
    assert facts["price"].verdict == ""
    assert sum(before for _, before, _ in facts["price"].bins) == pytest.approx(1)
    assert "category" in report.verdict


def test_p_values_are_corrected_for_being_several(tmp_path, monkeypatch):
    rows = clusters(SIZE + NEW, 11)
    rows[SIZE:, 0] += 2
    look = unit(rows)
    given = {f"look{at}": look for at in range(5)}
    old = store_of(tmp_path / "old", named(SIZE), dict.fromkeys(given, look[:SIZE]))
    new = store_of(tmp_path / "new", named(SIZE + NEW), given)
    report = drift(old, new)
    assert [one.new.p for one in report.signals] == pytest.approx([5 * 0.001] * 5)


def test_large_builds_are_sampled_and_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 100)
    monkeypatch.setattr(module, "FRESH", 50)
    rows = clusters(SIZE + NEW, 12)
    report = drift(*builds(tmp_path, rows[:SIZE], rows))
    (look,) = report.signals
    assert (report.kept, report.fresh, look.kept, look.fresh) == (SIZE, NEW, 100, 50)
    assert "100 products of both builds and 50 new" in report.notes[0]


def test_drift_is_a_part_of_health(tmp_path):
    rows = clusters(SIZE + NEW, 13)
    rows[SIZE:, 0] += 5
    old, new = builds(tmp_path, rows[:SIZE], rows)
    report = health(new, old)
    assert report.drift.verdict == drift(old, new).verdict == "Drift in look."
    assert "drift (look)" in report.verdict
    assert health(new).drift is None
