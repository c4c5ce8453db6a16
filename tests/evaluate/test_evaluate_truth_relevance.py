"""Relevance against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.evaluate import relevance
from sosie.evaluate.relevance import Labelled, Listed, Nothing
from sosie.evaluate.task import Lists

numbers = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def agrees_with_a_table(found, table, generator):
    """Grades, ideal and counts are those of a table of grades, (questions, places)."""
    size, count = table.shape
    questions = generator.integers(0, size, 7)
    places = generator.integers(-1, count, (7, 5))
    expected = np.where(places >= 0, table[questions[:, None], np.maximum(places, 0)], 0)
    np.testing.assert_array_equal(found.grades(questions, places), expected)
    assert found.grades(questions, places).dtype == found.ideal(questions, 3).dtype == np.float32
    np.testing.assert_array_equal(found.counts(questions), (table[questions] > 0).sum(axis=1))
    best = -np.sort(-table[questions], axis=1)
    for depth in (1, count, count + 3):
        padded = np.pad(best, ((0, 0), (0, 3)))[:, :depth]
        np.testing.assert_array_equal(found.ideal(questions, depth), padded)


@settings(max_examples=100, deadline=None)
@given(generator=numbers, size=st.integers(1, 6), count=st.integers(1, 9))
def test_listed(generator, size, count):
    table = np.maximum(generator.integers(-4, 4, (size, count)), 0).astype(np.float32)
    lists = Listed(Lists.build([np.flatnonzero(row) for row in table]), table[table > 0])
    agrees_with_a_table(lists, table, generator)
    questions, places = (grid.ravel() for grid in np.indices(table.shape))
    twice = generator.permutation(np.tile(np.arange(table.size), 2))
    offered = generator.integers(-2, 4, len(twice)).astype(np.float32)
    highest = np.zeros(table.size, np.float32)
    np.maximum.at(highest, twice, offered)
    pairs = Listed.of_pairs(size, questions[twice], places[twice], offered)
    agrees_with_a_table(pairs, highest.reshape(table.shape), generator)


def test_listed_of_one_grade():
    one = Listed.same_grade(Lists.build([np.array([2, 0]), np.array([], np.int64)]))
    assert one.grades(np.array([0, 1]), np.array([[0, 1, 2, -1]] * 2)).tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]
    assert one.counts(np.array([1, 0])).tolist() == [0, 2]


@pytest.mark.parametrize("nothing", [Nothing(), Listed.same_grade(Lists.build([np.empty(0, np.int64)] * 3))])
def test_nothing(nothing):
    agrees_with_a_table(nothing, np.zeros((3, 4), np.float32), np.random.default_rng(0))


@settings(max_examples=200, deadline=None)
@given(
    generator=numbers,
    size=st.integers(1, 6),
    count=st.integers(1, 9),
    columns=st.integers(1, 3),
    most=st.integers(1, 3),
    room=st.sampled_from([1, 7, 1 << 24]),
)
def test_labelled(generator, size, count, columns, most, room):
    codes = generator.integers(-1, 3, (12, columns)).astype(np.int32)
    kinds = Lists.build([generator.choice(12, generator.integers(1, most + 1), replace=False) for _ in range(6)])
    asked, places = generator.integers(0, 6, size), generator.integers(0, 6, count)
    own = generator.integers(-1, count, size)
    table = np.zeros((size, count), np.float32)
    for q in range(size):
        for p in range(count):
            if p != own[q]:
                table[q, p] = max(
                    sum(x == y and x >= 0 for x, y in zip(codes[i], codes[j], strict=True))
                    for i in kinds.of(asked[q])
                    for j in kinds.of(places[p])
                )
    before, relevance.ROOM = relevance.ROOM, room
    try:
        agrees_with_a_table(Labelled(codes, kinds, asked, places, own), table, generator)
    finally:
        relevance.ROOM = before
