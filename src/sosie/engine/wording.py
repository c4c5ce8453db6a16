"""Words of a question found literally in the products of a snapshot."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from sosie.errors import StoreError
from sosie.index.words import LaterWords, Meant, Postings, document
from sosie.text import tokens
from sosie.types import Vector

if TYPE_CHECKING:
    from sosie.store import Snapshot

_OPENING = Lock()  # many ask at once when a generation is new: one opens it, the others wait


def word_scores(snapshot: "Snapshot", text: str) -> Vector | None:
    """Share of the words' weight found in each row of the snapshot, (size,), 0..1; None where no word is left."""
    words = tokens(text)
    if not words:
        return None
    file = snapshot.folder / "words.json"
    try:
        stamp = file.stat().st_mtime_ns
    except OSError as error:
        raise StoreError(f"{file}: is missing ({error.strerror}); build the store again.") from error
    with _OPENING:
        wording = _open(snapshot.folder, stamp)
    meant = wording.postings.meant(words)
    scores = np.zeros(snapshot.size, np.float32)
    scores[: snapshot.base] = wording.postings.scores(meant)
    if snapshot.size > snapshot.base:
        scores[snapshot.base :] = wording.later_scores(snapshot, meant)
    return scores


@dataclass(slots=True)
class _Wording:
    """The words of a generation, and those of its delta as far as they were read."""

    postings: Postings
    later: LaterWords = field(default_factory=LaterWords)
    ids: list[str] = field(default_factory=list)  # of the delta's rows that were read
    lock: Lock = field(default_factory=Lock)

    def later_scores(self, snapshot: "Snapshot", meant: Meant) -> Vector:
        """Scores of the delta's rows. A delta only grows: only new rows are read, unless it is another."""
        base, count = snapshot.base, snapshot.size - snapshot.base
        with self.lock:
            both = min(count, len(self.ids))
            if both and snapshot.ids([base + both - 1])[0] != self.ids[both - 1]:
                self.later, self.ids = LaterWords(), []
            fresh = np.arange(base + len(self.ids), snapshot.size)
            for id, product in zip(snapshot.ids(fresh), snapshot.products(fresh), strict=True):
                self.later.add(document(product))
                self.ids.append(id)
            return self.later.scores(meant, self.postings, count)


@lru_cache(maxsize=4)
def _open(folder: Path, stamp: int) -> _Wording:
    """The words in a folder; `stamp` tells a folder that was written anew from the one before."""
    return _Wording(Postings.open(folder))
