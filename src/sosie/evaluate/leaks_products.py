"""The product asked about in another guise, and who took the photos: variants, identifiers, users on both sides."""

from collections.abc import Iterator, Sequence

import numpy as np

from sosie.evaluate.leaks_read import Told, outside
from sosie.evaluate.leaks_twins import Twins, twins
from sosie.evaluate.task import Task
from sosie.reports import Leak
from sosie.store import Snapshot


def product_leaks(
    snapshot: Snapshot, task: Task, asked: Sequence[Told], gallery: Sequence[Told]
) -> Iterator[Leak | None]:
    """Own variants left in, the same product under another id, variants and users on both sides of a split.

    A right answer that is the question itself is grave wherever it is found. Photos of one user share light and
    background, which tells nothing of new users: grave across a split. Variants across a split that may not answer are
    told for the sake of models that were trained on the other side.
    """
    own = _variants(snapshot, task)
    yield own.leak(
        "own-variants",
        "may be answered by a variant of the product asked about",
        "Leave out --variants, so that a product and its variants fill one place and never answer themselves.",
        np.any,
    )
    yield _apart(snapshot, task)
    same = twins(task, [one.products for one in asked], [one.products for one in gallery]).without(own)
    yield same.leak(
        "same-product",
        "may be answered by the same product under another id (an identifier or a column that numbers products agrees)",
        "Map that column to the group of variants (--map group=COLUMN), or leave one of the two out.",
        np.any,
    )
    apart = outside(task)
    yield twins(task, [one.users for one in asked], [one.users for one in gallery]).leak(
        "same-user",
        "have answers from the same user",
        "Split by user: all that one user sent belongs to one side.",
        lambda right: bool((right & apart).any()),
    )


def _variants(snapshot: Snapshot, task: Task) -> Twins:
    if isinstance(task.asked, tuple):
        return Twins(task, np.empty(0, np.int64), np.empty(0, np.int64))
    sides = (snapshot.groups[rows].tolist() for rows in (task.asked, task.gallery))
    return twins(task, *([(str(group),) for group in groups] for groups in sides))


def _apart(snapshot: Snapshot, task: Task) -> Leak | None:
    """Questions of another split whose variants are in the gallery, barred as they should be."""
    if isinstance(task.asked, tuple):
        return None
    barred = np.diff(task.barred.starts) > 0
    split = outside(task) & barred & np.isin(snapshot.groups[task.asked], snapshot.groups[task.gallery])
    found = np.flatnonzero(split)
    if not len(found):
        return None
    return Leak(
        "products-apart",
        len(found),
        task.size,
        False,
        f"{len(found):,} of {task.size:,} questions have variants beyond the split, which may not answer.",
        "Split by product before you train on the other side: a model has seen these products.",
        tuple((task.keys[at], task.titles[task.barred.of(at)[0]]) for at in found[:5].tolist()),
    )
