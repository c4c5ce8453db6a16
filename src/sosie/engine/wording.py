"""Words of a question found literally in the products of a snapshot."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from sosie.engine.candidates import Candidates
from sosie.index.words import Document, document, open_postings, share_found
from sosie.text import tokens
from sosie.types import Vector


def word_scores(candidates: Candidates, text: str) -> Vector | None:
    """Share of the words' weight found in each row of the snapshot, (size,), 0..1; None where no word is left."""
    snapshot = candidates.snapshot
    words = tokens(text)
    if not words:
        return None
    stamp = (snapshot.folder / "words.json").stat().st_mtime_ns
    postings = open_postings(snapshot.folder, stamp)
    scores = np.zeros(snapshot.size, np.float32)
    scores[: snapshot.base] = postings.scores(words)
    late = _late_documents(snapshot.folder, stamp)
    if snapshot.base + len(late) < snapshot.size:
        fresh = np.arange(snapshot.base + len(late), snapshot.size)
        late.extend(document(product) for product in snapshot.products(fresh))
    for at in range(snapshot.size - snapshot.base):
        scores[snapshot.base + at] = share_found(words, late[at], postings)
    return scores


@lru_cache(maxsize=4)
def _late_documents(folder: Path, stamp: int) -> list[Document]:
    """Words of the delta's rows; rows are only ever added to a delta, so that the list only grows."""
    return []
