"""How sure a mean over questions is, and whether a difference is more than chance."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sosie.reports import Figure

Values = NDArray[np.float64]
Clusters = NDArray[np.int64]

RESAMPLES = 2_000
LEVEL = 0.95


def draws(size: int, clusters: Clusters | None = None, resamples: int = RESAMPLES) -> Iterator[NDArray[np.int64]]:
    """Resamples of the numbers 0..size-1, whole clusters at a time, for any statistic."""
    generator = np.random.default_rng(0)
    number = np.arange(size) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    order = np.argsort(number, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    for _ in range(resamples):
        chosen = generator.integers(0, len(groups), len(groups))
        yield chosen if clusters is None else np.concatenate([groups[at] for at in chosen])


def interval(values: ArrayLike, clusters: Clusters | None = None) -> Figure:
    """Mean of the values that are there with its 95% bootstrap interval."""
    some = np.asarray(values, np.float64)
    there = ~np.isnan(some)
    some = some[there]
    if not len(some):
        return Figure(float("nan"), float("nan"), float("nan"), 0)
    sums, sizes = _sums(some, None if clusters is None else clusters[there])
    generator = np.random.default_rng(0)
    means = np.empty(RESAMPLES)
    for at in range(RESAMPLES):
        chosen = generator.integers(0, len(sums), len(sums))
        means[at] = sums[chosen].sum() / sizes[chosen].sum()
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(float(some.mean()), float(low), float(high), len(some))


def _sums(values: Values, clusters: Clusters | None) -> tuple[Values, Values]:
    if clusters is None:
        return values, np.ones(len(values))
    number = np.unique(clusters, return_inverse=True)[1]
    return np.bincount(number, values).astype(np.float64), np.bincount(number).astype(np.float64)


def paired(a: ArrayLike, b: ArrayLike, clusters: Clusters | None = None) -> tuple[Figure, float]:
    """The difference b - a with its interval, and the two-sided p of a sign-flip permutation test."""
    difference = np.asarray(b, np.float64) - np.asarray(a, np.float64)
    there = ~np.isnan(difference)
    sums, _ = _sums(difference[there], None if clusters is None else clusters[there])
    figure = interval(difference, clusters)
    seen = abs(sums.sum())
    if seen == 0:
        return figure, 1.0
    generator = np.random.default_rng(0)
    larger = sum(abs((sums * generator.choice([-1, 1], len(sums))).sum()) >= seen - 1e-12 for _ in range(RESAMPLES))
    return figure, float((larger + 1) / (RESAMPLES + 1))


def holm(ps: ArrayLike) -> Values:
    """P values corrected for being several, in their order (Holm 1979)."""
    given = np.asarray(ps, np.float64)
    order = np.argsort(given, kind="stable")
    corrected = np.empty(len(given))
    corrected[order] = np.minimum(np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)), 1)
    return corrected


def two_sample(
    a: ArrayLike, b: ArrayLike, clusters_a: Clusters | None = None, clusters_b: Clusters | None = None
) -> float:
    """Two-sided p of a permutation test that two sets of questions have one mean."""
    first, second = (np.asarray(values, np.float64) for values in (a, b))
    left = _sums(first[~np.isnan(first)], None if clusters_a is None else clusters_a[~np.isnan(first)])
    right = _sums(second[~np.isnan(second)], None if clusters_b is None else clusters_b[~np.isnan(second)])
    size = len(left[0])
    sums, sizes = (np.concatenate(both) for both in zip(left, right, strict=True))
    if not 0 < size < len(sums):
        return 1.0

    def distance(order: NDArray[np.int64]) -> float:
        here, there = order[:size], order[size:]
        return abs(float(sums[here].sum() / sizes[here].sum() - sums[there].sum() / sizes[there].sum()))

    seen = distance(np.arange(len(sums)))
    generator = np.random.default_rng(0)
    larger = sum(distance(generator.permutation(len(sums))) >= seen - 1e-12 for _ in range(RESAMPLES))
    return float((larger + 1) / (RESAMPLES + 1))
