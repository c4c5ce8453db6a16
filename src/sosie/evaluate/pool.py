"""The answers of a task at any weights, quickly: what every signal proposes is scored once and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.engine.questions import EXACT
from sosie.evaluate.answers import Asked, alone, fused, searched
from sosie.evaluate.ranking import rank
from sosie.evaluate.system import System
from sosie.evaluate.task import Task
from sosie.evaluate.values import Values
from sosie.metrics.ranking import measure
from sosie.types import Progress, Rows

DEPTH = 150  # places that each signal, and the fused answer, proposes for a question
COLUMNS = 20  # bits of the number of a column
NONE = np.iinfo(np.int64).max

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Pool:
    """Places proposed for each question, with the cosine of each signal: weights change only a sum.

    What no signal has among its first DEPTH is left out: with few signals that is almost never among the first ten.
    """

    signals: tuple[str, ...]
    sigmas: NDArray[np.float64]  # (signals,)
    places: Rows  # (questions, any), ascending, -1 = none
    cosines: Floats  # (signals, questions, any), 0 where a place lacks the signal
    asks: NDArray[np.bool_]  # (signals, questions) which questions have the signal
    there: NDArray[np.bool_]  # (signals, questions, any) which places have it
    grades: Floats  # (questions, any)
    ideal: Floats  # (questions, depth)
    counts: Rows  # (questions,)

    def values(self, weights: Mapping[str, float], name: str, some: Rows | None = None) -> Values:
        """Values of a measure at some weights, of `some` of the questions, (questions,)."""
        chosen: Any = slice(None) if some is None else some
        scores = np.zeros(self.grades[chosen].shape, np.float32)
        there, found = np.zeros((2, *scores.shape), np.bool_)
        asks = np.zeros(len(scores), np.bool_)
        for at, signal in enumerate(self.signals):
            if weights.get(signal):  # summed one by one: equal products stay equal
                scores += np.float32(weights[signal] / self.sigmas[at]) * self.cosines[at, chosen]
                if signal == EXACT:
                    found = self.there[at, chosen]
                else:
                    there |= self.there[at, chosen]
                    asks |= self.asks[at, chosen]
        silent = ~(there & asks[:, None] | found)
        scores[silent] = -np.inf
        grades = np.where(silent, np.float32(0), self.grades[chosen])
        first = _first(scores, self.ideal.shape[1])
        return measure(np.take_along_axis(grades, first, 1), self.ideal[chosen], self.counts[chosen], (name,))[name]


def _first(scores: Floats, depth: int) -> Rows:
    """Columns of the `depth` highest scores of each row, the highest first, equal ones by column."""
    bits = (scores + np.float32(0)).view(np.int32).astype(np.int64)  # + 0: -0 equals 0
    rising = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    keys = -rising << COLUMNS | np.arange(scores.shape[1])
    if depth < keys.shape[1]:
        keys = np.partition(keys, depth - 1, axis=1)[:, :depth]
    return np.sort(keys, axis=1) & ((1 << COLUMNS) - 1)


def pool(asked: Asked, depth: int, progress: Progress | None = None) -> Pool:
    """Propose and score once. A place of several rows is scored by its best row in each signal. `depth` of lists.

    What the store only compares is left out.
    """
    task = asked.task
    systems = list(alone(asked))
    proposed = np.hstack(
        [_proposed(system, task, progress) for system in (*systems, fused(asked, searched(asked.snapshot)))]
    )
    places = np.sort(np.where(proposed < 0, NONE, proposed), axis=1)
    places[:, 1:][places[:, 1:] == places[:, :-1]] = NONE
    places.sort(axis=1)
    places = places[:, : max(1, int((places < NONE).sum(axis=1).max(initial=0)))]
    places[places == NONE] = -1
    every = np.arange(task.size)
    scored = [_scored(system, task, places) for system in systems]
    vectors = [np.asarray(system.questions) for system in systems]
    return Pool(
        signals=tuple(system.name for system in systems),
        sigmas=np.array([asked.sigma(system.name) for system in systems]),
        places=places,
        cosines=np.stack([cosines for cosines, _ in scored]),
        asks=np.stack([questions.any(axis=1) for questions in vectors]),
        there=np.stack([there for _, there in scored]),
        grades=task.relevance.grades(every, places),
        ideal=task.relevance.ideal(every, depth),
        counts=task.relevance.counts(every),
    )


def _proposed(system: System, task: Task, progress: Progress | None) -> Rows:
    found = np.full((task.size, DEPTH), -1, np.int64)
    for block in rank(system, task, DEPTH, progress):
        found[block.questions, : block.places.shape[1]] = block.places
    return found


def _scored(system: System, task: Task, places: Rows) -> tuple[Floats, NDArray[np.bool_]]:
    """The score of each place's best row, and whether it has the signal, (questions, any)."""
    order = np.argsort(task.places, kind="stable")
    firsts = np.searchsorted(task.places, np.arange(len(task.titles) + 1), sorter=order)
    scores = np.full(places.shape, -np.inf, np.float32)
    for at in range(task.size):
        some = places[at][places[at] >= 0]
        counts = firsts[some + 1] - firsts[some]
        ends = np.cumsum(counts)
        rows = order[np.repeat(firsts[some] - ends + counts, counts) + np.arange(counts.sum())]
        vectors, question = system.gallery[rows], system.questions[at]
        if system.more is None:
            found = np.einsum("ij,j->i", vectors, question)  # not BLAS: equal rows stay equal
            found[~vectors.any(axis=1)] = -np.inf
        else:
            found = system.more[[at]][0, rows]
            found[found <= 0] = -np.inf
        if len(some):
            scores[at, : len(some)] = np.maximum.reduceat(found, ends - counts)
    there = scores > -np.inf
    scores[~there] = 0
    return scores, there


def replaced(pooled: Pool, asked: Asked, signal: str) -> Pool:
    """The same with one signal as `asked` has it; the places proposed stay."""
    at = pooled.signals.index(signal)
    system = System(signal, "signal", asked.questions(signal), asked.gallery(signal))
    cosines, asks = pooled.cosines.copy(), pooled.asks.copy()
    there, sigmas = pooled.there.copy(), pooled.sigmas.copy()
    cosines[at], there[at] = _scored(system, asked.task, pooled.places)
    asks[at], sigmas[at] = np.asarray(system.questions).any(axis=1), asked.sigma(signal)
    return replace(pooled, sigmas=sigmas, cosines=cosines, asks=asks, there=there)
