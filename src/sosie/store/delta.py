"""What was written since the last generation: one SQLite file, read whole into memory, searched exactly.

A commit is one transaction (WAL, synchronous=FULL), and counts once the manifest names it: acknowledged means durable,
and what no manifest names is cut off by the next writer. Rows are never changed; one that is replaced or removed is
named in `removed`.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from sosie.store.columns import Columns, ColumnsBuilder
from sosie.store.manifest import SignalState
from sosie.store.records import read_record
from sosie.store.strings import Hashes, decode_text
from sosie.types import Matrix, Rows

CHUNK = 4_096  # vectors a blob: SQLite takes none beyond 1 GB
WAIT = 60.0  # seconds for another process's recovery or checkpoint

_SCHEMA = """
create table if not exists commits
  (number integer primary key, rows integer not null, removed integer not null, at text not null);
create table if not exists products
  (row integer primary key, id blob not null, stamp integer not null, grouping integer not null, record blob not null);
create table if not exists vectors (signal text not null, start integer not null, chunk blob not null);
create index if not exists vectors_start on vectors (signal, start);
create table if not exists removed (number integer primary key, row integer not null);
"""


@dataclass(frozen=True, eq=False)
class Delta:
    """Rows that come after those of the generation, and which rows of both are gone."""

    commit: int
    ids: Sequence[str]
    stamps: NDArray[np.uint64]
    group_hashes: Hashes
    records: Sequence[bytes]
    vectors: Mapping[str, Matrix]  # (rows, dim) each
    removed: Rows  # snapshot rows, in the order of their removal

    @cached_property
    def columns(self) -> Columns:
        """Columns of the delta's rows."""
        builder = ColumnsBuilder()
        builder.add(map(read_record, self.records))
        return builder.finish()


@dataclass(frozen=True, eq=False)
class Addition:
    """What one commit adds."""

    ids: Sequence[bytes]
    stamps: NDArray[np.uint64]
    group_hashes: Hashes
    records: Sequence[bytes]
    vectors: Mapping[str, Matrix]
    removed: Rows


def delta_file(store: Path, generation: int) -> Path:
    """Where the delta of a generation lies."""
    return store / f"delta-{generation}.sqlite"


def remove_delta(store: Path, generation: int) -> None:
    """Delete the delta of a generation."""
    for suffix in ("", "-wal", "-shm"):
        file = delta_file(store, generation)
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def no_delta(signals: Mapping[str, SignalState]) -> Delta:
    """A delta of no rows."""
    return Delta(
        commit=0,
        ids=(),
        stamps=np.zeros(0, np.uint64),
        group_hashes=np.zeros(0, np.uint64),
        records=(),
        vectors={signal: np.zeros((0, state.dim), state.dtype) for signal, state in signals.items()},
        removed=np.zeros(0, np.int64),
    )


def read_delta(file: Path, before: Delta, commit: int) -> Delta:
    """The delta as a commit left it; only what came after `before` is read. Raises OSError or sqlite3.Error."""
    if commit == before.commit:
        return before
    with closing(_open_reading(file)) as connection:
        connection.execute("begin")
        start, stop = len(before.ids), _rows_at(connection, commit)
        products = connection.execute(
            "select id, stamp, grouping, record from products where row >= ? and row < ? order by row", (start, stop)
        ).fetchall()
        removed = connection.execute(
            "select row from removed where number > ? and number <= (select removed from commits where number = ?) "
            "order by number",
            (len(before.removed), commit),
        ).fetchall()
        vectors = {
            signal: _read_vectors(connection, signal, start, stop, matrix) for signal, matrix in before.vectors.items()
        }
    return Delta(
        commit=commit,
        ids=[*before.ids, *(decode_text(id) for id, *_ in products)],
        stamps=np.concatenate([before.stamps, _unsigned([stamp for _, stamp, _, _ in products])]),
        group_hashes=np.concatenate([before.group_hashes, _unsigned([hashed for _, _, hashed, _ in products])]),
        records=[*before.records, *(record for *_, record in products)],
        vectors=vectors,
        removed=np.concatenate([before.removed, np.array([row for (row,) in removed], np.int64)]),
    )


def _rows_at(connection: sqlite3.Connection, commit: int) -> int:
    found = connection.execute("select rows from commits where number = ?", (commit,)).fetchone()
    if found is None:
        raise sqlite3.DatabaseError(f"the delta lacks commit {commit}")
    return int(found[0])


def _read_vectors(connection: sqlite3.Connection, signal: str, start: int, stop: int, before: Matrix) -> Matrix:
    found = connection.execute(
        "select chunk from vectors where signal = ? and start >= ? and start < ? order by start", (signal, start, stop)
    )
    kind = before.dtype.newbyteorder("<")
    chunks = [np.frombuffer(chunk, kind).reshape(-1, before.shape[1]) for (chunk,) in found]
    return np.concatenate([before, *chunks]).astype(before.dtype, copy=False)


class DeltaWriter:
    """The delta of one generation open for writing; a live store keeps it open, since opening costs more than writing.

    Used by one thread at a time. Raises sqlite3.Error where it can't be opened.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._connection = sqlite3.connect(file, timeout=WAIT, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = full")
        except BaseException:
            self._connection.close()
            raise

    def commit(self, commit: int, addition: Addition) -> int:
        """Append rows and removals to what a commit left, in one transaction; returns the new commit's number.

        Raises sqlite3.Error; then nothing was written.
        """
        connection = self._connection
        connection.execute("begin immediate")
        try:
            _cut_off(connection, commit)
            _insert(connection, commit + 1, addition)
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return commit + 1

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def commit_delta(file: Path, commit: int, addition: Addition) -> int:
    """Append to a delta once: see `DeltaWriter.commit`. Raises sqlite3.Error; then nothing was written."""
    with closing(DeltaWriter(file)) as writer:
        return writer.commit(commit, addition)


def last_commit(file: Path) -> int:
    """Number of the last commit in a delta, named by a manifest or not; 0 where there is none."""
    if not file.exists():
        return 0
    with closing(_open_reading(file)) as connection:
        return int(connection.execute("select coalesce(max(number), 0) from commits").fetchone()[0])


def _cut_off(connection: sqlite3.Connection, commit: int) -> None:
    """Make the tables where they are missing, and delete what came after a commit."""
    for statement in _SCHEMA.strip().split(";\n"):
        connection.execute(statement)
    if commit:
        rows = _rows_at(connection, commit)
        (removed,) = connection.execute("select removed from commits where number = ?", (commit,)).fetchone()
    else:
        rows = removed = 0
    connection.execute("delete from products where row >= ?", (rows,))
    connection.execute("delete from vectors where start >= ?", (rows,))
    connection.execute("delete from removed where number > ?", (removed,))
    connection.execute("delete from commits where number > ?", (commit,))


def _insert(connection: sqlite3.Connection, number: int, addition: Addition) -> None:
    (start,) = connection.execute("select coalesce(max(row) + 1, 0) from products").fetchone()
    (gone,) = connection.execute("select count(*) from removed").fetchone()
    connection.execute(
        "insert into commits values (?, ?, ?, ?)",
        (
            number,
            start + len(addition.ids),
            gone + len(addition.removed),
            datetime.now(UTC).isoformat(timespec="seconds"),
        ),
    )
    connection.executemany(
        "insert into products values (?, ?, ?, ?, ?)",
        zip(
            range(start, start + len(addition.ids)),
            addition.ids,
            addition.stamps.view(np.int64).tolist(),
            addition.group_hashes.view(np.int64).tolist(),
            addition.records,
            strict=True,
        ),
    )
    for signal, matrix in addition.vectors.items():
        connection.executemany(
            "insert into vectors values (?, ?, ?)",
            (
                (signal, start + at, matrix[at : at + CHUNK].astype(matrix.dtype.newbyteorder("<")).tobytes())
                for at in range(0, len(matrix), CHUNK)
            ),
        )
    connection.executemany("insert into removed (row) values (?)", ((row,) for row in addition.removed.tolist()))


def _open_reading(file: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(file.resolve()))}?mode=ro"
    try:
        return _connect(address)
    except sqlite3.OperationalError:
        log = file.with_name(file.name + "-wal")
        if not file.exists() or (log.exists() and log.stat().st_size):
            raise
        # On read-only media SQLite can't make the shared memory that WAL needs; nobody can write there either.
        return _connect(f"{address}&immutable=1")


def _connect(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=WAIT, isolation_level=None)
    try:
        connection.execute("select 1 from sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _unsigned(numbers: Sequence[int]) -> NDArray[np.uint64]:
    return np.array(numbers, np.int64).view(np.uint64)
