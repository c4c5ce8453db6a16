"""Labels as a truth: products that bear the same label are alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sosie.errors import TruthError
from sosie.evaluate.places import Gallery, first_rows
from sosie.evaluate.reading import near_to, some
from sosie.evaluate.relevance import Labelled, Nothing
from sosie.evaluate.splits import choose_splits
from sosie.evaluate.task import Codes, Lists, Task, TaskOptions
from sosie.store import Snapshot
from sosie.types import Column, Mask, Rows

LEVEL, PATH = " > ", " | "  # between the levels of a path, and between the paths of a product
TREE = "category"  # its words hold several paths


@dataclass(frozen=True, slots=True)
class _Words:
    """A column as words: `codes` number them, -1 = missing."""

    codes: NDArray[np.int64]  # (size,)
    words: tuple[str, ...]


def label_task(snapshot: Snapshot, labels: Sequence[str], options: TaskOptions) -> Task:
    """Each product asks for those of its label: grade 1 for the same label, and 1 for each shared level of a path.

    Grades of several labels are summed. With `options.split` the query split asks the gallery splits, otherwise all
    ask all. Products without any of the labels don't ask and are relevant to none, but stay in the gallery. A product
    with variants asks once, by the first of its variants that has a label, and is as relevant as the best of them.
    Raises TruthError for unknown columns and splits, and where nothing is relevant to anything.
    """
    labels = tuple(dict.fromkeys(labels))
    columns = [words_of(snapshot, label) for label in labels]
    asking, answering, told = _by_split(snapshot, options)
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
    relevance = _relevance(labels, columns, asked, gallery)
    if not relevance.counts(np.arange(len(asked))).any():
        raise TruthError(
            f"{name}: no product of the gallery bears the label of another one that asks; "
            "a label has to be shared to judge by."
        )
    return Task(
        name=name,
        keys=tuple(snapshot.ids(asked)),
        asked=asked,
        gallery=gallery.rows,
        places=gallery.places,
        titles=gallery.titles,
        relevance=relevance,
        barred=gallery.own(asked),
        labels=labels,
        notes=tuple(notes),
    )


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


def words_of(snapshot: Snapshot, name: str) -> _Words:
    """A column of the store, numbers as words. Raises TruthError where there is none of that name, or it is empty."""
    columns: Mapping[str, Column] = snapshot.columns
    if name not in columns:
        raise TruthError(
            f"store {snapshot.store}: there is no column '{name}'{near_to(name, columns)} "
            f"It has {some(list(columns), 30)}. Columns that became part of the category are judged as 'category'; "
            f"to keep one apart, build with --ignore '{name}'."
        )
    column = columns[name]
    if column.vocabulary is not None:
        return _Words(column.values.astype(np.int64), column.vocabulary)
    numbers, codes = np.unique(column.values, return_inverse=True)
    return _Words(
        np.where(np.isnan(column.values), -1, codes),
        tuple(np.format_float_positional(number, trim="-") for number in numbers),
    )


def split_rows(snapshot: Snapshot, column: _Words, splits: Sequence[str]) -> Mask:
    """Living products of some splits, (size,)."""
    chosen = np.array([*(word in splits for word in column.words), False])
    rows: Mask = snapshot.alive & chosen[column.codes]
    return rows


def splits_there(snapshot: Snapshot, column: _Words) -> list[str]:
    """The splits that living products have."""
    return [column.words[code] for code in np.unique(column.codes[snapshot.alive]) if code >= 0]


def _by_split(snapshot: Snapshot, options: TaskOptions) -> tuple[Mask, Mask, str]:
    """Rows that ask and rows that may answer, and how the task's name tells it."""
    if not options.split:
        if options.query_split or options.gallery_split:
            raise TruthError("splits are named, but no column that tells them: give --split COLUMN too.")
        return snapshot.alive, snapshot.alive, ""
    column = words_of(snapshot, options.split)
    there = splits_there(snapshot, column)
    where = f"column '{options.split}'"
    asking, answering = choose_splits(options.query_split, options.gallery_split, there, where)
    if not answering:
        raise TruthError(f"{where}: all products are of the split {'+'.join(asking)}; none is left to answer.")
    told = f", queries {'+'.join(asking)}, gallery {'+'.join(answering)}"
    return split_rows(snapshot, column, asking), split_rows(snapshot, column, answering), told


def _relevance(labels: Sequence[str], columns: Sequence[_Words], asked: Rows, gallery: Gallery) -> Labelled:
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
