"""What trainings are judged by: the house's own measures, on questions held out from learning."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sosie.encoders.state import unit_rows
from sosie.errors import TrainingError
from sosie.evaluate.answers import ask, fused, pair_scores
from sosie.evaluate.pair_figures import Said, difference, figures
from sosie.evaluate.pairs import as_questions, dependent
from sosie.evaluate.system import System
from sosie.evaluate.task import Task
from sosie.evaluate.truth import PairsTask
from sosie.evaluate.values import values_of
from sosie.metrics.intervals import interval, paired
from sosie.metrics.pairs import average_precision
from sosie.reports import Figure
from sosie.store import Snapshot
from sosie.types import Encoder, Matrix, Rows, Vector

Values = NDArray[np.float64]
AP = "ap"
LOOKS = 1_000  # products, at most, that are looked at again


@dataclass(frozen=True, slots=True)
class Beside:
    """One truth: the trained encoder beside what was in use before."""

    truth: str
    measure: str
    trained: Figure
    before: Figure
    difference: Figure  # trained less before, question by question
    p: float


class Judge(Protocol):
    """Says how good embeddings are; `vectors` (rows, dim) are of unit length, rows of zeros where there are none."""

    @property
    def measure(self) -> str:
        """Its main measure, of which more is better."""

    @property
    def rows(self) -> Rows:
        """Of the snapshot, ascending: whose embeddings are asked for."""

    def figure(self, vectors: Matrix) -> float:
        """The measure as one number."""

    def beside(self, snapshot: Snapshot, vectors: Matrix, signals: Sequence[str]) -> tuple[Beside, ...]:
        """What the vectors come to beside the store's own `signals` at their weights."""


@dataclass(frozen=True, eq=False)
class TaskJudge:
    """Questions whose answers are known; several tasks (one a label) count equally."""

    tasks: tuple[Task, ...]
    measure: str
    rows: Rows
    asked: tuple[Any, ...]  # a task's questions as sums of rows: sparse, (questions, rows)

    @classmethod
    def of(cls, snapshot: Snapshot, tasks: Sequence[Task], measure: str) -> "TaskJudge":
        """A judge by tasks whose questions are products, or what is like several."""
        asked = [_liked(snapshot, task) for task in tasks]
        rows = np.unique(np.concatenate([*(liked for _, liked in asked), *(task.gallery for task in tasks)]))
        sums = []
        for task, (question, liked) in zip(tasks, asked, strict=True):
            at = (question, np.searchsorted(rows, liked))
            shape = (task.size, len(rows))
            sums.append(sparse.csr_array((np.ones(len(question), np.float32), at), shape=shape))
        return cls(tuple(tasks), measure, rows, tuple(sums))

    def values(self, vectors: Matrix) -> list[Values]:
        """The measure of each question of each task, by cosine."""
        found = []
        for task, asked in zip(self.tasks, self.asked, strict=True):
            gallery = vectors[np.searchsorted(self.rows, task.gallery)]
            system = System("trained", "signal", unit_rows(asked @ vectors), gallery)
            found.append(values_of(system, task, [self.measure])[0][self.measure])
        return found

    def figure(self, vectors: Matrix) -> float:
        """The mean of the tasks' means."""
        return float(np.mean([np.nanmean(values) for values in self.values(vectors)]))

    def beside(self, snapshot: Snapshot, vectors: Matrix, signals: Sequence[str]) -> tuple[Beside, ...]:
        """Each task, question by question."""
        found = []
        for task, trained in zip(self.tasks, self.values(vectors), strict=True):
            system = _before(snapshot, task, signals)
            before = values_of(system, task, [self.measure])[0][self.measure]
            less, p = paired(before, trained, task.clusters)
            both = interval(trained, task.clusters), interval(before, task.clusters)
            found.append(Beside(task.name, self.measure, *both, less, p))
        return tuple(found)


@dataclass(frozen=True, eq=False)
class PairJudge:
    """Pairs that somebody judged: alike ones are to be nearer than unlike ones."""

    pairs: PairsTask

    @property
    def measure(self) -> str:
        """Average precision: it needs no threshold, and minds how few pairs are alike."""
        return AP

    @property
    def rows(self) -> Rows:
        """All products of the pairs."""
        return np.unique(np.concatenate([self.pairs.a, self.pairs.b]))

    @property
    def alike(self) -> NDArray[np.bool_]:
        """(pairs,) which are alike."""
        found: NDArray[np.bool_] = self.pairs.grades > self.pairs.middle
        return found

    def figure(self, vectors: Matrix) -> float:
        """Average precision by cosine."""
        return average_precision(self._cosines(vectors), self.alike)

    def beside(self, snapshot: Snapshot, vectors: Matrix, signals: Sequence[str]) -> tuple[Beside, ...]:
        """Intervals and p by clusters of pairs that hang together."""
        task, a, b = as_questions(self.pairs)
        system = _before(snapshot, task, signals)
        frozen = (pair_scores(system, a, b) + pair_scores(system, b, a)) / 2
        clusters, _ = dependent(self.pairs, np.arange(len(a)))
        trained, before = (_said(scores) for scores in (self._cosines(vectors), frozen))
        less, p = difference(AP, before, trained, self.alike, clusters)
        own, other = (figures((AP,), one, self.alike, clusters)[AP] for one in (trained, before))
        return (Beside(self.pairs.name, AP, own, other, less, p),)

    def _cosines(self, vectors: Matrix) -> Vector:
        a, b = (vectors[np.searchsorted(self.rows, side)] for side in (self.pairs.a, self.pairs.b))
        cosines: Vector = np.einsum("ij,ij->i", a, b)
        return cosines


@dataclass(frozen=True, eq=False)
class LookJudge:
    """Products kept back, each of which another look at it is to find: another photo, or an augmentation.

    It says that something is learnt, not how good it is. `figure` takes the looks' vectors behind the rows' own.
    """

    rows: Rows
    looks: Rows  # (looks,) rows that are looked at again
    groups: NDArray[np.int64]  # (rows,) variants share one, and are as right

    @property
    def measure(self) -> str:
        """Share of the looks to which the product itself is nearest."""
        return "found again"

    @classmethod
    def of(cls, snapshot: Snapshot, held: Rows) -> "LookJudge":
        """A judge by some of the products kept back."""
        rows = held[np.unique(np.linspace(0, len(held) - 1, min(len(held), LOOKS)).astype(np.int64))]
        return cls(rows, rows, snapshot.groups[rows].astype(np.int64))

    def figure(self, vectors: Matrix) -> float:
        """The share; a look that can't be embedded counts neither way."""
        own, looks = vectors[: len(self.rows)], vectors[len(self.rows) :]
        found = np.where(own.any(axis=1), looks @ own.T, np.float32(-2)).argmax(axis=1)
        right = self.groups[found] == self.groups[np.searchsorted(self.rows, self.looks)]
        there = looks.any(axis=1)
        return float(right[there].mean()) if there.any() else 0.0

    def beside(self, snapshot: Snapshot, vectors: Matrix, signals: Sequence[str]) -> tuple[Beside, ...]:
        """Nothing: the store's own vectors are of the products, not of other looks at them."""
        return ()


def _said(scores: Vector | Values) -> Said:
    nothing = np.zeros(len(scores))  # no threshold is chosen, no share is stated
    return Said(scores.astype(np.float64), nothing > 0, nothing)


def _liked(snapshot: Snapshot, task: Task) -> tuple[Rows, Rows]:
    """Questions and the rows that they are like, side by side."""
    if not isinstance(task.asked, tuple):
        return np.arange(task.size), task.asked
    rows = [snapshot.rows(query.like) for query in task.asked]
    return np.repeat(np.arange(task.size), [len(liked) for liked in rows]), np.concatenate(rows)


def _before(snapshot: Snapshot, task: Task, signals: Sequence[str]) -> System:
    """What some of the store's own signals answer, at their weights."""
    weights = {signal: weight if signal in signals else 0.0 for signal, weight in snapshot.weights.items()}
    return fused(ask(snapshot, task, _no_encoder), weights)


def _no_encoder(signal: str) -> Encoder:
    raise TrainingError(f"questions that are products need no encoder of {signal}.")
