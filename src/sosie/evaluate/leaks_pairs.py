"""Judged pairs whose products stand in other splits, too."""

from collections.abc import Iterator

import numpy as np

from sosie.evaluate.splits import TEST
from sosie.evaluate.truth_pairs import PairsTask
from sosie.reports import Leak
from sosie.store import Snapshot

SHOWN = 5


def pair_leaks(snapshot: Snapshot, pairs: PairsTask) -> Iterator[Leak]:
    """Products in both splits. Not grave: a threshold remembers no product, a model trained on pairs would."""
    test = pairs.splits == TEST
    if test.all() or not test.any():
        return
    rows = np.concatenate([pairs.a[~test], pairs.b[~test]])
    seen = np.flatnonzero(test)[np.isin(pairs.a[test], rows) | np.isin(pairs.b[test], rows)]
    if len(seen):
        first = seen[:SHOWN]
        yield Leak(
            "products-apart",
            len(seen),
            int(test.sum()),
            False,
            f"{len(seen):,} of {int(test.sum()):,} pairs of the test split have a product that other splits have, too.",
            "Split by product before you train on the others: a model has seen these.",
            tuple(zip(snapshot.ids(pairs.a[first]), snapshot.ids(pairs.b[first]), strict=True)),
        )
