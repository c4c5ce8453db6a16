"""Adding to a store that is open: one commit of what is in memory, without staging on disk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sosie.errors import StoreError
from sosie.store.delta import Addition, DeltaWriter
from sosie.store.files import explained
from sosie.store.records import encode_record
from sosie.store.snapshot import Snapshot
from sosie.store.strings import encode_text, hash_texts
from sosie.store.writer import LIVE, TOUCHED, checked_vectors
from sosie.types import Matrix, Product, Rows


class Appender:
    """The one writer of a store, for one commit of its delta."""

    def __init__(self, snapshot: Snapshot, delta: Callable[[], DeltaWriter]) -> None:
        self.snapshot = snapshot  # the store as it is before the commit
        self._delta = delta

    def commit(
        self,
        products: Sequence[Product],
        records: Sequence[bytes],
        vectors: Mapping[str, Matrix],
        ended: Rows,
    ) -> None:
        """Commit products, their records and final vectors (a row each), durable and visible when this returns.

        `ended` are the rows of the snapshot that the products replace, and those that are removed. Raises StoreError;
        then the store is as it was before.
        """
        before, manifest, folder = self.snapshot, self.snapshot.manifest, self.snapshot.store
        if not manifest.generation:
            raise StoreError(f"store {folder}: nothing was built yet; the first products come with: sosie build.")
        groups = [encode_text(product.group or product.id) for product in products]
        addition = Addition(
            ids=[encode_text(product.id) for product in products],
            stamps=self._stamps(products),
            group_hashes=hash_texts(groups),
            records=records,
            vectors=checked_vectors(manifest, vectors, len(products), folder),
            removed=np.unique(ended),
        )
        with explained(folder, "commit the changes"):
            commit = self._delta().commit(manifest.commit, addition)
            replace(before.manifest, commit=commit).write(folder)

    def _stamps(self, products: Sequence[Product]) -> NDArray[np.uint64]:
        rows = self.snapshot.rows([product.id for product in products])
        stamps = np.full(len(products), LIVE, np.uint64)
        stamps[rows >= 0] = np.where(self.snapshot.stamps(rows[rows >= 0]) == LIVE, LIVE, TOUCHED)
        return stamps


def records_of(products: Sequence[Product]) -> list[bytes]:
    """Products as the store keeps them: equal products have equal records."""
    return [encode_record(product) for product in products]
