"""What vectors tell of an embedding without any label: collapse, hubs, equal rows, dimension, repetition."""

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from sosie.types import Matrix, Rows

Values = NDArray[np.float64]

BLOCK = 512  # rows whose scores are held at a time
DEAD = 1e-4  # of the mean variance: a dimension that varies less tells nothing
KEPT = 0.9  # share of the ratios that TwoNN is fitted on: the largest are few and far from uniform


def covariance(rows: Matrix) -> Values:
    """How the dimensions vary together, (dim, dim)."""
    centred = rows - rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    found: Values = (centred.T @ centred).astype(np.float64) / len(rows)
    return found


def spectrum(covariance: Values, most: int) -> Values:
    """Shares of the variance along the `most` main directions, descending; zeros where nothing varies."""
    from scipy.sparse.linalg import eigsh

    size, total = len(covariance), float(np.trace(covariance))
    if size > 4 * most and total > 0:
        start = np.random.default_rng(0).standard_normal(size)
        found = eigsh(covariance, most, v0=start, return_eigenvectors=False)
    else:
        found = np.linalg.eigvalsh(covariance)
    largest: Values = np.maximum(np.sort(found)[::-1][:most], 0)
    return largest / total if total > 0 else largest


def effective_rank(covariance: Values) -> float:
    """How many directions are really used, as the participation ratio of the variances.

    1 for rows on one line, `dim` where all directions vary alike, 0 where nothing varies. The entropy of the singular
    values (Roy & Vetterli 2007) would count many directions that hold next to nothing.
    """
    square = float(np.square(covariance).sum())
    return float(np.trace(covariance)) ** 2 / square if square > 0 else 0.0


def dead_dimensions(covariance: Values) -> float:
    """Share of the dimensions that hardly vary."""
    variances = np.diagonal(covariance)
    return float(np.mean(variances <= DEAD * variances.mean()))


def mean_cosine(rows: Matrix) -> float:
    """Mean inner product of all pairs of rows: 0 = they point everywhere, 1 = all the same way (Ethayarajh 2019)."""
    total, squares = rows.sum(axis=0, dtype=np.float64), np.einsum("ij,ij->", rows, rows, dtype=np.float64)
    return float((total @ total - squares) / (len(rows) * (len(rows) - 1)))


def keys(rows: Matrix) -> NDArray[np.uint64]:
    """A hash of each row, the same for rows that are equal to five decimals, (rows,)."""
    rounded = np.ascontiguousarray(np.round(rows, 5) + np.float32(0))  # + 0: -0.0 and 0.0 have different bytes
    return np.frombuffer(b"".join(blake2b(row, digest_size=8).digest() for row in rounded), np.uint64)


def distinct(keys: NDArray[np.uint64]) -> tuple[Rows, Rows]:
    """The first of each set of equal keys, ascending, and for every one the number of its set, (keys,)."""
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return first[order], place[number]


def nearest(
    rows: Matrix, k: int, tick: Callable[[int], None] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k rows of largest inner product with each row, best first, and the distances to them, (rows, k) both.

    A row is not its own neighbour. By brute force in blocks; `tick` is told how many rows are done.
    """
    size = len(rows)
    k = min(k, size - 1)
    found, distances = np.empty((size, k), np.int64), np.empty((size, k))
    for start in range(0, size, BLOCK):
        part = rows[start : start + BLOCK]
        scores = part @ rows.T
        scores[np.arange(len(part)), np.arange(start, start + len(part))] = -np.inf
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k] if k < size - 1 else np.argsort(-scores, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, 1)
        found[start : start + BLOCK] = best
        for at in range(k):  # from differences: 2 - 2 cos has no digits left where neighbours are close
            apart = part - rows[best[:, at]]
            distances[start : start + BLOCK, at] = np.sqrt(np.einsum("ij,ij->i", apart, apart, dtype=np.float64))
        if tick is not None:
            tick(min(start + BLOCK, size))
    return found, distances


def occurrences(neighbours: Rows, size: int) -> Rows:
    """In how many lists of neighbours each row is, (size,) (Radovanović, Nanopoulos & Ivanović 2010)."""
    return np.bincount(neighbours.ravel(), minlength=size)


def skewness(values: NDArray[np.number]) -> float:
    """Third standardised moment: 0 = as many above as below; hubs make the occurrences of neighbours skewed."""
    apart = values - values.mean(dtype=np.float64)
    spread = float(np.sqrt(np.mean(apart**2)))
    return float(np.mean(apart**3)) / spread**3 if spread > 0 else 0.0


def intrinsic_dimension(first: Values, second: Values) -> float:
    """Dimension of the surface that rows lie on, from distances to their two nearest (TwoNN: Facco et al. 2017).

    Rows without a distance to their nearest are left out; NaN where too few are left. Beyond about 20 it is too low.
    """
    there = (first > 0) & (second > first)
    ratios = np.sort(np.log(second[there] / first[there]))
    kept = int(KEPT * len(ratios))
    if kept < 8:
        return float("nan")
    x, y = ratios[:kept], -np.log1p(-np.arange(1, kept + 1) / len(ratios))
    return float(x @ y / (x @ x))


def linear_cka(a: Matrix, b: Matrix) -> float:
    """How alike two sets of vectors of the same products are, whatever their rotation: 1 = one repeats the other.

    Linear centred kernel alignment (Kornblith et al. 2019) by the unbiased estimator of HSIC (Song et al. 2012), so
    that independent vectors of many dimensions get 0. `a` and `b` are (rows, any), rows in one order, at least 4.
    """
    left, right = (x - x.mean(axis=0, dtype=np.float64) for x in (a, b))
    lengths = [np.einsum("ij,ij->i", x, x) for x in (left, right)]
    both = _hsic(left, right, *lengths)
    own = _hsic(left, left, lengths[0], lengths[0]) * _hsic(right, right, lengths[1], lengths[1])
    return both / float(np.sqrt(own)) if own > 0 else 0.0


def _hsic(a: Values, b: Values, lengths_a: Values, lengths_b: Values) -> float:
    """The unbiased estimate up to a factor, from features instead of the two matrices of (rows, rows)."""
    size = len(a)
    return float(
        np.square(a.T @ b).sum()
        - size / (size - 2) * (lengths_a @ lengths_b)
        + lengths_a.sum() * lengths_b.sum() / ((size - 1) * (size - 2))
    )


def shared(a: Rows, b: Rows) -> Values:
    """Share of the neighbours that two lists of each row have in common, (rows,); the lists are (rows, k)."""
    found: Values = (a[:, :, None] == b[:, None, :]).any(axis=2).mean(axis=1)
    return found
