"""What every format is read into: frames of text, a row a record, with the number of each record."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import polars as pl

from sosie.types import Reject

ROW = "#row"  # Int64: 1-based number of the record in its file
MORE = "#more"  # a column that holds, as a JSON object, fields that were first met late in a file


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some records of a file, in order.

    `frame` has the table's columns, all String without nulls, and ROW. `rejects` are records that could not be
    read at all; `dropped` are faults of records that could.
    """

    frame: pl.DataFrame
    rejects: list[Reject] = field(default_factory=list)
    dropped: list[Reject] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Table:
    """A file recognised: its columns, and a way to read it from the start as often as wanted."""

    format: str
    columns: tuple[str, ...]
    chunks: Callable[[], Iterator[Chunk]]
    encoding: str = ""
    delimiter: str = ""
    notes: tuple[str, ...] = ()


def empty(columns: tuple[str, ...]) -> pl.DataFrame:
    """A frame of no records."""
    return pl.DataFrame(schema={**dict.fromkeys(columns, pl.String), ROW: pl.Int64})


def distinct(names: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Column names made distinct ("x", "x (2)"; nameless ones "column 3"), and a note for each that was repeated."""
    out: list[str] = []
    notes = []
    for at, raw in enumerate(names, 1):
        name = " ".join(raw.split()) or f"column {at}"
        if name in out:
            count = 2
            while f"{name} ({count})" in out:
                count += 1
            notes.append(f"column '{name}' comes more than once; the later one is called '{name} ({count})'.")
            name = f"{name} ({count})"
        out.append(name)
    return tuple(out), notes
