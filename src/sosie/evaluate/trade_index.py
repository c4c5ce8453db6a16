"""What the index of a store gives and costs, beside a scan of every product."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from sosie.engine.candidates import Candidates, Sought
from sosie.engine.questions import Encoders, understand
from sosie.evaluate.answers import Asked
from sosie.evaluate.values import Values
from sosie.metrics.ranking import depth_needed, measure
from sosie.store import Snapshot
from sosie.types import Mask, Query, Rows

QUESTIONS = 150  # that are asked
INDEXES = ("codes.bin", "graph.faiss")
BARRED = 20  # places that may not answer, at most: the index would have to propose as many more


@dataclass(frozen=True, eq=False)
class Looked:
    """Questions answered one at a time, as the store answers them."""

    questions: Rows  # numbers of the questions
    values: Values
    ms: float  # median of a question
    bytes: int  # of the index, a product


def through_index(asked: Asked, weights: Mapping[str, float], name: str, encoders: Encoders) -> Looked | None:
    """Answer some questions through the store's index; None where it has none, or too many may not answer."""
    task = asked.task
    candidates = Candidates.open(asked.snapshot)
    if candidates.generation.codes is None or np.diff(task.barred.starts).max(initial=0) > BARRED:
        return None
    some = np.unique(np.linspace(0, task.size - 1, min(task.size, QUESTIONS)).astype(np.int64))
    counts = task.relevance.counts(some)
    depth = max(depth_needed((name,), counts), 1)
    place = np.full(asked.snapshot.size, -1, np.int64)
    place[task.gallery] = task.places
    allowed = None if len(task.gallery) == asked.snapshot.alive.sum() else place >= 0
    found = np.full((len(some), depth), -1, np.int64)
    taken = []
    for at, question in enumerate(some.tolist()):
        query = task.asked[question] if isinstance(task.asked, tuple) else Query(like=(task.keys[question],))
        sought = understand(candidates, replace(query, weights=dict(weights)), encoders)
        if sought is None:
            continue
        start = time.perf_counter()
        answers = _answers(candidates, sought, allowed, place, task.barred.of(question), depth)
        taken.append(time.perf_counter() - start)
        found[at, : len(answers)] = answers
    grades, ideal = task.relevance.grades(some, found), task.relevance.ideal(some, depth)
    return Looked(
        some,
        measure(grades, ideal, counts, (name,))[name],
        1000 * float(np.median(taken)) if taken else 0.0,
        _size(asked.snapshot) // max(asked.snapshot.base, 1),
    )


def _size(snapshot: Snapshot) -> int:
    return sum(file.stat().st_size for name in INDEXES if (file := snapshot.folder / name).is_file())


def _answers(
    candidates: Candidates, sought: Sought, allowed: Mask | None, place: Rows, barred: Rows, depth: int
) -> Rows:
    """The first places of one question, equal scores by place."""
    places = np.empty(0, np.int64)
    for rows, scores in candidates.find(sought, allowed, depth + len(barred)):
        ordered = place[rows][np.lexsort((place[rows], -scores))]
        ordered = ordered[~np.isin(ordered, barred)]
        first = np.sort(np.unique(ordered, return_index=True)[1])
        places = ordered[first][:depth]
        if len(places) == depth:
            break
    return places
