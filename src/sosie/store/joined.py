"""Columns of a generation followed by those of later rows; joined when first asked for, then only extended."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.store.columns import NUMBERS, TEXTS, Columns, cells_of, is_number
from sosie.store.strings import encode_text
from sosie.types import Column

SPARE = 1_024  # rows for which room is made


@dataclass(slots=True)
class _Late:
    """The later rows in which a column has a value, ascending."""

    rows: "array[int]" = field(default_factory=lambda: array("q"))
    values: list[Any] = field(default_factory=list)
    numeric: bool = True


class Joined:
    """The columns of a generation, to which records are added; any number of threads may ask meanwhile."""

    def __init__(self, base: Columns) -> None:
        self._base = base
        self._rows = base.rows
        self._late: dict[str, _Late] = {}
        self._asked: dict[str, _Extended] = {}
        self._lock = Lock()

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Append rows."""
        with self._lock:
            for row, record in enumerate(records, self._rows):
                for name in NUMBERS:
                    if (value := record.get(name)) is not None:
                        self._add(name, row, value, True)
                for name, word in cells_of(record):
                    self._add(name, row, word, name not in TEXTS and is_number(encode_text(word)))
            self._rows += len(records)

    def _add(self, name: str, row: int, value: object, numeric: bool) -> None:
        late = self._late.get(name)
        if late is None:
            late = self._late[name] = _Late()
        late.rows.append(row)
        late.values.append(value)
        late.numeric &= numeric

    def at(self, size: int) -> Mapping[str, Column]:
        """The columns as they were when there were so many rows."""
        return _At(self, size)

    @property
    def asked(self) -> set[str]:
        """Names of the columns that were asked for."""
        return set(self._asked)

    def names(self, size: int) -> dict[str, None]:
        """Names of the columns that the first rows have."""
        with self._lock:
            later = [name for name, late in self._late.items() if late.rows[0] < size]
        return dict.fromkeys([*self._base, *later])

    def column(self, name: str, size: int) -> Column:
        """A column of the first rows."""
        with self._lock:
            late = self._late.get(name, _Late())
            said = {self._base.numeric(name), late.numeric if late.values else None} - {None}
            numeric = said == {True}
            extended = self._asked.get(name)
            if extended is None or (extended.known is None) != numeric:  # a word among numbers makes texts of them
                column = self._base[name] if name in NUMBERS else self._base.spread(name, numeric)
                extended = self._asked[name] = _Extended(column)
            extended.extend(late, self._rows)
            values = extended.values[:size]
            values.flags.writeable = False
            return Column(values, extended.vocabulary)


class _At(Mapping[str, Column]):
    """The columns of a snapshot."""

    def __init__(self, joined: Joined, size: int) -> None:
        self._joined, self._size = joined, size
        self._names = joined.names(size)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, name: str) -> Column:
        if name not in self._names:
            raise KeyError(name)
        return self._joined.column(name, self._size)


class _Extended:
    """One column over all rows, with room for more."""

    def __init__(self, column: Column) -> None:
        self.values: NDArray[Any] = column.values
        self.vocabulary = column.vocabulary
        self.known: dict[str, int] | None = None if column.vocabulary is None else {}
        self._filled, self._taken = len(column.values), 0

    def extend(self, late: _Late, rows: int) -> None:
        """Fill in the rows that came since."""
        if rows == self._filled:
            return
        fresh: Any = late.values[self._taken :]
        block = np.full(rows - self._filled, np.nan if self.known is None else -1, self.values.dtype)
        if fresh:
            places = np.array(late.rows[self._taken :], np.int64) - self._filled
            block[places] = [float(value) for value in fresh] if self.known is None else self._codes(fresh)
        if rows > len(self.values):
            room = np.empty(rows + max(SPARE, rows // 8), self.values.dtype)
            room[: self._filled] = self.values[: self._filled]
            self.values = room
        self.values[self._filled : rows] = block
        self._filled, self._taken = rows, len(late.values)

    def _codes(self, words: Sequence[str]) -> list[int]:
        assert self.known is not None
        assert self.vocabulary is not None
        if not self.known:
            self.known = {word: code for code, word in enumerate(self.vocabulary)}
        codes = [self.known.setdefault(word, len(self.known)) for word in words]
        if len(self.known) > len(self.vocabulary):
            self.vocabulary = (*self.vocabulary, *list(self.known)[len(self.vocabulary) :])
        return codes
