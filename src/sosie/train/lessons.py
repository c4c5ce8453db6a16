"""What there is to learn from in a store, and what is kept back from it to judge by."""

from dataclasses import replace

import numpy as np

from sosie.errors import TrainingError
from sosie.evaluate.front import Truth
from sosie.store import Snapshot
from sosie.train.doubts import remarks
from sosie.train.grouping import unlabelled_lesson
from sosie.train.judging import LookJudge
from sosie.train.lesson import Lesson, Parts, guards, parted
from sosie.train.lesson_events import events_lesson
from sosie.train.lesson_labels import few_shots, labels_lesson
from sosie.train.lesson_pairs import links_lesson, pairs_lesson
from sosie.train.recipe import Recipe


def lesson_of(snapshot: Snapshot, truth: Truth, recipe: Recipe) -> Lesson:
    """What a truth teaches. Learns on the split train and judges on val; the split test is never read.

    Without a split, or without val, a part is kept back to judge by: a tenth of the products (whole groups of variants)
    or of the pairs, each user's last event but one. Where the recipe holds nothing back, that is learnt from, too, and
    nothing judges. Raises TruthError or TrainingError where nothing can be learnt.
    """
    lesson = _lesson(snapshot, truth, recipe)
    doubts = [remark for known in lesson.known for remark in remarks(known, recipe.loss.name)]
    return replace(lesson, notes=tuple(dict.fromkeys([*lesson.notes, *doubts])))


def _lesson(snapshot: Snapshot, truth: Truth, recipe: Recipe) -> Lesson:
    if recipe.clusters:
        return unlabelled_lesson(snapshot, truth, recipe)
    given = truth.given if _told(truth) else ""
    if recipe.shots and given != "labels":
        raise TrainingError("shots are products of each label; give --label.")
    if recipe.shots and len(truth.labels) > 1:
        raise TrainingError(f"shots are drawn of a single label; leave all but one of {', '.join(truth.labels)} out.")
    match given:
        case "pairs" | "events" if not recipe.hold_back:
            raise TrainingError(f"hold_back: {given} always keep some back to judge by; leave it true.")
        case "pairs":
            return pairs_lesson(snapshot, truth, recipe.seed)
        case "events":
            return events_lesson(snapshot, truth)
        case "qrels":
            raise TrainingError("nothing is learnt from judgements of words; give labels, pairs, links or events.")
    parts = parted(snapshot, truth, recipe.seed)
    if not recipe.hold_back:
        parts = Parts(parts.learning | parts.held, np.zeros_like(parts.held), ("nothing is kept back to judge by.",))
    if given == "links":
        lesson = links_lesson(snapshot, truth, parts)
    elif given == "labels":
        if recipe.shots:
            few = few_shots(snapshot, truth.labels[0], parts.learning, recipe.shots, recipe.seed)
            parts = replace(parts, learning=few)
        lesson = labels_lesson(
            snapshot, truth, parts, unlabelled=recipe.views + recipe.imitate > 0, few=recipe.shots > 0
        )
    else:
        rows = np.flatnonzero(parts.learning)
        looks = parts.held.any() and (recipe.sees != "vectors" or recipe.towers > 0)
        judge = LookJudge.of(snapshot, np.flatnonzero(parts.held)) if looks else None
        lesson = Lesson(rows, (guards(snapshot, rows),), judge, "the products themselves")
    return replace(lesson, notes=(*parts.notes, *lesson.notes))


def _told(truth: Truth) -> bool:
    """Whether anything is said of products; if not, they can still be parted by a column of splits."""
    return bool(truth.labels or truth.pairs or truth.qrels or truth.links or truth.events)
