"""Filterable columns of all rows: written in a stream, stored sparsely, spread over the rows when first asked for."""

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.store.strings import (
    Hashes,
    Strings,
    StringsBuffer,
    StringsFile,
    decode_text,
    encode_text,
    hash_texts,
    map_array,
)
from sosie.types import Column

NUMBERS = ("price", "sale_price", "rating", "rating_count", "stock")
TEXTS = ("available", "brand", "currency", "language", "category", "group")
OTHERS = ("attributes", "other", "identifiers")  # a name that stands in several of them is taken from the first
_FIXED = {*NUMBERS, *TEXTS}
LARGEST = 2.0**53  # longer numbers are identifiers: float64 would make different ones equal
BLOCK = 16_384  # rows after which words are forgotten, so that a column of nothing but distinct words fits in memory
WORDS_BLOCK = 65_536  # words read at a time

Numbers = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Words:
    """Some of many strings, read when asked for."""

    strings: Strings
    rows: NDArray[np.int64] | range

    def __len__(self) -> int:
        return len(self.rows)

    def blocks(self) -> Iterator[list[bytes]]:
        """The strings in their order, in blocks."""
        for start in range(0, len(self.rows), WORDS_BLOCK):
            yield self.strings.take(np.asarray(self.rows[start : start + WORDS_BLOCK], np.int64))

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self.blocks())


@dataclass(frozen=True, slots=True)
class Entries:
    """The rows in which a column has a value: row `rows[i]` has `words[codes[i]]`."""

    rows: Codes
    codes: Codes
    words: Words
    numeric: bool  # every word is a number, so that the column can be compared as numbers


@dataclass(slots=True)
class _Growing:
    rows: "array[int]" = field(default_factory=lambda: array("i"))
    places: "array[int]" = field(default_factory=lambda: array("i"))  # of each row's word in the spool
    spooled: "array[int]" = field(default_factory=lambda: array("i"))  # places of this column's words, ascending
    recent: dict[str, int] = field(default_factory=dict)  # places of the words of the last rows

    def finish(self, strings: Strings, hashes: Hashes, text: bool) -> Entries:
        """Number the distinct words in the order they were first seen (equal 64-bit hashes count as equal words)."""
        spooled = np.array(self.spooled, np.int64)
        _, first, same = np.unique(hashes[spooled], return_index=True, return_inverse=True)
        order = np.argsort(first)
        number = np.empty(len(order), np.int32)
        number[order] = np.arange(len(order))
        codes = number[same][np.searchsorted(spooled, np.array(self.places, np.int64))]
        self.places = array("i")
        words = Words(strings, spooled[first[order]])
        return Entries(np.frombuffer(self.rows, np.int32), codes, words, not text and all(map(is_number, words)))


class ColumnsBuilder:
    """Takes the records of consecutive rows, as JSON has them; words go to a spool, which may be on disk."""

    def __init__(self, spool: StringsFile | StringsBuffer | None = None) -> None:
        self._rows = 0
        self._numbers = {name: array("d") for name in NUMBERS}
        self._texts = {name: _Growing() for name in TEXTS}
        self._spool = spool or StringsBuffer()
        self._spooled = 0
        self._pending: list[bytes] = []
        self._hashes: list[Hashes] = [np.zeros(0, np.uint64)]

    def add(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Append rows."""
        texts = self._texts
        for record in records:
            row = self._rows
            self._rows += 1
            for name, values in self._numbers.items():
                value = record.get(name)
                values.append(np.nan if value is None else value)
            for name, word in cells_of(record):
                growing = texts.get(name)
                if growing is None:
                    growing = texts[name] = _Growing()
                self._add(growing, row, word)
            if self._rows % BLOCK == 0:
                self._flush()

    def _add(self, growing: _Growing, row: int, word: str) -> None:
        place = growing.recent.get(word)
        if place is None:
            place = growing.recent[word] = self._spooled + len(self._pending)
            self._pending.append(encode_text(word))
            growing.spooled.append(place)
        growing.rows.append(row)
        growing.places.append(place)

    def _flush(self) -> None:
        self._spool.add(self._pending)
        self._hashes.append(hash_texts(self._pending))
        self._spooled += len(self._pending)
        self._pending = []
        for growing in self._texts.values():
            growing.recent.clear()

    def finish(self) -> "Columns":
        """The columns of all rows added."""
        self._flush()
        strings, hashes = self._spool.close(), np.concatenate(self._hashes)
        numbers = [np.frombuffer(values, np.float64) for values in self._numbers.values()]
        entries = {name: growing.finish(strings, hashes, name in TEXTS) for name, growing in self._texts.items()}
        return Columns(self._rows, numbers, entries)


def cells_of(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and words of a record's columns of texts, each name once."""
    if "available" in record:
        yield "available", "true" if record["available"] else "false"
    for name in ("brand", "currency", "language", "group"):
        if word := record.get(name):
            yield name, word
    if paths := record.get("category"):
        yield "category", " | ".join(paths)
    done: set[str] = set()
    for group in OTHERS:
        for name, word in record.get(group, {}).items():
            if word and name not in _FIXED and name not in done:
                done.add(name)
                yield name, word


def is_number(word: bytes) -> bool:
    """Whether a word can be compared as a number."""
    try:
        return abs(float(word)) <= LARGEST and b"_" not in word
    except ValueError:
        return False


class Columns(Mapping[str, Column]):
    """Columns of the rows of one generation, or of a delta; each is spread over the rows when first asked for."""

    def __init__(self, rows: int, numbers: Sequence[Numbers], entries: Mapping[str, Entries]) -> None:
        self.rows, self._numbers, self._entries = rows, numbers, entries
        self._spread: dict[tuple[str, bool], Column] = {}

    def __iter__(self) -> Iterator[str]:
        yield from NUMBERS
        yield from self._entries

    def __len__(self) -> int:
        return len(NUMBERS) + len(self._entries)

    def __getitem__(self, name: str) -> Column:
        if name in NUMBERS:
            return Column(self._numbers[NUMBERS.index(name)])
        return self.spread(name, self._entries[name].numeric)

    @property
    def asked(self) -> set[str]:
        """Names of the columns that were asked for."""
        return {name for name, _ in list(self._spread)}

    def numeric(self, name: str) -> bool | None:
        """Whether a column can be read as numbers; None where no row has a value."""
        if name in NUMBERS:
            return True
        entries = self._entries.get(name)
        return None if entries is None or not len(entries.rows) else entries.numeric

    def spread(self, name: str, numeric: bool) -> Column:
        """A column of texts over all rows, as numbers or as codes."""
        key = (name, numeric)
        if key not in self._spread:
            self._spread[key] = _spread(self._entries.get(name), self.rows, numeric)
        return self._spread[key]

    def save(self, folder: Path) -> None:
        """Write numbers.npy, entries.row.npy, entries.code.npy, words.bin, words.npy and columns.json."""
        _save_joined(folder / "numbers.npy", "<f8", self._numbers)
        _save_joined(folder / "entries.row.npy", "<i4", [entries.rows for entries in self._entries.values()])
        _save_joined(folder / "entries.code.npy", "<i4", [entries.codes for entries in self._entries.values()])
        words = StringsFile(folder, "words")
        for entries in self._entries.values():
            for block in entries.words.blocks():
                words.add(block)
        words.close()
        index = [
            {"name": name, "entries": len(entries.rows), "words": len(entries.words), "numeric": entries.numeric}
            for name, entries in self._entries.items()
        ]
        (folder / "columns.json").write_text(json.dumps(index), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> "Columns":
        """Map what `save` wrote."""
        numbers = np.split(map_array(folder / "numbers.npy", np.float64), len(NUMBERS))
        rows, codes = (map_array(folder / f"entries.{name}.npy", np.int32) for name in ("row", "code"))
        words = Strings.open(folder, "words")
        entries: dict[str, Entries] = {}
        at = word = 0
        for one in json.loads((folder / "columns.json").read_text(encoding="utf-8")):
            stop, last = at + one["entries"], word + one["words"]
            entries[one["name"]] = Entries(
                rows[at:stop], codes[at:stop], Words(words, range(word, last)), one["numeric"]
            )
            at, word = stop, last
        return cls(len(numbers[0]), numbers, entries)


def _save_joined(file: Path, dtype: str, parts: Sequence[Codes] | Sequence[Numbers]) -> None:
    """Save arrays one after the other as one, without joining them in memory."""
    header = {"descr": dtype, "fortran_order": False, "shape": (sum(map(len, parts)),)}
    with file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            stream.write(np.ascontiguousarray(part, dtype).data)


def _spread(entries: Entries | None, rows: int, numeric: bool) -> Column:
    if numeric:
        values = np.full(rows, np.nan)
        if entries is not None:
            numbers = np.array([float(word) for word in entries.words], np.float64)
            values[entries.rows] = numbers[entries.codes]
        return Column(values)
    codes = np.full(rows, -1, np.int32)
    if entries is None:
        return Column(codes, ())
    codes[entries.rows] = entries.codes
    return Column(codes, tuple(map(decode_text, entries.words)))
