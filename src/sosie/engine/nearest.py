"""Every product's nearest products at once, block by block: shared by `neighbours` and `matrix`."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sosie.engine.candidates import Candidates, Sought
from sosie.index.exact import inner_products_of_lists
from sosie.scoring import omegas
from sosie.types import Matrix, Progress, Rows

BLOCK = 512  # products asked about at a time
CLUSTERS = 256  # questions of a cluster walk the same part of the graph, which then stays in the processor's cache
CLUSTER_SAMPLE = 20_000
EXACT_UP_TO = 20_000  # products of which all pairs are compared in less time than an index takes


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest of some products: best first; unused places hold row -1 and zeros."""

    asked: Rows  # (block,)
    rows: Rows  # (block, k)
    parts: NDArray[np.float32]  # (block, k, signals), adding up to the scores


@dataclass(frozen=True, slots=True)
class Field:
    """What all the questions have in common."""

    candidates: Candidates
    signals: tuple[str, ...]
    omega: NDArray[np.float32]  # (signals,)
    by_id: NDArray[np.int32]  # place of each row in the order of ids
    grouped: bool  # some products are variants of one another, and fill one place
    k: int


def every_nearest(candidates: Candidates, k: int, *, variants: bool, progress: Progress | None) -> Iterator[Nearest]:
    """The k nearest of each living product at default weights, in blocks, in an order that suits the index.

    A product is never its own neighbour. Unless `variants` are wanted, nor are its variants, and each group fills one
    place.
    """
    import faiss

    faiss.omp_set_num_threads(os.cpu_count() or 1)
    snapshot = candidates.snapshot
    omega = omegas(snapshot.weights, snapshot.scales)
    signals = tuple(signal for signal in snapshot.signals if signal in omega)
    living = np.flatnonzero(snapshot.alive)
    by_id = np.empty(snapshot.size, np.int32)
    by_id[np.argsort(np.array(snapshot.ids(np.arange(snapshot.size)), object), kind="stable")] = np.arange(
        snapshot.size
    )
    grouped = not variants and len(np.unique(snapshot.groups[living])) < len(living)
    field = Field(candidates, signals, np.array([omega[s] for s in signals], np.float32), by_id, grouped, k)
    order = _by_neighbourhood(field, living)
    for start in range(0, len(order), BLOCK):
        asked = order[start : start + BLOCK]
        yield _nearest(field, asked)
        if progress is not None:
            progress("neighbours", start + len(asked), len(order))


def _by_neighbourhood(field: Field, rows: Rows) -> Rows:
    """Rows in the order of coarse clusters where a graph is walked, as they are elsewhere."""
    import faiss

    if field.candidates.generation.graph is None or len(rows) < CLUSTER_SAMPLE:
        return rows
    sample = rows[:: len(rows) // CLUSTER_SAMPLE]
    signal = field.signals[int(np.argmax(field.omega))]
    vectors = field.candidates.vectors(signal, sample)
    clusters = faiss.Kmeans(vectors.shape[1], CLUSTERS, niter=4, min_points_per_centroid=1, seed=1)
    clusters.train(vectors)
    labels = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), CLUSTER_SAMPLE):
        block = field.candidates.vectors(signal, rows[start : start + CLUSTER_SAMPLE])
        labels[start : start + CLUSTER_SAMPLE] = clusters.index.search(block, 1)[1][:, 0]
    return rows[np.argsort(labels, kind="stable")]


def _nearest(field: Field, asked: Rows) -> Nearest:
    vectors = [field.candidates.vectors(signal, asked) for signal in field.signals]
    there = np.stack([matrix.any(axis=1) for matrix in vectors], axis=1)
    mass = there @ field.omega
    shares = (np.where(there, field.omega, 0) / np.where(mass > 0, mass, 1)[:, None]).astype(np.float32)
    proposed = _proposed(field, vectors, shares)
    parts = _parts(field, vectors, shares, proposed)
    rows, parts, short = _ranked(field, asked, proposed, parts)
    if field.candidates.generation.graph is not None:  # a walk that misses its own row went astray
        short |= ~(proposed == asked[:, None]).any(axis=1)
    for at in np.flatnonzero(short & (mass > 0)):
        rows[at], parts[at] = _one_by_one(field, int(asked[at]), [matrix[at] for matrix in vectors], shares[at])
    rows[mass == 0], parts[mass == 0] = -1, 0
    return Nearest(asked, rows, parts)


def _proposed(field: Field, vectors: list[Matrix], shares: Matrix) -> Rows:
    """Rows that may be among the nearest, (block, any); -1 = none."""
    generation, snapshot = field.candidates.generation, field.candidates.snapshot
    late = np.arange(snapshot.base, snapshot.size)
    if generation.codes is None or snapshot.size <= EXACT_UP_TO:
        return _best_of(field, vectors, shares, np.arange(snapshot.size))
    by_signal = dict(zip(field.signals, range(len(field.signals)), strict=True))
    dims = [generation.matrices[signal].shape[1] for signal in generation.signals]
    empty = [np.zeros((len(shares), dim), np.float32) for dim in dims]
    use_graph = generation.graph is not None
    factors = np.sqrt(shares) if use_graph else shares
    queries = np.hstack(
        [
            vectors[by_signal[s]] * factors[:, by_signal[s], None] if s in by_signal else nothing
            for s, nothing in zip(generation.signals, empty, strict=True)
        ]
    )
    depth = int((field.k * 1.3 + 20 if use_graph else field.k * 5 + 60) * snapshot.size / max(snapshot.alive.sum(), 1))
    index = generation.graph if use_graph and generation.graph is not None else generation.codes
    found = index.search(queries, min(depth, len(generation.starts) - 1)).rows
    rows = found if generation.alone and len(generation.members) == snapshot.base else _expanded(field, found, depth)
    return rows if len(late) == 0 else np.hstack([rows, _best_of(field, vectors, shares, late)])


def _expanded(field: Field, found: Rows, depth: int) -> Rows:
    """Entries of the index as rows, as many of each list as there is room for."""
    generation = field.candidates.generation
    if generation.alone:
        return np.where(found >= 0, generation.members[found], -1)
    room = 2 * depth
    rows = np.full((len(found), room), -1, np.int64)
    for at, entries in enumerate(found):
        entries = entries[entries >= 0]
        members = [generation.members[generation.starts[e] : generation.starts[e + 1]] for e in entries.tolist()]
        flat = np.concatenate(members)[:room] if members else entries
        rows[at, : len(flat)] = flat
    return rows


def _best_of(field: Field, vectors: list[Matrix], shares: Matrix, rows: Rows) -> Rows:
    """The rows, among some, of the best exact scores, by blocks of BLAS, (block, any)."""
    scores = np.zeros((len(shares), len(rows)), np.float32)
    for i, signal in enumerate(field.signals):
        scores += (vectors[i] * shares[:, i, None]) @ field.candidates.vectors(signal, rows).T
    scores[:, ~field.candidates.snapshot.alive[rows]] = -np.inf
    depth = 2 * field.k + 20
    if depth >= len(rows):
        return np.broadcast_to(rows, scores.shape).copy()
    return rows[np.argpartition(-scores, depth, axis=1)[:, :depth]]


def _parts(field: Field, vectors: list[Matrix], shares: Matrix, rows: Rows) -> NDArray[np.float32]:
    """Exact parts of the scores of proposed rows, (block, any, signals)."""
    candidates = field.candidates
    base = candidates.snapshot.base
    parts = np.empty((*rows.shape, len(field.signals)), np.float32)
    late = rows >= base
    for i, signal in enumerate(field.signals):
        found = np.zeros(rows.shape, np.float32)
        if base:
            found = inner_products_of_lists(candidates.generation.matrices[signal], vectors[i], np.where(late, 0, rows))
        if late.any():
            others = inner_products_of_lists(candidates.delta[signal], vectors[i], np.where(late, rows - base, 0))
            found = np.where(late, others, found)
        parts[:, :, i] = found * shares[:, i, None]
    return parts


def _ranked(
    field: Field, asked: Rows, rows: Rows, parts: NDArray[np.float32]
) -> tuple[Rows, NDArray[np.float32], NDArray[np.bool_]]:
    """The k best of the proposed rows a question, and for which questions there are too few."""
    snapshot = field.candidates.snapshot
    groups = snapshot.groups[rows]
    barred = (rows < 0) | ~snapshot.alive[rows] | (rows == asked[:, None]) | ~parts.any(axis=2)
    if field.grouped:
        barred |= groups == snapshot.groups[asked][:, None]
    loss = np.where(barred, np.inf, np.rint(parts.sum(axis=2) * np.float32(-1e6)))
    order = np.lexsort((field.by_id[rows], loss))
    rows, barred, groups = (np.take_along_axis(a, order, 1) for a in (rows, barred, groups))
    barred |= _repeated(groups if field.grouped else rows)
    keep = np.argsort(barred, axis=1, kind="stable")[:, : field.k]
    order = np.take_along_axis(order, keep, 1)
    unused = np.take_along_axis(barred, keep, 1)
    kept = np.where(unused, -1, np.take_along_axis(rows, keep, 1))
    values = np.take_along_axis(parts, order[:, :, None], 1)
    values[unused] = 0
    short = field.k - kept.shape[1]
    if short > 0:
        kept = np.pad(kept, ((0, 0), (0, short)), constant_values=-1)
        values = np.pad(values, ((0, 0), (0, short), (0, 0)))
    return kept, values, np.asarray((kept < 0).any(axis=1))


def _repeated(values: NDArray[np.int64] | NDArray[np.int32]) -> NDArray[np.bool_]:
    """Where a value stood before in its row."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, 1)
    again = np.zeros(values.shape, np.bool_)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    repeated = np.empty_like(again)
    np.put_along_axis(repeated, order, again, 1)
    return repeated


def _one_by_one(
    field: Field, row: int, vectors: list[NDArray[np.float32]], shares: NDArray[np.float32]
) -> tuple[Rows, NDArray[np.float32]]:
    """As a question of its own: for products with more variants or repetitions than a block makes room for."""
    used = [(signal, i) for i, signal in enumerate(field.signals) if shares[i] > 0]
    sought = Sought({s: vectors[i] for s, i in used}, {s: float(shares[i]) for s, i in used}, row=row)
    kept, values = np.full((1, field.k), -1), np.zeros((1, field.k, len(field.signals)), np.float32)
    for rows, _ in field.candidates.find(sought, None, field.k):
        parts = _parts(field, [v[None] for v in vectors], shares[None], rows[None])
        kept, values, short = _ranked(field, np.array([row]), rows[None], parts)
        if not short[0]:
            break
    return kept[0], values[0]
