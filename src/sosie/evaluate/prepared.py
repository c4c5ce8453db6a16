"""A system and a task made ready for ranking."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sosie.evaluate.best import Packing
from sosie.evaluate.system import System
from sosie.evaluate.task import Lists, Task
from sosie.index.everyone import Doubles, Vectors, exact_products, lengths
from sosie.types import Matrix, Rows, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The questions, and the rows that may answer in the order of their places.

    Neither has rows of zeros, unless `more` may add to them.
    """

    asking: Rows  # (questions,) their numbers in the task
    order: Rows  # (rows,) their numbers in the task's gallery
    questions: Vectors
    rows: Vectors  # the same object where every row asks, in this order
    packing: Packing
    question_lengths: Doubles
    row_lengths: Doubles
    mass: Doubles  # (questions,)
    more: Matrix | None  # (questions of the task, rows of its gallery)
    barred: Lists  # of the task

    @classmethod
    def of(cls, system: System, task: Task) -> "Prepared":
        """From a system that answers a task."""
        vectors = _readable(system.gallery)
        long = lengths(vectors)
        order = np.argsort(task.places, kind="stable")
        asking = np.arange(task.size)
        if system.more is None:
            order = order[long[order] > 0]
        rows, row_lengths = _chosen(vectors, order), long[order]
        if system.questions is system.gallery and system.more is None:
            asking, questions, question_lengths = order, rows, row_lengths
        else:
            vectors = _readable(system.questions)
            long = lengths(vectors)
            if system.more is None:
                asking = np.flatnonzero(long)
            questions, question_lengths = _chosen(vectors, asking), long[asking]
        return cls(
            asking=asking,
            order=order,
            questions=questions,
            rows=rows,
            packing=Packing(task.places[order]),
            question_lengths=question_lengths,
            row_lengths=row_lengths,
            mass=np.ones(len(asking)) if system.mass is None else system.mass[asking].astype(np.float64),
            more=system.more,
            barred=task.barred,
        )

    @property
    def dim(self) -> int:
        """How long vectors are."""
        dim: int = self.rows.shape[1]
        return dim

    def bounds(self, at: Rows) -> Doubles:
        """What scores of some questions can't exceed before they are divided by the mass, (questions,)."""
        bounds: Doubles = self.question_lengths[at] * self.row_lengths.max(initial=0)
        if self.more is not None:
            bounds += np.abs(self.more[self.asking[at]]).max(axis=1, initial=0)
        return bounds

    def barred_rows(self, at: Rows) -> tuple[Rows, Rows]:
        """What some questions may not have: indices into `at` and rows, by row."""
        owner, places = self.barred.joined(self.asking[at])
        first, last = (np.searchsorted(self.packing.places, places, side) for side in ("left", "right"))
        counts = last - first
        rows = np.repeat(last - np.cumsum(counts), counts) + np.arange(counts.sum())
        order = np.argsort(rows, kind="stable")
        return np.repeat(owner, counts)[order], rows[order]

    def exact_scores(self, questions: Rows, rows: Rows) -> Vector:
        """Scores of pairs, (pairs,)."""
        products = exact_products(self.questions, self.rows, questions, rows)
        if self.more is not None:
            products += self.more[self.asking[questions], self.order[rows]]
        return (products / self.mass[questions]).astype(np.float32)


def _readable(vectors: Vectors) -> Vectors:
    if sparse.issparse(vectors):
        return sparse.csr_array(vectors, dtype=np.float64)
    return np.ascontiguousarray(vectors, np.float32)


def _chosen(vectors: Vectors, rows: Rows) -> Vectors:
    """Some rows, without a copy where they are all in order."""
    everything = len(rows) == vectors.shape[0] and np.array_equal(rows, np.arange(len(rows)))
    return vectors if everything else vectors[rows]
