"""The best places of every question of a task, exactly, by brute force in blocks.

The score of a pair is the inner product summed in double precision, divided by the question's mass, and only then
rounded to float32: the same pair has the same score in whichever block it is computed, equal rows score equally, and
scores are equal where these floats are.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.evaluate.system import System
from sosie.evaluate.task import Ranked, Task
from sosie.types import Mask, Matrix, Progress, Rows

Vectors = Any  # a matrix, or a SciPy sparse array

ROOM = 1 << 24  # scores held at a time


def rank(system: System, task: Task, depth: int, progress: Progress | None = None) -> Iterator[Ranked]:
    """The `depth` best places of every question, best first, equal scores by place; each question in one block.

    The score of a place is that of its best row. Rows of zeros, and barred places, are never answers, and a question
    of zeros has none, but for what `system.more` adds above 0. Unused places hold -1 and -inf.
    """
    size, rows = task.size, len(task.gallery)
    order = np.argsort(task.places, kind="stable")
    starts = np.flatnonzero(np.diff(task.places[order], prepend=-1))
    gallery = _double(system.gallery)[order].T
    there = _there(system.gallery)[order]
    block = max(1, ROOM // max(rows, 1))
    for start in range(0, size, block):
        asked = np.arange(start, min(start + block, size))
        scores = _scores(_double(system.questions[asked]), gallery)
        scores[:, ~there] = -np.inf
        scores[~_there(system.questions[asked])] = -np.inf
        if system.more is not None:
            more = np.asarray(system.more[asked])[:, order]
            scores = np.where((more > 0) & np.isneginf(scores), more, scores + more)
        if system.mass is not None:
            scores /= system.mass[asked, None]
        best = np.full((len(asked), len(task.titles)), -np.inf, np.float32)
        if rows:
            best[:, task.places[order][starts]] = np.maximum.reduceat(scores.astype(np.float32), starts, axis=1)
        for at, question in enumerate(asked.tolist()):
            best[at, task.barred.of(question)] = -np.inf
        places, values = _best(best, depth)
        yield Ranked(asked, places, values)
        if progress is not None:
            progress(f"ranking by {system.name}", int(asked[-1]) + 1, size)


def _scores(questions: Vectors, gallery: Vectors) -> NDArray[np.float64]:
    product = questions @ gallery
    scores: NDArray[np.float64] = product if isinstance(product, np.ndarray) else product.toarray()
    return scores


def _double(rows: Vectors) -> Vectors:
    return rows.astype(np.float64)


def _there(rows: Vectors) -> Mask:
    """Which rows are not of zeros."""
    return np.asarray((rows != 0).sum(axis=1)).ravel() > 0


def _best(scores: Matrix, depth: int) -> tuple[Rows, Matrix]:
    """The best columns of each row, best first, equal scores by column, padded to `depth`."""
    size = min(depth, scores.shape[1])
    places = np.full((len(scores), depth), -1, np.int64)
    values = np.full((len(scores), depth), -np.inf, np.float32)
    if size:
        cut = np.partition(scores, -size, axis=1)[:, -size, None]
        above, level = scores > cut, scores == cut
        above |= level & (np.cumsum(level, axis=1) <= size - above.sum(axis=1, keepdims=True))
        columns = np.nonzero(above)[1].reshape(-1, size)
        found = np.take_along_axis(scores, columns, 1)
        order = np.argsort(-found, axis=1, kind="stable")
        values[:, :size] = np.take_along_axis(found, order, 1)
        places[:, :size] = np.where(np.isneginf(values[:, :size]), -1, np.take_along_axis(columns, order, 1))
    return places, values
