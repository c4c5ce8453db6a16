"""Files that hold a truth: CSV, TSV, JSON lines or Parquet, their columns recognised by name (`columns.toml`)."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl

from sosie.catalog.frames import MORE, ROW
from sosie.catalog.names import compact
from sosie.catalog.opening import read_table
from sosie.errors import CatalogueError, TruthError
from sosie.evaluate.words import near_to, some
from sosie.store import Snapshot
from sosie.types import Rows

FIELDS = {
    kind: {field: tuple(names.split()) for field, names in fields.items()}
    for kind, fields in tomllib.loads(files("sosie.evaluate").joinpath("columns.toml").read_text("utf-8")).items()
}  # kind of truth -> field -> what its column may be called
WORDED = {
    **dict.fromkeys(("true", "yes", "y", "match", "alike", "similar", "same", "是"), "1"),
    **dict.fromkeys(("false", "no", "n", "mismatch", "unlike", "different", "否"), "0"),
}
SHOWN = 5  # ids and rows that a message names


@dataclass(frozen=True, slots=True)
class TruthFile:
    """The rows of a file in their order: a column for each field that it has, trimmed text, and ROW."""

    file: Path
    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()  # ids that the store lacks
    names: Mapping[str, str] = field(default_factory=dict)  # field -> what the file calls it

    def has(self, field: str) -> bool:
        """Whether the file has a field."""
        return field in self.frame.columns

    def without(self, bad: pl.Series, why: str) -> "TruthFile":
        """The file without some of its rows, which is noted. Raises TruthError where no row is left."""
        count = int(bad.sum())
        if not count:
            return self
        told = f"{self.file}: {self.some_rows(bad)} {why}"
        if count == len(bad):
            raise TruthError(f"{told}; nothing is left to judge by.")
        return replace(self, frame=self.frame.filter(~bad), notes=(*self.notes, f"{told}; left out."))

    def some_rows(self, which: pl.Series) -> str:
        """How many rows are concerned, and the numbers of the first ones."""
        rows = self.frame[ROW].filter(which).to_list()
        first = ", ".join(f"{row:,}" for row in rows[:SHOWN])
        more = ", …" if len(rows) > SHOWN else ""
        return f"{len(rows):,} of {len(which):,} rows ({first}{more})"


def read_truth(file: Path, kind: str, needed: Sequence[str], split: str = "") -> TruthFile:
    """Read the columns of a file that a kind of truth knows; each column is one field, the first that it fits.

    `split` names the column of splits where it is not to be guessed. Rows that can't be read are noted. Raises
    TruthError where the file can't be read, lacks a column of a `needed` field, or has no rows.
    """
    try:
        table = read_table(file).table
        there = [name for name in table.columns if name != MORE]
        columns = {compact(name): name for name in reversed(there)}
        names: dict[str, str] = {}
        if split:
            if compact(split) not in columns:
                raise TruthError(f"{file}: has no column '{split}'{near_to(split, there)} It has {some(there, 20)}.")
            names["split"] = columns.pop(compact(split))
        for name, called in FIELDS[kind].items():
            found = next((one for one in called if one in columns), "")
            if found and name not in names:
                names[name] = columns.pop(found)
        for name in needed:
            if name not in names:
                raise TruthError(
                    f"{file}: has no column that tells the {name}, such as {', '.join(FIELDS[kind][name][:4])}; "
                    f"its columns are {some(there, 20)}. Rename the one that tells it."
                )
        chunks = list(table.chunks())
    except CatalogueError as error:
        raise TruthError(str(error)) from error
    wanted = [pl.col(ROW), *(pl.col(column).str.strip_chars().alias(name) for name, column in names.items())]
    frame = pl.concat([chunk.frame.select(wanted) for chunk in chunks])
    notes = []
    if rejects := [reject for chunk in chunks for reject in chunk.rejects]:
        notes.append(f"{file}: {len(rejects):,} rows can't be read (row {rejects[0].row}: {rejects[0].reason}).")
    if not frame.height:
        raise TruthError(" ".join([f"{file}: holds no rows.", *notes]))
    return TruthFile(file, frame, tuple(notes), names=names)


def find_rows(snapshot: Snapshot, truth: TruthFile, fields: Sequence[str], share: float) -> TruthFile:
    """The file with the rows of the store that its ids name, as columns "FIELD row"; those of strange ids left out.

    Raises TruthError where the store lacks more than a share of the distinct ids.
    """
    frame = truth.frame.with_columns(pl.col(name).str.strip_prefix("'") for name in fields)
    nameless = frame.select(pl.any_horizontal(pl.col(name) == "" for name in fields)).to_series()
    truth = replace(truth, frame=frame).without(nameless, f"lack the {' or the '.join(fields)}")
    ids = pl.concat([truth.frame[name].alias("id") for name in fields]).unique(maintain_order=True)
    rows = snapshot.rows(ids.to_list())
    unknown = tuple(ids.filter(pl.Series(rows < 0)).to_list())
    if unknown:
        told = f"{truth.file}: {len(unknown):,} of {len(ids):,} ids are not in the store ({some(unknown)})"
        if len(unknown) > share * len(ids):
            near = snapshot.close_ids(unknown[0], 1)
            raise TruthError(
                f"{told}, more than {share:.0%}; was the file written for another store?"
                + (f" The nearest to '{unknown[0]}' is '{near[0]}'." if near else "")
            )
        truth = replace(truth, notes=(*truth.notes, f"{told}; what names them is left out."), unknown=unknown)
    table = pl.DataFrame({"id": ids, "row": rows})
    frame = truth.frame
    for name in fields:
        found = table.rename({"id": name, "row": f"{name} row"})
        frame = frame.join(found, on=name, how="left", maintain_order="left")
    known = pl.all_horizontal(pl.col(f"{name} row") >= 0 for name in fields)
    return replace(truth, frame=frame.filter(known))


def grades_of(truth: TruthFile) -> TruthFile:
    """The file with its grades as numbers, 0 and above; rows without one are left out. Raises TruthError."""
    text = truth.frame["grade"].str.to_lowercase()
    numbers = text.replace(WORDED).cast(pl.Float64, strict=False)
    bad = (numbers.is_null() | ~numbers.is_finite()).fill_null(True)
    frame = truth.frame.with_columns(numbers.clip(lower_bound=0).alias("grade"))
    return replace(truth, frame=frame).without(bad, "have a grade that is no number")


def rows_of(truth: TruthFile, field: str) -> Rows:
    """The rows of the store that a field names, (rows of the file,)."""
    return truth.frame[f"{field} row"].to_numpy().astype(np.int64)


def only_kinds(truth: TruthFile, kinds: Sequence[str]) -> TruthFile:
    """The rows of some kinds, in any case; all where none is named. Raises TruthError for one that is not there."""
    if not kinds:
        return truth
    if not truth.has("kind"):
        raise TruthError(f"{truth.file}: has no column that tells the kind, such as kind or type.")
    there = truth.frame["kind"].unique().sort().to_list()
    folded = {kind.casefold() for kind in there}
    for kind in kinds:
        if kind.casefold() not in folded:
            raise TruthError(
                f"{truth.file}: has nothing of the kind '{kind}'{near_to(kind, there)} Its kinds: {some(there, 20)}."
            )
    wanted = {kind.casefold() for kind in kinds}
    return replace(truth, frame=truth.frame.filter(pl.col("kind").is_in([k for k in there if k.casefold() in wanted])))
