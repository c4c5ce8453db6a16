"""What lists are like, reckoned by hand and by plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.metrics.lists import coverage, diversity, gini, novelty, popularity_bias, rank_biased_overlap

LISTS = np.array([[0, 1], [0, 2], [0, -1], [-1, -1]])


def test_coverage_is_the_share_of_the_gallery_that_is_shown():
    assert coverage(LISTS, 4) == 3 / 4
    assert coverage(LISTS, 12) == 3 / 12
    assert coverage(np.full((2, 3), -1), 5) == 0
    assert coverage(np.empty((0, 3), np.int64), 0) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-1, 5), min_size=1, max_size=40))
def test_gini_is_half_the_mean_difference_over_the_mean(shown):
    counts = [shown.count(product) for product in range(6)]
    apart = sum(abs(a - b) for a in counts for b in counts)
    expected = apart / (2 * 6 * sum(counts)) if sum(counts) else 0
    assert gini(np.array([shown]), 6) == pytest.approx(expected)


def test_gini_of_even_and_of_one_sided_lists():
    assert gini(np.array([[0, 1], [2, 3]]), 4) == pytest.approx(0)
    assert gini(np.zeros((5, 2), np.int64), 4) == pytest.approx(1 - 1 / 4)


def test_novelty_is_the_mean_of_what_each_answer_tells_in_bits():
    popularity = np.array([3.0, 1.0, 1.0, 7.0])  # with one more each: 1/4, 1/8, 1/8, 1/2
    assert novelty(LISTS, popularity).tolist() == pytest.approx([2.5, 2.5, 2, math.nan], nan_ok=True)
    assert novelty(np.array([[3]]), popularity).tolist() == pytest.approx([1])
    assert novelty(np.array([[0, 1]]), np.zeros(8)).tolist() == pytest.approx([3])


def test_popularity_bias_is_the_popularity_of_a_list_over_that_of_the_gallery():
    popularity = np.array([6.0, 2.0, 0.0, 0.0])
    assert popularity_bias(LISTS, popularity).tolist() == pytest.approx([2, 1.5, 3, math.nan], nan_ok=True)
    assert popularity_bias(np.array([[0, 1, 2, 3]]), popularity).tolist() == pytest.approx([1])


def test_diversity_is_the_mean_distance_of_two_of_a_list():
    x, y, z = np.eye(3, dtype=np.float32)
    slanted = (x + y) / np.float32(math.sqrt(2))
    vectors = np.array([[x, y, z], [x, x, x], [x, slanted, y], [x, -x, y], [x, y, z]])
    there = np.array([[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 0], [0, 1, 0]], np.bool_)
    expected = [1, 0, (2 * (1 - math.sqrt(0.5)) + 1) / 3, 2, math.nan]
    assert diversity(vectors, there).tolist() == pytest.approx(expected, nan_ok=True, abs=1e-6)


def overlap_by_loops(a, b, p):
    """Equation 32 of Webber, Moffat & Zobel, for lists of one length."""
    total = 0.0
    for depth in range(1, len(a) + 1):
        total += len(set(a[:depth]) & set(b[:depth])) / depth * p**depth
    k = len(a)
    return len(set(a) & set(b)) / k * p**k + (1 - p) / p * total


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(8)), st.permutations(range(8)), st.integers(1, 6), st.sampled_from([0.5, 0.9, 0.98]))
def test_rank_biased_overlap_equals_its_formula(a, b, depth, p):
    first, second = np.array([a[:depth]]), np.array([b[:depth]])
    found = rank_biased_overlap(first, second, p)
    assert found.tolist() == pytest.approx([overlap_by_loops(a[:depth], b[:depth], p)])
    assert found.tolist() == rank_biased_overlap(second, first, p).tolist()


def test_rank_biased_overlap_of_same_unlike_and_empty_lists():
    same = np.array([[1, 2, 3], [1, 2, -1], [-1, -1, -1]])
    assert rank_biased_overlap(same, same).tolist() == pytest.approx([1, 1, 1])
    assert rank_biased_overlap(np.array([[1, 2]]), np.array([[3, 4]])).tolist() == [0]
    top, end = np.array([[1, 2, 3, 9]]), np.array([[8, 2, 3, 4]])
    assert rank_biased_overlap(np.array([[1, 2, 3, 4]]), top) > rank_biased_overlap(np.array([[1, 2, 3, 4]]), end)
    assert rank_biased_overlap(np.array([[-1, -1]]), np.array([[3, 4]])).tolist() == [0]
