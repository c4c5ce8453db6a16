"""Judged pairs and links as lessons: products that somebody put side by side."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sosie.errors import TrainingError
from sosie.evaluate.front import Truth
from sosie.evaluate.places import Gallery, first_rows, number_of
from sosie.evaluate.relevance import Listed
from sosie.evaluate.task import Lists, Task, TaskOptions
from sosie.evaluate.truth import PairsTask, links_task, pairs_task
from sosie.store import Snapshot
from sosie.train.judging import Judge, PairJudge, TaskJudge
from sosie.train.lesson import HELD, TRAIN, VAL, Lesson, Parts, guards, kept_back
from sosie.train.supervision import ALIKE
from sosie.types import Mask, Rows

FOUND = "recall@10"
LEAST = 1e-6  # a pair of the middle grade is not alike
ENOUGH = 10  # alike pairs, and unlike ones, from which on these judge


def pairs_lesson(snapshot: Snapshot, truth: Truth, seed: int) -> Lesson:
    """Learn judged pairs of the file's split train, graded from 0 to 1; judged by those of val.

    Without val, a tenth of the pairs is kept back, whole clusters that share products. They judge by average precision;
    where hardly any are unlike, by whether one of a pair finds the other. Pairs judged both ways count neither way.
    Raises TruthError for a file that can't be used, TrainingError where no pair is left to learn from.
    """
    assert truth.pairs is not None
    pairs = pairs_task(snapshot, truth.pairs, truth.options, to_learn=True)
    named = pairs.splits != ""
    learning = (pairs.splits == TRAIN) | ~named
    held = pairs.splits == VAL
    notes = [*pairs.notes]
    if not held.any():
        held = _drawn(pairs.clusters, learning, seed)
        learning &= ~held
        notes.append(f"{int(held.sum()):,} pairs are kept back to judge by.")
    if not learning.any():
        raise TrainingError(f"{truth.pairs}: none of the {len(learning):,} pairs is of the split train.")
    judge = _judge(snapshot, _some(pairs, held), _some(pairs, learning), truth.options)
    if judge is None:
        notes.append(f"{truth.pairs}: the {int(held.sum()):,} pairs to judge by are all unlike; nothing judges.")
    graded = _graded(pairs)[learning]
    both = np.concatenate([pairs.contrary, pairs.contrary])
    sides = np.concatenate([np.stack([pairs.a, pairs.b], axis=1)[learning], both])
    grades = np.concatenate([graded, np.repeat([0.0, 1.0], len(pairs.contrary))])
    rows = np.unique(sides)
    known = replace(guards(snapshot, rows), pairs=np.searchsorted(rows, sides), grades=grades)
    return Lesson(rows, (known,), judge, pairs.name, tuple(notes))


def _graded(pairs: PairsTask) -> NDArray[np.float64]:
    """Grades from 0 to 1, above the middle exactly where the pairs are alike."""
    most = pairs.grades.max()
    if not pairs.middle:  # all pairs have one grade
        return (pairs.grades > 0).astype(np.float64)
    low = 2 * pairs.middle - most
    shares = (pairs.grades - low) / (most - low) if most > pairs.middle else np.zeros(len(pairs.grades))
    return np.where(pairs.grades > pairs.middle, shares, np.minimum(shares, ALIKE - LEAST))


def _drawn(clusters: NDArray[np.int64], among: Mask, seed: int) -> Mask:
    """About a tenth of some pairs, whole clusters, at random."""
    order = np.random.default_rng([seed, 1]).permutation(np.unique(clusters[among]))
    sizes = np.bincount(clusters[among], minlength=int(clusters.max()) + 1)[order]
    enough = np.searchsorted(np.cumsum(sizes), HELD * among.sum()) + 1
    return among & np.isin(clusters, order[:enough])


def _some(pairs: PairsTask, chosen: Mask) -> PairsTask:
    return replace(
        pairs,
        a=pairs.a[chosen],
        b=pairs.b[chosen],
        grades=pairs.grades[chosen],
        splits=pairs.splits[chosen],
        clusters=pairs.clusters[chosen],
    )


def _judge(snapshot: Snapshot, held: PairsTask, learnt: PairsTask, options: TaskOptions) -> Judge | None:
    alike = held.grades > held.middle
    if min(int(alike.sum()), int((~alike).sum())) >= ENOUGH:
        return PairJudge(held)
    if not alike.any():
        return None
    known = learnt.grades > learnt.middle
    task = _finding(snapshot, (held.a[alike], held.b[alike]), (learnt.a[known], learnt.b[known]), held.name, options)
    return TaskJudge.of(snapshot, [task], FOUND)


def _finding(
    snapshot: Snapshot, held: tuple[Rows, Rows], learnt: tuple[Rows, Rows], name: str, options: TaskOptions
) -> Task:
    """Each first product of a pair kept back asks for the others; what it was learnt to be like may not answer."""
    a, b = held
    gallery = Gallery.of(snapshot, np.flatnonzero(snapshot.alive), options.variants)
    asked = first_rows(snapshot, np.unique(a), options.variants)
    own = gallery.place(asked)
    questions, places = number_of(snapshot, asked, a, options.variants), gallery.place(b)
    other = places != own[questions]
    barred = [{place} for place in own.tolist()]
    number = {place: at for at, place in enumerate(own.tolist())}
    for one, two in zip(*(gallery.place(side).tolist() for side in learnt), strict=True):
        for place, like in ((one, two), (two, one)):
            if place in number:
                barred[number[place]].add(like)
    wanted = Listed.of_pairs(len(asked), questions[other], places[other], np.ones(int(other.sum()), np.float32))
    told = [np.array(sorted(those - set(wanted.lists.of(at).tolist()))) for at, those in enumerate(barred)]
    return Task(
        name=f"{name}, one finds the other",
        keys=tuple(snapshot.ids(asked)),
        asked=asked,
        gallery=gallery.rows,
        places=gallery.places,
        titles=gallery.titles,
        relevance=wanted,
        barred=Lists.build(told),
    )


def links_lesson(snapshot: Snapshot, truth: Truth, parts: Parts) -> Lesson:
    """Learn that linked products are alike; those kept back ask for what they are linked to, each kind by itself.

    Links of all kinds that are named count the same. Raises TrainingError where no two products to learn from are
    linked, TruthError for a file that can't be used.
    """
    file, options = truth.links, truth.options
    assert file is not None
    whole = links_task(snapshot, file, replace(options, split="", query_split="", gallery_split=()))
    first = np.full(len(whole.titles), -1, np.int64)  # the row to learn from of each place
    learnt = parts.learning[whole.gallery]
    first[whole.places[learnt][::-1]] = whole.gallery[learnt][::-1]
    question, answers = _answers(whole)
    own = np.full(whole.size, -1, np.int64)
    asking, place = whole.barred.joined(np.arange(whole.size))
    own[asking] = first[place]
    sides = np.stack([own[question], first[answers]], axis=1)
    sides = np.unique(np.sort(sides[(sides >= 0).all(axis=1)], axis=1), axis=0)
    if not len(sides):
        raise TrainingError(f"{file}: no two products to learn from are linked.")
    rows = np.unique(sides)
    known = replace(guards(snapshot, rows), pairs=np.searchsorted(rows, sides), grades=np.ones(len(sides)))
    tasks, notes = [], list(whole.notes)
    each: list[tuple[str, ...]] = [(kind,) for kind in options.kinds] or [()]
    for kinds in each if parts.held.any() else ():
        try:
            tasks.append(kept_back(partial(_of_kinds, snapshot, file, kinds), options, parts.held, (TRAIN, VAL)))
        except TrainingError as error:
            notes.append(str(error))
    if not tasks and parts.held.any():
        raise TrainingError(" ".join(notes))
    judge = TaskJudge.of(snapshot, tasks, FOUND) if tasks else None
    return Lesson(rows, (known,), judge, f"links {file.name}", tuple(notes))


def _of_kinds(snapshot: Snapshot, file: Path, kinds: tuple[str, ...], options: TaskOptions) -> Task:
    return links_task(snapshot, file, replace(options, kinds=kinds))


def _answers(task: Task) -> tuple[Rows, Rows]:
    """Each relevant place of a task, and the question that it answers."""
    assert isinstance(task.relevance, Listed)
    return task.relevance.lists.joined(np.arange(task.size))
