"""What a writer has taken in and not yet committed: on disk, so that a catalogue need not fit in memory."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sosie.store.records import decode_record, encode_record
from sosie.store.snapshot import Snapshot
from sosie.store.strings import Hashes, Ids, Strings, StringsFile, encode_text, hash_texts
from sosie.types import Changes, Mask, Product, Rows

STAGED = "staged.partial"
BATCH = 1_024  # products of a batch that is read back
BLOCK = 65_536  # ids looked up at a time


class Staging:
    """Files that grow while products are put; a run that was killed leaves them, the next one discards them."""

    def __init__(self, store: Path) -> None:
        self._folder = store / STAGED
        discard_staging(store)
        self._folder.mkdir()
        self._ids, self._records = StringsFile(self._folder, "ids"), StringsFile(self._folder, "records")
        self._hashes: list[Hashes] = []
        self._groups: list[Hashes] = []
        self._stamps: list[NDArray[np.uint64]] = []
        self._removed: dict[str, int] = {}  # how many products had been put when the id was removed
        self._count = 0

    def put(self, products: Sequence[Product], stamps: NDArray[np.uint64]) -> None:
        """Take in products; one put twice counts as put last."""
        if len(products) != len(stamps):
            raise ValueError(f"{len(products)} products and {len(stamps)} stamps.")
        ids = [encode_text(product.id) for product in products]
        self._ids.add(ids)
        self._records.add([encode_record(product) for product in products])
        self._hashes.append(hash_texts(ids))
        self._groups.append(hash_texts([encode_text(product.group or product.id) for product in products]))
        self._stamps.append(np.array(stamps, np.uint64))
        self._count += len(products)

    def remove(self, ids: Sequence[str]) -> None:
        """Take products out, those put before included."""
        self._removed.update(dict.fromkeys(ids, self._count))

    def seal(self, snapshot: Snapshot) -> "Staged":
        """Finish the files, and compare them with the store."""
        ids = Ids.build(self._ids.close(), _joined(self._hashes))
        removed = list(self._removed)
        kept = np.ones(self._count, np.bool_)
        kept[ids.repeated()] = False
        put = ids.rows(removed)
        withdrawn = (put >= 0) & (put < np.fromiter(self._removed.values(), np.int64, len(removed)))
        kept[put[withdrawn]] = False
        rows = np.flatnonzero(kept)
        blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
        replaced = [snapshot.rows(ids.texts(block)) for block in blocks]
        return Staged(
            ids=ids.strings,
            records=self._records.close(),
            rows=rows,
            stamps=_joined(self._stamps),
            group_hashes=_joined(self._groups),
            replaced=np.concatenate([np.zeros(0, np.int64), *replaced]),
            removed=snapshot.rows(removed),
            alive=snapshot.alive,
        )

    def discard(self) -> None:
        """Let go of the files, finished or not."""
        self._ids.discard()
        self._records.discard()


def discard_staging(store: Path) -> None:
    """Remove what a writer left."""
    shutil.rmtree(store / STAGED, ignore_errors=True)


def _joined(parts: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    return np.concatenate([np.zeros(0, np.uint64), *parts])


class Staged:
    """What was taken in, beside the store's rows that it replaces or removes."""

    def __init__(
        self,
        ids: Strings,
        records: Strings,
        rows: Rows,
        stamps: NDArray[np.uint64],
        group_hashes: Hashes,
        replaced: Rows,
        removed: Rows,
        alive: Mask,
    ) -> None:
        self._ids, self._records, self._rows = ids, records, rows
        self.stamps, self.group_hashes = stamps[rows], group_hashes[rows]
        replaced_rows = replaced[replaced >= 0]
        removed_rows = np.setdiff1d(removed[removed >= 0], replaced_rows)
        self.dead = np.union1d(replaced_rows, removed_rows)  # rows of the store that end with this commit, ascending
        staying = alive.copy()
        staying[self.dead] = False
        self.staying = np.flatnonzero(staying)  # rows of the store that go on unchanged
        self.changes = Changes(
            added=int((replaced < 0).sum()),
            changed=len(replaced_rows),
            removed=len(removed_rows),
            unchanged=len(self.staying),
        )

    @classmethod
    def nothing(cls, alive: Mask) -> "Staged":
        """Nothing taken in, beside the living rows of a store."""
        strings, hashes, rows = Strings(b"", np.zeros(0, np.int64)), np.zeros(0, np.uint64), np.zeros(0, np.int64)
        return cls(strings, strings, rows, hashes, hashes, rows, rows, alive)

    def __len__(self) -> int:
        return len(self._rows)

    def raw(self, start: int, stop: int) -> tuple[list[bytes], list[bytes]]:
        """Ids and records of consecutive products, in the order they were put."""
        rows = self._rows[start:stop]
        return self._ids.take(rows), self._records.take(rows)

    def products(self) -> Iterator[list[Product]]:
        """Products in batches, in the order they were put."""
        for start in range(0, len(self), BATCH):
            yield [decode_record(record) for record in self._records.take(self._rows[start : start + BATCH])]
