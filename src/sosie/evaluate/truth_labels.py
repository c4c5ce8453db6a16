"""Labels as a truth: products that bear the same label are alike."""

from collections.abc import Sequence

import numpy as np

from sosie.errors import TruthError
from sosie.evaluate.places import Gallery, first_rows
from sosie.evaluate.relevance import Labelled, Nothing, answerable
from sosie.evaluate.splits import TEST, Splits, find_split, find_splits
from sosie.evaluate.task import Codes, Lists, Task, TaskOptions
from sosie.evaluate.words import Words, words_of
from sosie.store import Snapshot
from sosie.types import Mask, Rows

LEVEL, PATH = " > ", " | "  # between the levels of a path, and between the paths of a product
TREE = "category"  # its words hold several paths


def label_task(snapshot: Snapshot, labels: Sequence[str], options: TaskOptions, among: Mask | None = None) -> Task:
    """Each product asks for those of its label: grade 1 for the same label, and 1 for each shared level of a path.

    Grades of several labels are summed. With `options.split` the query split asks the gallery splits, otherwise all
    ask all; of these only those `among` answer, (size,), where it is given. Products without any of the labels don't
    ask and are relevant to none, but stay in the gallery. A product with variants asks once, by the first of its
    variants that has a label, and is as relevant as the best of them.
    Raises TruthError for unknown columns and splits, and where nothing is relevant to anything.
    """
    labels = tuple(dict.fromkeys(labels))
    columns = [words_of(snapshot, label) for label in labels]
    asking, answering, told = _by_split(snapshot, options)
    if among is not None:
        answering, told = answering & among, f"{told}, answered by {int((answering & among).sum()):,}"
    labelled = np.logical_or.reduce([column.codes >= 0 for column in columns])
    asked = first_rows(snapshot, np.flatnonzero(asking & labelled), options.variants)
    name = f"label{'s' * (len(labels) > 1)} {'+'.join(labels)}{told}"
    if not len(asked):
        raise TruthError(f"{name}: none of the {int(asking.sum()):,} products that ask has a label.")
    gallery = Gallery.of(snapshot, np.flatnonzero(answering), options.variants)
    notes = []
    for what, rows in (("ask", asking), ("may answer", answering)):
        if missing := int(np.count_nonzero(rows & ~labelled)):
            consequence = "they don't ask" if what == "ask" else "they are relevant to nothing"
            notes.append(f"{missing:,} of the {int(rows.sum()):,} products that {what} have no label: {consequence}.")
    task = Task(
        name=name,
        keys=tuple(snapshot.ids(asked)),
        asked=asked,
        gallery=gallery.rows,
        places=gallery.places,
        titles=gallery.titles,
        relevance=_relevance(labels, columns, asked, gallery),
        barred=gallery.own(asked),
        labels=labels,
        notes=tuple(notes),
    )
    return answerable(task, "; a label has to be shared by several products to judge by")


def every_product(snapshot: Snapshot, variants: bool) -> Task:
    """Every living product asks all others, and nothing is relevant: for looking at neighbours without a truth.

    A product with variants asks once, by the first of them, unless `variants` tells them apart.
    """
    rows = np.flatnonzero(snapshot.alive)
    gallery = Gallery.of(snapshot, rows, variants)
    asked = first_rows(snapshot, rows, variants)
    return Task(
        name="every product",
        keys=tuple(snapshot.ids(asked)),
        asked=asked,
        gallery=rows,
        places=gallery.places,
        titles=gallery.titles,
        relevance=Nothing(),
        barred=gallery.own(asked),
    )


def _by_split(snapshot: Snapshot, options: TaskOptions) -> tuple[Mask, Mask, str]:
    """Rows that ask and rows that may answer, and how the task's name tells it."""
    if not options.split:
        if options.query_split or options.gallery_split:
            raise TruthError("splits are named, but no column that tells them: give --split COLUMN too.")
        return snapshot.alive, snapshot.alive, ""
    splits = Splits.of(snapshot, options.split)
    asking = find_split(options.query_split or TEST, splits.there, splits.where)
    answering = find_splits(options.gallery_split, splits.there, splits.where)
    if not options.gallery_split:
        answering = tuple(split for split in splits.there if split not in asking)
    if not answering:
        raise TruthError(f"{splits.where}: all products are of the split {'+'.join(asking)}; none is left to answer.")
    told = f", queries {'+'.join(asking)}, gallery {'+'.join(answering)}"
    return splits.rows(asking), splits.rows(answering), told


def _relevance(labels: Sequence[str], columns: Sequence[Words], asked: Rows, gallery: Gallery) -> Labelled:
    rows = np.concatenate([asked, gallery.rows])
    codes = np.stack([column.codes[rows] for column in columns], axis=1)
    combinations, combination = np.unique(codes, axis=0, return_inverse=True)
    combination = combination.ravel()
    alternatives, lists = _alternatives(
        combinations, [_levels(n, c.words) for n, c in zip(labels, columns, strict=True)]
    )
    # A place whose rows differ is of a kind of its own.
    place, of_row = np.unique(np.stack([gallery.places, combination[len(asked) :]], axis=1), axis=0).T
    counts = np.bincount(place, minlength=len(gallery.titles))
    kinds = np.zeros(len(counts), np.int64)
    kinds[place] = of_row
    mixed = np.flatnonzero(counts > 1)
    kinds[mixed] = len(combinations) + np.arange(len(mixed))
    several = counts[place] > 1
    back, values = lists.joined(of_row[several])
    sizes = np.bincount(kinds[place[several]][back] - len(combinations), minlength=len(mixed))
    starts = np.concatenate([lists.starts, lists.starts[-1] + np.cumsum(sizes)])
    lists = Lists(starts, np.concatenate([lists.values, values]))
    return Labelled(alternatives, lists, combination[: len(asked)], kinds, gallery.place(asked))


def _alternatives(combinations: Rows, columns: Sequence[tuple[Codes, Lists]]) -> tuple[Codes, Lists]:
    """Every choice of one path of each label, as the codes of all their levels, and the choices of each combination."""
    owner = np.arange(len(combinations))
    table = np.empty((len(combinations), 0), np.int32)
    for at, (levels, paths) in enumerate(columns):
        back, chosen = paths.joined(combinations[owner, at])
        table, owner = np.hstack([table[back], levels[chosen]]), owner[back]
    starts = np.searchsorted(owner, np.arange(len(combinations) + 1))
    return table, Lists(starts, np.arange(len(owner)))


def _levels(label: str, words: Sequence[str]) -> tuple[Codes, Lists]:
    """The paths that each word holds, and for each path a number for its beginning down to each level, -1 below.

    A word that is no path is one of one level. The last word, which -1 finds, is the missing one.
    """
    numbers: dict[tuple[str, ...], int] = {}
    rows: list[list[int]] = []
    sizes = []
    for word in words:
        paths = word.split(PATH) if label == TREE else [word]
        sizes.append(len(paths))
        for path in paths:
            parts = tuple(filter(None, map(str.strip, path.split(LEVEL))))
            rows.append([numbers.setdefault(parts[:depth], len(numbers)) for depth in range(1, len(parts) + 1)])
    table = np.full((len(rows) + 1, max(map(len, rows), default=1)), -1, np.int32)
    for at, row in enumerate(rows):
        table[at, : len(row)] = row
    starts = np.cumsum([0, *sizes, 1]).astype(np.int64)
    return table, Lists(starts, np.arange(len(table)))
