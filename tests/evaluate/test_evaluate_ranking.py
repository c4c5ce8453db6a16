import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

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
