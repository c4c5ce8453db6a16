"""What there is to learn from in a store, and what is kept back from it to judge by."""

from dataclasses import replace

import numpy as np

from sosie.errors import TrainingError
from sosie.evaluate.front import Truth
from sosie.store import Snapshot
from sosie.train.doubts import remarks
from sosie.train.lesson import BATCH, Lesson, guards, parted
from sosie.train.lesson_events import events_lesson
from sosie.train.lesson_labels import labels_lesson
from sosie.train.lesson_pairs import links_lesson, pairs_lesson
from sosie.train.recipe import Recipe
from sosie.types import Product, Rows


def lesson_of(snapshot: Snapshot, truth: Truth, recipe: Recipe) -> Lesson:
    """What a truth teaches. Learns on the split train and judges on val; the split test is never read.

    Without a split, or without val, a part is kept back to judge by: a tenth of the products (whole groups of variants)
    or of the pairs, each user's last event but one. Raises TruthError or TrainingError where nothing can be learnt.
    """
    lesson = _lesson(snapshot, truth, recipe)
    doubts = [remark for known in lesson.known for remark in remarks(known, recipe.loss.name)]
    return replace(lesson, notes=tuple(dict.fromkeys([*lesson.notes, *doubts])))


def _lesson(snapshot: Snapshot, truth: Truth, recipe: Recipe) -> Lesson:
    match truth.given:
        case "pairs":
            return pairs_lesson(snapshot, truth, recipe.seed)
        case "events":
            return events_lesson(snapshot, truth)
        case "qrels":
            raise TrainingError("nothing is learnt from judgements of words; give labels, pairs, links or events.")
        case "":
            rows = np.flatnonzero(snapshot.alive)
            return Lesson(rows, (guards(snapshot, rows),), None, "the products themselves")
    parts = parted(snapshot, truth, recipe.seed)
    if truth.given == "links":
        lesson = links_lesson(snapshot, truth, parts)
    else:
        lesson = labels_lesson(snapshot, truth, parts, unlabelled=recipe.views > 0)
    return replace(lesson, notes=(*parts.notes, *lesson.notes))


def pictures_of(snapshot: Snapshot, rows: Rows) -> list[str]:
    """The first picture of each product, "" where it has none."""
    refs: list[str] = []
    for start in range(0, len(rows), BATCH):
        refs += [_first(product) for product in snapshot.products(rows[start : start + BATCH])]
    return refs


def _first(product: Product) -> str:
    return product.images[0] if product.images else ""
