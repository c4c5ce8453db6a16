"""All products on a plane: those that are alike lie near each other.

The vectors of all signals, weighted as the score weighs them, are brought to their main directions. A graph joins each
product with its nearest there. Points begin at the first two directions, and are then moved as UMAP moves them
(McInnes, Healy and Melville 2018): joined ones attract, random ones repel. Here all edges of a step act at once, as
array operations, each point's moves averaged. The same vectors give the same plane.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.scoring import omegas
from sosie.store import Snapshot
from sosie.types import Matrix, Progress, Rows

Points = NDArray[np.float32]  # (products, 2), within -1..1

DIRECTIONS, NEAREST = 32, 12
SAMPLE, BLOCK = 5_000, 4_096  # rows that the directions are taken from; rows that are read at a time
A, B = 1.577, 0.895  # of UMAP's curve 1 / (1 + a d^2b), for a least distance of 0.1
STEPS, STEPS_LARGE, LARGE = 300, 120, 20_000
REPELLED = 4  # random points that push each one, at every step
CLIP = 4.0
EXACT = 20_000  # products of which all pairs are compared to find the nearest


def main_directions(snapshot: Snapshot, rows: Rows, progress: Progress) -> Matrix:
    """Products by their DIRECTIONS main directions, (rows, at most DIRECTIONS)."""
    omega = omegas(snapshot.weights, snapshot.scales)
    signals = [signal for signal in snapshot.signals if omega.get(signal, 0) > 0]
    total = sum(omega[signal] for signal in signals)

    from sklearn.utils.extmath import randomized_svd

    def fused(some: Rows) -> Matrix:
        return np.hstack([snapshot.vectors(s, some) * np.float32((omega[s] / total) ** 0.5) for s in signals])

    sample = fused(rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.int64)])
    mean = sample.mean(axis=0)
    want = min(DIRECTIONS, *sample.shape)
    # Of thousands of dimensions only a few directions are wanted: Halko, Martinsson and Tropp 2011.
    _, _, directions = randomized_svd(sample - mean, want, n_iter=4, random_state=0)
    found = np.empty((len(rows), want), np.float32)
    for start in range(0, len(rows), BLOCK):
        found[start : start + BLOCK] = (fused(rows[start : start + BLOCK]) - mean) @ directions.T
        progress("main directions", min(start + BLOCK, len(rows)), len(rows))
    return found


def place(vectors: Matrix, progress: Progress) -> Points:
    """Points of products by their main directions, (products, directions), the likeliest directions first."""
    count = len(vectors)
    points = vectors[:, :2].astype(np.float64)
    if vectors.shape[1] < 2:
        points = np.column_stack([vectors[:, 0], np.zeros(count)])
    if count > NEAREST + 2:
        reach = min(max(count**0.5 / 4, 1.5), 10)
        points = _evened(_moved(_spread(points) * reach, *_edges(vectors), progress))
    return _spread(points).astype(np.float32)


def _evened(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points half way to an even spread along each axis: what is crowded gets room, and the order stays."""
    ranks = points.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return (_spread(points) + 2 * ranks / (len(points) - 1) - 1) / 2


def _spread(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points within -1..1, the middle of them at 0."""
    low, high = np.quantile(points, [0.001, 0.999], axis=0) if len(points) else (np.zeros(2), np.ones(2))
    reach = float((high - low).max()) / 2 or 1.0
    return np.clip((points - (low + high) / 2) / (1.02 * reach), -1, 1)


def _edges(vectors: Matrix) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of near products and how strongly each is joined, 0..1."""
    import faiss

    faiss.omp_set_num_threads(1)
    count, size = vectors.shape
    nearest = min(NEAREST, max(count // 20, 3))
    rows = np.ascontiguousarray(vectors)
    index: Any
    if count <= EXACT:
        index = faiss.IndexFlatL2(size)
    else:
        index = faiss.IndexHNSWFlat(size, 16)
        index.hnsw.efConstruction, index.hnsw.efSearch = 48, 48
    index.add(rows)
    squares, near = index.search(rows, nearest + 1)
    here = np.repeat(np.arange(count), nearest + 1)
    there, lengths = near.ravel().astype(np.int64), np.sqrt(np.maximum(squares.ravel(), 0)).astype(np.float64)
    kept = (there >= 0) & (there != here)
    here, there, lengths = here[kept], there[kept], lengths[kept]
    least = np.full(count, np.inf)
    np.minimum.at(least, here, lengths)
    scale = np.bincount(here, lengths, count) / np.maximum(np.bincount(here, minlength=count), 1)
    strength = np.exp(-np.maximum(lengths - least[here], 0) / np.maximum(scale - least, 1e-9)[here])
    return here, there, strength


def _moved(
    points: NDArray[np.float64],
    here: NDArray[np.int64],
    there: NDArray[np.int64],
    strength: NDArray[np.float64],
    progress: Progress,
) -> NDArray[np.float64]:
    count = len(points)
    steps = STEPS if count <= LARGE else STEPS_LARGE
    generator = np.random.default_rng(0)
    points = points + generator.normal(0, 1e-4, points.shape)  # equal products come apart
    everyone = np.tile(np.arange(count), REPELLED)
    for step in range(steps):
        rate = 1.0 - step / steps
        drawn = generator.random(len(here)) < strength
        a, b = here[drawn], there[drawn]
        apart = points[a] - points[b]
        square = np.einsum("ij,ij->i", apart, apart)
        pull = -2 * A * B * np.power(square + 1e-12, B - 1) / (1 + A * np.power(square, B))
        move = np.clip(pull[:, None] * apart, -CLIP, CLIP)
        total = _summed(a, move, count) - _summed(b, move, count)
        others = generator.integers(0, count, len(everyone))
        away = points[everyone] - points[others]
        square = np.einsum("ij,ij->i", away, away)
        push = 2 * B / ((0.001 + square) * (1 + A * np.power(square, B)))
        push[everyone == others] = 0
        total += _summed(everyone, np.clip(push[:, None] * away, -CLIP, CLIP), count)
        points += rate * np.clip(total / 2, -CLIP, CLIP)
        if step % 10 == 0:
            progress("placing", step, steps)
    return points


def _summed(at: NDArray[np.int64], move: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.column_stack([np.bincount(at, move[:, axis], count) for axis in (0, 1)])
