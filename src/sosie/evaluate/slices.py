"""Where answers are worse: questions by what they have in common."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sosie.evaluate.task import Task
from sosie.metrics.intervals import holm, interval, two_sample
from sosie.reports import Slice
from sosie.store import Snapshot
from sosie.text import language
from sosie.types import Mask

LEAST = 20  # questions of a slice: with fewer, an interval says nothing
LEVEL = 0.05

Values = NDArray[np.float64]


def slices(
    snapshot: Snapshot, task: Task, values: Values, clusters: NDArray[np.int64] | None = None
) -> tuple[Slice, ...]:
    """Each group of at least LEAST questions beside all others, the worst first.

    `values`, (questions,), are NaN where a question is left out; p is Holm-corrected over all slices.
    """
    known = ~np.isnan(values)
    found: list[tuple[str, str, Mask]] = []
    for by, value, inside in groups(snapshot, task):
        if (inside & known).sum() >= LEAST and (~inside & known).sum() >= LEAST:
            found.append((by, value, inside))
    ps = []
    for _, _, inside in found:
        a, b = inside & known, ~inside & known
        ps.append(
            two_sample(
                values[a],
                values[b],
                None if clusters is None else clusters[a],
                None if clusters is None else clusters[b],
            )
        )
    out = []
    for (by, value, inside), p in zip(found, holm(np.array(ps)) if ps else (), strict=True):
        a = inside & known
        figure = interval(values[a], None if clusters is None else clusters[a])
        rest = float(values[~inside & known].mean())
        verdict: Literal["worse", "better", ""] = ""
        if p < LEVEL:
            verdict = "worse" if figure.value < rest else "better"
        out.append(Slice(by, value, figure, rest, float(p), verdict))
    return tuple(sorted(out, key=lambda one: one.figure.value - one.rest))


def groups(snapshot: Snapshot, task: Task) -> Iterator[tuple[str, str, Mask]]:
    """Groups of questions: what they are told apart by, the value, and which questions, (questions,)."""
    if isinstance(task.asked, tuple):
        words = [query.text for query in task.asked]
        yield from _by("language", [language(text) for text in words])
        return
    products = snapshot.products(task.asked)
    yield from _by("category", [p.category[0].split(" > ")[0] if p.category else "" for p in products])
    yield from _by("language", [p.language or language(p.title) for p in products])
    yield from _by("pictures", [str(min(len(p.images), 5)) for p in products])


def _by(by: str, values: list[str]) -> Iterator[tuple[str, str, Mask]]:
    names, codes, counts = np.unique(np.array(values, np.str_), return_inverse=True, return_counts=True)
    for at, name in enumerate(names.tolist()):
        if name and counts[at] >= LEAST:
            yield by, name, codes == at
