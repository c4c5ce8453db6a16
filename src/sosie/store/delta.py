"""What was written since the last generation: one SQLite file, read commit by commit into memory, searched exactly.

A commit is one transaction (WAL, synchronous=FULL), and counts once the manifest names it: acknowledged means durable,
and what no manifest names is cut off by the next writer. Rows are never changed; one that is replaced or removed is
named in `removed`.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from sosie.store.generation import Generation
from sosie.store.growing import Grown
from sosie.store.manifest import SignalState
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
    rows: int
    removed: Rows  # snapshot rows, in the order of their removal
    grown: Grown  # shared with the deltas before and after

    @property
    def ids(self) -> Sequence[str]:
        """Ids; only the first `rows` are this delta's."""
        return self.grown.ids

    @property
    def records(self) -> Sequence[bytes]:
        """Records; only the first `rows` are this delta's."""
        return self.grown.records

    @property
    def stamps(self) -> NDArray[np.uint64]:
        """What products looked like in their catalogue, (rows,)."""
        return self.grown.stamps.first(self.rows)

    @property
    def group_hashes(self) -> Hashes:
        """Hashes of groups, (rows,)."""
        return self.grown.group_hashes.first(self.rows)

    def vectors(self, signal: str) -> Matrix:
        """Vectors of a signal, (rows, dim)."""
        return self.grown.vectors[signal].first(self.rows)

    def row(self, id: str) -> int:
        """The last row of an id, -1 where there is none."""
        return self.grown.row(id, self.rows)


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


def no_delta(generation: Generation, signals: Mapping[str, SignalState]) -> Delta:
    """The delta of a generation since which nothing was written."""
    return Delta(0, 0, np.zeros(0, np.int64), Grown(generation, signals))


def read_delta(file: Path, before: Delta, commit: int) -> Delta:
    """The delta as a commit left it; only what came after `before`, the newest that was read, is read.

    Raises OSError or sqlite3.Error.
    """
    if commit == before.commit:
        return before
    start, gone, grown = before.rows, len(before.removed), before.grown
    with closing(open_reading(file)) as connection:
        connection.execute("begin")
        stop, last_removed = _state_at(connection, commit)
        products = connection.execute(
            "select id, stamp, grouping, record from products where row >= ? and row < ? order by row", (start, stop)
        ).fetchall()
        removed = connection.execute(
            "select row from removed where number > ? and number <= ? order by number", (gone, last_removed)
        ).fetchall()
        vectors = {
            signal: _read_vectors(connection, signal, start, stop, matrix.first(0))
            for signal, matrix in grown.vectors.items()
        }
    grown.add(
        start,
        ids=[decode_text(id) for id, *_ in products],
        stamps=_unsigned([stamp for _, stamp, _, _ in products]),
        group_hashes=_unsigned([hashed for _, _, hashed, _ in products]),
        records=[record for *_, record in products],
        vectors=vectors,
        gone=gone,
        removed=np.array([row for (row,) in removed], np.int64),
    )
    return Delta(commit, stop, grown.removed.first(gone + len(removed)), grown)


def _state_at(connection: sqlite3.Connection, commit: int) -> tuple[int, int]:
    """How many rows and removals there were after a commit."""
    if commit == 0:
        return 0, 0
    found = connection.execute("select rows, removed from commits where number = ?", (commit,)).fetchone()
    if found is None:
        raise sqlite3.DatabaseError(f"the delta lacks commit {commit}")
    return int(found[0]), int(found[1])


def _read_vectors(connection: sqlite3.Connection, signal: str, start: int, stop: int, like: Matrix) -> Matrix:
    found = connection.execute(
        "select chunk from vectors where signal = ? and start >= ? and start < ? order by start", (signal, start, stop)
    )
    raw = b"".join([chunk for (chunk,) in found])
    rows: Matrix = np.frombuffer(raw, like.dtype.newbyteorder("<")).reshape(stop - start, like.shape[1])
    return rows


class DeltaWriter:
    """The delta of one generation open for writing; a live store keeps it open, since opening costs more than writing.

    Used by one thread at a time. Raises sqlite3.Error where it can't be opened.
    """

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, timeout=WAIT, isolation_level=None, check_same_thread=False)
        self._file, self._inode = file, file.stat().st_ino
        self._made = False  # whether the tables are known to be there
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
            if not self._made:
                for statement in _SCHEMA.strip().split(";\n"):
                    connection.execute(statement)
            rows, removed = _cut_off(connection, commit)
            _insert(connection, commit + 1, rows, removed, addition)
            connection.execute("commit")
            self._made = True
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return commit + 1

    def writes(self, file: Path) -> bool:
        """Whether this is what lies in a file, and not what lay there before."""
        try:
            return file == self._file and file.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

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
    with closing(open_reading(file)) as connection:
        return int(connection.execute("select coalesce(max(number), 0) from commits").fetchone()[0])


def _cut_off(connection: sqlite3.Connection, commit: int) -> tuple[int, int]:
    """Delete what came after a commit; returns how many rows and removals are left."""
    rows, removed = _state_at(connection, commit)
    (last,) = connection.execute("select coalesce(max(number), 0) from commits").fetchone()
    if last > commit:
        connection.execute("delete from products where row >= ?", (rows,))
        connection.execute("delete from vectors where start >= ?", (rows,))
        connection.execute("delete from removed where number > ?", (removed,))
        connection.execute("delete from commits where number > ?", (commit,))
    return rows, removed


def _insert(connection: sqlite3.Connection, number: int, start: int, gone: int, addition: Addition) -> None:
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


def open_reading(file: Path) -> sqlite3.Connection:
    """A delta open for reading. Raises sqlite3.Error."""
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
