"""What lists of answers are like, whether or not they are right.

Places are (queries, depth) numbers of products of the gallery, -1 = unused.
"""

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Values = NDArray[np.float64]


def coverage(places: Places, gallery: int) -> float:
    """Share of the gallery that is shown in any list."""
    return float(np.count_nonzero(_shown(places, gallery)) / gallery) if gallery else 0.0


def gini(places: Places, gallery: int) -> float:
    """How unevenly products are shown: 0 = all equally often, 1 - 1 / gallery = one alone (Gini 1912)."""
    shown = np.sort(_shown(places, gallery))
    total = int(shown.sum())
    if not total:
        return 0.0
    return float((2 * np.arange(1, gallery + 1) - gallery - 1) @ shown / (gallery * total))


def _shown(places: Places, gallery: int) -> NDArray[np.int64]:
    return np.bincount(places[places >= 0], minlength=gallery)


def novelty(places: Places, popularity: Values) -> Values:
    """Mean self-information of each list's products, in bits, (queries,); NaN for an empty list.

    `popularity` (gallery,) counts how often each was taken; one is added to all (Zhou et al. 2010; Vargas & Castells
    2011).
    """
    return _mean_of(-np.log2((popularity + 1) / (popularity + 1).sum()), places)


def popularity_bias(places: Places, popularity: Values) -> Values:
    """Mean popularity of each list's products, as a multiple of the gallery's, (queries,); NaN for an empty list.

    1 = as lists by chance would be. Average recommendation popularity (Yin et al. 2012), over what chance gives.
    """
    return _mean_of(popularity / popularity.mean(), places)


def _mean_of(values: Values, places: Places) -> Values:
    there = places >= 0
    return _mean(np.where(there, values[np.maximum(places, 0)], 0).sum(axis=1), there.sum(axis=1))


def diversity(vectors: NDArray[np.float32], there: NDArray[np.bool_]) -> Values:
    """Mean 1 - cosine of two products of one list, (queries,); NaN for a list of fewer than two.

    `vectors` (queries, depth, dim) are of unit length, or zero; `there` (queries, depth) says which places are used.
    """
    some = np.where(there[..., None], vectors, 0).astype(np.float64)
    n = there.sum(axis=1)
    pairs = n * (n - 1) / 2
    alike = (np.square(some.sum(axis=1)).sum(axis=1) - np.square(some).sum(axis=(1, 2))) / 2
    return _mean(pairs - alike, pairs)


def _mean(total: Values, n: NDArray[np.generic]) -> Values:
    mean: Values = np.divide(total, n, out=np.full(len(total), np.nan), where=np.asarray(n) > 0)
    return mean


def rank_biased_overlap(a: Places, b: Places, p: float = 0.9) -> Values:
    """Rank-biased overlap of two lists a question, extrapolated (Webber, Moffat & Zobel 2010)."""
    depth = a.shape[1]
    there = np.maximum((a >= 0).sum(axis=1), (b >= 0).sum(axis=1))
    same = (a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]
    shared = np.stack([same[:, :d, :d].sum(axis=(1, 2)) for d in range(1, depth + 1)], axis=1)
    ranks = np.arange(1, depth + 1)
    weight = np.where(ranks <= there[:, None], p ** (ranks - 1.0), 0)
    at = np.maximum(there, 1)
    last = np.take_along_axis(shared, at[:, None] - 1, 1)[:, 0] / at
    value = (1 - p) * (shared / ranks * weight).sum(axis=1) + last * p**at
    return np.where(there == 0, 1.0, value)
