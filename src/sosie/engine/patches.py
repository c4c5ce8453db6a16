"""The first candidates of a question put in another order: their pictures compared with its own, patch by patch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sosie.encoders.matching import Patches, above_chance, matches, packed
from sosie.types import Query, Rows, Vector

if TYPE_CHECKING:
    from collections.abc import Callable

    from sosie.store import Snapshot
    from sosie.types import Encoder

PATCHES = "patches"
FIRST = 100  # candidates that are compared


@dataclass(frozen=True, slots=True)
class Compared:
    """The patches of a question, and their share of the score."""

    patches: Patches  # (dim,)
    share: float

    def parts(self, snapshot: "Snapshot", rows: Rows) -> Vector:
        """What comparing adds to the scores of rows, from 0 to the share, (rows,)."""
        return compare(snapshot, self.patches, rows) * np.float32(self.share)


def patches_of(
    snapshot: "Snapshot", query: Query, liked: list[int], encoders: "Callable[[str], Encoder]"
) -> Patches | None:
    """The patches of a question's picture, or else of the one product that it likes; None where it has none."""
    found: Any = None
    if query.image is not None:
        encoded = encoders(PATCHES).encode_query(query)
        found = None if encoded is None else packed(encoded)
    elif len(liked) == 1:
        found = snapshot.vectors(PATCHES, liked)[0]
    return found if found is not None and found.any() else None


def compare(snapshot: "Snapshot", patches: Patches, rows: Rows) -> Vector:
    """How well the first pictures of rows match some patches, from 0 = chance to 1 = the same picture, (rows,)."""
    others: Any = snapshot.vectors(PATCHES, rows)
    return above_chance(matches(patches, others), snapshot.scales[PATCHES])


def compare_pairs(snapshot: "Snapshot", asked: Rows, others: Rows) -> Vector:
    """The same for pairs of rows side by side, (pairs,)."""
    found = np.zeros(len(asked), np.float32)
    order = np.argsort(asked, kind="stable")
    for some in np.split(order, np.flatnonzero(np.diff(asked[order])) + 1):
        if len(some):
            patches: Any = snapshot.vectors(PATCHES, asked[some[:1]])
            found[some] = compare(snapshot, patches[0], others[some])
    return found
