"""Raw vectors kept by what they were made from, so that nothing is encoded twice.

One SQLite file (WAL): what a crash cuts off is rolled back by SQLite, and several processes may share it. Losing the
file costs time, never data; a damaged one is thrown away.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import numpy as np

from sosie.store.files import explained
from sosie.store.strings import encode_text
from sosie.types import Mask, Matrix

Result = TypeVar("Result")

LIMIT = 16 << 30  # bytes
LEFT = 0.75  # share of the limit that is left when it was passed: so that not every put has to make room
WAIT = 60.0  # seconds for another process's commit
_SCHEMA = """
create table if not exists vectors (number integer primary key, key blob not null unique, vector blob not null)
"""


class VectorCache:
    """Vectors by the fingerprint of their encoder and the content they were made from."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._file, self._limit = folder / "vectors.sqlite", limit

    def get(self, fingerprint: str, contents: Sequence[str], dim: int) -> tuple[Mask, Matrix]:
        """Which contents are known, (contents,), and their vectors, (contents, dim); zeros for unknown ones."""

        def read(connection: sqlite3.Connection) -> tuple[Mask, Matrix]:
            found = np.zeros(len(contents), np.bool_)
            vectors = np.zeros((len(contents), dim), np.float32)
            for row, key in enumerate(_keys(fingerprint, contents)):
                for (raw,) in connection.execute("select vector from vectors where key = ?", (key,)):
                    if len(raw) == 4 * dim:
                        vectors[row] = np.frombuffer(raw, "<f4")
                        found[row] = True
            return found, vectors

        return self._run("read its cache", read)

    def put(self, fingerprint: str, contents: Sequence[str], vectors: Matrix) -> None:
        """Keep vectors, (contents, dim); the oldest go when there are too many. Raises StoreError: disk full."""
        rows = np.ascontiguousarray(vectors, "<f4")

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("begin immediate")
                connection.executemany(
                    "insert or replace into vectors (key, vector) values (?, ?)",
                    ((key, row.tobytes()) for key, row in zip(_keys(fingerprint, contents), rows, strict=True)),
                )
            if _used(connection) > self._limit:
                _shrink(connection, int(LEFT * self._limit))

        if len(contents):
            self._run("keep vectors in its cache", write)

    def gc(self, limit: int | None = None) -> int:
        """Drop the oldest vectors until at most `limit` bytes are used; returns how many bytes are."""

        def shrink(connection: sqlite3.Connection) -> int:
            _shrink(connection, self._limit if limit is None else limit)
            return _used(connection)

        return self._run("shrink its cache", shrink)

    def _run(self, what: str, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with explained(self._file.parent.parent, what):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                with closing(_open(self._file)) as connection:
                    return work(connection)
            except sqlite3.DatabaseError as error:
                if type(error) is not sqlite3.DatabaseError:  # its children don't tell of damage
                    raise
            for suffix in ("", "-wal", "-shm"):
                self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
            with closing(_open(self._file)) as connection:
                return work(connection)


def _open(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=WAIT, isolation_level=None)
    try:
        connection.execute("pragma page_size = 16384")  # vectors of 4 to 8 kB fit a page
        connection.execute("pragma auto_vacuum = incremental")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")  # a power cut may cost the last puts, never the file
        connection.execute(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _keys(fingerprint: str, contents: Sequence[str]) -> Iterator[bytes]:
    start = blake2b(encode_text(fingerprint) + b"\0", digest_size=16)
    for content in contents:
        key = start.copy()
        key.update(encode_text(content))
        yield key.digest()


def _used(connection: sqlite3.Connection) -> int:
    def number(name: str) -> int:
        return int(connection.execute(f"pragma {name}").fetchone()[0])

    return (number("page_count") - number("freelist_count")) * number("page_size")


def _shrink(connection: sqlite3.Connection, limit: int) -> None:
    (count,) = connection.execute("select count(*) from vectors").fetchone()
    while count and (used := _used(connection)) > limit:
        gone = max(1, count - int(count * limit / used))
        connection.execute(
            "delete from vectors where number in (select number from vectors order by number limit ?)", (gone,)
        )
        connection.executescript("pragma incremental_vacuum; pragma wal_checkpoint(truncate)")  # execute: one page
        count -= gone
