"""CSV and TSV: streamed in blocks, broken records named by their row instead of swallowing what follows.

Quotes decide where a record ends. A block is read as strict CSV by its quotes' parity, all at once; where a quote
stands that strict CSV has no place for, that one record is read tolerantly, and the strict reading goes on after it.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sosie.catalog.encoding import NUL, UNDECODED, recognise_encoding, sample, utf8_blocks
from sosie.catalog.frames import ROW, Chunk, Table, distinct, empty
from sosie.errors import CatalogueError
from sosie.types import Reject

LONGEST = 8 << 20  # bytes of one record
DELIMITERS = ",\t;|"
QUOTE, NEWLINE = 34, 10
RAW = 2_000  # characters of a rejected record that are kept
NEVER_CLOSED = "a quote is opened and never closed, or stands where none can stand"
_SAYS_DELIMITER = re.compile(rb"\A(?i:sep)=([,;|\t])\r?\n")
WINDOW = 64  # lines looked at after a broken record, so that a file of broken records is not read over and over
State = Literal["done", "more", "tolerant"]
Positions = NDArray[np.int64]


def read_delimited(file: Path, *, delimiter: str = "") -> Table:
    """Open a CSV or TSV file; its delimiter is recognised unless given. Raises CatalogueError."""
    head = sample(file)
    encoding = recognise_encoding(file, head)
    first = next(utf8_blocks(file, encoding))
    lead = len(first) - len(first.lstrip(b"\r\n"))
    said = _SAYS_DELIMITER.match(first[lead:])
    delimiter = delimiter or (said[1].decode() if said else recognise_delimiter(first[lead : lead + 200_000]))
    cells, _ = _header(_without_lead(first), delimiter, file)
    columns, notes = distinct([cell.replace("\ufeff", "") for cell in cells])

    def chunks() -> Iterator[Chunk]:
        scanner = _Scanner(delimiter, columns)
        header = True
        carry = b""
        for block in utf8_blocks(file, encoding):
            data = carry + block
            if header:
                data = _without_lead(data)
                _, end = _header(data, delimiter, file)
                data, header = data[end:], False
            chunk, carry = scanner.scan(data, final=False)
            yield chunk
        chunk, _ = scanner.scan(carry if carry.endswith(b"\n") or not carry else carry + b"\n", final=True)
        yield chunk

    name = "TSV" if delimiter == "\t" else "CSV"
    return Table(name, columns, chunks, encoding.removesuffix("-sig"), delimiter, tuple(notes))


def _without_lead(data: bytes) -> bytes:
    """Without blank lines at the top, and without Excel's line that names the delimiter."""
    return _SAYS_DELIMITER.sub(b"", data.lstrip(b"\r\n"), count=1)


def recognise_delimiter(text: bytes) -> str:
    """The delimiter that cuts the first records into the most columns, and most of them into equally many."""
    complete = text[: text.rfind(b"\n") + 1] or text
    lines = complete.decode("utf-8", "replace").splitlines(keepends=True)[:200]
    best, score = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row][:50]
        except csv.Error:
            continue
        if counts and counts[0] > 1:
            agreeing = sum(count == counts[0] for count in counts) / len(counts)
            if agreeing * agreeing * min(counts[0], 6) > score:
                best, score = delimiter, agreeing * agreeing * min(counts[0], 6)
    return best


def _header(data: bytes, delimiter: str, file: Path) -> tuple[list[str], int]:
    read = _tolerant(data, 0, delimiter.encode(), final=True)
    if read is None or read.unclosed or read.end > LONGEST // 8:
        raise CatalogueError(f"{file}: the first line, which names the columns, can't be read: {NEVER_CLOSED}.")
    return [cell.decode("utf-8").strip() for cell in read.cells], read.end


@dataclass(frozen=True, slots=True)
class _Record:
    cells: list[bytes]
    end: int  # where the next record begins
    line_end: int  # where the next line begins
    unclosed: bool
    stray: bool  # a quote stood where strict CSV has no place for it, within quotes
    lines: bool  # spans several lines


def _tolerant(data: bytes, start: int, delimiter: bytes, *, final: bool) -> _Record | None:
    """Read one record as people write them: padding around quotes, quotes within words. None: needs more data."""
    cells: list[bytes] = []
    at, size = start, len(data)
    stray = lines = False
    line_end = data.find(b"\n", start) + 1 or size
    while True:
        opened = at
        while data[opened : opened + 1] == b" ":
            opened += 1
        if data[opened : opened + 1] == b'"':
            closed = opened + 1
            while True:
                closed = data.find(b'"', closed)
                if closed < 0:
                    return _Record(cells, line_end, line_end, True, stray, True) if final else None
                if stray and (lines or closed >= line_end):  # broken, wherever it may close
                    return _Record(cells, line_end, line_end, True, stray, True)
                after = closed + 1
                if data[after : after + 1] == b'"':
                    if data[closed - 1 : closed] == delimiter and data[after + 1 : after + 2] in (delimiter, b"\n"):
                        stray = stray or closed > opened + 1  # an empty quoted cell: of another record
                    closed = after + 1
                    continue
                while data[after : after + 1] in (b" ", b"\r"):
                    after += 1
                if after >= size or data[after : after + 1] in (delimiter, b"\n"):
                    break
                stray = True
                closed += 1
            if after >= size and not final:
                return None
            cell = data[opened + 1 : closed]
            lines = lines or b"\n" in cell
            cells.append(cell.replace(b'""', b'"'))
        else:
            newline = data.find(b"\n", at)
            newline = size if newline < 0 else newline
            if newline == size and not final:
                return None
            after = data.find(delimiter, at, newline)
            after = newline if after < 0 else after
            cells.append(data[at:after].removesuffix(b"\r") if after == newline else data[at:after])
        if after >= size or data[after] == NEWLINE:
            return _Record(cells, min(after + 1, size), line_end, False, stray, lines)
        at = after + 1


def _split_literally(line: bytes, delimiter: bytes) -> list[bytes]:
    """The cells of one line in which quotes come in pairs but not around whole cells ('"Best" lamp'); [] otherwise."""
    if line.count(b'"') % 2:
        return []
    cells: list[bytes] = []
    for piece in line.rstrip(b"\r\n").split(delimiter):
        if cells and cells[-1].count(b'"') % 2:
            cells[-1] += delimiter + piece
        else:
            cells.append(piece)
    whole = re.compile(rb'\s*"((?:[^"]|"")*)"\s*')
    return [found[1].replace(b'""', b'"') if (found := whole.fullmatch(cell)) else cell for cell in cells]


class _Scanner:
    """Cuts blocks into records, numbering them; holds nothing of a file but the count of its records."""

    def __init__(self, delimiter: str, columns: tuple[str, ...]) -> None:
        self.delimiter = delimiter.encode()
        self.columns = columns
        self.record = 0  # number of the last record
        self.skipping = False  # within a record that is too long to be read

    def scan(self, data: bytes, *, final: bool) -> tuple[Chunk, bytes]:
        """Read the complete records of a block; returns them and the incomplete rest."""
        self.parts: list[bytes] = []
        self.rows: list[Positions] = []
        self.rejects: list[Reject] = []
        at = self._skip(data, 0) if self.skipping else 0
        array = np.frombuffer(data, np.uint8)
        self.quotes = np.flatnonzero(array == QUOTE)
        self.newlines = np.flatnonzero(array == NEWLINE)
        self.delimiters = np.flatnonzero(array == self.delimiter[0])
        faults = self._faults(array)
        window = len(self.newlines)
        while at < len(data):
            base = int(np.searchsorted(self.quotes, at))
            wrong = faults[base & 1]
            next_wrong = int(np.searchsorted(wrong, base))
            limit = int(self.quotes[wrong[next_wrong]]) if next_wrong < len(wrong) else len(data)
            at, state = self._strict(data, at, limit, base, window)
            window *= 4
            if state == "more":
                continue
            if state == "done" and limit == len(data) and not (final and at < len(data)):
                break
            read = _tolerant(data, at, self.delimiter, final=final)
            if read is None:
                break
            at = self._accept(data, at, read)
            window = WINDOW
        if len(data) - at > LONGEST and not final:
            at = self._too_long(data, at)
        return self._chunk(), data[at:]

    def _faults(self, array: NDArray[np.uint8]) -> tuple[Positions, Positions]:
        """Quotes that strict CSV has no place for, if the first quote counted is an even or an odd one."""
        if not len(self.quotes):
            return self.quotes, self.quotes
        around = np.full(len(array) + 2, NEWLINE, np.uint8)
        around[1:-1] = array
        before, after = around[self.quotes], around[self.quotes + 2]
        cut = self.delimiter[0]
        opens = (before == cut) | (before == NEWLINE) | (before == QUOTE)
        closes = (after == cut) | (after == NEWLINE) | (after == QUOTE) | (after == 13)
        even = (np.arange(len(self.quotes)) & 1) == 0
        return np.flatnonzero(~np.where(even, opens, closes)), np.flatnonzero(~np.where(even, closes, opens))

    def _strict(self, data: bytes, start: int, limit: int, base: int, window: int) -> tuple[int, State]:
        """Take the complete records of data[start:limit], looking at the next `window` lines only.

        Returns where they end, and whether there are "more", or the next one has to be read by the "tolerant" way
        although its quotes are in order (it spans lines and has the wrong number of cells), or all are "done".
        """
        first, last = np.searchsorted(self.newlines, [start, limit])
        state: State = "more" if last - first > window else "done"
        ends = self.newlines[first : min(last, first + window)]
        ends = ends[((np.searchsorted(self.quotes, ends) - base) & 1) == 0]
        if not len(ends):
            return start, state
        inner = self.delimiters[np.searchsorted(self.delimiters, start) : np.searchsorted(self.delimiters, ends[-1])]
        if len(self.quotes):
            inner = inner[((np.searchsorted(self.quotes, inner) - base) & 1) == 0]
        counts = np.diff(np.searchsorted(inner, ends), prepend=0) + 1
        starts = np.concatenate(([start], ends[:-1] + 1))
        blank = ends - starts <= 1
        if blank.any():
            blank &= np.fromiter((not data[s:e].strip() for s, e in zip(starts, ends, strict=True)), bool, len(ends))
        wrong = np.flatnonzero((counts != len(self.columns)) & ~blank)
        for at in wrong.tolist():
            if b"\n" in data[starts[at] : ends[at]]:
                ends, starts, blank, state = ends[:at], starts[:at], blank[:at], "tolerant"
                break
        wrong = wrong[wrong < len(ends)]
        numbers = self.record + np.cumsum(~blank)
        keep = ~blank
        keep[wrong] = False
        trimmed: dict[int, bytes] = {}
        for at in wrong.tolist():
            raw = data[starts[at] : ends[at]]
            bare = self._trimmed(raw, int(counts[at]) - len(self.columns))
            if bare:
                trimmed[at] = bare + b"\n"
            else:
                self._reject(int(numbers[at]), self._ragged(int(counts[at])), raw)
        if len(ends):
            self._keep(data, starts, ends, keep, trimmed)
            keep[list(trimmed)] = True
            self.rows.append(numbers[keep])
            self.record = int(numbers[-1])
            start = int(ends[-1]) + 1
        return start, state

    def _trimmed(self, record: bytes, extra: int) -> bytes:
        """A record of one line without its last cells, where they are empty; b"" where they are not, or missing."""
        bare = record.removesuffix(b"\r")
        return bare[:-extra] if extra > 0 and bare.endswith(self.delimiter * extra) else b""

    def _keep(
        self, data: bytes, starts: Positions, ends: Positions, keep: NDArray[np.bool_], trimmed: dict[int, bytes]
    ) -> None:
        """Add runs of good records as they stand, and trimmed ones between them."""
        edges = np.flatnonzero(np.diff(np.concatenate(([False], keep, [False])).astype(np.int8))).tolist()
        runs = zip(edges[::2], edges[1::2], strict=True)
        parts = [(first, data[starts[first] : ends[last - 1] + 1]) for first, last in runs]
        self.parts += [part for _, part in sorted([*parts, *trimmed.items()])]

    def _accept(self, data: bytes, at: int, read: _Record) -> int:
        """Take a record that was read tolerantly, or reject it; returns where the next one begins."""
        self.record += 1
        width = len(self.columns)
        broken = read.unclosed or (read.lines and read.stray)
        end = read.line_end if broken else read.end
        cells = read.cells
        if broken and len(alone := _split_literally(data[at:end], self.delimiter)) == width:
            cells, broken = alone, False
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        if broken:
            self._reject(self.record, NEVER_CLOSED, data[at:end])
        elif len(cells) != width:
            self._reject(self.record, self._ragged(len(cells)), data[at:end])
        else:
            quoted = self.delimiter.join(b'"' + cell.replace(b'"', b'""') + b'"' for cell in cells)
            self.parts.append(quoted + b"\n")
            self.rows.append(np.array([self.record]))
        return end

    def _too_long(self, data: bytes, at: int) -> int:
        """Reject a record that does not end: the line alone where the line ends, what follows otherwise."""
        self.record += 1
        line = data.find(b"\n", at, at + LONGEST)
        if line >= 0:
            self._reject(self.record, NEVER_CLOSED, data[at:line])
            return line + 1
        self._reject(self.record, f"the record is longer than {LONGEST >> 20} MB", data[at : at + RAW])
        self.skipping = True
        return self._skip(data, at)

    def _skip(self, data: bytes, at: int) -> int:
        line = data.find(b"\n", at)
        if line < 0:
            return len(data)
        self.skipping = False
        return line + 1

    def _ragged(self, cells: int) -> str:
        return f"the record has {cells} cells where the header names {len(self.columns)} columns"

    def _reject(self, row: int, reason: str, raw: bytes) -> None:
        text = raw[: 4 * RAW].decode("utf-8", "replace").replace(UNDECODED, "�").replace(NUL, "")
        self.rejects.append(Reject(row, "", reason, text.rstrip("\r\n")[:RAW]))

    def _chunk(self) -> Chunk:
        rows = np.concatenate(self.rows) if self.rows else np.empty(0, np.int64)
        data = b"".join(self.parts)
        self.parts, self.rows = [], []
        if not len(rows):
            return Chunk(empty(self.columns), self.rejects)
        frame = pl.read_csv(
            data,
            has_header=False,
            schema=dict.fromkeys(self.columns, pl.String),
            separator=self.delimiter.decode(),
        ).fill_null("")
        if frame.height != len(rows):  # strict CSV read by another strict reader
            text = io.StringIO(data.decode("utf-8"), newline="")
            records = [r for r in csv.reader(text, delimiter=self.delimiter.decode()) if r]
            frame = pl.DataFrame(records, schema=dict.fromkeys(self.columns, pl.String), orient="row")
        frame = frame.with_columns(pl.Series(ROW, rows, pl.Int64))
        return _named(frame, data, self.columns, self.rejects)


def _named(frame: pl.DataFrame, data: bytes, columns: tuple[str, ...], rejects: list[Reject]) -> Chunk:
    """Reject records with bytes that are no text; take NULs out and say so."""
    dropped: list[Reject] = []
    if UNDECODED.encode() in data:
        bad = frame.filter(pl.any_horizontal(pl.col(columns).str.contains(UNDECODED, literal=True)))
        for record in bad.iter_rows(named=True):
            name = next(c for c in columns if UNDECODED in record[c])
            raw = record[name].replace(UNDECODED, "�")[:RAW]
            rejects.append(Reject(record[ROW], name, "holds bytes that are not text in the file's encoding", raw))
        frame = frame.join(bad.select(ROW), on=ROW, how="anti", maintain_order="left")
    if NUL.encode() in data:
        bad = frame.filter(pl.any_horizontal(pl.col(columns).str.contains(NUL, literal=True)))
        for record in bad.iter_rows(named=True):
            name = next(c for c in columns if NUL in record[c])
            raw = record[name].replace(NUL, "")[:RAW]
            dropped.append(Reject(record[ROW], name, "held NUL bytes, which were taken out", raw, fatal=False))
        frame = frame.with_columns(pl.col(columns).str.replace_all(NUL, "", literal=True))
    return Chunk(frame, rejects, dropped)
