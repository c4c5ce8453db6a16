"""The store's own ways to answer the questions of a task: the fused score, and each signal alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from sosie.engine.candidates import Candidates
from sosie.engine.questions import EXACT, EXACT_SCALE, Encoders, understand
from sosie.evaluate.system import System
from sosie.evaluate.task import Task
from sosie.scoring import chosen_weights, omegas
from sosie.store import Snapshot
from sosie.types import Matrix, Progress, Rows

FUSED = "fused"


@dataclass(frozen=True, eq=False)
class Asked:
    """The questions of a task as vectors of each signal. Products are read when asked for, words and pictures kept."""

    snapshot: Snapshot
    task: Task
    vectors: Mapping[str, Matrix] | None = None  # (questions, dim) of words and pictures; None = products
    words: Matrix | None = None  # (questions, gallery) share of the words found literally

    @property
    def same(self) -> bool:
        """Whether every product of the gallery asks, in its order: scores are then symmetric."""
        return self.vectors is None and np.array_equal(np.asarray(self.task.asked), self.task.gallery)

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that the questions have."""
        return self.snapshot.signals if self.vectors is None else tuple(self.vectors)

    def questions(self, signal: str) -> Matrix:
        """Vectors of the questions, (questions, dim); zeros where one says nothing to the signal."""
        if self.vectors is not None:
            return self.vectors[signal]
        return self.snapshot.vectors(signal, np.asarray(self.task.asked))

    def gallery(self, signal: str) -> Matrix:
        """Vectors of the gallery, (gallery, dim)."""
        return self.snapshot.vectors(signal, self.task.gallery)


def ask(snapshot: Snapshot, task: Task, encoders: Encoders, progress: Progress | None = None) -> Asked:
    """The questions of a task as vectors. Raises QuestionError where one can't be asked."""
    if not isinstance(task.asked, tuple):
        return Asked(snapshot, task)
    candidates = Candidates.open(snapshot)
    dims = {signal: state.dim for signal, state in snapshot.manifest.signals.items()}
    vectors = {signal: np.zeros((task.size, dim), np.float32) for signal, dim in dims.items()}
    words: Matrix | None = None
    for at, query in enumerate(task.asked):
        sought = understand(candidates, replace(query, weights=dict.fromkeys(defaults(snapshot), 1.0)), encoders)
        if sought is not None:
            for signal, vector in sought.vectors.items():
                vectors[signal][at] = vector
            if sought.words is not None:
                if words is None:
                    words = np.zeros((task.size, len(task.gallery)), np.float32)
                words[at] = sought.words[task.gallery] / np.float32(sought.shares[EXACT])
        if progress is not None:
            progress("asking", at + 1, task.size)
    return Asked(snapshot, task, {signal: matrix for signal, matrix in vectors.items() if matrix.any()}, words)


def defaults(snapshot: Snapshot) -> dict[str, float]:
    """The default weight of each signal, of words found literally too."""
    exact = snapshot.config.signals.exact
    return dict(snapshot.weights) | ({EXACT: exact.weight} if exact.enabled else {})


def fused(asked: Asked, weights: Mapping[str, float] | None = None, name: str = FUSED) -> System:
    """The store's answer at its default weights, those that `weights` names replaced.

    Raises QuestionError for an unknown signal.
    """
    snapshot = asked.snapshot
    chosen = chosen_weights(defaults(snapshot), weights)
    omega = {s: w for s, w in omegas(chosen, snapshot.scales).items() if s in asked.signals}
    mass = np.zeros(asked.task.size, np.float32)
    left, right = [np.zeros((asked.task.size, 0), np.float32)], [np.zeros((len(asked.task.gallery), 0), np.float32)]
    for signal, value in omega.items():
        # Square roots on both sides keep the product symmetric where every product asks every other.
        root = np.float32(np.sqrt(value))
        questions = asked.questions(signal)
        mass += np.float32(value) * questions.any(axis=1)
        left.append(questions * root)
        right.append(left[-1] if asked.same else asked.gallery(signal) * root)
    more = None
    if asked.words is not None and EXACT in chosen:
        share = np.float32(chosen[EXACT] / EXACT_SCALE.sigma)
        mass += share
        more = asked.words * share
    questions = np.hstack(left)
    gallery = questions if asked.same else np.hstack(right)
    return System(name, "fused", questions, gallery, more, np.where(mass > 0, mass, np.float32(1)))


def alone(asked: Asked) -> Iterator[System]:
    """Each signal of the store alone, and the words found literally."""
    for signal in asked.signals:
        gallery = asked.gallery(signal)
        yield System(signal, "signal", gallery if asked.same else asked.questions(signal), gallery)
    if asked.words is not None:
        nothing = np.zeros((1, 1), np.float32)
        yield System(
            EXACT, "signal", nothing.repeat(asked.task.size, 0), nothing.repeat(len(asked.task.gallery), 0), asked.words
        )


def pair_scores(system: System, questions: Rows, gallery: Rows) -> Matrix:
    """Scores of some pairs (question, place in the gallery), (pairs,), divided by the system's mass."""
    left, right = system.questions[questions], system.gallery[gallery]
    scores = np.asarray(left.multiply(right).sum(axis=1)).ravel() if hasattr(left, "multiply") else None
    if scores is None:
        scores = np.einsum("ij,ij->i", left, right)
    if system.mass is not None:
        scores = scores / system.mass[questions]
    return np.asarray(scores, np.float32)
