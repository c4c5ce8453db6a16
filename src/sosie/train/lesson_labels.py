"""Labels and category trees as a lesson: products of one label are alike, at every level of a path."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sosie.errors import TrainingError
from sosie.evaluate.front import Truth
from sosie.evaluate.task import Task, TaskOptions
from sosie.evaluate.truth import label_task
from sosie.evaluate.truth_labels import LEVEL, PATH, TREE
from sosie.evaluate.words import Words, words_of
from sosie.store import Snapshot
from sosie.train.judging import TaskJudge
from sosie.train.lesson import TRAIN, Lesson, Parts, guards, kept_back
from sosie.types import Mask

_SHOTS = 8  # draws numbers of its own


def labels_lesson(
    snapshot: Snapshot, truth: Truth, parts: Parts, unlabelled: bool = False, few: bool = False
) -> Lesson:
    """Learn labels, each with a supervision of its own; judged by hit@1, where a tree is among them by ndcg@10.

    A tree is told by the first path of a product's categories. Products without any of the labels are left out unless
    the `unlabelled` are learnt from, too. Where they are `few`, they alone answer when it is judged. Nothing judges
    where nothing is held. Raises TrainingError where no product to learn from has a label.
    """
    labels = tuple(dict.fromkeys(truth.labels))
    words = [words_of(snapshot, label) for label in labels]
    levels = [_levels(label, column) for label, column in zip(labels, words, strict=True)]
    labelled = np.logical_or.reduce([table[0] >= 0 for table in levels])
    rows = np.flatnonzero(parts.learning if unlabelled else parts.learning & labelled)
    missing = int((parts.learning & ~labelled).sum())
    there = int(parts.learning.sum())
    if missing == there:
        raise TrainingError(f"none of the {there:,} products to learn from has {' or '.join(labels)}.")
    told = "learnt from by themselves" if unlabelled else "left out"
    notes = [f"{missing:,} of {there:,} products to learn from ({missing / there:.0%}) have no label; {told}."]
    among = parts.learning if few else None
    asked = [partial(_asked, snapshot, label, among=among) for label in labels]
    tasks = [kept_back(ask, truth.options, parts.held, (TRAIN,)) for ask in asked if parts.held.any()]
    measure = "ndcg@10" if any(len(table) > 1 for table in levels) else "hit@1"
    known = guards(snapshot, rows)
    codes = words[0].codes[rows]
    names, counts = np.unique(codes[codes >= 0], return_counts=True)
    return Lesson(
        rows,
        tuple(replace(known, labels=_dense(table[:, rows])) for table in levels),
        TaskJudge.of(snapshot, tasks, measure) if tasks else None,
        f"label{'s' * (len(labels) > 1)} {' and '.join(labels)}",
        tuple(notes if missing else ()),
        {words[0].words[code]: count for code, count in zip(names.tolist(), counts.tolist(), strict=True)},
    )


def few_shots(snapshot: Snapshot, label: str, learning: Mask, shots: int, seed: int) -> Mask:
    """Of the products to learn from at most `shots` of each label, drawn at random, (size,)."""
    codes = words_of(snapshot, label).codes
    rows = np.random.default_rng([_SHOTS, seed]).permutation(np.flatnonzero(learning & (codes >= 0)))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    _, first, counts = np.unique(codes[rows], return_index=True, return_counts=True)
    chosen = np.zeros(len(learning), np.bool_)
    chosen[rows[np.arange(len(rows)) - np.repeat(first, counts) < shots]] = True
    return chosen


def _asked(snapshot: Snapshot, label: str, options: TaskOptions, among: Mask | None) -> Task:
    return label_task(snapshot, (label,), options, among)


def _levels(label: str, words: Words) -> NDArray[np.int64]:
    """The label of every row, the finest level first, (levels, size); -1 = none. Only the category has several."""
    if label != TREE:
        return words.codes[None].astype(np.int64)
    paths = [tuple(filter(None, map(str.strip, word.split(PATH)[0].split(LEVEL)))) for word in words.words]
    numbers: dict[tuple[str, ...], int] = {}
    depth = max((len(path) for path in paths), default=1)
    table = np.full((depth, len(paths) + 1), -1, np.int64)  # the last column is found by -1
    for at, path in enumerate(paths):
        for level in range(depth):  # 0 is the whole path; a short one repeats at its own depth
            table[level, at] = numbers.setdefault(path[: min(depth - level, len(path))], len(numbers))
    return table[:, words.codes]


def _dense(levels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of labels without gaps, level by level; -1 stays."""
    out = np.full_like(levels, -1)
    for at, level in enumerate(levels):
        there = level >= 0
        out[at, there] = np.unique(level[there], return_inverse=True)[1]
    return out
