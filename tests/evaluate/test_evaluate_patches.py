"""An evaluation compares the first places patch by patch, as the store's own answers do."""

import numpy as np
import pytest
from vectors_store import named, normal, unit

from sosie.config import Config, IndexSettings
from sosie.encoders.matching import DIM, PATCHES, above_chance, fit_matches, matches, packed
from sosie.engine.candidates import build_candidates
from sosie.engine.patches import compare_pairs
from sosie.engine.questions import answer
from sosie.errors import QuestionError
from sosie.evaluate import leaks_read, patches
from sosie.evaluate.answers import ask, fused, searched, weighted
from sosie.evaluate.calibrate import judged_pairs
from sosie.evaluate.judge import WITHOUT, Options, other_systems
from sosie.evaluate.ranking import rank
from sosie.evaluate.truth import every_product
from sosie.evaluate.truth_pairs import PairsTask
from sosie.store import LocalStore
from sosie.types import Product, Query, Scale

SIZE, FIRST = 40, 12


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """Products of two signals with patches that agree with neither; 0 and 1 are variants, 5 has no picture."""
    products = named(SIZE)
    products[1] = Product("p00001", title="thing 1", group="p00000")
    look, feel = unit(normal(SIZE, 6)), unit(normal(SIZE, 4, 1))
    shown = unit(normal(SIZE * PATCHES, DIM, 2)).reshape(SIZE, -1) / np.float32(7)
    shown[:, : 20 * DIM] = shown[np.arange(SIZE) % 8, : 20 * DIM]  # kinds that have half of their patches in common
    look[5] = 0
    kept = packed(shown)
    kept[5] = 0
    store = LocalStore.create(tmp_path_factory.mktemp("patches") / "store", Config())
    with store.write() as writer:
        writer.put(products, np.arange(SIZE, dtype=np.uint64))
        dims = {"look": 6, "feel": 4, "patches": PATCHES * DIM}
        with writer.generation(dims, dict.fromkeys(dims, "1"), compared=("patches",)) as fresh:
            fresh.vectors("look")[:], fresh.vectors("feel")[:], fresh.vectors("patches")[:] = look, feel, kept
            fresh.describe("look", scale=Scale(np.zeros(6, np.float32), 0.4))
            fresh.describe("feel", scale=Scale(np.zeros(4, np.float32), 0.5), weight=0.5)
            fresh.describe("patches", scale=fit_matches(kept), weight=0.8)
            matrices = {name: fresh.vectors(name) for name in ("look", "feel")}
            build_candidates(fresh.folder, matrices, {"look": 2.5, "feel": 1.0}, IndexSettings())
    return store.snapshot()


@pytest.fixture(autouse=True)
def first(monkeypatch):
    """Fewer are compared than there are."""
    monkeypatch.setattr("sosie.engine.questions.FIRST", FIRST)
    monkeypatch.setattr(patches, "FIRST", FIRST)


def no_encoder(signal):
    raise AssertionError(signal)


def ranked(system, task):
    """Key -> places and scores."""
    found = {}
    for block in rank(system, task, SIZE):
        for at, question in enumerate(block.questions.tolist()):
            there = block.places[at] >= 0
            titles = [task.titles[place] for place in block.places[at][there]]
            found[task.keys[question]] = dict(zip(titles, block.scores[at][there].tolist(), strict=True))
    return found


@pytest.mark.parametrize("weights", [None, {"feel": 0}, {"patches": 5, "look": 2}])
def test_answers_are_the_stores_own(snapshot, weights):
    task = every_product(snapshot, variants=False)
    found = ranked(fused(ask(snapshot, task, no_encoder), weights), task)
    assert len(found) == SIZE - 1
    assert bool(found["p00005"]) == (weights != {"feel": 0})
    counted = {}
    for key in task.keys:
        hits = answer(snapshot, Query(like=(key,), limit=SIZE, weights=weights), no_encoder).hits
        own = {snapshot_title(task, hit.product.id): hit.score for hit in hits}
        assert own.keys() == found.get(key, {}).keys()
        for title, score in own.items():
            assert found[key][title] == pytest.approx(score, abs=1e-4)
        counted[key] = sum(hit.parts.get("patches", 0) > 0 for hit in hits)
    assert counted["p00005"] == 0
    assert 0 < max(counted.values()) <= FIRST


def snapshot_title(task, id):
    """The place that a product fills."""
    return next(title for title in task.titles if title == id or (title.startswith("p00000") and id == "p00001"))


def test_parts_of_questions_are_theirs(snapshot):
    task = every_product(snapshot, variants=False)
    asked = ask(snapshot, task, no_encoder)
    some = np.array([3, 8, 21])
    part = asked.part(some)
    whole, own = ranked(fused(asked), task), ranked(fused(part), part.task)
    assert own == {task.keys[at]: whole[task.keys[at]] for at in some}


def test_questions_with_a_picture_are_compared_by_it(snapshot):
    class Shown:
        def encode_query(self, query):
            return snapshot.vectors("patches", [3])[0] / np.float32(127 * 7)

    task = every_product(snapshot, variants=False)
    picture = snapshot.store / "manifest.json"  # any file: nobody opens it
    queries = tuple(Query(like=("p00003",), image=picture if at == 0 else None) for at in range(2))
    two = type(task)("two", ("a", "b"), queries, task.gallery, task.places, task.titles, task.relevance, task.barred)
    two = replaced_barred(two, task)
    found = ranked(fused(ask(snapshot, two, lambda signal: Shown())), two)
    assert found["a"] == pytest.approx(found["b"], abs=1e-3)


def replaced_barred(two, task):
    """Both questions barred from what the fourth product is barred from."""
    barred = type(task.barred).build([task.barred.of(3), task.barred.of(3)])
    return type(two)(two.name, two.keys, two.asked, two.gallery, two.places, two.titles, two.relevance, barred)


def test_what_was_answered_before_is_a_system_beside(snapshot):
    asked = ask(snapshot, every_product(snapshot, variants=False), no_encoder)
    assert list(weighted(asked)) == ["look", "feel", "patches"]
    assert "patches" not in weighted(asked, {"patches": 0})
    beside = {one.name: one for one in other_systems(asked, Options(), None)}
    assert {"look", "feel", WITHOUT} <= beside.keys()
    plain = fused(asked, searched(snapshot))
    np.testing.assert_array_equal(beside[WITHOUT].questions, plain.questions)
    assert beside[WITHOUT].more is None
    assert WITHOUT not in {one.name for one in other_systems(asked, Options(weights={"feel": 0}), None)}
    with pytest.raises(QuestionError, match="only patches, exact have a weight"):
        weighted(asked, {"look": 0, "feel": 0})


def test_they_read_pictures_and_no_texts(snapshot):
    signals = leaks_read.compared(snapshot, every_product(snapshot, variants=False), {"look": 0, "feel": 0})
    assert signals == {"patches"}
    assert leaks_read.reading("pictures", signals) == ["patches"]
    assert leaks_read.reading("texts", signals) == []


def test_judged_pairs_are_scored_as_hits(snapshot):
    a, b = np.array([3, 9, 3, 2]), np.array([11, 4, 30, 5])
    expected = [
        above_chance(
            matches(snapshot.vectors("patches", [one])[0], snapshot.vectors("patches", [other])),
            snapshot.scales["patches"],
        )[0]
        for one, other in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(compare_pairs(snapshot, a, b), expected, atol=1e-6)
    pairs = PairsTask("pairs", a, b, np.array([1.0, 0, 1, 0]), np.array([""] * 4), np.arange(4))
    scored = judged_pairs(snapshot, pairs).scores
    hits = {hit.product.id: hit.score for hit in answer(snapshot, Query(like=("p00003",), limit=SIZE), no_encoder).hits}
    compared = [at for at in (0, 2) if expected[at] > 0]
    assert compared
    for at in compared:
        assert scored[at] >= hits[f"p{b[at]:05}"] - 1e-4
