"""Exact inner products: blocks of BLAS over every row, gathered rows where only some are allowed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self, overload

import numpy as np
from numpy.typing import NDArray

from sosie.errors import StoreError
from sosie.types import Matrix, Neighbours, Rows, Vector

BLOCK = 16_384  # rows whose scores are held at a time


class Blocks(Protocol):
    """What an index is built from: a matrix, or anything that yields its rows slice by slice."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, dim)."""

    @overload
    def __getitem__(self, rows: slice) -> Matrix: ...
    @overload
    def __getitem__(self, rows: Rows) -> Matrix: ...


def inner_products(matrix: Matrix, query: Vector, rows: Rows) -> Vector:
    """Inner product of a query, (dim,), with some rows of a contiguous float32 matrix, (rows,).

    Rows are read where they lie, without a gathered copy, and by one thread: reading memory is all that takes time.
    """
    import faiss

    rows = np.ascontiguousarray(rows, np.int64)
    query = np.ascontiguousarray(query, np.float32)
    scores = np.empty(len(rows), np.float32)
    pointers = [faiss.swig_ptr(array) for array in (scores, query, matrix, rows)]
    faiss.fvec_inner_products_by_idx(*pointers, len(query), 1, len(rows))  # type: ignore[attr-defined]  # not in its stubs
    return scores


def inner_products_of_lists(matrix: Matrix, queries: Matrix, rows: Rows) -> Matrix:
    """Inner products of each query, (queries, dim), with its own list of rows, (queries, any); -1 for a row gives 0."""
    import faiss

    rows = np.ascontiguousarray(rows, np.int64)
    queries = np.ascontiguousarray(queries, np.float32)
    scores = np.zeros(rows.shape, np.float32)
    if rows.size and len(matrix):
        pointers = [faiss.swig_ptr(array) for array in (scores, queries, matrix, rows)]
        faiss.fvec_inner_products_by_idx(*pointers, queries.shape[1], *rows.shape)  # type: ignore[attr-defined]
    return np.where(rows < 0, np.float32(0), scores)


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Positions of the k largest scores, best first; equal scores by position, at the cut too."""
    if k < len(scores):
        cut = np.partition(scores, len(scores) - k)[len(scores) - k]
        positions = np.flatnonzero(scores >= cut)
    else:
        positions = np.arange(len(scores))
    return positions[np.argsort(-scores[positions], kind="stable")][:k]


def padded(rows: Sequence[Rows], scores: Sequence[Vector], k: int) -> Neighbours:
    """Lists of different lengths as one (queries, k) table; unused places hold row -1 and score -inf."""
    all_rows = np.full((len(rows), k), -1, np.int64)
    all_scores = np.full((len(rows), k), -np.inf, np.float32)
    for i, (found, values) in enumerate(zip(rows, scores, strict=True)):
        all_rows[i, : len(found)] = found
        all_scores[i, : len(found)] = values
    return Neighbours(all_rows, all_scores)


def tidy(rows: Rows, scores: Matrix, k: int) -> Neighbours:
    """What faiss found, (queries, any), as Neighbours of k: best first, equal scores by row, nothing unused between."""
    scores = np.where(rows < 0, -np.inf, scores).astype(np.float32)
    order = np.lexsort((np.where(rows < 0, np.iinfo(np.int64).max, rows), -scores))[:, :k]
    found, values = np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)
    short = k - found.shape[1]
    if short > 0:
        found = np.pad(found, ((0, 0), (0, short)), constant_values=-1)
        values = np.pad(values, ((0, 0), (0, short)), constant_values=-np.inf)
    return Neighbours(found.astype(np.int64, copy=False), values)


class Exact:
    """Every row, every time: the yardstick of the other indexes, and the quickest for a few thousand rows."""

    def __init__(self) -> None:
        self.matrix: Matrix = np.empty((0, 0), np.float32)

    def build(self, matrix: Matrix) -> None:
        """Keep the rows, (rows, dim)."""
        self.matrix = np.ascontiguousarray(matrix, np.float32)

    def search(self, queries: Matrix, k: int, *, allowed: Rows | None = None) -> Neighbours:
        """The k best rows a query, best first, equal scores by row; `allowed` (ascending) limits the rows."""
        size = len(self.matrix) if allowed is None else len(allowed)
        found: list[Rows] = [np.empty(0, np.int64) for _ in queries]
        scores: list[Vector] = [np.empty(0, np.float32) for _ in queries]
        for start in range(0, size, BLOCK):
            stop = min(start + BLOCK, size)
            rows = np.arange(start, stop) if allowed is None else allowed[start:stop]
            products = queries @ (self.matrix[start:stop] if allowed is None else self.matrix[rows]).T
            for i, block in enumerate(products):
                both = np.concatenate([scores[i], block])
                kept = best(both, k)
                found[i] = np.concatenate([found[i], rows])[kept]
                scores[i] = both[kept]
        return padded(found, scores, k)

    def save(self, file: Path) -> None:
        """Write the rows as .npy."""
        with file.open("wb") as out:
            np.save(out, self.matrix)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Open what was saved, memory-mapped. Raises StoreError for a damaged file."""
        index = cls()
        try:
            index.matrix = np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise StoreError(f"{file}: the vectors can't be opened ({error}); build the store again.") from error
        return index
