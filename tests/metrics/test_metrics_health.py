"""Figures of vectors without labels, against planted faults, plain loops and distributions whose figures are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import skew

from sosie.metrics.health import (
    covariance,
    dead_dimensions,
    distinct,
    effective_rank,
    intrinsic_dimension,
    keys,
    linear_cka,
    mean_cosine,
    nearest,
    occurrences,
    shared,
    skewness,
    spectrum,
)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def normal(rows, dim, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)


def rotation(dim, seed=1):
    return np.linalg.qr(normal(dim, dim, seed))[0].astype(np.float32)


@pytest.mark.parametrize("used", [1, 3, 20])
def test_directions_that_are_really_used_are_counted_however_they_lie(used):
    rows = normal(4_000, used) @ rotation(48)[:used]
    found = covariance(rows)
    assert effective_rank(found) == pytest.approx(used, rel=0.03)
    shares = spectrum(found, 48)
    assert shares.sum() == pytest.approx(1)
    assert shares[:used] == pytest.approx(np.full(used, 1 / used), rel=0.2)
    assert not shares[used:].max(initial=0) > 1e-6
    assert dead_dimensions(found) == 0  # each of the 48 dimensions varies: only together they are few


def test_participation_ratio_of_unequal_variances():
    rows = normal(50_000, 3) * np.array([2, 1, 1], np.float32)
    assert effective_rank(covariance(rows)) == pytest.approx((4 + 1 + 1) ** 2 / (16 + 1 + 1), rel=0.03)
    assert spectrum(covariance(rows), 2) == pytest.approx([4 / 6, 1 / 6], rel=0.03)


def test_the_largest_of_many_directions_are_those_of_the_full_decomposition():
    found = covariance(normal(300, 90) * np.linspace(1, 3, 90, dtype=np.float32))
    full = np.linalg.eigvalsh(found)[::-1]
    assert spectrum(found, 10) == pytest.approx(full[:10] / full.sum())
    assert np.array_equal(spectrum(found, 10), spectrum(found, 10))


def test_nothing_varies():
    found = covariance(np.ones((9, 4), np.float32))
    assert effective_rank(found) == 0
    assert dead_dimensions(found) == 1
    assert not spectrum(found, 4).any()


def test_collapsed_dimensions_are_counted():
    rows = normal(500, 40)
    rows[:, :7] = 0.3
    rows[:, 7] *= 0.005
    assert dead_dimensions(covariance(rows)) == 8 / 40


def test_mean_cosine_is_that_of_all_pairs():
    rows = unit(normal(60, 5) + 1)
    cosines = rows @ rows.T
    assert mean_cosine(rows) == pytest.approx(cosines[~np.eye(60, dtype=bool)].mean(), abs=1e-6)


def test_equal_rows_are_found_and_others_are_not():
    rows = normal(200, 6)
    rows[[5, 90, 150]] = rows[5]
    rows[7], rows[8] = 0.0, -0.0
    rows[120] = rows[121] + np.float32(0.001)
    first, number = distinct(keys(rows))
    assert len(first) == 200 - 2 - 1
    assert first.tolist() == sorted(first)
    assert number[5] == number[90] == number[150]
    assert number[7] == number[8]
    assert number[120] != number[121]
    assert np.array_equal(first[number][[5, 90, 150, 8]], [5, 5, 5, 7])


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_sets_of_equal_keys_are_numbered_by_their_first(values):
    first, number = distinct(np.array(values, np.uint64))
    assert [values[at] for at in first] == list(dict.fromkeys(values))
    assert [values[first[at]] for at in number] == values


def test_neighbours_are_those_of_a_plain_loop():
    rows = unit(normal(1_100, 7))
    ticks = []
    found, distances = nearest(rows, 5, ticks.append)
    assert ticks[-1] == 1_100
    for at in (0, 511, 512, 1_099):
        apart = np.linalg.norm(rows - rows[at], axis=1).astype(np.float64)
        apart[at] = np.inf
        assert found[at].tolist() == np.argsort(apart)[:5].tolist()
        assert distances[at] == pytest.approx(np.sort(apart)[:5], abs=1e-6)


@pytest.mark.parametrize("size", [2, 3])
def test_fewer_rows_than_neighbours(size):
    found, _ = nearest(unit(normal(size, 4)), 10)
    assert [sorted(row) for row in found.tolist()] == [[o for o in range(size) if o != at] for at in range(size)]


def test_a_planted_hub_is_seen():
    rows = normal(1_000, 300)
    rows[:, 0] += 6
    rows[17] = np.eye(300)[0]
    found, _ = nearest(unit(rows), 10)
    counts = occurrences(found, 1_000)
    assert counts.sum() == 10 * 1_000
    assert counts.argmax() == 17
    assert counts[17] > 600
    rows[17] = rows[18] + normal(1, 300, 5)[0]
    even = occurrences(nearest(unit(rows), 10)[0], 1_000)
    assert skewness(counts) > 3 * skewness(even)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=50))
def test_skewness_is_that_of_scipy(values):
    wanted = skew(values) if len(set(values)) > 1 else 0.0
    assert skewness(np.array(values)) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(("dim", "off"), [(1, 0.2), (2, 0.1), (5, 0.15), (10, 0.25)])
def test_the_dimension_of_a_bent_surface_is_found_in_a_large_space(dim, off):
    count = 3_000 if dim > 1 else 300  # closer ones than those of 300 on a line have the same product in float32
    flat = np.random.default_rng(dim).random((count, dim)).astype(np.float32)
    rows = np.hstack([np.sin(flat), np.cos(flat)]) @ rotation(2 * dim + 30)[: 2 * dim]
    lengths = np.square(rows).sum(axis=1)
    assert lengths == pytest.approx(dim, abs=1e-3)  # all of one length: the largest product is the nearest
    distances = nearest(rows, 2)[1]
    assert intrinsic_dimension(distances[:, 0], distances[:, 1]) == pytest.approx(dim, rel=off)


def test_no_dimension_is_told_of_too_few_rows():
    distances = nearest(unit(normal(7, 3)), 2)[1]
    assert np.isnan(intrinsic_dimension(distances[:, 0], distances[:, 1]))
    assert np.isnan(intrinsic_dimension(np.zeros(50), np.ones(50)))


def test_a_rotated_and_stretched_copy_only_repeats():
    rows = normal(400, 12)
    assert linear_cka(rows, 3 * rows @ rotation(20)[:12]) == pytest.approx(1, abs=1e-5)
    assert linear_cka(rows, rows + 10) == pytest.approx(1, abs=1e-5)


def test_independent_vectors_are_not_alike_however_many_dimensions_they_have():
    assert abs(linear_cka(normal(200, 400), normal(200, 300, 9))) < 0.02


def test_alignment_is_that_of_the_unbiased_estimator_written_out():
    a, b = normal(30, 4), normal(30, 6, 2)
    b[:, :4] += a

    def hsic(x, y):
        k, other = x @ x.T, y @ y.T
        np.fill_diagonal(k, 0)
        np.fill_diagonal(other, 0)
        n = len(x)
        first, middle = np.trace(k @ other), k.sum() * other.sum() / ((n - 1) * (n - 2))
        return (first + middle - 2 / (n - 2) * (k @ other).sum()) / (n * (n - 3))

    a, b = a.astype(np.float64), b.astype(np.float64)
    wanted = hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b))
    assert linear_cka(a, b) == pytest.approx(wanted, abs=1e-6)


def test_neighbours_in_common():
    assert shared(np.array([[1, 2, 3], [4, 5, 6]]), np.array([[3, 9, 1], [7, 8, 9]])).tolist() == [2 / 3, 0]
