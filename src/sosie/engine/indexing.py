"""What is built once for a generation so that its rows are found quickly: distinct rows, codes, bytes, a graph.

Only vectors that differ are indexed (equal ones, and rows of zeros, would become hubs), and every index is measured on
the generation's own vectors before it is kept.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from sosie.config import IndexSettings
from sosie.index.bytes import Bytes
from sosie.index.codes import FINENESS, Codes
from sosie.index.graph import Graph
from sosie.types import Mask, Matrix, Rows, Vector

FILE = "candidates.json"
BYTES = "bytes.npy"
GRAPH_DIMS = 512  # several signals side by side have too many independent directions: codes are as quick and surer
SAMPLE = 200  # rows that are asked about to learn how well an index does on these vectors
CODES_RECALL = 0.97  # of the first ten among the first proposals, at default and at random weights
GRAPH_RECALL = 0.97  # of the first ten; a graph that can't reach it is not kept
BLOCK = 16_384
TIE = 1e-5  # scores that differ by less are equal


@dataclass(frozen=True, slots=True)
class Fused:
    """Some rows of several matrices side by side, each times a factor; nothing is copied before it is asked for."""

    matrices: tuple[Matrix, ...]
    factors: tuple[float, ...]
    rows: Rows

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, dim)."""
        return len(self.rows), sum(matrix.shape[1] for matrix in self.matrices)

    @overload
    def __getitem__(self, at: slice) -> Matrix: ...
    @overload
    def __getitem__(self, at: Rows) -> Matrix: ...
    def __getitem__(self, at: slice | Rows) -> Matrix:
        rows = self.rows[at]
        parts = [matrix[rows] * np.float32(f) for matrix, f in zip(self.matrices, self.factors, strict=True)]
        return np.hstack(parts).astype(np.float32, copy=False)


def build_candidates(
    folder: Path, matrices: Mapping[str, Matrix], omega: Mapping[str, float], settings: IndexSettings
) -> None:
    """Write into a generation's folder what `Candidates` opens: distinct rows, and what pays of codes, bytes, graph.

    `matrices` are final vectors, (rows, dim) each, memory-mapped or not; `omega` are the default weights over spreads.
    Works in blocks.
    """
    import faiss

    faiss.omp_set_num_threads(os.cpu_count() or 1)  # a question asked before in this thread left it at one
    signals = tuple(matrices)
    arrays = tuple(np.asarray(matrices[signal]) for signal in signals)
    members, starts = _distinct(arrays)
    first = members[starts[:-1]]
    base = len(arrays[0]) if arrays else 0
    dims = [matrix.shape[1] for matrix in arrays]
    with_codes = base >= settings.codes_from and len(first) > 0
    with_graph = base >= settings.graph_from and 0 < sum(dims) <= GRAPH_DIMS and len(first) > SAMPLE
    factors = _factors(signals, omega)
    np.save(folder / "members.npy", members)
    np.save(folder / "starts.npy", starts)
    if with_codes:
        _build_codes(Fused(arrays, (1.0,) * len(arrays), first), np.square(factors)).save(folder / "codes.bin")
    rounded = Bytes.build(arrays, folder / BYTES) if with_codes else None
    if with_graph:
        with_graph = _build_graph(Fused(arrays, factors, first), folder / "graph.faiss")
    about = {
        "signals": signals,
        "dims": dims,
        "rows": base,
        "codes": with_codes,
        "bytes": {"steps": rounded.steps, "errors": rounded.errors} if rounded else None,
        "graph": list(factors) if with_graph else None,
    }
    (folder / FILE).write_text(json.dumps(about), encoding="utf-8")


def proposals(need: int) -> int:
    """How many rows an index proposes at first where so many are needed."""
    return 5 * need + 60


def _factors(signals: Sequence[str], omega: Mapping[str, float]) -> tuple[float, ...]:
    """Square roots of the shares: an inner product of two rows so scaled is their score."""
    total = sum(omega.get(signal, 0.0) for signal in signals) or 1.0
    return tuple(float(np.sqrt(omega.get(signal, 0.0) / total)) for signal in signals)


def _build_codes(rows: Fused, shares: NDArray[np.float64]) -> Codes:
    """The coarsest codes that are good enough for these vectors; noise needs finer ones than what has structure."""
    dims = [matrix.shape[1] for matrix in rows.matrices]
    generator = np.random.default_rng(0)
    asked = rows[_spread(len(rows.rows))]
    weights = np.where(np.arange(len(asked))[:, None] % 2, shares, generator.dirichlet(np.ones(len(dims)), len(asked)))
    queries = (asked * np.repeat(weights, dims, axis=1)).astype(np.float32)
    tenth = _tenth_best(rows, queries)
    for fineness in FINENESS:
        codes = Codes(dims, fineness)
        codes.build(rows)
        if _recall(rows, queries, tenth, codes.search(queries, proposals(10)).rows) >= CODES_RECALL:
            break
    return codes


def _build_graph(rows: Fused, file: Path) -> bool:
    graph = Graph()
    graph.build(rows)
    asked = rows[_spread(len(rows.rows))]
    tenth = _tenth_best(rows, asked)
    if graph.calibrate(asked, lambda found: _recall(rows, asked, tenth, found), GRAPH_RECALL) < GRAPH_RECALL:
        return False
    graph.save(file)
    return True


def _spread(size: int) -> Rows:
    return np.linspace(0, size - 1, min(size, SAMPLE)).astype(np.int64)


def _tenth_best(rows: Fused, queries: Matrix) -> Vector:
    """Score of each query's tenth best row, by brute force in blocks, (queries,)."""
    scores = np.full((len(queries), 10), -np.inf, np.float32)
    for start in range(0, len(rows.rows), BLOCK):
        both = np.hstack([scores, queries @ rows[start : start + BLOCK].T])
        scores = -np.partition(-both, 9, axis=1)[:, :10]
    tenth: Vector = scores.min(axis=1)
    return tenth


def _recall(rows: Fused, queries: Matrix, tenth: Vector, found: Rows) -> float:
    """Share of the best ten that were found; any row that scores as well as the tenth is as good as it."""
    reached = 0.0
    for query, least, entries in zip(queries, tenth, found, strict=True):
        good = int(np.count_nonzero(rows[entries[entries >= 0]] @ query >= least - TIE))
        reached += min(good, 10) / min(10, len(rows.rows))
    return reached / len(queries)


def _distinct(matrices: tuple[Matrix, ...]) -> tuple[Rows, Rows]:
    """Rows in lists of equal vectors (rows of zeros left out): `members[starts[i]:starts[i + 1]]` are equal."""
    if not matrices:
        return np.empty(0, np.int64), np.zeros(1, np.int64)
    hashes, present = _hashes(matrices)
    rows = np.flatnonzero(present)
    if len(rows) == 0:
        return rows, np.zeros(1, np.int64)
    order = np.lexsort((rows, hashes[rows, 1], hashes[rows, 0]))
    ordered = hashes[rows[order]]
    new = np.flatnonzero(np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)]))
    lists = np.split(rows[order], new[1:]) if len(new) < len(rows) else None
    if lists is None:
        return rows, np.arange(len(rows) + 1)
    lists.sort(key=lambda one: int(one[0]))
    return np.concatenate(lists), np.concatenate([[0], np.cumsum([len(one) for one in lists])])


def _hashes(matrices: tuple[Matrix, ...]) -> tuple[NDArray[np.uint64], Mask]:
    """Two 64-bit hashes of each row's bytes (multiply and add, Dietzfelbinger 1996); False = all zeros."""
    size = len(matrices[0])
    hashes = np.zeros((size, 2), np.uint64)
    present = np.zeros(size, np.bool_)
    generator = np.random.default_rng(0)
    for matrix in matrices:
        odd = generator.integers(0, 2**63, (2, matrix.shape[1]), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        for start in range(0, size, BLOCK):
            block = slice(start, start + BLOCK)
            words = np.ascontiguousarray(matrix[block], np.float32).view(np.uint32).astype(np.uint64)
            for i in range(2):
                hashes[block, i] += np.einsum("ij,j->i", words, odd[i])
            present[block] |= words.any(axis=1)
    return hashes, present
