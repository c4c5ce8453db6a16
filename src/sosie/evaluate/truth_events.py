"""Events as a truth: what a user took later answers what the user took before."""

from pathlib import Path

import numpy as np

from sosie.errors import TruthError
from sosie.evaluate.history import History, Parted, part, read_events
from sosie.evaluate.leaks_events import event_leaks
from sosie.evaluate.places import Gallery
from sosie.evaluate.reading import rows_of
from sosie.evaluate.relevance import SHIFT, Listed, answerable
from sosie.evaluate.task import Lists, Task, TaskOptions
from sosie.store import Snapshot
from sosie.types import Query, Rows

REMEMBERED = 20  # products of a history that ask, the last ones


def events_task(snapshot: Snapshot, file: Path, options: TaskOptions) -> Task:
    """Each user asks with the last 20 products taken before for those taken later; clusters are users.

    Before and later are told by `options.at`: "last" leaves each user's last event to be found, a time or a share of
    the events ("80%") those from then on; or by `options.split`, a column of the file, in which the query split came
    after the others. Events after those to be found are in no history. Products already taken may not answer, nor are
    they relevant, unless `options.repeats`. `popularity` counts the events before. Raises TruthError.
    """
    history = history_of(snapshot, file, options)
    return history_task(snapshot, history, part(history, options), options)


def history_of(snapshot: Snapshot, file: Path, options: TaskOptions) -> History:
    """The events of a file by user and time; products with variants count as one. Raises TruthError."""
    truth = read_events(snapshot, file, options)
    gallery = Gallery.of(snapshot, np.flatnonzero(snapshot.alive), options.variants)
    return History(
        truth,
        truth.frame["user"].rle_id().to_numpy().astype(np.int64),
        gallery.place(rows_of(truth, "product")),
        truth.frame["seconds"].to_numpy(),
    )


def history_task(snapshot: Snapshot, history: History, parted: Parted, options: TaskOptions) -> Task:
    """The task of events that were parted, as `events_task` describes it. Raises TruthError where nobody can ask."""
    truth = history.truth
    file = truth.file
    gallery = Gallery.of(snapshot, np.flatnonzero(snapshot.alive), options.variants)
    users, rows = truth.frame["user"], rows_of(truth, "product")
    before, later = np.flatnonzero(parted.before), np.flatnonzero(parted.later)
    asking = np.intersect1d(history.user[before], history.user[later])
    notes = [*truth.notes, *parted.notes]
    if not len(asking):
        raise TruthError(f"{file}: no user has events both before and later ({parted.told}); nobody can ask.")
    if silent := len(np.setdiff1d(history.user[later], asking)):
        notes.append(f"{file}: {silent:,} users took nothing before; they can't ask.")
    number = np.full(int(history.user[-1]) + 1, -1, np.int64)
    number[asking] = np.arange(len(asking))
    past, wanted = (_pairs(number[history.user[some]], history.place[some]) for some in (before, later))
    taken = np.isin(wanted, past)
    if not options.repeats and taken.any():
        notes.append(
            f"{file}: {np.count_nonzero(taken):,} of {len(wanted):,} products taken later had been taken before; "
            "only new ones are to be found."
        )
        wanted = wanted[~taken]
    names = users.gather(np.searchsorted(history.user, asking)).to_list()
    task = Task(
        name=f"events {file.name}, {parted.told}{', repeats too' if options.repeats else ''}",
        keys=tuple(names),
        asked=_questions(snapshot, rows[before], number[history.user[before]], history.place[before]),
        gallery=gallery.rows,
        places=gallery.places,
        titles=gallery.titles,
        relevance=Listed.same_grade(_lists(len(asking), wanted)),
        barred=_lists(len(asking), past[:0] if options.repeats else past),
        clusters=np.arange(len(asking)),
        notes=tuple(notes),
        unknown=truth.unknown,
        popularity=np.bincount(history.place[before], minlength=len(gallery.titles)).astype(np.float64)[gallery.places],
        leaks=tuple(event_leaks(history, parted, asking)),
    )
    return answerable(task)


def _pairs(questions: Rows, places: Rows) -> Rows:
    """Distinct (question, place) as one number each, ascending; those of no question left out."""
    there = questions >= 0
    return np.unique(questions[there] << SHIFT | places[there])


def _lists(size: int, pairs: Rows) -> Lists:
    return Lists(np.searchsorted(pairs >> SHIFT, np.arange(size + 1)), pairs & ((1 << SHIFT) - 1))


def _questions(snapshot: Snapshot, rows: Rows, questions: Rows, places: Rows) -> tuple[Query, ...]:
    """What each question's history is like: its last products, each once, the last first."""
    there = np.flatnonzero(questions >= 0)[::-1]
    keys = questions[there] << SHIFT | places[there]
    latest = there[np.sort(np.unique(keys, return_index=True)[1])]
    owner = questions[latest]
    edges = np.flatnonzero(np.diff(owner, prepend=-1))
    age = np.arange(len(owner)) - np.repeat(edges, np.diff(edges, append=len(owner)))
    latest = latest[age < REMEMBERED]
    ids = snapshot.ids(rows[latest])
    starts = np.flatnonzero(np.diff(questions[latest], prepend=-1)).tolist()
    newest = [Query(like=tuple(ids[start:stop])) for start, stop in zip(starts, [*starts[1:], len(ids)], strict=True)]
    return tuple(reversed(newest))  # the walk went backwards, from the last question on
