"""Products that users take together more often than their popularity explains."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sosie.types import Rows

NEAR = 10  # products after one in a user's history that count as taken with it
SMOOTHED = 0.75  # exponent of the counts of what is taken along (Levy, Goldberg & Dagan, 2015)
PARTNERS = 20  # of a product, at most: what everybody takes is in no more pairs than others


def taken_together(users: Rows, products: Rows, size: int) -> NDArray[np.int64]:
    """Pairs of products (k, 2), the lower first, of events in the order of users and time.

    Each product counts once a user, and is taken with the NEAR next ones, as words of a text stand together (Barkan &
    Koenigstein, "Item2Vec", 2016). A pair is kept where its pointwise mutual information, discounted for small counts
    (Pantel & Lin, 2002), is above 0, and it is among the PARTNERS best of one of the two.
    """
    first = np.sort(np.unique(users * size + products, return_index=True)[1])
    users, products = users[first], products[first]
    sides = []
    for step in range(1, NEAR + 1):
        same = users[step:] == users[:-step]
        sides.append(np.stack([products[:-step][same], products[step:][same]]))
    a, b = np.concatenate(sides, axis=1)
    counts = sparse.coo_array((np.ones(2 * len(a)), (np.append(a, b), np.append(b, a))), shape=(size, size)).tocsr()
    worth = _information(counts)
    return _best(worth)


def _information(counts: sparse.csr_array) -> sparse.csr_array:
    """Positive pointwise mutual information of a symmetric table of counts, as symmetric."""
    table = counts.tocoo()
    taken = counts.sum(axis=1)
    smoothed = taken**SMOOTHED
    a, b, count = table.row, table.col, table.data
    expected = (taken[a] * smoothed[b] + taken[b] * smoothed[a]) / (2 * max(smoothed.sum(), 1e-9))
    least = np.minimum(taken[a], taken[b])
    worth = np.log(count / expected) * count / (count + 1) * least / (least + 1)
    kept = worth > 0
    return sparse.csr_array((worth[kept], (a[kept], b[kept])), shape=counts.shape)


def _best(worth: sparse.csr_array) -> NDArray[np.int64]:
    """The PARTNERS best of each row, as pairs (k, 2) that are there once; equal ones by number."""
    table = worth.tocoo()
    order = np.lexsort((table.col, -table.data, table.row))
    row, column = table.row[order].astype(np.int64), table.col[order].astype(np.int64)
    place = np.arange(len(row)) - np.searchsorted(row, row)
    kept = place < PARTNERS
    pairs = np.sort(np.stack([row[kept], column[kept]], axis=1), axis=1)
    return np.unique(pairs, axis=0).reshape(-1, 2)
