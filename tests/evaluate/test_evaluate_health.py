"""What is planted in a store's vectors is remarked on, and nothing else is."""

import json

import numpy as np
import pytest
from vectors_store import named, normal, rotation, store_of, unit

from sosie.config import Config
from sosie.errors import TruthError
from sosie.evaluate import health as module
from sosie.evaluate.health import health
from sosie.store import LocalStore
from sosie.types import Product

SIZE = 400


def clusters(dim, kinds=20, seed=0):
    return normal(kinds, dim, seed)[np.arange(SIZE) % kinds] + normal(SIZE, dim, seed + 50)


@pytest.fixture(scope="module")
def faults():
    """A signal a fault; "look" has none."""
    look = clusters(32)
    flat = clusters(32, seed=1)
    flat[:, :6] = 0
    narrow = normal(SIZE, 2, 2) @ rotation(32)[:2] + 0.01 * normal(SIZE, 32, 3)
    same = 20 * np.eye(32, dtype=np.float32)[0] + normal(SIZE, 32, 4)
    stock = clusters(32, seed=5)
    stock[:60] = stock[0]
    stock[300:] = 0
    sides = np.where(np.arange(SIZE) % 2, 1, -1)[:, None]
    hub = 3 * sides * np.eye(200, dtype=np.float32)[0] + 0.5 * normal(SIZE, 200, 6)
    hub[8] = -np.eye(200)[0]
    copy = np.hstack([look, 0 * look[:, :8]]) @ rotation(40)
    return {"look": look, "flat": flat, "narrow": narrow, "same": same, "stock": stock, "hub": hub, "copy": copy}


@pytest.fixture(scope="module")
def report(faults, tmp_path_factory):
    vectors = {signal: unit(matrix) for signal, matrix in faults.items()}
    return health(store_of(tmp_path_factory.mktemp("faults") / "store", named(SIZE), vectors))


def kinds_of(report):
    return {one.name: {remark.kind for remark in one.remarks} for one in report.signals}


def test_each_planted_fault_is_told_of_its_signal_and_of_no_other(report):
    found = kinds_of(report)
    assert found.pop("fused") <= {"hubs"}
    assert found == {
        "look": set(),
        "flat": {"collapsed"},
        "narrow": {"narrow"},
        "same": {"common"},
        "stock": {"duplicates", "missing"},
        "hub": {"hubs"},
        "copy": set(),
    }
    for kind in ("collapsed dimensions (flat)", "hubs (hub", "repeated signals (look/copy)", "missing signals (stock)"):
        assert kind in report.verdict


def one(report, name):
    return next(signal for signal in report.signals if signal.name == name)


def test_figures_are_those_that_were_planted(report):
    look, flat, narrow, stock = (one(report, name) for name in ("look", "flat", "narrow", "stock"))
    assert report.products == report.sampled == look.products == look.sample == SIZE
    assert (flat.dead, flat.dim) == (6 / 32, 32)
    assert narrow.directions == pytest.approx(2, abs=0.1)
    assert sum(narrow.spectrum[:2]) > 0.99
    assert narrow.intrinsic < look.intrinsic
    assert one(report, "same").mean_cosine > 0.9
    assert (stock.products, stock.missing, stock.sample) == (300, 0.25, 241)
    assert (stock.duplicates, stock.duplicate_sets) == (60, 1)
    assert [(shown.id, shown.title, shown.value) for shown in stock.largest] == [("p00000", "thing 0", 60)]
    assert look.lengths == pytest.approx((1,) * 7, abs=1e-5)
    assert look.duplicates == 0


def test_the_hub_is_shown_first_with_the_number_of_its_lists(report):
    hub = one(report, "hub")
    assert (hub.hubs[0].id, hub.hubs[0].title) == ("p00008", "thing 8")
    assert hub.hubs[0].value > 150
    assert hub.hub_skew > 3 * abs(one(report, "look").hub_skew)
    assert f"'thing 8' is among the first ten of {hub.hubs[0].value:.0f} of {SIZE}" in hub.remarks[0].what
    assert sum(hub.occurrences.values()) == SIZE
    assert hub.occurrences["over 100"] == 1
    assert hub.unseen == hub.occurrences["0"] / SIZE


def test_signals_that_repeat_each_other_stand_first(report):
    first, *others = report.repetitions
    assert {first.a, first.b} == {"look", "copy"}
    assert first.cka == pytest.approx(1, abs=1e-4)
    assert first.overlap > 0.99
    assert first.correlation > 0.99
    assert [repetition.repeats for repetition in others] == [False] * len(others)
    assert len(others) == 7 * 6 // 2 - 1
    assert next(repetition for repetition in others if "stock" in (repetition.a, repetition.b)).products == 300
    assert [remark.kind for remark in report.remarks] == ["repeats"]


def test_fused_vectors_are_the_signals_as_the_score_weighs_them(tmp_path):
    look, text = unit(normal(60, 6)), unit(normal(60, 4, 1))
    text[:20] = 0
    weights = {"look": 3.0, "text": 1.0, "off": 0.0}
    vectors = {"look": look, "text": text, "off": unit(normal(60, 5, 2))}
    found = health(store_of(tmp_path / "store", named(60), vectors, weights=weights))
    fused = found.signals[0]
    assert (fused.name, fused.kind, fused.weight, fused.dim) == ("fused", "fused", 4, 10)
    assert [fused.lengths[0], fused.lengths[-1]] == pytest.approx([np.sqrt(0.75), 1])
    scores = 0.75 * look @ look.T + 0.25 * text @ text.T
    np.fill_diagonal(scores, -np.inf)
    counts = np.bincount(np.argsort(-scores, axis=1)[:, :10].ravel(), minlength=60)
    assert [hub.value for hub in fused.hubs] == sorted(counts, reverse=True)[:8]


def test_variants_are_one_product(tmp_path):
    products = [Product(id=f"p{at:05}", title=f"thing {at}", group=f"g{at // 2}") for at in range(SIZE)]
    look = unit(clusters(32))
    look[1::2] = look[::2]
    found = health(store_of(tmp_path / "store", products, {"look": look}))
    assert found.products == SIZE // 2
    assert one(found, "look").duplicates == 0


def test_a_large_store_is_sampled_and_says_so(report, faults, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 120)
    snapshot = store_of(tmp_path / "store", named(SIZE), {"stock": unit(faults["stock"])})
    found = health(snapshot)
    assert found.sampled == 120
    assert "120 of the 400" in found.notes[0]
    assert one(found, "stock").duplicates == 60  # of all products
    assert one(found, "stock").sample < 120
    assert health(snapshot).signals == found.signals


def test_too_few_products_have_no_neighbours_to_tell_of(tmp_path):
    found = health(store_of(tmp_path / "store", named(9), {"look": unit(normal(9, 5))}))
    look = one(found, "look")
    assert (look.hub_skew, look.intrinsic, look.hubs, look.occurrences) == (None, None, (), {})
    assert look.directions > 1
    assert any("too few" in note for note in found.notes)
    assert found.repetitions == ()


def test_a_single_product_and_a_signal_that_nobody_has(tmp_path):
    found = health(store_of(tmp_path / "store", named(1), {"look": unit(normal(1, 5)), "text": np.zeros((1, 3))}))
    assert kinds_of(found) == {"fused": set(), "look": set(), "text": {"missing"}}
    json.dumps(found.as_json(), allow_nan=False)


def test_a_store_without_products_is_refused(tmp_path):
    with pytest.raises(TruthError, match="no products"):
        health(LocalStore.create(tmp_path / "store", Config()).snapshot())


def test_damaged_vectors_are_told(tmp_path):
    look = unit(normal(80, 8))
    look[7] *= 3
    look[8] = np.nan
    found = one(health(store_of(tmp_path / "store", named(80), {"look": look})), "look")
    assert [remark.kind for remark in found.remarks] == ["lengths"]
    assert "3 long" in found.remarks[0].what
    assert found.products == 79


def test_facts_have_no_hubs_since_many_are_equally_near(tmp_path):
    category = np.eye(70, dtype=np.float32)[np.arange(SIZE) % 70]
    found = one(health(store_of(tmp_path / "store", named(SIZE), {"category": category})), "category")
    assert (found.hub_skew, found.remarks) == (None, ())
    assert found.duplicates == SIZE


def test_what_centring_took_away_is_told(tmp_path):
    mean = np.zeros(16, np.float32)
    mean[0] = 0.97
    snapshot = store_of(tmp_path / "store", named(SIZE), {"look": unit(clusters(16))}, means={"look": mean})
    found = one(health(snapshot), "look")
    assert found.common == pytest.approx(0.97**2)
    assert [remark.kind for remark in found.remarks] == ["common"]
    assert "94%" in found.remarks[0].what


def test_the_report_is_plain_json(report):
    plain = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert plain["signals"]["hub"]["hubs"][0]["id"] == "p00008"
    assert plain["drift"] is None
