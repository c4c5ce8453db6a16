"""What there is to learn from in a store, and the questions kept back from it to judge by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sosie.errors import TrainingError, TruthError
from sosie.evaluate.front import Truth
from sosie.evaluate.relevance import answerable
from sosie.evaluate.splits import Splits, find_split
from sosie.evaluate.task import Task, part_of
from sosie.evaluate.truth import label_task, links_task
from sosie.evaluate.words import words_of
from sosie.store import Snapshot
from sosie.text import folded
from sosie.train.judging import Judge, TaskJudge
from sosie.train.supervision import Supervision, supervision
from sosie.types import Mask, Product, Rows

HELD = 0.1  # share of the products that are kept back where no split tells which
TREE, LEVEL, PATH = "category", " > ", " | "
BATCH = 4_096


@dataclass(frozen=True, eq=False)
class Lesson:
    """Products that are learnt from, what is known of them, and what judges the result."""

    rows: Rows  # (n,) of the snapshot
    known: tuple[Supervision, ...]  # of these, one a label; empty = nothing is known
    judge: Judge | None  # None: there is nothing to judge by
    told: str  # what is learnt from, for reports
    notes: tuple[str, ...] = ()


def lesson_of(snapshot: Snapshot, truth: Truth, seed: int = 0) -> Lesson:
    """What a truth teaches. Learns on the split train and judges on val; the split test is never read.

    Without a split, or without val, a tenth of the products (whole groups of variants) is kept back to judge by.
    Raises TruthError or TrainingError where nothing can be learnt.
    """
    learning, held, notes = _parted(snapshot, truth, seed)
    match truth.given:
        case "labels":
            lesson = _labels(snapshot, truth, learning, held)
        case "links":
            lesson = _links(snapshot, truth, learning, held)
        case "pairs":
            lesson = _pairs(snapshot, truth, learning, held)
        case "":
            lesson = Lesson(np.flatnonzero(learning | held), (), None, "the products themselves")
        case other:
            raise TrainingError(f"nothing is learnt from {other}; give labels, pairs or links.")
    return replace(lesson, notes=(*notes, *lesson.notes))


def _parted(snapshot: Snapshot, truth: Truth, seed: int) -> tuple[Mask, Mask, list[str]]:
    """Living rows to learn from, and those kept back."""
    alive = snapshot.alive
    column = truth.options.split
    if not column or truth.given == "pairs":
        held = _drawn(snapshot, alive, seed)
        return alive & ~held, held, [] if truth.given in ("", "pairs") else [_told(held)]
    splits = Splits.of(snapshot, column)
    learning = splits.rows(find_split("train", splits.there, splits.where))
    try:
        return learning, splits.rows(find_split("val", splits.there, splits.where)), []
    except TruthError:
        held = _drawn(snapshot, learning, seed)
        return learning & ~held, held, [f"{splits.where}: there is no split val; {_told(held)}"]


def _told(held: Mask) -> str:
    return f"{int(held.sum()):,} products are kept back to judge by."


def _drawn(snapshot: Snapshot, among: Mask, seed: int) -> Mask:
    """A tenth of some rows, whole groups, at random."""
    groups = np.unique(snapshot.groups[among])
    chosen = np.random.default_rng([seed, 1]).permutation(groups)[: max(1, round(HELD * len(groups)))]
    return among & np.isin(snapshot.groups, chosen)


def _labels(snapshot: Snapshot, truth: Truth, learning: Mask, held: Mask) -> Lesson:
    labels = tuple(dict.fromkeys(truth.labels))
    numbers = [_levels(snapshot, label) for label in labels]
    rows = np.flatnonzero(learning & np.logical_or.reduce([levels[0] >= 0 for levels in numbers]))
    if not len(rows):
        raise TrainingError(f"none of the {int(learning.sum()):,} products to learn from has {' or '.join(labels)}.")
    unlabelled = int(learning.sum()) - len(rows)
    known = _known(snapshot, rows)
    taught = tuple(replace(known, labels=_dense(levels[:, rows])) for levels in numbers)
    for label, of_label in zip(labels, taught, strict=True):
        if of_label.classes() < 2:
            raise TrainingError(
                f"{label}: all products to learn from bear the same label; there is nothing to tell apart."
            )
    judge = TaskJudge.of(snapshot, [_asked(snapshot, truth, label, held) for label in labels], "hit@1")
    notes = [f"{unlabelled:,} of the products to learn from have no label and are left out."] if unlabelled else []
    single = [int((np.bincount(one.labels[0][one.labels[0] >= 0]) == 1).sum()) for one in taught]
    notes += [
        f"{label}: {n:,} labels are borne by one product only." for label, n in zip(labels, single, strict=True) if n
    ]
    return Lesson(rows, taught, judge, f"labels {' and '.join(labels)}", tuple(notes))


def _levels(snapshot: Snapshot, label: str) -> NDArray[np.int64]:
    """The label of every row, the finest level first, (levels, size); -1 = none. Only the category has several."""
    words = words_of(snapshot, label)
    if label != TREE:
        return words.codes[None].astype(np.int64)
    paths = [tuple(word.split(PATH)[0].split(LEVEL)) for word in words.words]
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


def _asked(snapshot: Snapshot, truth: Truth, label: str, held: Mask) -> Task:
    """The products kept back ask for those of their label: those learnt from, where a split tells, else all."""
    options = truth.options
    if options.split:
        try:
            wanted = replace(options, query_split="val", gallery_split=("train",))
            return label_task(snapshot, (label,), wanted)
        except TruthError:
            wanted = replace(options, query_split="train", gallery_split=("train",))
            return _part(label_task(snapshot, (label,), wanted), held)
    return _part(label_task(snapshot, (label,), replace(options, query_split="", gallery_split=())), held)


def _part(task: Task, held: Mask) -> Task:
    chosen = np.flatnonzero(held[np.asarray(task.asked)])
    if not len(chosen):
        raise TrainingError(f"{task.name}: none of the products kept back can be judged by it.")
    return answerable(part_of(task, chosen))


def _links(snapshot: Snapshot, truth: Truth, learning: Mask, held: Mask) -> Lesson:
    assert truth.links is not None
    whole = links_task(snapshot, truth.links, replace(truth.options, split="", query_split="", gallery_split=()))
    asked = np.asarray(whole.asked)
    teaching = np.flatnonzero(learning[asked])
    pairs = []
    for question in teaching.tolist():
        grades = whole.relevance.grades(np.array([question]), np.arange(len(whole.titles))[None])[0]
        answers = np.flatnonzero(np.isin(whole.places, np.flatnonzero(grades > 0)))
        pairs += [(asked[question], row) for row in whole.gallery[answers].tolist() if learning[row]]
    if not pairs:
        raise TrainingError(f"{truth.links}: no two products to learn from are linked.")
    rows = np.unique(np.array(pairs, np.int64))
    known = replace(_known(snapshot, rows), pairs=np.searchsorted(rows, pairs), grades=np.ones(len(pairs)))
    return Lesson(
        rows, (known,), TaskJudge.of(snapshot, [_part(whole, held)], "recall@10"), f"links {truth.links.name}"
    )


def _pairs(snapshot: Snapshot, truth: Truth, learning: Mask, held: Mask) -> Lesson:
    raise TrainingError("pairs are not learnt from yet.")


def _known(snapshot: Snapshot, rows: Rows) -> Supervision:
    """What guards against false negatives: variants, and products of one title."""
    titles: dict[str, int] = {}
    twins = np.full(len(rows), -1, np.int64)
    for start in range(0, len(rows), BATCH):
        for at, product in enumerate(snapshot.products(rows[start : start + BATCH]), start):
            if title := folded(product.title):
                twins[at] = titles.setdefault(title, len(titles))
    return supervision(len(rows), groups=snapshot.groups[rows], twins=twins)


def pictures_of(snapshot: Snapshot, rows: Rows) -> list[str]:
    """The first picture of each product, "" where it has none."""
    refs: list[str] = []
    for start in range(0, len(rows), BATCH):
        refs += [_first(product) for product in snapshot.products(rows[start : start + BATCH])]
    return refs


def _first(product: Product) -> str:
    return product.images[0] if product.images else ""


def items_of(rows: Rows, wanted: Sequence[int] | Rows) -> Rows:
    """The places of some rows among others, ascending ones."""
    return np.searchsorted(rows, np.asarray(wanted))
