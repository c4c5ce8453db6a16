"""Whether two samples come from one distribution, beside what random splits of the first one differ by."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from sosie.reports import Shift
from sosie.types import Matrix

Values = NDArray[np.float64]

SPLITS = 999
SAMPLE = 2_000  # pairs of rows from which the width of the kernel is taken
LEVEL = 0.95


def mean_discrepancy(old: Matrix, new: Matrix) -> Shift:
    """Maximum mean discrepancy of rows, (old, dim) and (new, dim), squared and unbiased (Gretton et al. 2012).

    The kernel is Gaussian, its width by the median of the old ones' distances. `size` is how well its witness, learnt
    on one half, tells old from new ones in the other: twice the area under the curve, less 1. At least 4 old rows, and
    2 new ones, are needed.
    """
    few = _few(len(old), len(new))
    generator = np.random.default_rng(0)
    old, new = old[generator.permutation(len(old))], new[generator.permutation(len(new))[:few]]
    rest = len(old) - few
    wide = _width(old, generator)
    within, fresh, between = _kernel(old, old, wide), _kernel(new, new, wide), _kernel(old, new, wide)
    np.fill_diagonal(within, 0)
    np.fill_diagonal(fresh, 0)
    taken = np.zeros((len(old), SPLITS), np.float32)
    for split in range(SPLITS):
        taken[generator.permutation(len(old))[:few], split] = 1
    each = within.sum(axis=1, dtype=np.float64)
    inner = np.einsum("ij,ij->j", within @ taken, taken, dtype=np.float64)
    touching = each @ taken
    outer = each.sum() - 2 * touching + inner
    splits = outer / (rest * (rest - 1)) + inner / (few * (few - 1)) - 2 * (touching - inner) / (rest * few)
    value = (
        within[:rest, :rest].sum(dtype=np.float64) / (rest * (rest - 1))
        + fresh.sum(dtype=np.float64) / (few * (few - 1))
        - 2 * between[:rest].mean(dtype=np.float64)
    )
    return _shift(value, splits, _told_apart(within, fresh, between))


def _told_apart(within: Matrix, fresh: Matrix, between: Matrix) -> float:
    """0 = a guess tells old from new rows as well, 1 = the witness of the two always does."""
    halves = slice(None, None, 2), slice(1, None, 2)
    found = []
    for learnt, asked in (halves, halves[::-1]):
        old = between[asked, learnt].mean(axis=1) - within[asked, learnt].mean(axis=1)
        new = fresh[asked, learnt].mean(axis=1) - between[learnt, asked].mean(axis=0)
        ranks = rankdata(np.concatenate([old, new]))[len(old) :]
        found.append((ranks.sum() - len(new) * (len(new) + 1) / 2) / (len(old) * len(new)))
    return max(2 * float(np.mean(found)) - 1, 0.0)


def population_stability(old: NDArray[np.int64], new: NDArray[np.int64]) -> Shift:
    """Population stability index of two counts over the same bins, (bins,): the symmetric Kullback-Leibler divergence.

    By custom, below .1 nothing happened, from .25 on much. Half a count is added to each bin. `size` is the share that
    would have to change its bin. At least 4 old ones are needed.
    """
    few = _few(int(old.sum()), int(new.sum()))
    generator = np.random.default_rng(0)
    taken = generator.multivariate_hypergeometric(old, few, SPLITS + 1)
    splits = _stability(old - taken[1:], taken[1:])
    drawn = new if new.sum() == few else generator.multivariate_hypergeometric(new, few)
    value = float(_stability((old - taken[0])[None], drawn[None])[0])
    return _shift(value, splits, float(np.abs(old / old.sum() - new / new.sum()).sum() / 2))


def _few(old: int, new: int) -> int:
    """How many new ones are compared: so many that the old ones can be split likewise."""
    return max(min(new, old // 2), 2)


def _shift(value: float, splits: Values, size: float) -> Shift:
    low, high = np.quantile(splits, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    p = (1 + np.count_nonzero(splits >= value - 1e-12)) / (1 + len(splits))
    return Shift(float(value), float(low), float(high), float(p), float(size))


def _stability(a: NDArray[np.int64], b: NDArray[np.int64]) -> Values:
    left, right = ((counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True) for counts in (a, b))
    found: Values = ((left - right) * np.log(left / right)).sum(axis=1)
    return found


def _width(rows: Matrix, generator: np.random.Generator) -> float:
    """The squared distance at which the kernel has fallen to 1/e."""
    left, right = generator.integers(0, len(rows), (2, SAMPLE))
    apart = rows[left] - rows[right]
    distances = np.einsum("ij,ij->i", apart, apart)
    found = float(np.median(distances)) or float(distances.mean())
    return found or 1.0


def _kernel(a: Matrix, b: Matrix, width: float) -> Matrix:
    lengths = [np.einsum("ij,ij->i", rows, rows) for rows in (a, b)]
    distances = lengths[0][:, None] + lengths[1] - 2 * (a @ b.T)
    kernel: Matrix = np.exp(np.maximum(distances, 0) / np.float32(-width)).astype(np.float32, copy=False)
    return kernel
