"""Ways in which the truth may have reached the answers, looked for before any figure."""

import numpy as np

from sosie.evaluate.task import Task
from sosie.reports import Leak
from sosie.store import Snapshot
from sosie.types import Progress

SHOWN = 5  # examples of a leak


def find_leaks(snapshot: Snapshot, task: Task, progress: Progress | None = None) -> tuple[Leak, ...]:
    """Every leak that is there, the grave ones first."""
    found = [leak for leak in (_own_variants(snapshot, task),) if leak is not None]
    return tuple(sorted(found, key=lambda leak: not leak.grave))


def _own_variants(snapshot: Snapshot, task: Task) -> Leak | None:
    if isinstance(task.asked, tuple):
        return None
    groups = snapshot.groups
    order = np.argsort(groups[task.gallery], kind="stable")
    sorted_groups = groups[task.gallery][order]
    first, last = (np.searchsorted(sorted_groups, groups[task.asked], side) for side in ("left", "right"))
    examples: list[tuple[str, str]] = []
    count = 0
    for question in np.flatnonzero(last > first).tolist():
        rows = order[first[question] : last[question]]
        left = rows[~np.isin(task.places[rows], task.barred.of(question))]
        if len(left):
            count += 1
            if len(examples) < SHOWN:
                examples.append((task.keys[question], task.titles[task.places[left[0]]]))
    if not count:
        return None
    return Leak(
        "own-variants",
        count,
        task.size,
        True,
        f"{count:,} of {task.size:,} questions can be answered by a variant of the product asked about.",
        "Let variants fill one place.",
        tuple(examples),
    )
