"""A navigable graph (HNSW, Malkov and Yashunin 2016) over rows kept in one byte a dimension."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np

from sosie.errors import StoreError
from sosie.index.exact import Blocks, tidy
from sosie.types import Matrix, Neighbours, Rows, Vector

LINKS = 32
BUILD_EFFORT = 40
TRAIN_ROWS = 50_000
BLOCK = 16_384
EFFORTS = (16, 24, 32, 48, 64, 96, 128, 192, 256)


class Graph:
    """IndexHNSWSQ; `effort` (efSearch) is how many rows a search keeps in sight."""

    def __init__(self) -> None:
        self.index: Any = None
        self.effort = EFFORTS[2]

    def build(self, matrix: Blocks) -> None:
        """Link the rows, block by block, (rows, dim)."""
        import faiss

        size, dim = matrix.shape
        quantizer: Any = faiss.ScalarQuantizer.QT_8bit
        self.index = faiss.IndexHNSWSQ(dim, quantizer, LINKS, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = BUILD_EFFORT
        if size == 0:
            return
        self.index.train(matrix[np.arange(0, size, max(1, size // TRAIN_ROWS))])
        for start in range(0, size, BLOCK):
            self.index.add(matrix[start : start + BLOCK])

    def calibrate(self, queries: Matrix, recall: Callable[[Rows], float], target: float) -> float:
        """Set the least effort at which the recall of the rows found, (queries, any), reaches `target`.

        Returns the recall, which is below the target when no effort was enough.
        """
        reached = 0.0
        for effort in EFFORTS:
            self.effort = effort
            reached = recall(self.search(queries, effort).rows)
            if reached >= target:
                break
        return reached

    def nearest(self, query: Vector, k: int) -> tuple[Rows, Vector]:
        """About the k nearest rows of one query, (dim,), and their scores by the stored bytes; -1 = none."""
        self._look(k)
        scores, rows = self.index.search(query[None], k)
        return rows[0], scores[0]

    def _look(self, k: int) -> None:
        effort = max(self.effort, k)
        if self.index.hnsw.efSearch != effort:
            self.index.hnsw.efSearch = effort

    def search(self, queries: Matrix, k: int, *, allowed: Rows | None = None) -> Neighbours:
        """The k best rows a query, best first, equal scores by row.

        `allowed` (ascending) limits the rows; where it is selective, the graph would lose answers, and the bytes of the
        allowed rows are scanned instead.
        """
        import faiss

        size = self.index.ntotal
        if size == 0 or len(queries) == 0 or (allowed is not None and len(allowed) == 0):
            return tidy(np.full((len(queries), 1), -1, np.int64), np.zeros((len(queries), 1), np.float32), k)
        queries = np.ascontiguousarray(queries, np.float32)
        self._look(k)
        if allowed is None:
            scores, rows = self.index.search(queries, min(k, size))
        else:
            limits = faiss.SearchParameters()
            limits.sel = chosen = faiss.IDSelectorBatch(np.ascontiguousarray(allowed, np.int64))
            scores, rows = self.index.storage.search(queries, min(k, len(allowed)), params=limits)
            del chosen  # faiss only points at it: it had to live until here
        return tidy(rows, scores, k)

    def save(self, file: Path) -> None:
        """Write one file; the effort travels in it."""
        import faiss

        self.index.hnsw.efSearch = self.effort
        faiss.write_index(self.index, str(file))

    @classmethod
    def load(cls, file: Path) -> Self:
        """Open what was saved, memory-mapped. Raises StoreError for a damaged file."""
        import faiss

        graph = cls()
        try:
            graph.index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP)
        except RuntimeError as error:
            raise StoreError(f"{file}: the graph can't be opened ({error}); build the store again.") from error
        graph.effort = graph.index.hnsw.efSearch
        return graph
