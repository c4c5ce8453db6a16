"""The best places of every question of a task, exactly, by brute force in blocks.

The score of a pair is its inner product in double precision, plus what `more` adds, divided by the question's mass, and
only then rounded to float32. Scores are equal where these floats are.

BLAS makes a block of products in single precision, twice as fast as in double. What its error keeps from being among
the best is done with: nearly all. The others are made again, exactly. Where these are many (at the beginning, or where
half the gallery ties) the block is made in double precision instead, and only what lies too near to a border between
two floats is made again. So the answer is the same whatever the size of blocks and the library that multiplies.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sosie.evaluate.best import Best, most_questions
from sosie.evaluate.system import System
from sosie.evaluate.task import Ranked, Task
from sosie.index.everyone import Doubles, Vectors, error_bound, exact_products, lengths
from sosie.types import Mask, Matrix, Progress, Rows, Vector

QUESTIONS = 1_024  # of a block
ROWS = 4_096
CROWDED = 256  # of so many products, one made again takes as long as all of them in double precision

Precision = type[np.float32] | type[np.float64]


def rank(system: System, task: Task, depth: int, progress: Progress | None = None) -> Iterator[Ranked]:
    """The `depth` best places of every question, best first, equal scores by place; each question in one block.

    The score of a place is that of its best row. Rows of zeros, and barred places, are never answers, and a question
    of zeros has none, but for what `system.more` adds above 0. Unused places hold -1 and -inf.
    """
    gallery = _gallery(system, task)
    size = min(QUESTIONS, most_questions(len(task.titles)))
    for start in range(0, task.size, size):
        asked = _asked(system, task, gallery, start, min(start + size, task.size))
        yield Ranked(np.arange(start, asked.stop), *_answer(asked, gallery, depth))
        if progress is not None:
            progress(f"ranking by {system.name}", asked.stop, task.size)


@dataclass(frozen=True, slots=True, eq=False)
class _Gallery:
    """Rows that may answer, in the order of their places."""

    vectors: Vectors
    columns: Vectors  # the same, of a sparse array: transposed, a piece for each block of rows; of a matrix: itself
    places: Rows  # (rows,), ascending
    order: Rows  # (rows,) which row of the task's gallery each is
    longest: float
    shared: int  # rows of a place, at most
    silent: Mask  # (rows,) those of zeros: they answer only by `more`
    count: int  # places


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A block of questions."""

    stop: int
    vectors: Vectors
    silent: Mask
    mass: Doubles
    more: Matrix | None  # (questions, rows of the task's gallery)
    bound: Doubles  # the largest score there can be, before it is divided by the mass
    barred: Rows  # questions that may not have the row …
    barred_rows: Rows  # … of the same index here, ascending


def _gallery(system: System, task: Task) -> _Gallery:
    vectors = _rows(system.gallery)
    long = lengths(vectors)
    order = np.argsort(task.places, kind="stable")
    if system.more is None:
        order = order[long[order] > 0]
    if not np.array_equal(order, np.arange(len(task.places))):
        vectors, long = vectors[order], long[order]
    places = task.places[order]
    columns = vectors
    if sparse.issparse(vectors):
        columns = [vectors[at : at + ROWS].T.tocsr() for at in range(0, len(order), ROWS)]
    return _Gallery(
        vectors,
        columns,
        places,
        order,
        float(long.max(initial=0)),
        int(np.bincount(places).max(initial=1)),
        long == 0,
        len(task.titles),
    )


def _asked(system: System, task: Task, gallery: _Gallery, start: int, stop: int) -> _Asked:
    vectors = _rows(system.questions[start:stop])
    long = lengths(vectors)
    more = None if system.more is None else system.more[start:stop]
    if more is not None and sparse.issparse(more):
        more = more.toarray()
    bound = long * gallery.longest
    if more is not None:
        bound += np.abs(more).max(axis=1, initial=0)
    mass = np.ones(stop - start) if system.mass is None else system.mass[start:stop].astype(np.float64)
    ends = task.barred.starts[start : stop + 1]
    barred = task.barred.values[ends[0] : ends[-1]]
    first, last = (np.searchsorted(gallery.places, barred, side) for side in ("left", "right"))
    counts = last - first
    questions = np.repeat(np.repeat(np.arange(stop - start), np.diff(ends)), counts)
    rows = np.repeat(last - np.cumsum(counts), counts) + np.arange(len(questions))
    order = np.argsort(rows, kind="stable")
    return _Asked(stop, vectors, long == 0, mass, more, bound, questions[order], rows[order])


def _rows(vectors: Vectors) -> Vectors:
    if sparse.issparse(vectors):
        return sparse.csr_array(vectors, dtype=np.float64)
    return np.ascontiguousarray(vectors, np.float32)


def _answer(asked: _Asked, gallery: _Gallery, depth: int) -> tuple[Rows, Matrix]:
    best = Best(len(asked.mass), gallery.count, depth, shared=gallery.shared > 1)
    crowded = True
    for start in range(0, len(gallery.places), ROWS):
        rows = slice(start, min(start + ROWS, len(gallery.places)))
        precisions: tuple[Precision, ...] = (np.float32, np.float64)
        for precision in precisions[crowded or sparse.issparse(gallery.vectors) :]:
            scores = _scores(asked, gallery, rows, precision)
            error = error_bound(asked.vectors.shape[1], precision) * asked.bound
            likely = _likely(scores, error, best.lowest, asked, gallery.shared * depth)
            crowded = len(likely) > scores.size // CROWDED
            if not crowded:
                break
        questions, columns = np.divmod(likely, scores.shape[1])
        products = scores.ravel()[likely].astype(np.float64)
        _add(best, asked, gallery, questions, columns + start, products, error[questions])
    return best.table()


def _scores(asked: _Asked, gallery: _Gallery, rows: slice, precision: Precision) -> NDArray[np.floating[Any]]:
    """Scores of a block, not divided by the mass; -inf where there is no answer."""
    scores: NDArray[np.floating[Any]]
    if sparse.issparse(gallery.vectors):
        scores = (asked.vectors @ gallery.columns[rows.start // ROWS]).toarray()
    else:
        scores = asked.vectors.astype(precision, copy=False) @ gallery.vectors[rows].astype(precision, copy=False).T
    if asked.more is not None:
        more = asked.more[:, gallery.order[rows]]
        scores += more
        scores[(asked.silent[:, None] | gallery.silent[rows]) & ~(more > 0)] = -np.inf
    elif asked.silent.any():
        scores[asked.silent] = -np.inf
    some = slice(*np.searchsorted(asked.barred_rows, (rows.start, rows.stop)))
    scores[asked.barred[some], asked.barred_rows[some] - rows.start] = -np.inf
    return scores


def _likely(scores: NDArray[np.floating[Any]], error: Doubles, lowest: Vector, asked: _Asked, enough: int) -> Rows:
    """Where, in the flattened block, a score may exceed the lowest once it is exact and rounded."""
    border = (lowest.astype(np.float64) + np.nextafter(lowest, np.float32(np.inf))) / 2  # what is rounded to more
    likely = _above(scores, border * asked.mass - error)
    if enough < scores.shape[1] and np.count_nonzero(likely) > 2 * enough * len(scores):
        last = np.partition(scores, -enough, axis=1)[:, -enough]
        likely &= _above(
            scores, last - 2 * error - 2.0**-22 * asked.bound
        )  # those that may be rounded to its float too
    return np.flatnonzero(likely)


def _above(scores: NDArray[np.floating[Any]], cut: Doubles) -> NDArray[np.bool_]:
    """Where scores reach the cut of their row, or nearly."""
    return scores > np.nextafter(cut.astype(scores.dtype), scores.dtype.type(-np.inf))[:, None]


def _add(
    best: Best, asked: _Asked, gallery: _Gallery, questions: Rows, rows: Rows, products: Doubles, error: Doubles
) -> None:
    """Make scores of likely pairs exact where their error could change a float, and take in what is good enough."""
    mass = asked.mass[questions]
    scores = ((products - error) / mass).astype(np.float32)
    unsure = np.flatnonzero(scores != ((products + error) / mass).astype(np.float32))
    some, at = questions[unsure], rows[unsure]
    exact = exact_products(asked.vectors, gallery.vectors, some, at)
    if asked.more is not None:
        exact += asked.more[some, gallery.order[at]]
    scores[unsure] = exact / mass[unsure]
    kept = scores > best.lowest[questions]
    best.add(questions[kept], gallery.places[rows[kept]], scores[kept])
