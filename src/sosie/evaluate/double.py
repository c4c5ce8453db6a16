"""The best places of some questions, all products made in double precision: the plain way, for everything.

BLAS is off by a little, by how much depends on blocks and library. A product that lies too near to the border between
two float32 is made again in a fixed order. So answers are always the same.
"""

import numpy as np
from scipy import sparse

from sosie.evaluate.best import Best
from sosie.evaluate.prepared import Prepared
from sosie.index.everyone import Doubles, Vectors, error_bound
from sosie.types import Matrix, Rows

ROWS = 2_048  # of a block


def best_places(prepared: Prepared, at: Rows, depth: int) -> tuple[Rows, Matrix]:
    """Places and scores of some questions, (questions, depth); unused ones hold -1 and -inf."""
    packing, mass = prepared.packing, prepared.mass[at]
    best = Best(packing, len(at), depth)
    questions = prepared.questions[at].astype(np.float64)
    error = error_bound(prepared.dim, np.float64) * prepared.bounds(at)
    barred, barred_rows = prepared.barred_rows(at)
    for start in range(0, len(packing.places), ROWS):
        rows = slice(start, start + ROWS)
        products = _products(prepared, questions, at, rows)
        some = slice(*np.searchsorted(barred_rows, (start, start + ROWS)))
        products[barred[some], barred_rows[some] - start] = -np.inf
        border = (best.lowest.astype(np.float64) + np.nextafter(best.lowest, np.float32(np.inf))) / 2
        likely = np.flatnonzero(products > np.nextafter(border * mass - error, -np.inf)[:, None])
        question, row = np.divmod(likely, products.shape[1])
        found, off, row = products.ravel()[likely], error[question], row + start
        scores = ((found - off) / mass[question]).astype(np.float32)
        unsure = np.flatnonzero(scores != ((found + off) / mass[question]).astype(np.float32))
        scores[unsure] = prepared.exact_scores(at[question[unsure]], row[unsure])
        kept = scores > best.lowest[question]
        best.add(packing.pack(question[kept], scores[kept], row[kept]))
    return best.table()


def _products(prepared: Prepared, questions: Vectors, at: Rows, rows: slice) -> Doubles:
    """Scores not yet divided by the mass, (questions, rows); -inf where there is no answer."""
    products: Doubles
    if sparse.issparse(questions):
        products = (questions @ prepared.rows[rows].T).toarray()
    else:
        products = questions @ prepared.rows[rows].astype(np.float64).T
    if prepared.more is not None:
        more = prepared.more[prepared.asking[at]][:, prepared.order[rows]]
        silent = (prepared.question_lengths[at] == 0)[:, None] | (prepared.row_lengths[rows] == 0)
        products += more
        products[silent & ~(more > 0)] = -np.inf
    return products
