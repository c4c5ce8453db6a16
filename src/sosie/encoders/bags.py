"""Bags of weighted features as vectors whose inner products are the weights they share."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np

from sosie.encoders.state import unit_rows
from sosie.types import Matrix

ROWS = 4_096  # bags turned into vectors at a time


def frequent(counts: Counter[str], size: int) -> list[str]:
    """Features that get an axis of their own: the most frequent, equal ones by name."""
    return sorted(counts, key=lambda feature: (-counts[feature], feature))[:size]


def bag_vectors(bags: Sequence[Mapping[str, float]], axes: Mapping[str, int], dim: int) -> Matrix:
    """Unit vectors of bags (feature -> weight), (len(bags), dim); an empty bag gives zeros.

    The features in `axes` have the first half of the numbers, one each, so that they never mix; any other is
    spread over the second half with signs that depend on its name alone, so that features unseen so far work too.
    """
    out = np.zeros((len(bags), dim), np.float32)
    for start in range(0, len(bags), ROWS):
        out[start : start + ROWS] = _vectors(bags[start : start + ROWS], axes, dim)
    return out


def _vectors(bags: Sequence[Mapping[str, float]], axes: Mapping[str, int], dim: int) -> Matrix:
    from scipy.sparse import csr_array

    columns: dict[str, int] = {}
    for bag in bags:
        for feature in bag:
            columns.setdefault(feature, len(columns))
    table = np.zeros((len(columns), dim), np.float32)
    for feature, column in columns.items():
        if feature in axes:
            table[column, axes[feature]] = 1
        else:
            table[column, dim // 2 :] = _direction(feature, dim - dim // 2)
    weights = np.array([weight for bag in bags for weight in bag.values()], np.float64)
    places = np.array([columns[feature] for bag in bags for feature in bag], np.int64)
    ends = np.cumsum([0, *map(len, bags)])
    return unit_rows(csr_array((weights, places, ends), shape=(len(bags), len(columns))) @ table)


def _direction(feature: str, size: int) -> Matrix:
    bits = blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=size // 8).digest()
    signs: Matrix = (np.unpackbits(np.frombuffer(bits, np.uint8)) * 2.0 - 1.0).astype(np.float32)
    return signs / np.float32(np.sqrt(size))
