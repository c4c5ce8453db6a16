"""Millions of byte strings without Python objects: concatenated in one file, and found again by their hash."""

import mmap
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sosie.types import Rows

Hashes = NDArray[np.uint64]
Number = TypeVar("Number", bound=np.generic)


def encode_text(text: str) -> bytes:
    """UTF-8, lone surrogates (file names that are not UTF-8) included."""
    return text.encode("utf-8", "surrogatepass")


def decode_text(raw: bytes) -> str:
    """The text that `encode_text` wrote."""
    return raw.decode("utf-8", "surrogatepass")


def hash_texts(texts: Iterable[bytes]) -> Hashes:
    """64-bit hashes that are the same on every machine, (texts,)."""
    return np.frombuffer(b"".join([blake2b(text, digest_size=8).digest() for text in texts]), "<u8").astype(np.uint64)


def map_array(file: Path, dtype: type[Number]) -> NDArray[Number]:
    """A saved array, memory-mapped read-only (read whole where it is empty: nothing can't be mapped)."""
    loaded = np.load(file, mmap_mode="r", allow_pickle=False)
    return np.asarray(loaded, dtype)


class Strings(Sequence[bytes]):
    """Byte strings of one file `name.bin`, their ends in `name.npy`; memory-mapped."""

    def __init__(self, raw: "bytes | mmap.mmap", ends: NDArray[np.int64]) -> None:
        self.raw, self.ends = raw, ends

    @classmethod
    def open(cls, folder: Path, name: str) -> "Strings":
        """Map the two files."""
        file = folder / f"{name}.bin"
        ends = map_array(folder / f"{name}.npy", np.int64)
        if file.stat().st_size != (ends[-1] if len(ends) else 0):
            raise ValueError(f"{file} has not the length that {name}.npy tells")
        with file.open("rb") as stream:
            raw = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if file.stat().st_size else b""
        return cls(raw, ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, row: int) -> bytes:  # type: ignore[override]
        start = int(self.ends[row - 1]) if row else 0
        return self.raw[start : int(self.ends[row])]

    def take(self, rows: Rows) -> list[bytes]:
        """Strings at rows, in their order."""
        ends = self.ends[rows].tolist()
        starts = np.where(rows > 0, self.ends[rows - 1], 0).tolist()
        raw = self.raw
        return [raw[start:end] for start, end in zip(starts, ends, strict=True)]

    def block(self, start: int, stop: int) -> list[bytes]:
        """Strings of consecutive rows."""
        return self.take(np.arange(start, min(stop, len(self)), dtype=np.int64))


class StringsFile:
    """Writes `name.bin` and `name.npy` string by string."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._stream = (folder / f"{name}.bin").open("wb")
        self._lengths = array("q")

    def add(self, strings: Sequence[bytes]) -> None:
        """Append strings."""
        self._stream.write(b"".join(strings))
        self._lengths.extend(map(len, strings))

    def close(self) -> Strings:
        """Finish the files, and map them."""
        self._stream.close()
        np.save(self._folder / f"{self._name}.npy", np.cumsum(np.array(self._lengths, np.int64)))
        return Strings.open(self._folder, self._name)

    def discard(self) -> None:
        """Let the file go without finishing it."""
        with suppress(OSError):  # what is still buffered may not fit on the disk
            self._stream.close()

    def remove(self) -> None:
        """Delete the files; what is mapped stays readable."""
        self.discard()
        for suffix in ("bin", "npy"):
            (self._folder / f"{self._name}.{suffix}").unlink(missing_ok=True)


class StringsBuffer:
    """Takes byte strings as `StringsFile` does, and keeps them in memory."""

    def __init__(self) -> None:
        self._strings: list[bytes] = []

    def add(self, strings: Sequence[bytes]) -> None:
        """Append strings."""
        self._strings.extend(strings)

    def close(self) -> Strings:
        """All strings, in the order they came."""
        return Strings(b"".join(self._strings), np.cumsum(np.array([len(one) for one in self._strings], np.int64)))


class Ids:
    """Ids of consecutive rows, found by hash (sorted, memory-mapped) and compared byte by byte.

    A repeated id is found at its last row.
    """

    def __init__(self, strings: Strings, hashes: Hashes, order: NDArray[np.int64]) -> None:
        self.strings, self._hashes, self._order = strings, hashes, order

    @classmethod
    def build(cls, strings: Strings, hashes: Hashes) -> "Ids":
        """Index strings whose hashes, (rows,), are known."""
        order = np.lexsort((-np.arange(len(hashes)), hashes))
        return cls(strings, hashes[order], order)

    @classmethod
    def open(cls, folder: Path) -> "Ids":
        """Map what `save` wrote."""
        hashes, order = map_array(folder / "ids.hash.npy", np.uint64), map_array(folder / "ids.row.npy", np.int64)
        return cls(Strings.open(folder, "ids"), hashes, order)

    def save(self, folder: Path) -> None:
        """Write the sorted hashes beside the strings."""
        np.save(folder / "ids.hash.npy", self._hashes)
        np.save(folder / "ids.row.npy", self._order)

    def __len__(self) -> int:
        return len(self._order)

    def row(self, id: str) -> int:
        """Row of an id, -1 where there is none."""
        key = encode_text(id)
        hashed = hash_texts([key])[0]
        place = int(self._hashes.searchsorted(hashed))
        while place < len(self._hashes) and self._hashes[place] == hashed:
            row = int(self._order[place])
            if self.strings[row] == key:
                return row
            place += 1
        return -1

    def rows(self, ids: Sequence[str]) -> Rows:
        """Rows of ids, (ids,), -1 where there is none."""
        found = np.full(len(ids), -1, np.int64)
        if not len(self) or not ids:
            return found
        keys = [encode_text(id) for id in ids]
        hashes = hash_texts(keys)
        asked = np.argsort(hashes)  # neighbours in the table are asked for one after the other
        places = self._hashes.searchsorted(hashes[asked])
        while len(asked):
            inside = places < len(self._hashes)
            asked, places = asked[inside], places[inside]
            same = self._hashes[places] == hashes[asked]
            asked, places = asked[same], places[same]
            rows = self._order[places]
            equal = np.fromiter(
                (string == keys[at] for string, at in zip(self.strings.take(rows), asked.tolist(), strict=True)),
                np.bool_,
                len(asked),
            )
            found[asked[equal]] = rows[equal]
            asked, places = asked[~equal], places[~equal] + 1
        return found

    def repeated(self) -> Rows:
        """Rows whose id comes again in a later row, ascending."""
        twins = np.flatnonzero(self._hashes[1:] == self._hashes[:-1])
        if not len(twins):
            return np.zeros(0, np.int64)
        suspects = np.unique(np.concatenate([self._order[twins], self._order[twins + 1]]))
        last = self.rows([decode_text(string) for string in self.strings.take(suspects)])
        repeated: Rows = suspects[last != suspects]
        return repeated

    def texts(self, rows: Rows) -> list[str]:
        """Ids at rows, in their order."""
        return [decode_text(string) for string in self.strings.take(rows)]

    def blocks(self, size: int = 65_536) -> Iterator[list[bytes]]:
        """All ids, in blocks."""
        for start in range(0, len(self.strings), size):
            yield self.strings.block(start, start + size)
