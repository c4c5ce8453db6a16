import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.train.supervision import HUB, relation, supervision, targets


def numbers(n):
    return st.lists(st.integers(-1, 2), min_size=n, max_size=n)


@st.composite
def cases(draw):
    n = draw(st.integers(2, 7))
    levels = draw(st.integers(0, 2))
    row = st.integers(0, n - 1)
    pairs = draw(st.lists(st.tuples(row, row), max_size=6))
    grades = draw(st.lists(st.sampled_from([0.0, 0.2, 0.5, 1.0]), min_size=len(pairs), max_size=len(pairs)))
    labels = [draw(numbers(n)) for _ in range(levels)]
    return supervision(n, labels, pairs, grades, draw(numbers(n)), draw(numbers(n)), draw(numbers(n)))


def by_hand(s, a, b, level):
    """+1 alike, -1 unlike, 0 neither; and the wanted similarity."""

    def judged(x, y):
        return [g for (p, q), g in zip(s.pairs.tolist(), s.grades.tolist(), strict=True) if {p, q} == {x, y}]

    def said_alike(x, y):
        return x != y and bool(judged(x, y)) and min(judged(x, y)) >= 0.5

    def share(values):
        return values[a] == values[b] >= 0

    said = judged(a, b)
    both_ways = bool(said) and min(said) < 0.5 <= max(said)
    wanted = math.nan
    if said:
        wanted = math.nan if both_ways else max(said)
    else:
        levels = len(s.labels)
        if levels and min(s.labels[-1][a], s.labels[-1][b]) >= 0:
            wanted = 0.0
        for at in reversed(range(levels)):
            if share(s.labels[at]):
                wanted = 1 - at / levels
    same = any(share(values) for values in s.labels[: level + 1])
    if a == b or both_ways:
        return 0, wanted
    if said and max(said) >= 0.5:
        return 1, wanted
    if said:
        return 0 if same else -1, wanted
    if same:
        return 1, wanted
    if len(s.labels):
        return -1 if any(min(v[a], v[b]) >= 0 and v[a] != v[b] for v in s.labels[level:]) else 0, wanted
    third = any(said_alike(a, x) and said_alike(x, b) for x in range(s.size))
    return 0 if third or share(s.groups) or share(s.twins) or share(s.looks) else -1, wanted


@settings(max_examples=150, deadline=None)
@given(cases(), st.integers(0, 1), st.booleans(), st.randoms())
def test_targets_equal_plain_loops(s, level, own, random):
    anchors = np.array([random.randrange(s.size) for _ in range(3)])
    candidates = np.array([random.randrange(s.size) for _ in range(5)])
    got = targets(s, anchors, candidates, level, own)
    assert got.classes.tolist() == (s.labels[level][anchors].tolist() if level < len(s.labels) else [-1] * 3)
    assert (got.grades is None) == (len(s.pairs) == 0 and len(s.labels) < 2)
    for i, a in enumerate(anchors.tolist()):
        for j, b in enumerate(candidates.tolist()):
            verdict, wanted = by_hand(s, a, b, level)
            if a == b:
                verdict, wanted = (1, 1.0) if own else (0, math.nan)
            assert bool(got.positive[i, j]) == (verdict == 1)
            assert bool(got.ignored[i, j]) == (verdict == 0)
            if got.grades is not None:
                np.testing.assert_allclose(float(got.grades[i, j]), wanted, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(cases())
def test_a_relation_is_the_same_both_ways(s):
    rows = np.arange(s.size)
    there, back = relation(s, rows[:, None], rows), relation(s, rows, rows[:, None])
    np.testing.assert_array_equal(there.alike, back.alike)
    np.testing.assert_array_equal(there.unlike, back.unlike)
    assert not (there.alike & there.unlike).any()


def test_what_all_are_alike_to_says_nothing_of_them():
    n = HUB + 3
    few = supervision(n, pairs=[(0, x) for x in range(1, HUB + 1)])
    many = supervision(n, pairs=[(0, x) for x in range(1, HUB + 2)])
    assert not relation(few, np.array([1]), np.array([2])).unlike.any()
    assert relation(many, np.array([1]), np.array([2])).unlike.all()


def test_classes_are_counted_by_level():
    s = supervision(4, [[0, 3, -1, 1], [0, 1, 1, 0]])
    assert [s.classes(level) for level in range(3)] == [4, 2, 0]
    assert supervision(4).classes() == 0
