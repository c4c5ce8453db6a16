"""Drift: planted shifts are found, random splits are called drift as often as the level says, values are by hand."""

from itertools import combinations
from math import log

import numpy as np
import pytest
from scipy.stats import norm

from sosie.metrics import drift
from sosie.metrics.drift import mean_discrepancy, population_stability

TRIALS = 100
CHANCE = 0.05
OFTEN = 14  # of 100 trials: at 5% as many come once in 2,000


def normal(rows, dim, seed):
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)


def test_the_value_is_the_unbiased_estimate_written_out():
    old, new = normal(8, 3, 0), normal(4, 3, 1) + 1
    distances = np.square(old[:, None] - old[None]).sum(axis=2)

    def estimate(some, wide):
        def kernel(x, y):
            return np.exp(-np.square(x - y).sum() / wide)

        pairs = list(combinations(range(4), 2))
        within = sum(kernel(some[i], some[j]) + kernel(new[i], new[j]) for i, j in pairs) / len(pairs)
        return within - 2 * np.mean([kernel(x, y) for x in some for y in new])

    found = mean_discrepancy(old, new).value
    widths = np.unique(distances)[1:]  # the median is one of the distances, or lies between two of them
    widths = [*widths, *(widths[1:] + widths[:-1]) / 2]
    every = [estimate(old[list(some)], wide) for some in combinations(range(8), 4) for wide in widths]
    assert np.abs(np.array(every) - found).min() < 1e-5


@pytest.mark.parametrize("new", [12, 40, 90])
def test_samples_of_one_distribution_are_called_drift_as_often_as_the_level_says(new, monkeypatch):
    monkeypatch.setattr(drift, "SPLITS", 199)
    found = [mean_discrepancy(normal(60, 8, at), normal(new, 8, 10_000 + at)) for at in range(TRIALS)]
    assert sum(one.p < CHANCE for one in found) < OFTEN
    outside = sum(not one.low <= one.value <= one.high for one in found)
    assert outside < OFTEN


@pytest.mark.parametrize("sizes", [(400, 200), (400, 3_000), (400, 40)])
def test_a_planted_shift_is_found(sizes):
    old, new = normal(sizes[0], 8, 0), normal(sizes[1], 8, 1)
    new[:, 0] += 1
    found = mean_discrepancy(old, new)
    assert found.p < 0.005
    assert found.value > found.high


def test_a_planted_change_of_spread_is_found_where_the_means_are_equal():
    old, new = normal(400, 8, 0), 0.6 * normal(200, 8, 1)
    assert mean_discrepancy(old, new).p < 0.005


def test_size_grows_with_the_shift_from_none_to_nothing_in_common():
    old, new = normal(1_000, 4, 0), normal(500, 4, 1)
    sizes = [mean_discrepancy(old, new + np.float32(by)).size for by in (0, 0.3, 1, 3, 30)]
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.05
    assert sizes[-1] == 1
    tight = np.zeros((40, 4), np.float32)
    assert mean_discrepancy(tight, tight[:20] + 1).size == pytest.approx(1)
    assert mean_discrepancy(tight, tight[:20]).size == 0


def test_size_is_how_well_a_shift_of_known_size_can_be_told():
    """Of two normal distributions d apart a pair is told apart with probability Phi(d / sqrt 2)."""
    for count in (200, 3_000):
        old, new = normal(count, 1, 0), normal(count // 2, 1, 1) + np.float32(1)
        assert mean_discrepancy(old, new).size == pytest.approx(2 * norm.cdf(1 / np.sqrt(2)) - 1, abs=0.06)


def test_stability_of_counts_by_hand():
    found = population_stability(np.array([100, 0]), np.array([0, 50]))
    left, right = 50.5 / 51, 0.5 / 51
    assert found.value == pytest.approx(2 * (left - right) * log(left / right))
    assert found.low == found.high == 0  # however they are split: all are in the first bin
    assert (found.p, found.size) == (0.001, 1)


def test_counts_of_one_distribution_are_called_drift_as_often_as_the_level_says():
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    found = []
    for at in range(TRIALS):
        generator = np.random.default_rng(at)
        found.append(population_stability(generator.multinomial(300, shares), generator.multinomial(120, shares)))
    assert sum(one.p < CHANCE for one in found) < OFTEN


def test_a_planted_change_of_shares_is_found():
    found = population_stability(np.array([500, 300, 200]), np.array([200, 300, 500]))
    assert found.p < 0.005
    assert found.size == pytest.approx(0.3)
    assert found.value == pytest.approx(0.6 * log(2.5), abs=0.15)
    assert found.value > 0.25 > found.high
