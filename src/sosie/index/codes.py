"""A scan over 4-bit codes of every row, at any weights of the signals.

Product quantisation (Jégou et al. 2011) of the concatenated signals, scanned from registers (André et al. 2015; faiss
"fast scan"). Scaling the parts of the query by the signals' weights re-weights the scan, so that one index serves
every question. Its ranks are nearly exact: its first hundred or two hold the first ten, and are then scored exactly.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sosie.errors import StoreError
from sosie.index.exact import Blocks, tidy
from sosie.types import Matrix, Neighbours, Rows, Vector

FINENESS = (8, 4, 2, 1)  # dimensions of a large signal that share a code of 4 bits, coarse to fine
LEAST_CODES = 32  # of a signal: a small one gets a code for every four, two or one of its dimensions
TRAIN_ROWS = 30_000
BLOCK = 16_384
FEW = 256  # rows that are decoded and scored: the scan loses rows that tie for the last place


class Codes:
    """IndexPQFastScan over the rows; `dims` says where one signal ends and the next begins.

    `share` is how many dimensions share a code: one of FINENESS.
    """

    def __init__(self, dims: Sequence[int] = (), share: int = FINENESS[0]) -> None:
        self.dims, self.share = tuple(dims), share
        self.index: Any = None
        self.places: NDArray[np.int64] = np.empty(0, np.int64)  # of each dimension, among the quantiser's

    def build(self, matrix: Blocks) -> None:
        """Learn the codes from a sample and encode every row, block by block, (rows, dim)."""
        import faiss

        size, dim = matrix.shape
        self.dims = self.dims or (dim,)
        self.places, width = _layout(self.dims, self.share)
        self.index = faiss.IndexPQFastScan(width, width // self.share, 4, faiss.METRIC_INNER_PRODUCT)
        self.index.pq.cp.min_points_per_centroid = 1  # a small catalogue is no reason for a warning
        if size == 0:
            return
        sample = matrix[np.arange(0, size, max(1, size // TRAIN_ROWS))]
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)  # thousands of tiny steps: threads would mostly wait for one another
        self.index.train(self._spread(np.resize(sample, (max(len(sample), 16), dim))))  # it needs one row a code
        faiss.omp_set_num_threads(threads)
        for start in range(0, size, BLOCK):
            self.add(matrix[start : start + BLOCK])

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.index.ntotal)

    def without_rows(self) -> "Codes":
        """The same codes, of no rows yet."""
        import faiss

        empty = Codes(self.dims, self.share)
        empty.places = self.places
        empty.index = faiss.IndexPQFastScan(self.index.d, self.index.d // self.share, 4, faiss.METRIC_INNER_PRODUCT)
        empty.index.pq, empty.index.is_trained = self.index.pq, True
        return empty

    def add(self, rows: Matrix) -> None:
        """Encode more rows, (rows, dim), after those that are there."""
        self.index.add(self._spread(rows))

    def _spread(self, rows: Matrix) -> Matrix:
        wide = np.zeros((len(rows), self.index.d), np.float32)
        wide[:, self.places] = rows
        return wide

    def nearest(self, query: Vector, k: int) -> tuple[Rows, Vector]:
        """The k rows that look best to one query, (dim,), and what they seem to score."""
        scores, rows = self._scan(self._spread(query[None]), k)
        there = rows[0] >= 0
        return rows[0][there], scores[0][there]

    def _scan(self, wide: Matrix, k: int) -> tuple[Matrix, Rows]:
        size = self.index.ntotal
        if size > FEW:
            scores, rows = self.index.search(wide, min(k, size))
            return scores, rows
        products = wide @ self.index.reconstruct_n(0, size).T
        rows = np.argsort(-products, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(products, rows, 1), rows

    def search(self, queries: Matrix, k: int, *, allowed: Rows | None = None) -> Neighbours:
        """The k best rows a query, best first, equal scores by row; `allowed` (ascending) limits the rows."""
        size = self.index.ntotal
        if size == 0 or len(queries) == 0 or (allowed is not None and len(allowed) == 0):
            return tidy(np.full((len(queries), 1), -1, np.int64), np.zeros((len(queries), 1), np.float32), k)
        wide = self._spread(np.ascontiguousarray(queries, np.float32))
        if allowed is None:
            scores, rows = self._scan(wide, k)
            return tidy(rows, scores, k)
        kept = np.zeros(size, np.bool_)
        kept[allowed] = True
        depth = min(size, 2 * k * size // len(allowed))
        while True:
            scores, rows = self._scan(wide, depth)
            rows = np.where(kept[rows] & (rows >= 0), rows, -1)
            if depth == size or (rows >= 0).sum(axis=1).min() >= min(k, len(allowed)):
                return tidy(rows, scores, k)
            depth = min(size, depth * 4)

    def save(self, file: Path) -> None:
        """Write one file; the layout follows from `share` and `dims`, which stand in its first bytes."""
        import faiss

        head = np.array([self.share, len(self.dims), *self.dims], np.int64).tobytes()
        file.write_bytes(head + faiss.serialize_index(self.index).tobytes())

    @classmethod
    def load(cls, file: Path) -> Self:
        """Open what was saved. Raises StoreError for a damaged file."""
        import faiss

        try:
            raw = np.memmap(file, np.uint8, "r")
            share, count = raw[:16].view(np.int64).tolist()
            codes = cls(raw[16 : 16 + 8 * count].view(np.int64).tolist(), share)
            codes.index = faiss.deserialize_index(np.asarray(raw[16 + 8 * count :]))
            codes.places, width = _layout(codes.dims, share)
        except (OSError, ValueError, IndexError, RuntimeError) as error:
            raise StoreError(f"{file}: the codes can't be opened ({error}); build the store again.") from error
        if not isinstance(codes.index, faiss.IndexPQFastScan) or codes.index.d != width:
            raise StoreError(f"{file}: the codes don't fit their signals; build the store again.")
        return codes


def _layout(dims: Sequence[int], most: int) -> tuple[NDArray[np.int64], int]:
    """Where each dimension stands (no code spans two signals, small signals get finer codes), and the width."""
    places = []
    width = 0
    for dim in dims:
        share = most
        while share > 1 and dim < LEAST_CODES * share:
            share //= 2
        at = np.arange(dim)
        places.append(width + at // share * most + at % share)
        width += -(-dim // share) * most
    return np.concatenate(places), width
