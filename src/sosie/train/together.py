"""Products that users take together more often than their popularity explains."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sosie.types import Rows

NEAR = 10  # products after one in a user's history that count as taken with it
SURE = (2.0, 1.0, 0.0)  # standard deviations by which a count may be too high by chance: the first that leaves enough
ENOUGH = 0.2  # share of the products that are in pairs
PARTNERS = 20  # of a product, at most: what everybody takes is in no more pairs than others


def taken_together(users: Rows, products: Rows, size: int) -> NDArray[np.int64]:
    """Pairs of products (k, 2), the lower first, of events in the order of users and time.

    Each product counts once a user, and is taken with the NEAR next ones, as words of a text stand together (Barkan &
    Koenigstein, "Item2Vec", 2016). A pair is kept where its pointwise mutual information (Church & Hanks, 1990) is
    above 0 even if its count is SURE deviations too high: that of rare pairs is high by chance. Of each product's, the
    PARTNERS best are kept.
    """
    first = np.sort(np.unique(users * size + products, return_index=True)[1])
    users, products = users[first], products[first]
    sides = []
    for step in range(1, NEAR + 1):
        same = users[step:] == users[:-step]
        sides.append(np.stack([products[:-step][same], products[step:][same]]))
    a, b = np.concatenate(sides, axis=1)
    counts = sparse.coo_array((np.ones(2 * len(a)), (np.append(a, b), np.append(b, a))), shape=(size, size)).tocsr()
    pairs = np.empty((0, 2), np.int64)
    for sure in SURE:
        pairs = _best(_information(counts, sure))
        if len(np.unique(pairs)) >= ENOUGH * len(np.unique(products)):
            break
    return pairs


def _information(counts: sparse.csr_array, sure: float) -> sparse.csr_array:
    """Pointwise mutual information where it is above 0, of a symmetric table of counts; symmetric, too.

    What is expected takes into account that no product is taken with itself: what everybody takes is otherwise found
    with all others more often than by chance.
    """
    table = counts.tocoo()
    taken = counts.sum(axis=1)
    a, b, count = table.row, table.col, table.data
    expected = taken[a] * taken[b] / np.maximum(taken.sum() - np.maximum(taken[a], taken[b]), 1)
    least = count - sure * np.sqrt(count)  # the deviation of a count is about its root
    kept = least > expected
    return sparse.csr_array((np.log(least[kept] / expected[kept]), (a[kept], b[kept])), shape=counts.shape)


def _best(worth: sparse.csr_array) -> NDArray[np.int64]:
    """The PARTNERS best of each row, as pairs (k, 2) that are there once; equal ones by number."""
    table = worth.tocoo()
    order = np.lexsort((table.col, -table.data, table.row))
    row, column = table.row[order].astype(np.int64), table.col[order].astype(np.int64)
    place = np.arange(len(row)) - np.searchsorted(row, row)
    kept = place < PARTNERS
    pairs = np.sort(np.stack([row[kept], column[kept]], axis=1), axis=1)
    return np.unique(pairs, axis=0).reshape(-1, 2)
