"""Rows written since a generation, found by codes: scoring thousands of them would push all else out of the caches."""

from collections.abc import Mapping, Sequence
from threading import Lock

import numpy as np

from sosie.index.codes import Codes
from sosie.types import Mask, Matrix, Rows, Vector

BLOCK = 4_096  # rows encoded at a time


class Later:
    """The codes of a delta by its generation's quantiser. Rows are only ever added, so each is encoded once."""

    def __init__(self, codes: Codes, signals: Sequence[str]) -> None:
        self._codes, self._signals = codes.without_rows(), signals
        self._lock = Lock()  # rows may not be added during a search

    def nearest(self, query: Vector, delta: Mapping[str, Matrix], living: Mask, k: int) -> Rows:
        """The living rows of a delta, (rows,), that look best to a query over all signals; about k, ascending.

        `delta` holds the vectors of its rows by signal; another snapshot's may have more of them, or fewer.
        """
        size = len(living)
        with self._lock:
            for start in range(self._codes.rows, size, BLOCK):
                stop = min(start + BLOCK, size)
                self._codes.add(np.concatenate([delta[signal][start:stop] for signal in self._signals], axis=1))
            share = np.count_nonzero(living) / max(self._codes.rows, 1)
            rows, _ = self._codes.nearest(query, min(int(k / max(share, 1e-9)) + 1, self._codes.rows))
        rows = rows[rows < size]
        return np.sort(rows[living[rows]])
