"""Words of a question found literally in the products of a snapshot."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from sosie.errors import StoreError
from sosie.index.words import Document, Postings, document, share_found
from sosie.text import tokens
from sosie.types import Vector

if TYPE_CHECKING:
    from sosie.store import Snapshot


def word_scores(snapshot: "Snapshot", text: str) -> Vector | None:
    """Share of the words' weight found in each row of the snapshot, (size,), 0..1; None where no word is left."""
    words = tokens(text)
    if not words:
        return None
    file = snapshot.folder / "words.json"
    try:
        wording = _open(snapshot.folder, file.stat().st_mtime_ns)
    except OSError as error:
        raise StoreError(f"{file}: is missing ({error.strerror}); build the store again.") from error
    scores = np.zeros(snapshot.size, np.float32)
    scores[: snapshot.base] = wording.postings.scores(words)
    for row, one in enumerate(wording.late_documents(snapshot), snapshot.base):
        scores[row] = share_found(words, one, wording.postings)
    return scores


@dataclass(slots=True)
class _Wording:
    """The words of a generation, and those of its delta as far as they were read."""

    postings: Postings
    version: int = 0  # commits of the delta that were read
    last: str = ""  # id of the last row read
    late: list[Document] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def late_documents(self, snapshot: "Snapshot") -> list[Document]:
        """Words of the delta's rows. A delta only grows: only new rows are read, unless it is another."""
        count = snapshot.size - snapshot.base
        if count == 0:
            return []
        version = int(snapshot.version.rpartition(".")[2])
        with self.lock:
            read = len(self.late)
            if read and (version < self.version or snapshot.ids([snapshot.base + read - 1])[0] != self.last):
                self.late = []
            fresh = np.arange(snapshot.base + len(self.late), snapshot.size)
            if len(fresh):
                self.late = self.late + [document(product) for product in snapshot.products(fresh)]
                self.last = snapshot.ids(fresh[-1:])[0]
            self.version = version
            return self.late


@lru_cache(maxsize=4)
def _open(folder: Path, stamp: int) -> _Wording:
    """The words in a folder; `stamp` tells a folder that was written anew from the one before."""
    return _Wording(Postings.open(folder))
