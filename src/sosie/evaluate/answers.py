"""The store's own ways to answer the questions of a task: the fused score, and each signal alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from sosie.encoders.matching import Patches
from sosie.engine.candidates import Candidates
from sosie.engine.patches import PATCHES
from sosie.engine.questions import EXACT, EXACT_SCALE, Encoders, understand
from sosie.errors import QuestionError
from sosie.evaluate.patches import with_patches
from sosie.evaluate.system import Literal, System
from sosie.evaluate.task import Task, part_of
from sosie.scoring import chosen_weights
from sosie.store import Snapshot
from sosie.types import Mask, Matrix, Progress, Rows, Vector

FUSED = "fused"
BLOCK = 8_192  # pairs, or rows, that are looked at together


@dataclass(frozen=True, eq=False)
class Made:
    """A signal as other settings would make it."""

    questions: Matrix  # (questions, dim)
    gallery: Matrix  # (gallery, dim)
    sigma: float


@dataclass(frozen=True, eq=False)
class Asked:
    """The questions of a task as vectors of each signal. Products are read when asked for, words and pictures kept."""

    snapshot: Snapshot
    task: Task
    vectors: Mapping[str, Matrix] | None = None  # (questions, dim) of words and pictures; None = products
    words: Literal | None = None  # share of the words found, (questions, gallery); None = no question has any
    worded: Mask | None = None  # (questions,) which have
    made: Mapping[str, Made] = field(default_factory=dict)
    patches: Patches | None = None  # (questions, dim) of pictures that are compared; None = no question has one

    @property
    def compares(self) -> bool:
        """Whether the store compares the first answers with the question, and some question may have a picture."""
        return PATCHES in self.snapshot.weights and (self.vectors is None or self.patches is not None)

    def patches_of(self, question: int) -> Patches:
        """What the first answers to a question are compared with, (dim,); zeros where it has no picture."""
        if self.patches is not None:
            found: Any = self.patches
        else:
            question, found = 0, self.snapshot.vectors(PATCHES, np.asarray(self.task.asked)[question : question + 1])
        patches: Patches = found[question]
        return patches

    @property
    def same(self) -> bool:
        """Whether every product of the gallery asks, in its order: scores are then symmetric."""
        return self.vectors is None and not self.made and np.array_equal(np.asarray(self.task.asked), self.task.gallery)

    @cached_property
    def signals(self) -> tuple[str, ...]:
        """The signals that both a question and a product of the gallery has."""
        named = self.snapshot.signals if self.vectors is None else tuple(self.vectors)
        asked = self.task.asked
        return tuple(
            signal
            for signal in named
            if self._any(signal, self.task.gallery) and (isinstance(asked, tuple) or self._any(signal, asked))
        )

    def questions(self, signal: str) -> Matrix:
        """Vectors of the questions, (questions, dim); zeros where one says nothing to the signal."""
        if signal in self.made:
            return self.made[signal].questions
        if self.vectors is not None:
            return self.vectors[signal]
        return self.snapshot.vectors(signal, np.asarray(self.task.asked))

    def gallery(self, signal: str) -> Matrix:
        """Vectors of the gallery, (gallery, dim)."""
        if signal in self.made:
            return self.made[signal].gallery
        return self.snapshot.vectors(signal, self.task.gallery)

    def sigma(self, signal: str) -> float:
        """What a weight of the signal is divided by."""
        if signal in self.made:
            return self.made[signal].sigma
        return EXACT_SCALE.sigma if signal == EXACT else self.snapshot.scales[signal].sigma

    def dim(self, signal: str) -> int:
        """Length of the signal's vectors."""
        made = self.made.get(signal)
        return made.gallery.shape[1] if made else self.snapshot.manifest.signals[signal].dim

    def part(self, chosen: Rows) -> "Asked":
        """Some of the questions; the gallery stays."""
        if self.made:
            raise ValueError("signals made another way are of all questions")
        return replace(
            self,
            task=part_of(self.task, chosen),
            vectors=None if self.vectors is None else {s: matrix[chosen] for s, matrix in self.vectors.items()},
            words=None if self.words is None else Literal(self.words.kept[chosen]),
            worded=None if self.worded is None else self.worded[chosen],
            patches=None if self.patches is None else self.patches[chosen],
        )

    def _any(self, signal: str, rows: Rows) -> bool:
        blocks = (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))
        return any(self.snapshot.vectors(signal, block).any() for block in blocks)


def ask(snapshot: Snapshot, task: Task, encoders: Encoders, progress: Progress | None = None) -> Asked:
    """The questions of a task as vectors. Raises QuestionError where one can't be asked."""
    if not isinstance(task.asked, tuple):
        return Asked(snapshot, task)
    candidates = Candidates.open(snapshot)
    dims = {signal: state.dim for signal, state in snapshot.manifest.signals.items()}
    vectors = {signal: np.zeros((task.size, dims[signal]), np.float32) for signal in snapshot.signals}
    patches: Patches | None = None
    nothing = sparse.csr_array((1, len(task.gallery)), dtype=np.float32)
    words = [nothing] * task.size
    worded = np.zeros(task.size, np.bool_)
    for at, query in enumerate(task.asked):
        sought = understand(candidates, replace(query, weights=dict.fromkeys(defaults(snapshot), 1.0)), encoders)
        if sought is not None:
            for signal, vector in sought.vectors.items():
                vectors[signal][at] = vector
            if sought.compared is not None:
                patches = np.zeros((task.size, dims[PATCHES]), np.int8) if patches is None else patches
                patches[at] = sought.compared.patches
            if sought.words is not None:
                found = sought.words[task.gallery] / np.float32(sought.shares[EXACT])
                words[at], worded[at] = sparse.csr_array(found[None]), True
        if progress is not None:
            progress("asking", at + 1, task.size)
    asked = Asked(
        snapshot, task, {signal: matrix for signal, matrix in vectors.items() if matrix.any()}, patches=patches
    )
    return replace(asked, words=Literal(sparse.vstack(words, format="csr")), worded=worded) if worded.any() else asked


def defaults(snapshot: Snapshot) -> dict[str, float]:
    """The default weight of each signal, of words found literally too."""
    exact = snapshot.config.signals.exact
    return dict(snapshot.weights) | ({EXACT: exact.weight} if exact.enabled else {})


def searched(snapshot: Snapshot, weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """Weights at which nothing is compared: answers are those of an inner product alone."""
    return dict(weights or {}) | ({PATCHES: 0.0} if PATCHES in snapshot.weights else {})


def weighted(asked: Asked, weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """The weight of each signal that decides: those of weight 0, and those the questions lack, are left out.

    Patches decide only in what order answers come that another signal found.

    `weights` replace the defaults of the signals they name. Raises QuestionError for an unknown signal, and where
    nothing is left to decide.
    """
    chosen = chosen_weights(defaults(asked.snapshot), weights)
    there = (*asked.signals, *([EXACT] if asked.words is not None else []))
    deciding = {signal: chosen[signal] for signal in there if signal in chosen}
    if deciding and asked.compares and PATCHES in chosen:
        deciding[PATCHES] = chosen[PATCHES]
    if not deciding:
        raise QuestionError(
            f"{asked.task.name}: its questions speak to {', '.join(there) or 'no signal of this store'}, "
            f"but only {', '.join(chosen)} {'has' if len(chosen) == 1 else 'have'} a weight."
        )
    return deciding


def fused(asked: Asked, weights: Mapping[str, float] | None = None, name: str = FUSED) -> System:
    """The store's answer at its default weights, those that `weights` names replaced. Raises as `weighted` does."""
    omega = {signal: weight / asked.sigma(signal) for signal, weight in weighted(asked, weights).items()}
    share = np.float32(omega.pop(EXACT, 0.0))
    compared = omega.pop(PATCHES, 0.0)
    ends = np.cumsum([0, *map(asked.dim, omega)]).tolist()
    mass: Vector = np.zeros(asked.task.size, np.float32) if asked.worded is None else asked.worded * share
    left = np.empty((asked.task.size, ends[-1]), np.float32)
    right = left if asked.same else np.empty((len(asked.task.gallery), ends[-1]), np.float32)
    for signal, start, stop in zip(omega, ends, ends[1:], strict=False):
        # Square roots on both sides keep the product symmetric where every product asks every other.
        root = np.float32(np.sqrt(omega[signal]))
        questions = asked.questions(signal)
        mass += np.float32(omega[signal]) * questions.any(axis=1)
        np.multiply(questions, root, out=left[:, start:stop])
        if right is not left:
            np.multiply(asked.gallery(signal), root, out=right[:, start:stop])
    more = asked.words * share if asked.words is not None and share else None
    system = System(name, "fused", left, right, more, np.where(mass > 0, mass, np.float32(1)))
    return with_patches(asked.snapshot, asked.task, system, asked.patches_of, compared) if compared else system


def alone(asked: Asked) -> Iterator[System]:
    """Each signal of the store alone, and the words found literally."""
    for signal in asked.signals:
        gallery = asked.gallery(signal)
        yield System(signal, "signal", gallery if asked.same else asked.questions(signal), gallery)
    if asked.words is not None:
        left, right = (np.zeros((size, 1), np.float32) for size in asked.words.shape)
        yield System(EXACT, "signal", left, right, asked.words)


def pair_scores(system: System, questions: Rows, gallery: Rows) -> Vector:
    """Scores of some pairs (question, row of the gallery), (pairs,); words found literally don't count."""
    scores = np.empty(len(questions), np.float32)
    for start in range(0, len(questions), BLOCK):
        some = slice(start, start + BLOCK)
        left: Any = system.questions[questions[some]]
        right: Any = system.gallery[gallery[some]]
        if sparse.issparse(left):
            scores[some] = left.multiply(right).sum(axis=1)
        else:
            scores[some] = np.einsum("ij,ij->i", left, right)
    return scores if system.mass is None else scores / system.mass[questions]
