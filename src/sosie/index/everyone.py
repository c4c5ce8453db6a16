"""Inner products of every question with every row: quick ones with a bound of their error, exact ones of some pairs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.types import Rows

Vectors = Any  # (rows, dim): a float32 matrix, memory-mapped or not, or a SciPy sparse array
Doubles = NDArray[np.float64]

PAIRS = 512  # exact products made at a time: their vectors stay in the processor's cache


def exact_products(left: Vectors, right: Vectors, at_left: Rows, at_right: Rows) -> Doubles:
    """Inner products of pairs of rows in double precision, (pairs,).

    That of a pair is the same to the last bit whatever else is asked, and which of the two is left.
    """
    products = np.empty(len(at_left))
    for start in range(0, len(products), PAIRS):
        some = slice(start, start + PAIRS)
        ours, theirs = left[at_left[some]], right[at_right[some]]
        if isinstance(ours, np.ndarray):
            products[some] = np.vecdot(ours.astype(np.float64), theirs.astype(np.float64))
        else:
            products[some] = ours.multiply(theirs).sum(axis=1, dtype=np.float64)
    return products


def lengths(rows: Vectors) -> Doubles:
    """Euclidean lengths, (rows,); 0 only for a row of zeros."""
    at = np.arange(rows.shape[0])
    return np.sqrt(exact_products(rows, rows, at, at))


def error_bound(dim: int, precision: type[np.floating[Any]]) -> float:
    """By how much a product may be off, as a share of the product of both lengths, in whatever order it is summed.

    Higham, "Accuracy and Stability of Numerical Algorithms" (2002), section 3.1: about dim times the unit roundoff.
    Twice as much here, which leaves room for the few operations that follow.
    """
    return (dim + 4) * float(np.finfo(precision).eps)
