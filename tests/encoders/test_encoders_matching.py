"""Matching of patches, beside plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sosie.encoders.matching import (
    DIM,
    GRID,
    MIDDLE,
    PATCHES,
    SHARP,
    above_chance,
    fit_matches,
    matches,
    matching_patches,
    packed,
)
from sosie.types import Scale


def pictures(n, seed=0):
    """Patches of random pictures as an encoder gives them: each of unit length, all together too."""
    vectors = np.random.default_rng(seed).standard_normal((n, PATCHES, DIM))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True) * GRID
    return vectors.reshape(n, -1).astype(np.float32)


def plain_kernel(one, other):
    """The kernel by its definition, patch by patch."""
    total = weights = 0.0
    for i in range(PATCHES):
        for j in range(PATCHES):
            weight = 1.0
            for at in (i, j):
                row, column = divmod(at, GRID)
                weight *= math.exp(-((row - 3) ** 2 + (column - 3) ** 2) / (2 * MIDDLE**2))
            cosine = sum(float(a) * float(b) for a, b in zip(one[i], other[j], strict=True))
            total += weight * math.exp(SHARP * cosine)
            weights += weight
    return total / weights


def test_bytes_keep_the_patches():
    vectors = pictures(3)
    assert packed(vectors).dtype == np.int8
    np.testing.assert_allclose(packed(vectors) / 127 / GRID, vectors, atol=0.5 / 127 / GRID + 1e-6)
    assert packed(np.full((1, 2), 0.9, np.float32)).max() == 127  # what is too long is cut, and doesn't turn negative


def test_matches_are_those_of_the_definition():
    patches = packed(pictures(2))
    one, other = (patches.reshape(2, PATCHES, DIM) / 127)[:, :, :]
    expected = (
        1 + math.log(plain_kernel(one, other) / math.sqrt(plain_kernel(one, one) * plain_kernel(other, other))) / SHARP
    )
    assert matches(patches[0], patches[1:])[0] == pytest.approx(expected, abs=1e-5)


@given(st.integers(0, 1000), st.integers(1, 300))
def test_a_picture_matches_itself_best_and_no_one_else_better(seed, n):
    patches = packed(pictures(4, seed))
    found = matches(patches[0], np.resize(patches, (n, PATCHES * DIM)))
    expected = np.resize(matches(patches[0], patches), n)
    np.testing.assert_allclose(found, expected, atol=1e-6)  # in whatever company
    assert found[0] == pytest.approx(1, abs=1e-6)
    assert found.max() <= 1 + 1e-6
    assert found.min() >= -1
    assert matches(patches[1], patches[:1])[0] == pytest.approx(matches(patches[0], patches[1:2])[0], abs=1e-6)


def test_no_picture_matches_nothing():
    patches = packed(pictures(2))
    nothing = np.zeros_like(patches[:1])
    assert matches(patches[0], nothing)[0] == 0
    np.testing.assert_array_equal(matches(nothing[0], patches), [0, 0])
    assert matching_patches(patches[0], nothing[0]) == []


def test_one_patch_in_common_counts_wherever_it_lies():
    vectors = pictures(3).reshape(3, PATCHES, DIM)
    vectors[1, 31] = vectors[0, 17]
    patches = packed(vectors.reshape(3, -1))
    shared, strange = matches(patches[0], patches[1:])
    assert shared > strange + 0.1
    best, second = matching_patches(patches[0], patches[1], 2)
    assert (best.one, best.other) == ((2, 3), (4, 3))
    assert best.share > 10 * second.share


def test_shares_of_all_pairs_add_up():
    patches = packed(pictures(2))
    pairs = matching_patches(patches[0], patches[1], PATCHES**2)
    assert sum(pair.share for pair in pairs) == pytest.approx(1)
    assert [pair.share for pair in pairs] == sorted((pair.share for pair in pairs), reverse=True)
    assert len({(pair.one, pair.other) for pair in pairs}) == PATCHES**2


def test_chance_is_what_random_pairs_have():
    patches = packed(pictures(20))
    scale = fit_matches(np.vstack([patches, np.zeros_like(patches[:5])]))
    every = np.stack([matches(one, patches) for one in patches])[~np.eye(20, dtype=bool)]
    assert scale.mean.shape == (1,)
    assert scale.mean[0] == pytest.approx(every.mean(), abs=0.003)
    parts = above_chance(np.array([1.0, scale.mean[0], 0.0, (1 + scale.mean[0]) / 2], np.float32), scale)
    np.testing.assert_allclose(parts, [1, 0, 0, 0.5], atol=1e-6)


@pytest.mark.parametrize("patches", [packed(pictures(3)), np.repeat(packed(pictures(1)), 20, 0)])
def test_chance_that_tells_nothing_is_none(patches):
    scale = fit_matches(patches)
    assert isinstance(scale, Scale)
    assert (scale.mean[0], scale.sigma) == (0, 1)
