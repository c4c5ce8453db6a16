from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from threadpoolctl import threadpool_info

from sosie.evaluate import double, single
from sosie.evaluate.prepared import Prepared
from sosie.evaluate.ranking import rank
from sosie.evaluate.system import System
from sosie.evaluate.task import Lists, Task


class Nothing:
    def grades(self, questions, places):
        return np.zeros(places.shape, np.float32)

    def ideal(self, questions, depth):
        return np.zeros((len(questions), depth), np.float32)

    def counts(self, questions):
        return np.zeros(len(questions), np.int64)


def task_of(size, places, barred=None):
    places = np.asarray(places)
    number = int(places.max(initial=-1)) + 1
    return Task(
        "toy",
        tuple(map(str, range(size))),
        np.arange(size),
        np.arange(len(places)),
        places,
        tuple(f"p{i}" for i in range(number)),
        Nothing(),
        Lists.build([np.array(b, np.int64) for b in barred or [[]] * size]),
    )


def together(system, task, depth):
    """Every block of the ranking as one table; each question is there exactly once."""
    blocks = list(rank(system, task, depth))
    asked = np.concatenate([b.questions for b in blocks]) if blocks else np.empty(0, np.int64)
    assert sorted(asked.tolist()) == list(range(task.size))
    places, scores = np.full((task.size, depth), -9), np.full((task.size, depth), np.nan, np.float32)
    for block in blocks:
        assert block.places.shape == block.scores.shape == (len(block.questions), depth)
        assert block.scores.dtype == np.float32
        places[block.questions], scores[block.questions] = block.places, block.scores
    return places, scores


def by_hand(system, task, depth):
    """The same by plain loops."""
    questions, gallery = (
        m.toarray() if sparse.issparse(m) else np.asarray(m) for m in (system.questions, system.gallery)
    )
    places, scores = np.full((task.size, depth), -1), np.full((task.size, depth), -np.inf, np.float32)
    for q in range(task.size):
        best = {}
        for row, place in enumerate(task.places.tolist()):
            more = 0.0 if system.more is None else float(system.more[q, row])
            if place in task.barred.of(q) or not ((questions[q].any() and gallery[row].any()) or more > 0):
                continue
            score = float(np.dot(questions[q].astype(np.float64), gallery[row].astype(np.float64))) + more
            score = np.float32(score / (1.0 if system.mass is None else float(system.mass[q])))
            best[place] = max(score, best.get(place, -np.inf))
        order = sorted(best, key=lambda place: (-best[place], place))[:depth]
        places[q, : len(order)], scores[q, : len(order)] = order, [best[p] for p in order]
    return places, scores


def same(system, task, depth):
    places, scores = together(system, task, depth)
    expected_places, expected_scores = by_hand(system, task, depth)
    np.testing.assert_array_equal(scores, expected_scores)
    np.testing.assert_array_equal(places, expected_places)


def test_a_toy_by_hand():
    questions = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    gallery = np.array([[0.5, 0.5], [1, 0], [0, 0], [-1, 2], [0.5, 0]], np.float32)
    task = task_of(3, [0, 1, 2, 3, 4], [[1], [], []])
    places, scores = together(System("toy", "signal", questions, gallery), task, 4)
    assert places.tolist() == [[0, 4, 3, -1], [3, 0, 1, 4], [-1, -1, -1, -1]]
    inf = np.inf
    assert scores.tolist() == [[0.5, 0.5, -1, -inf], [2, 0.5, 0, 0], [-inf] * 4]


numbers = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@settings(max_examples=200, deadline=None)
@given(
    generator=numbers,
    size=st.integers(0, 12),
    rows=st.integers(0, 14),
    depth=st.integers(1, 20),
    coarse=st.booleans(),
    variants=st.booleans(),
    scipy=st.booleans(),
    words=st.booleans(),
    weighed=st.booleans(),
)
def test_is_what_plain_loops_find(generator, size, rows, depth, coarse, variants, scipy, words, weighed):
    questions, gallery = (generator.standard_normal((n, 3)).astype(np.float32) for n in (size, rows))
    if coarse:  # many equal scores, rows of zeros, negative scores
        questions, gallery = np.rint(questions), np.rint(gallery)
    more = np.maximum(np.rint(generator.standard_normal((size, rows))), 0).astype(np.float32) if words else None
    mass = generator.uniform(0.5, 3, size).astype(np.float32) if weighed else None
    places = generator.integers(0, max(rows // 2, 1), rows) if variants else generator.permutation(rows)
    task = task_of(size, places)
    count = len(task.titles)
    barred = [generator.choice(count, generator.integers(0, count + 1), replace=False).tolist() for _ in range(size)]
    if scipy:
        questions, gallery = sparse.csr_array(questions), sparse.csr_array(gallery)
    same(System("any", "fused", questions, gallery, more, mass), task_of(size, places, barred), depth)


@pytest.fixture
def eager(monkeypatch):
    """Single precision is used wherever it can be, in small blocks; tells how many questions it answered."""
    answered = []
    best_places = single.best_places

    def counted(*given):
        for block in best_places(*given):
            answered.append(len(block[0]))
            yield block

    small = {"KEPT": 1, "EXACT": 0, "BLOCK": 8, "PART": 64, "SAMPLED": 4, "CROWD": 4}
    for name, value in (small | {"best_places": counted}).items():
        monkeypatch.setattr(single, name, value)
    return lambda: sum(answered)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    generator=numbers,
    size=st.integers(1, 40),
    rows=st.integers(1, 60),
    depth=st.integers(1, 12),
    symmetric=st.booleans(),
    coarse=st.booleans(),
    variants=st.booleans(),
    weighed=st.booleans(),
    block=st.sampled_from([3, 8, 64]),
    crowd=st.sampled_from([0.1, 4]),
)
def test_single_precision_finds_the_same(
    eager, generator, size, rows, depth, symmetric, coarse, variants, weighed, block, crowd
):
    single.BLOCK, single.CROWD = block, crowd
    gallery = generator.standard_normal((rows, 3)).astype(np.float32)
    gallery = np.rint(gallery) if coarse else gallery
    questions = gallery if symmetric else generator.standard_normal((size, 3)).astype(np.float32)
    size = len(questions)
    mass = generator.uniform(0.5, 3, size).astype(np.float32) if weighed else None
    places = generator.integers(0, max(rows // 2, 1), rows) if variants else generator.permutation(rows)
    count = int(places.max()) + 1
    barred = [generator.choice(count, generator.integers(0, min(count, 4)), replace=False) for _ in range(size)]
    same(System("any", "fused", questions, gallery, None, mass), task_of(size, places, barred), depth)


def close(seed, size, dim=96):
    """Unit vectors so close to each other that single precision can't tell which are closer."""
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((8, dim))
    rows = centres[np.arange(size) % 8] + 1e-4 * generator.standard_normal((size, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def of_float64(vectors, places, depth):
    scores = (vectors.astype(np.float64) @ vectors.astype(np.float64).T).astype(np.float32)
    np.fill_diagonal(scores, -np.inf)
    return np.array([places[np.lexsort((places, -row))[:depth]] for row in scores])


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("block", [16, 100])
def test_closer_than_single_precision_can_tell(eager, symmetric, block):
    single.BLOCK = block
    vectors, places = close(0, 240), np.random.default_rng(1).permutation(240)
    by_float32 = vectors @ vectors.T
    np.fill_diagonal(by_float32, -np.inf)
    expected = of_float64(vectors, places, 20)
    rounded = np.array([places[np.lexsort((places, -row))[:20]] for row in by_float32])
    assert (expected != rounded).any(axis=1).mean() > 0.5
    task = task_of(240, places, [[place] for place in places])
    found, _ = together(System("close", "signal", vectors if symmetric else vectors.copy(), vectors), task, 20)
    np.testing.assert_array_equal(found, expected)
    assert eager() > 120


def test_a_wrong_guess_is_found_out(eager, monkeypatch):
    monkeypatch.setattr(single, "WRONG", 0.5)
    vectors, places = close(2, 200), np.arange(200)
    task = task_of(200, places, [[place] for place in places])
    found, _ = together(System("close", "signal", vectors, vectors), task, 20)
    np.testing.assert_array_equal(found, of_float64(vectors, places, 20))
    assert 0 < eager() < 200


def test_where_all_are_equal_the_first_places_win(eager):
    vectors = np.full((600, 3), 0.1, np.float32)
    places, scores = together(System("equal", "signal", vectors, vectors), task_of(600, np.arange(600)[::-1]), 5)
    assert (places == np.arange(5)).all()
    assert (scores == np.float32(3 * float(np.float32(0.1)) ** 2)).all()
    assert eager() == 0


class Labels(Nothing):
    """The grade of a place is its label, so that each place tells which it is of."""

    def __init__(self, labels):
        self.labels = labels

    def grades(self, questions, places):
        return np.where(places < 0, 0, 1 + self.labels[places]).astype(np.float32)


@pytest.mark.parametrize("mixed", [True, False])
def test_grades_at_all_ranks_are_those_of_the_exact_order(eager, mixed):
    vectors, places = close(3, 240), np.arange(240)
    labels = np.random.default_rng(4).integers(0, 3, 240) if mixed else np.arange(240) % 8
    task = task_of(240, places, [[place] for place in places])
    task = replace(task, relevance=Labels(labels))
    expected = of_float64(vectors, places, 60)
    whole = np.full((240, 60), -1)
    for block in rank(System("close", "signal", vectors, vectors), task, 60, exact=3):
        whole[block.questions] = block.places
    every = np.arange(240)
    np.testing.assert_array_equal(whole[:, :3], expected[:, :3])
    np.testing.assert_array_equal(task.relevance.grades(every, whole), task.relevance.grades(every, expected))
    assert (whole == expected).all() == mixed
    assert eager() > 120


def test_many_products_at_the_usual_sizes():
    vectors, places = close(5, 2_500, 32), np.random.default_rng(6).permutation(2_500)
    vectors[::50] = vectors[25::50]
    vectors[7] = 0
    barred = [[place] for place in places]
    system, task = System("any", "signal", vectors, vectors), task_of(2_500, places, barred)
    assert single.pays(Prepared.of(system, task), 10, 10)
    found, _ = together(system, task, 10)
    expected = of_float64(vectors, places, 2_500)
    for question in range(0, 2_500, 7):
        kept = [place for place in expected[question].tolist() if place not in (places[question], places[7])]
        assert found[question].tolist() == ([-1] * 10 if question == 7 else kept[:10])


def test_progress_and_an_end_before_the_end():
    threads = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    seen = []
    vectors = close(7, 1_200, 8)
    blocks = rank(
        System("any", "signal", vectors, vectors.copy()),
        task_of(1_200, np.arange(1_200)),
        300,
        lambda what, done, total: seen.append((what, done, total)),
    )
    next(blocks)
    next(blocks)
    blocks.close()
    assert seen == [("ranking by any", 512, 1_200)]
    assert [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"] == threads


def test_between_two_floats_blocks_of_any_size_agree(monkeypatch):
    """Products within an error of double precision of the middle of two float32, summed in whichever order."""
    generator = np.random.default_rng(8)
    parts = np.concatenate([[1, 2.0**-24], np.full(30, 2.0**-55), np.full(32, -(2.0**-56))]).astype(np.float32)
    vectors = np.array([generator.permutation(parts) for _ in range(300)])
    questions = np.ones((40, 64), np.float32)
    expected = np.array([np.float32(np.vecdot(row.astype(float), np.ones(64))) for row in vectors])
    assert len(set(expected.tolist())) == 2
    for rows in (7, 64, 2_048):
        monkeypatch.setattr(double, "ROWS", rows)
        places, scores = together(
            System("any", "signal", questions[: rows % 41], vectors), task_of(rows % 41, range(300)), 300
        )
        np.testing.assert_array_equal(scores, expected[places])
