"""Clicks, carts and baskets as a lesson: products that the same users take are alike."""

from dataclasses import replace

import numpy as np

from sosie.errors import TrainingError, TruthError
from sosie.evaluate.front import Truth
from sosie.evaluate.history import LAST, History, Parted, part
from sosie.evaluate.splits import find_split
from sosie.evaluate.task import Task, TaskOptions, part_of
from sosie.evaluate.truth_events import history_of, history_task
from sosie.store import Snapshot
from sosie.train.judging import TaskJudge
from sosie.train.lesson import TRAIN, VAL, Lesson, guards
from sosie.train.together import taken_together
from sosie.types import Rows

SHARE = "90%"  # of the events before those that nobody may see: what is learnt from, where a time parts them
ASKING = 5_000  # users, at most, that judge


def events_lesson(snapshot: Snapshot, truth: Truth) -> Lesson:
    """Learn from what users take together; judged by what they took next, ndcg@10.

    The events that `evaluate` would look for are never seen: each user's last, or those from a time on. Of the others
    the last ones judge in the same way. A column of splits of the file tells train and val instead. Raises TruthError
    for a file that can't be used, TrainingError where no two products are taken together.
    """
    assert truth.events is not None
    whole = history_of(snapshot, truth.events, truth.options)
    history, parted = _parted(whole, truth.options)
    learnt = history.some(parted.before)
    first = _first_rows(snapshot, whole)
    pairs = taken_together(learnt.user, learnt.place, len(first))
    if not len(pairs):
        raise TrainingError(
            f"{truth.events}: among the {len(learnt.user):,} events to learn from no two products are taken together "
            "more often than by chance. Each user's last two are kept back to judge by; --at or --split parts events "
            "otherwise."
        )
    sides = first[pairs]
    rows = np.unique(sides)
    known = replace(guards(snapshot, rows), pairs=np.searchsorted(rows, sides), grades=np.ones(len(sides)))
    task = history_task(snapshot, history, parted, truth.options)
    notes = [
        *task.notes,
        f"{len(learnt.user):,} events to learn from make {len(sides):,} pairs of {len(rows):,} products.",
    ]
    judge = TaskJudge.of(snapshot, [_evenly(task)], "ndcg@10")
    return Lesson(rows, (known,), judge, f"events {truth.events.name}", tuple(notes))


def _parted(whole: History, options: TaskOptions) -> tuple[History, Parted]:
    """What may be seen, and which of it judges."""
    if options.split:
        there = whole.truth.frame["split"].unique().to_list()
        wanted = replace(options, query_split=VAL, gallery_split=(TRAIN,))
        try:
            return whole, part(whole, wanted)
        except TruthError:
            train = find_split(TRAIN, there, str(whole.truth.file))
            seen = whole.some(whole.truth.frame["split"].is_in(list(train)).to_numpy())
            return seen, part(seen, replace(options, split="", query_split="", gallery_split=()))
    seen = whole.some(part(whole, options).before)
    return seen, part(seen, options if options.at == LAST else replace(options, at=SHARE))


def _first_rows(snapshot: Snapshot, history: History) -> Rows:
    """A row of the snapshot for each place."""
    rows = history.truth.frame["product row"].to_numpy().astype(np.int64)
    first = np.full(int(history.place.max()) + 1, -1, np.int64)
    order = np.argsort(-rows, kind="stable")
    first[history.place[order]] = rows[order]  # of several assignments the last one holds: the lowest row
    return first


def _evenly(task: Task) -> Task:
    return part_of(task, np.unique(np.linspace(0, task.size - 1, min(task.size, ASKING)).astype(np.int64)))
