"""Compared columns that tell the label: the label itself, one that it was made of, one made of it."""

from collections.abc import Collection, Iterator

import numpy as np

from sosie.errors import TruthError
from sosie.evaluate.leaks_read import BLOCK, reading
from sosie.evaluate.leaks_twins import SHOWN
from sosie.evaluate.task import Task
from sosie.evaluate.words import Words, words_of
from sosie.reports import Leak
from sosie.store import Snapshot
from sosie.types import Rows

TELLS = 0.8  # of what there is to know of the label beyond chance: the column could stand for it
HINTS = 0.3  # the column is told of


def signal_leaks(snapshot: Snapshot, task: Task, signals: Collection[str]) -> Iterator[Leak | None]:
    """Category, brand and attributes that are compared while they tell the label.

    A column is asked by itself: of two products that share its value, how often do they share the label? That is
    precision at 1 of the column alone, ties drawn by lot; products that share its value with no other are answered by
    chance. Where it nearly always tells the label, figures say that a column was copied, and nothing of similarity:
    grave. Half a hint (the brand that makes mostly shoes) is what attributes are for, and only told.
    """
    if isinstance(task.asked, tuple) or not task.labels:
        return
    rows = _one_of_each(snapshot, np.union1d(task.asked, task.gallery))
    for name in _columns(snapshot, rows, signals):
        column = _words(snapshot, name)
        for label in task.labels:
            if column is not None:
                yield _telling(snapshot, task, rows, name, column, label)


def _one_of_each(snapshot: Snapshot, rows: Rows) -> Rows:
    """One row of each product: its variants would tell each other."""
    return rows[np.sort(np.unique(snapshot.groups[rows], return_index=True)[1])]


def _columns(snapshot: Snapshot, rows: Rows, signals: Collection[str]) -> list[str]:
    """Names of the columns that are compared."""
    names = ["category"] if reading("category", signals) else []
    if reading("attributes", signals):
        found: set[str] = set()
        for start in range(0, len(rows), BLOCK):
            for product in snapshot.products(rows[start : start + BLOCK]):
                found.update(product.attributes)
        names += ["brand", *sorted(found)]
    return names


def _words(snapshot: Snapshot, name: str) -> Words | None:
    try:
        return words_of(snapshot, name)
    except TruthError:  # no product has it
        return None


def _telling(snapshot: Snapshot, task: Task, rows: Rows, name: str, column: Words, label: str) -> Leak | None:
    truth = words_of(snapshot, label)
    some = rows[truth.codes[rows] >= 0]
    if len(some) < 2:
        return None
    alike = np.unique(truth.codes[some], return_inverse=True)[1]
    chance = (np.bincount(alike)[alike] - 1) / (len(some) - 1)
    value = column.codes[some]
    pair = np.unique(np.stack([value, alike]), axis=1, return_inverse=True)[1].ravel()
    others = np.bincount(np.maximum(value, 0), value >= 0)[np.maximum(value, 0)] - 1
    right = np.where((value >= 0) & (others > 0), (np.bincount(pair)[pair] - 1) / np.maximum(others, 1), chance)
    told = (right.mean() - chance.mean()) / max(1 - chance.mean(), 1e-9)
    if told < HINTS:
        return None
    share = float(right.mean())
    how = "is the label itself" if name == label else f"tells the {label}"
    first = some[right > 0.5][:SHOWN]
    return Leak(
        "label-in-signal",
        round(share * len(some)),
        len(some),
        bool(told >= TELLS) or name == label,
        f"The column '{name}' is compared and {how}: "
        f"of two products with one value of it {share:.0%} have one label (by chance {chance.mean():.0%}).",
        f"Withhold it (build with --ignore {name}), or judge without it "
        f"(--weights {'category' if name == 'category' else 'attributes'}=0).",
        tuple(zip(snapshot.ids(first), (column.words[code] for code in column.codes[first].tolist()), strict=True)),
    )
