"""What every lesson is made of: products to learn from, those kept back, and what is known beforehand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from sosie.errors import TrainingError, TruthError
from sosie.evaluate.front import Truth
from sosie.evaluate.relevance import answerable
from sosie.evaluate.splits import Splits, find_split
from sosie.evaluate.task import Task, TaskOptions, part_of
from sosie.store import Snapshot
from sosie.text import folded
from sosie.train.judging import Judge
from sosie.train.supervision import Supervision, supervision
from sosie.types import Mask, Rows

HELD = 0.1  # share of the products that are kept back where no split tells which
BATCH = 4_096
TRAIN, VAL = "train", "val"


@dataclass(frozen=True, eq=False)
class Lesson:
    """Products that are learnt from, what is known of them, and what judges the result."""

    rows: Rows  # (n,) of the snapshot
    known: tuple[Supervision, ...]  # of these, one a label
    judge: Judge | None  # None: there is nothing to judge by
    told: str  # what is learnt from, for reports
    notes: tuple[str, ...] = ()
    classes: Mapping[str, int] = field(default_factory=dict)  # of the first label: name -> products to learn from


@dataclass(frozen=True, eq=False)
class Parts:
    """Living rows to learn from, and those kept back to judge by; the split test is in neither."""

    learning: Mask  # (size of the snapshot,)
    held: Mask
    notes: tuple[str, ...] = ()


def parted(snapshot: Snapshot, truth: Truth, seed: int) -> Parts:
    """By a column of splits, train and val; without one, or without val, a tenth of the products is kept back.

    Raises TruthError where the column is missing, or tells no train.
    """
    alive, column = snapshot.alive, truth.options.split
    if not column:
        held = _drawn(snapshot, alive, seed)
        return Parts(alive & ~held, held, (_told(held),))
    splits = Splits.of(snapshot, column)
    learning = splits.rows(find_split(TRAIN, splits.there, splits.where))
    try:
        return Parts(learning, splits.rows(find_split(VAL, splits.there, splits.where)))
    except TruthError:
        held = _drawn(snapshot, learning, seed)
        return Parts(learning & ~held, held, (f"{splits.where}: there is no split val; {_told(held)}",))


def _told(held: Mask) -> str:
    return f"{int(held.sum()):,} products are kept back to judge by."


def _drawn(snapshot: Snapshot, among: Mask, seed: int) -> Mask:
    """A tenth of some rows, whole groups of variants, at random."""
    groups = np.unique(snapshot.groups[among])
    chosen = np.random.default_rng([seed, 1]).permutation(groups)[: max(1, round(HELD * len(groups)))]
    return among & np.isin(snapshot.groups, chosen)


def kept_back(make: Callable[[TaskOptions], Task], options: TaskOptions, held: Mask, gallery: tuple[str, ...]) -> Task:
    """The questions of a truth that products kept back ask, answered by those of some splits, where a column tells.

    Raises TrainingError where none of them can be judged, TruthError as `make` does.
    """
    if options.split:
        try:
            return make(replace(options, query_split=VAL, gallery_split=gallery))
        except TruthError:
            whole = make(replace(options, query_split=TRAIN, gallery_split=(TRAIN,)))
    else:
        whole = make(replace(options, query_split="", gallery_split=()))
    chosen = np.flatnonzero(held[np.asarray(whole.asked)])
    if not len(chosen):
        raise TrainingError(f"{whole.name}: none of the products kept back can be judged by it.")
    return answerable(part_of(whole, chosen))


def guards(snapshot: Snapshot, rows: Rows) -> Supervision:
    """What is known of any products before somebody says it: variants, and products of one title."""
    titles: dict[str, int] = {}
    twins = np.full(len(rows), -1, np.int64)
    for start in range(0, len(rows), BATCH):
        for at, product in enumerate(snapshot.products(rows[start : start + BATCH]), start):
            if title := folded(product.title):
                twins[at] = titles.setdefault(title, len(titles))
    return supervision(len(rows), groups=snapshot.groups[rows], twins=twins)
