"""Events of users in the order of time, parted into what came before and what is to be found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sosie.catalog.frames import ROW
from sosie.errors import TruthError
from sosie.evaluate.reading import TruthFile, find_rows, only_kinds, read_truth
from sosie.evaluate.splits import KINDS, TEST, find_split, find_splits, split_kind
from sosie.evaluate.task import TaskOptions
from sosie.store import Snapshot
from sosie.types import Mask, Rows

LAST = "last"


@dataclass(frozen=True, eq=False)
class History:
    """Events by user, each user's by time, those of equal times as the file has them."""

    truth: TruthFile  # user, product, "product row", seconds, and split where the file tells it
    user: Rows  # (events,) 0, 1, … ascending
    place: Rows  # (events,) what counts as one product
    seconds: NDArray[np.float64]  # (events,) or whatever the file counts in

    def some(self, chosen: Mask) -> "History":
        """The history of some events; users without any are not counted."""
        truth = replace(self.truth, frame=self.truth.frame.filter(pl.Series(chosen)))
        users = np.unique(self.user[chosen], return_inverse=True)[1]
        return History(truth, users, self.place[chosen], self.seconds[chosen])


@dataclass(frozen=True, eq=False)
class Parted:
    """Which events came before, which are to be found; the others are neither."""

    before: Mask  # (events,)
    later: Mask  # (events,)
    told: str  # for the name of the task
    notes: tuple[str, ...] = ()
    early: Rows | None = None  # events of the earlier splits that came after what they should precede; left out


def read_events(snapshot: Snapshot, file: Path, options: TaskOptions) -> TruthFile:
    """The events of known products, sorted by user and time. Raises TruthError, also where all are of one user."""
    truth = only_kinds(read_truth(file, "events", ("user", "product"), options.split), options.kinds)
    truth = truth.without(truth.frame["user"] == "", "lack the user")
    truth = find_rows(snapshot, truth, ("product",), options.unknown_share)
    if truth.has("value"):
        value = truth.frame["value"].cast(pl.Float64, strict=False)
        truth = truth.without((value <= 0).fill_null(False), "have a value of 0 or less (returned, disliked)")
    if truth.has("time"):
        seconds = seconds_of(truth.frame["time"])
        truth = replace(truth, frame=truth.frame.with_columns(seconds=seconds))
        truth = truth.without(seconds.is_null(), "have no time that can be read")
    else:
        note = f"{file}: has no column of times; the order of its rows is taken for it."
        truth = replace(
            truth, frame=truth.frame.with_columns(seconds=pl.col(ROW).cast(pl.Float64)), notes=(*truth.notes, note)
        )
    backwards = int(truth.frame.select((pl.col("seconds").diff().over("user") < 0).sum()).item())
    if backwards:
        note = f"{file}: {backwards:,} of {truth.frame.height:,} events stand behind later ones; sorted by time."
        truth = replace(truth, notes=(*truth.notes, note))
    if truth.frame["user"].n_unique() == 1:
        raise TruthError(
            f"{file}: all {truth.frame.height:,} events are of one user ({truth.frame['user'][0]}); "
            "answers are judged over many users, one says nothing of the others."
        )
    return replace(truth, frame=truth.frame.sort("user", "seconds", ROW))


def seconds_of(texts: pl.Series) -> pl.Series:
    """Times as numbers, or the seconds since 1970 of dates (UTC unless they say otherwise); null = neither."""
    numbers = texts.cast(pl.Float64, strict=False)
    numbers = numbers.set(~numbers.is_finite().fill_null(True), None)
    if 2 * numbers.null_count() <= len(texts):
        return numbers
    words = texts.unique()
    table = {word: seconds for word in words.to_list() if (seconds := _date(word)) is not None}
    return texts.replace_strict(table, default=None, return_dtype=pl.Float64)


def _date(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def part(history: History, options: TaskOptions) -> Parted:
    """Part the events by the file's splits, by a time, or leave each user's last one to be found. Raises TruthError."""
    if options.split:
        if options.at != LAST:
            raise TruthError("events are parted by a split or by a time, not by both.")
        return _by_split(history, options.query_split, options.gallery_split)
    if options.query_split or options.gallery_split:
        raise TruthError("splits are named, but no column that tells them: give --split COLUMN too.")
    return _last(history, options.repeats) if options.at == LAST else _by_time(history, options.at)


def _last(history: History, repeats: bool) -> Parted:
    """Leave one out: each user's last event; unless repeats are wanted, the last that was a product new to the user."""
    file, user = history.truth.file, history.user
    positions = np.arange(len(user))
    if not repeats:
        positions = np.sort(np.unique(np.stack([user, history.place]), axis=1, return_index=True)[1])
    last = positions[np.flatnonzero(np.diff(user[positions], append=-1))]
    first = np.flatnonzero(np.diff(user, prepend=-1))
    asks = last > first
    later = np.zeros(len(user), np.bool_)
    later[last[asks]] = True
    before = np.where(asks[user], np.arange(len(user)) < last[user], True)
    notes = []
    if not asks.all():
        notes.append(
            f"{file}: {np.count_nonzero(~asks):,} of {len(asks):,} users took a single product; they can't ask."
        )
    tied = history.seconds[last[asks]] == history.seconds[last[asks] - 1]
    if tied.any() and history.truth.has("time"):
        notes.append(
            f"{file}: the last event of {np.count_nonzero(tied):,} users has the time of the one before; "
            "the file's order decides."
        )
    return Parted(before, later, "the last of each user", tuple(notes))


def _by_time(history: History, at: str) -> Parted:
    """What came before a moment, or within a share of the events, and what from then on."""
    if at.endswith("%"):
        try:
            share = float(at[:-1]) / 100
        except ValueError:
            share = -1.0
        if not 0 < share < 1:
            raise TruthError(f"'{at}' is no share of the events between 0% and 100%.")
        moment = np.sort(history.seconds)[int(share * len(history.seconds))]
    else:
        read = seconds_of(pl.Series([at]))
        if read[0] is None:
            raise TruthError(f"'{at}' is no time, no date and no share of the events such as 80%.")
        moment = float(read[0])
    later = history.seconds >= moment
    if later.all() or not later.any():
        told = f"from {at} on" if later.all() else f"before {at}"
        raise TruthError(f"{history.truth.file}: all events are {told}; none are left on the other side.")
    return Parted(~later, later, f"from {at} on")


def _by_split(history: History, query_split: str, gallery_split: Sequence[str]) -> Parted:
    """What came before and what is to be found as the file says; what a user did after that is neither."""
    file, names = history.truth.file, history.truth.frame["split"]
    there = names.unique().sort().to_list()
    asking = find_split(query_split or TEST, there, str(file))
    earlier = find_splits(gallery_split, there, str(file))
    if not gallery_split:
        earlier = tuple(name for name in there if name and name not in asking and not _after(name, asking[0]))
    later = names.is_in(list(asking)).to_numpy()
    before = names.is_in(list(earlier)).to_numpy() & ~later
    notes, early = [], None
    if history.truth.has("time"):
        start = np.full(int(history.user[-1]) + 1, np.inf)
        np.minimum.at(start, history.user[later], history.seconds[later])
        future = before & (history.seconds > start[history.user])
        if future.any():
            notes.append(
                f"{file}: {np.count_nonzero(future):,} events of {'+'.join(earlier)} are later than the user's first "
                f"of {'+'.join(asking)}; left out."
            )
            before &= ~future
            early = np.flatnonzero(future)
    return Parted(before, later, f"{'+'.join(asking)} after {'+'.join(earlier)}", tuple(notes), early)


def _after(name: str, asking: str) -> bool:
    """Whether a split is known to come after another one: train, val, test."""
    order = list(KINDS)
    kinds = split_kind(name), split_kind(asking)
    return all(kinds) and order.index(kinds[0]) > order.index(kinds[1])
