"""The first places of every question compared patch by patch, as the engine compares the first candidates."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import sparse

from sosie.encoders.matching import Patches
from sosie.engine.patches import FIRST, compare
from sosie.evaluate.ranking import rank
from sosie.evaluate.system import Literal, System
from sosie.evaluate.task import Task
from sosie.store import Snapshot
from sosie.types import Rows


def with_patches(
    snapshot: Snapshot, task: Task, system: System, patches_of: Callable[[int], Patches], omega: float
) -> System:
    """A system of which the first places of each question are compared; `omega` is the weight of that over its spread.

    `patches_of` a question are (dim,), zeros where it has none. A place of several rows is compared by its best row,
    and what that adds holds for all of them.
    """
    order = np.argsort(task.places, kind="stable")
    firsts = np.searchsorted(task.places, np.arange(len(task.titles) + 1), sorter=order)
    mass = np.ones(task.size, np.float32) if system.mass is None else system.mass.copy()
    added = [sparse.csr_array((1, len(task.gallery)), dtype=np.float32)] * task.size
    for block in rank(system, task, FIRST):
        for question, places in zip(block.questions.tolist(), block.places, strict=True):
            patches = patches_of(question)
            if not patches.any():
                continue
            mass[question] += np.float32(omega)
            rows = [order[firsts[place] : firsts[place + 1]] for place in places[places >= 0].tolist()]
            if rows:
                best = np.array([_best(system, question, some) for some in rows])
                parts = np.float32(omega) * compare(snapshot, patches, task.gallery[best])
                values, columns = np.repeat(parts, [len(some) for some in rows]), np.concatenate(rows)
                added[question] = sparse.csr_array(
                    (values, (np.zeros(len(columns), np.int64), columns)), shape=(1, len(task.gallery))
                )
    more = sparse.vstack(added, format="csr")
    if isinstance(system.more, Literal):
        more = more + system.more.kept
    return replace(system, more=Literal(more), mass=mass)


def _best(system: System, question: int, rows: Rows) -> int:
    """The row of highest score."""
    if len(rows) == 1:
        return int(rows[0])
    scores = system.gallery[rows] @ system.questions[question]
    if system.more is not None:
        scores = scores + system.more[[question]][0, rows]
    return int(rows[np.argmax(scores)])
