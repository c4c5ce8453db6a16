"""A catalogue opened: what was recognised in it, its products in batches, each told apart by id and stamp."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sosie.catalog.frames import ROW, Chunk, Table
from sosie.catalog.guess import Guess, Plan
from sosie.catalog.ids import Seen
from sosie.catalog.pictures import Pictures
from sosie.catalog.products import RAW, Parser, urls_of
from sosie.catalog.reviews import Reviews
from sosie.catalog.values import split_pictures
from sosie.types import Product, Reject

VERSION = 1  # raise it when the same row would be read differently
BATCH = 50_000
LONGEST_ID = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """Some entries of a catalogue, in its order.

    An entry whose id is "" can't be used: `Source.read` answers with a fatal Reject for it. `stamps` hash what the file
    says of each product, and size and time of its local pictures; an equal stamp means an equal product. `rows` are
    1-based record numbers.
    """

    ids: list[str]
    stamps: NDArray[np.uint64]  # (len(ids),)
    frame: pl.DataFrame  # of the entries that could be read at all: the first ones
    rows: NDArray[np.int64]  # (len(ids),)
    faults: Mapping[int, Reject] = field(default_factory=dict)  # position -> why it can't be used
    dropped: Mapping[int, Reject] = field(default_factory=dict)  # position -> what was taken out of its record


@dataclass(frozen=True, slots=True)
class Source:
    """A catalogue ready to be read, as often as wanted."""

    guess: Guess
    table: Table
    plan: Plan
    pictures: Pictures
    reviews: Reviews | None
    ids: Callable[[pl.DataFrame], pl.Series]
    key: str  # everything beside the rows that decides what is read of them

    def batches(self) -> Iterator[Batch]:
        """All entries; at most 50,000 a batch."""
        salt = np.uint64(int.from_bytes(blake2b(self.key.encode(), digest_size=8).digest(), "little"))
        seen = Seen()
        for chunk in self.table.chunks():
            rejects = chunk.rejects
            for start in range(0, max(chunk.frame.height, 1), BATCH):
                frame = chunk.frame.slice(start, BATCH)
                if frame.height or rejects:
                    yield self._batch(Chunk(frame, rejects, chunk.dropped), salt, seen)
                rejects = []
        if self.reviews is not None:
            self.reviews.match(seen)

    def read(self, batch: Batch, only: NDArray[np.int64] | None = None) -> Iterator[Product | Reject]:
        """Parse the entries of a batch, or those at the positions `only`, in order.

        A Reject that is not fatal names a field that had to be dropped of the product that follows it.
        """
        parser = Parser(self.plan, self.pictures)
        positions = np.arange(len(batch.ids)) if only is None else np.asarray(only, np.int64)
        inner = positions[positions < batch.frame.height]
        ids = [batch.ids[at] for at in inner]
        reviews = self.reviews.of([id for id in ids if id]) if self.reviews is not None else {}
        frame = batch.frame if only is None else batch.frame[inner]
        for at, id, row in zip(inner.tolist(), ids, frame.iter_rows(named=True), strict=True):
            if not id:
                yield batch.faults[at]
                continue
            if at in batch.dropped:
                yield batch.dropped[at]
            product, faults = parser.product(id, int(batch.rows[at]), row, reviews.get(id, ()))
            yield from faults
            yield product
        for at in positions[positions >= batch.frame.height].tolist():
            yield batch.faults[at]

    def picture_urls(self) -> Iterator[str]:
        """Addresses of all pictures that the catalogue does not hold itself, in order, with repeats."""
        for chunk in self.table.chunks():
            for name in self.plan.fields.get("images", ()):
                cells = chunk.frame[name]
                for cell in cells.filter(cells.str.contains("//", literal=True)).to_list():
                    yield from urls_of(cell)

    def leftovers(self) -> list[Reject]:
        """Reviews that name no product, known once all batches were read; `row` counts in the file of reviews."""
        return self.reviews.leftovers() if self.reviews is not None else []

    def _batch(self, chunk: Chunk, salt: np.uint64, seen: Seen) -> Batch:
        frame = chunk.frame
        rows = frame[ROW].to_numpy()
        ids = self.ids(frame)
        faults = self._faults(ids, rows, seen)
        names = ids.to_list()
        for place in faults:
            names[place] = ""
        stamps: NDArray[np.uint64] = frame.drop(ROW).hash_rows().to_numpy() ^ salt
        if self.reviews is not None:
            stamps = stamps + self.reviews.stamps(ids)
        for name in (*self.plan.fields.get("images", ()), *self.plan.fields.get("videos", ())):
            if self.pictures.downloaded is not None or not frame[name].str.contains("//", literal=True).all():
                stamps = stamps * np.uint64(31) + self.pictures.states(frame[name].to_list())
        for reject in chunk.rejects:
            faults[len(names)] = reject
            names.append("")
        number_of = {int(row): at for at, row in enumerate(rows)} if chunk.dropped else {}
        return Batch(
            names,
            np.concatenate([stamps, np.zeros(len(chunk.rejects), np.uint64)]),
            frame,
            np.concatenate([rows, np.array([reject.row for reject in chunk.rejects], np.int64)]),
            faults,
            {number_of[reject.row]: reject for reject in chunk.dropped if reject.row in number_of},
        )

    def _faults(self, ids: pl.Series, rows: NDArray[np.int64], seen: Seen) -> dict[int, Reject]:
        faults = {}
        column = next(iter(self.plan.fields.get("id", ())), "id")
        missing = (ids == "").to_numpy()
        for gap in np.flatnonzero(missing).tolist():
            faults[gap] = Reject(int(rows[gap]), column, "the row has no id", "")
        odd = (ids.str.len_chars() > LONGEST_ID) | ids.str.contains(r"[\x00-\x1f\x7f]")
        for wrong in np.flatnonzero(odd.to_numpy()).tolist():
            reason = f"the id is longer than {LONGEST_ID} characters or holds line breaks"
            faults[wrong] = Reject(int(rows[wrong]), column, reason, ids[wrong][:RAW])
        usable = np.ones(len(ids), np.bool_)
        usable[list(faults)] = False
        places = np.flatnonzero(usable)
        for at, earlier in seen.add(ids.filter(pl.Series(usable)), rows[usable]).items():
            place = int(places[at])
            reason = f"repeats the id of row {earlier}, which is kept"
            faults[place] = Reject(int(rows[place]), column, reason, ids[place])
        return faults


def named_ids(columns: Sequence[str]) -> Callable[[pl.DataFrame], pl.Series]:
    """Ids read from a column, trimmed; further columns stand in where it is empty."""

    def ids(frame: pl.DataFrame) -> pl.Series:
        trimmed = [pl.col(name).str.strip_chars().str.strip_prefix("'") for name in columns]
        filled = [pl.when(cell != "").then(cell) for cell in trimmed]
        return frame.select(pl.coalesce(filled).fill_null("").alias("id")).to_series()

    return ids


def pictured_ids(columns: Sequence[str]) -> Callable[[pl.DataFrame], pl.Series]:
    """Ids of a list of pictures: the path of each row's first picture."""

    def ids(frame: pl.DataFrame) -> pl.Series:
        cells = frame.select(pl.concat_list(pl.col(columns)).alias("cells")).to_series().to_list()
        firsts = (next((cell for cell in row if cell.strip()), "") for row in cells)
        return pl.Series("id", [next(iter(split_pictures(cell)), "") for cell in firsts], pl.String)

    return ids
