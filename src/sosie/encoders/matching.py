"""How well the patches of two pictures match: every patch of one beside every patch of the other.

A picture is GRID × GRID patches, each a vector of unit length; kept as bytes (round(STEPS · x)). Two pictures match by
a match kernel, the mean over all pairs of patches of exp(SHARP · cosine), those of the middle counting more. One pair
that agrees outweighs many that don't, and the kernel needs no correspondences to be decided on (Bo & Sminchisescu,
"Efficient match kernel between sets of features for visual recognition", 2009).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sosie.scoring import LEAST_SIGMA
from sosie.types import Matrix, Scale, Vector

Patches = NDArray[np.int8]  # (pictures, PATCHES * DIM), rows of zeros where there is no picture

GRID, DIM = 7, 128
PATCHES = GRID * GRID
STEPS = 127  # of a number between 0 and 1: R@1 is the same as with 32 bits
SHARP = 12.0  # 8 to 24 are as good (R@1 on the validation splits of three catalogues)
MIDDLE = 1.5  # patches from the middle at which one counts e^-½ as much; 1.3 to 1.7 are as good, even weights worse
BLOCK = 128  # pictures compared at a time: their products stay in the processor's cache
LEAST_PAIRS = 8  # pictures below which chance pairs tell nothing
RANDOM = 2_000  # pairs of pictures from which the level of chance is taken


def _middle() -> NDArray[np.float32]:
    away = np.square(np.arange(GRID) - (GRID - 1) / 2)
    weights = np.exp(-(away[:, None] + away) / (2 * MIDDLE**2)).ravel()
    middle: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return middle


WEIGHTS = _middle()  # (PATCHES,), adding up to 1


class Pair(NamedTuple):
    """A patch of one picture and a patch of another, by (row, column) of the grid; `share` of what makes them match."""

    one: tuple[int, int]
    other: tuple[int, int]
    share: float


def packed(vectors: Matrix) -> Patches:
    """Patches as the encoder gives them, (n, PATCHES * DIM) of unit length in all, as bytes."""
    patches: Patches = np.rint(vectors * np.float32(STEPS * GRID)).clip(-STEPS, STEPS).astype(np.int8)
    return patches


def matches(picture: Patches, others: Patches) -> Vector:
    """How well a picture, (PATCHES * DIM,), matches others, (n, PATCHES * DIM): -1..1, 1 with itself, (n,).

    It is 1 + ln(K(a, b) / √(K(a, a) K(b, b))) / SHARP, which lies between mean and maximum of the patches' cosines, as
    the cosines of equal patches do. 0 where one of the two is no picture.
    """
    found = np.zeros(len(others), np.float32)
    if not picture.any():
        return found
    one = _unpacked(picture[None])[0]
    own = float(_kernel(one[None] @ one.T)[0])
    there = np.flatnonzero(others.any(axis=1))
    for start in range(0, len(there), BLOCK):
        some = there[start : start + BLOCK]
        patches = _unpacked(others[some])
        both = _kernel((patches.reshape(-1, DIM) @ one.T).reshape(-1, PATCHES, PATCHES))
        each = _kernel(patches @ patches.transpose(0, 2, 1))
        found[some] = 1 + (np.log(both) - (np.log(each) + np.log(own)) / 2) / SHARP
    return found


def above_chance(matched: Vector, scale: Scale) -> Vector:
    """Matches less what chance pairs have, 0..1 (1 stays 1); what is worse than chance is 0, as if not compared."""
    level = scale.mean[0]
    parts: Vector = (np.maximum(matched - level, 0) / (1 - level)).astype(np.float32)
    return parts


def fit_matches(patches: Patches) -> Scale:
    """Mean of the matches of chance pairs as its only number, and their spread above it, from some pictures' patches.

    Where pictures are too few, or are all one, chance is taken for 0 and the spread for 1.
    """
    there = patches[patches.any(axis=1)]
    n = len(there)
    if n >= LEAST_PAIRS:
        generator = np.random.default_rng(0)
        left = np.sort(generator.integers(0, n, RANDOM))
        right = (left + generator.integers(1, n, RANDOM)) % n
        found = np.concatenate([matches(there[one], there[right[left == one]]) for one in np.unique(left)])
        level = float(found.mean())
        if level < 1 - 1e-3:
            sigma = float(np.sqrt(np.mean(np.square((found - level) / (1 - level)))))
            return Scale(np.array([level], np.float32), max(sigma, LEAST_SIGMA))
    return Scale(np.zeros(1, np.float32))


def matching_patches(picture: Patches, other: Patches, most: int = 5) -> list[Pair]:
    """The pairs of patches that make two pictures match most, (PATCHES * DIM,) each, by their share of the kernel."""
    if not (picture.any() and other.any()):
        return []
    one, two = _unpacked(np.stack([picture, other]))
    kernel = np.exp(SHARP * (one @ two.T).astype(np.float64)) * np.outer(WEIGHTS, WEIGHTS)
    shares = kernel / kernel.sum()
    best = np.argsort(-shares, axis=None, kind="stable")[:most].tolist()
    return [
        Pair(divmod(at // PATCHES, GRID), divmod(at % PATCHES, GRID), float(shares[divmod(at, PATCHES)])) for at in best
    ]


def _unpacked(patches: Patches) -> NDArray[np.float32]:
    return patches.reshape(-1, PATCHES, DIM).astype(np.float32) * np.float32(1 / STEPS)


def _kernel(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weighted mean of exp(SHARP · cosine) over both sides' patches, (n, PATCHES, PATCHES) -> (n,)."""
    cosines *= np.float32(SHARP)
    np.exp(cosines, out=cosines)
    kernel: NDArray[np.float32] = ((cosines @ WEIGHTS) @ WEIGHTS).astype(np.float32, copy=False)
    return kernel
