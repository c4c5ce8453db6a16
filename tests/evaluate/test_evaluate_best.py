import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sosie.evaluate.best import Best, Packing

floats = st.floats(width=32, allow_nan=False)
candidates = st.lists(st.tuples(st.integers(0, 5), floats, st.integers(0, 8)), max_size=40)
PLACES = np.array([0, 0, 1, 2, 2, 2, 5, 6, 9])  # of nine rows


def columns(found):
    questions, scores, rows = zip(*found, strict=True) if found else ((), (), ())
    return np.array(questions, np.int64), np.array(scores, np.float32), np.array(rows, np.int64)


@given(candidates)
def test_keys_sort_by_question_then_score_then_row(found):
    packing = Packing(PLACES)
    keys = np.sort(packing.pack(*columns(found)))
    expected = sorted(found, key=lambda one: (one[0], -one[1], one[2]))
    assert packing.questions(keys).tolist() == [question for question, _, _ in expected]
    assert_array_equal(packing.scores(keys), np.array([score for _, score, _ in expected], np.float32))
    assert packing.rows(keys).tolist() == [row for _, _, row in expected]


def test_keys_have_room_for_as_many_questions_as_they_say():
    packing = Packing(np.arange(1_000_000))
    question = np.array([packing.most - 1])
    key = packing.pack(question, np.array([-np.inf], np.float32), np.array([999_999]))
    assert key[0] > 0
    assert packing.questions(key) == question
    assert packing.rows(key) == 999_999
    assert packing.scores(key) == -np.inf


def test_rows_of_one_place_by_hand():
    packing = Packing(PLACES)
    keys = np.sort(packing.pack(*columns([(0, 1, 0), (0, 2, 1), (0, 2, 2), (0, 3, 4), (0, 3, 3), (2, 1, 0)])))
    best = packing.best_rows(keys)
    assert packing.rows(best).tolist() == [3, 1, 2, 0]
    assert packing.last(best, 3, 3).tolist() == [2, -np.inf, -np.inf]
    places, scores = packing.table(best, 3, 2)
    assert places.tolist() == [[2, 0], [-1, -1], [0, -1]]
    assert scores.tolist() == [[3, 2], [-np.inf, -np.inf], [1, -np.inf]]


@settings(max_examples=200)
@given(
    candidates.map(lambda found: sorted({(q, r): (q, s, r) for q, s, r in found}.values(), key=lambda one: one[2])),
    st.integers(1, 4),
    st.lists(st.integers(0, 8), max_size=3),
)
def test_the_best_in_ascending_blocks_are_the_best_of_all(found, depth, edges):
    best = Best(Packing(PLACES), 6, depth)
    for low, high in zip([0, *sorted(edges)], [*sorted(edges), 9], strict=True):
        questions, scores, rows = columns([one for one in found if low <= one[2] < high])
        kept = scores > best.lowest[questions]
        best.add(best.packing.pack(questions[kept], scores[kept], rows[kept]))
    places, scores = best.table()
    for question in range(6):
        there = {}
        for q, score, row in found:
            if q == question and score > -np.inf:
                place = int(PLACES[row])
                there[place] = max(score, there.get(place, -np.inf))
        expected = sorted(there.items(), key=lambda one: (-one[1], one[0]))[:depth]
        unused = depth - len(expected)
        assert places[question].tolist() == [place for place, _ in expected] + [-1] * unused
        assert_array_equal(scores[question], np.array([score for _, score in expected] + [-np.inf] * unused, "f4"))
