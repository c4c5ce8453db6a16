"""The answers of a task at any weights, quickly: what every signal proposes is scored once and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sosie.engine.questions import EXACT, EXACT_SCALE
from sosie.evaluate.answers import Asked, alone, fused
from sosie.evaluate.ranking import rank
from sosie.evaluate.system import System
from sosie.evaluate.values import Values
from sosie.metrics.ranking import measure
from sosie.types import Progress, Rows

DEPTH = 150  # places that each signal, and the fused answer, proposes for a question


@dataclass(frozen=True, eq=False)
class Pool:
    """Places proposed for each question, with the cosine of each signal: weights change only a sum.

    What no signal has among its first DEPTH is left out: with few signals that is almost never among the first ten.
    """

    signals: tuple[str, ...]
    sigmas: NDArray[np.float64]  # (signals,)
    places: Rows  # (questions, any), ascending, -1 = none
    cosines: NDArray[np.float32]  # (signals, questions, any)
    grades: NDArray[np.float32]  # (questions, any)
    ideal: NDArray[np.float32]  # (questions, depth)
    counts: Rows

    def values(self, weights: Mapping[str, float], name: str, some: Rows | None = None) -> Values:
        """Values of a measure at some weights, (questions,)."""
        chosen = np.arange(len(self.places)) if some is None else some
        omega = np.array([weights.get(s, 0.0) for s in self.signals]) / self.sigmas
        scores = np.tensordot(omega.astype(np.float32), self.cosines[:, chosen], 1)
        scores[self.places[chosen] < 0] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, : self.ideal.shape[1]]  # equal scores by place
        grades = np.take_along_axis(self.grades[chosen], order, 1)
        return measure(grades, self.ideal[chosen], self.counts[chosen], (name,))[name]


def pool(asked: Asked, depth: int, progress: Progress | None = None) -> Pool:
    """Propose and score once. A place of several rows is scored by its best row in each signal. `depth` of lists."""
    task = asked.task
    systems = list(alone(asked))
    proposed = [_proposed(system, asked, progress) for system in (*systems, fused(asked))]
    both = np.sort(np.hstack(proposed), axis=1)
    both[:, 1:][both[:, 1:] == both[:, :-1]] = -1
    both = np.sort(both, axis=1)[:, ::-1]
    width = max(1, int((both >= 0).sum(axis=1).max(initial=0)))
    places = np.sort(np.where(both < 0, np.iinfo(np.int64).max, both), axis=1)[:, :width]
    places = np.where(places == np.iinfo(np.int64).max, -1, places)
    every = np.arange(task.size)
    counts = task.relevance.counts(every)
    return Pool(
        signals=tuple(system.name for system in systems),
        sigmas=np.array([_sigma(asked, system.name) for system in systems]),
        places=places,
        cosines=np.stack([_cosines(system, asked, places) for system in systems]),
        grades=task.relevance.grades(every, places),
        ideal=task.relevance.ideal(every, depth),
        counts=counts,
    )


def _sigma(asked: Asked, signal: str) -> float:
    return EXACT_SCALE.sigma if signal == EXACT else asked.snapshot.scales[signal].sigma


def _proposed(system: System, asked: Asked, progress: Progress | None) -> Rows:
    found = np.full((asked.task.size, DEPTH), -1, np.int64)
    for block in rank(system, asked.task, DEPTH, progress):
        found[block.questions, : block.places.shape[1]] = block.places
    return found


def _cosines(system: System, asked: Asked, places: Rows) -> NDArray[np.float32]:
    """Score of each place by one signal, (questions, any): of its best row."""
    task = asked.task
    cosines = np.zeros(places.shape, np.float32)
    order = np.argsort(task.places, kind="stable")
    starts = np.searchsorted(task.places[order], np.arange(len(task.titles)))
    ends = np.append(starts[1:], len(order))
    for at in range(task.size):
        there = places[at][places[at] >= 0]
        rows = np.concatenate([order[starts[p] : ends[p]] for p in there.tolist()]) if len(there) else there
        scores = np.asarray(system.gallery[rows] @ system.questions[at], np.float32)
        if system.more is not None:
            scores = scores + system.more[at][rows]
        firsts = np.cumsum([0, *(ends[there] - starts[there])])[:-1]
        cosines[at, : len(there)] = np.maximum.reduceat(scores, firsts) if len(there) else 0
    return cosines


def replaced(pooled: Pool, asked: Asked, system: System, sigma: float | None = None) -> Pool:
    """The same with one signal made another way; the places proposed stay."""
    at = pooled.signals.index(system.name)
    cosines, sigmas = pooled.cosines.copy(), pooled.sigmas.copy()
    cosines[at] = _cosines(system, asked, pooled.places)
    sigmas[at] = sigmas[at] if sigma is None else sigma
    return replace(pooled, cosines=cosines, sigmas=sigmas)
