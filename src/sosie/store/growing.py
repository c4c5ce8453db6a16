"""What the deltas of one generation share: each commit adds to it, and each delta sees what was there when it was read.

Nothing that was added is ever changed, so that reading a commit costs what the commit holds. One thread adds at a time;
any number read meanwhile.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.store.generation import Generation
from sosie.store.joined import Joined
from sosie.store.manifest import SignalState
from sosie.store.records import read_record
from sosie.store.strings import Hashes
from sosie.types import Matrix, Rows

LEAST = 1_024  # rows for which room is made


class Growing:
    """An array whose first axis grows; views of what was there stay as they are."""

    def __init__(self, start: NDArray[Any]) -> None:
        self._array = start

    def put(self, at: int, values: NDArray[Any]) -> None:
        """Write rows from a place on, which has to be where all views that were handed out end, or beyond."""
        stop = at + len(values)
        if stop == at:
            return
        if stop > len(self._array):
            room = np.empty((stop + max(LEAST, stop // 2), *self._array.shape[1:]), self._array.dtype)
            room[:at] = self._array[:at]
            self._array = room
        self._array[at:stop] = values

    def first(self, count: int) -> NDArray[Any]:
        """The first rows, read-only, without a copy."""
        view = self._array[:count]
        view.flags.writeable = False
        return view


class Grown:
    """Rows that came after those of a generation, and which rows of both are gone."""

    def __init__(self, generation: Generation, signals: Mapping[str, SignalState]) -> None:
        self.ids: list[str] = []
        self.records: list[bytes] = []
        self.stamps = Growing(np.zeros(0, np.uint64))
        self.group_hashes = Growing(np.zeros(0, np.uint64))
        self.vectors = {signal: Growing(np.zeros((0, state.dim), state.dtype)) for signal, state in signals.items()}
        self.removed = Growing(np.zeros(0, np.int64))
        self.groups = Growing(generation.groups)  # of the generation's rows, and of those that came after
        self.columns = Joined(generation.columns)
        self._known_groups = generation.group_hashes
        self._new_groups: dict[int, int] = {}
        self._base = generation.rows
        self._latest: dict[str, int] = {}
        self._earlier = Growing(np.zeros(0, np.int64))  # the row that had a row's id before, -1: none

    def add(
        self,
        start: int,
        ids: Sequence[str],
        stamps: NDArray[np.uint64],
        group_hashes: Hashes,
        records: Sequence[bytes],
        vectors: Mapping[str, Matrix],
        gone: int,
        removed: Rows,
    ) -> None:
        """Take in what came after `start` rows and `gone` removals."""
        parsed = [read_record(record) for record in records]
        self.ids[start:], self.records[start:] = ids, records
        self.stamps.put(start, stamps)
        self.group_hashes.put(start, group_hashes)
        for signal, matrix in vectors.items():
            self.vectors[signal].put(start, matrix)
        self.removed.put(gone, removed)
        self.groups.put(self._base + start, self._numbered(group_hashes))
        self.columns.add(parsed)
        earlier = np.full(len(ids), -1, np.int64)
        latest = dict(zip(ids, range(start, start + len(ids)), strict=True))
        for at, id in enumerate(ids):
            earlier[at] = self._latest.get(id, -1)
        self._earlier.put(start, earlier)
        self._latest.update(latest)

    def row(self, id: str, rows: int) -> int:
        """The last of the first `rows` rows with an id, -1 where there is none."""
        row = self._latest.get(id, -1)
        while row >= rows:
            row = int(self._earlier.first(row + 1)[row])
        return row

    def _numbered(self, hashes: Hashes) -> NDArray[np.int32]:
        """Numbers of groups: a known one's place, or one more than the last."""
        known, new = self._known_groups, self._new_groups
        place = np.minimum(known.searchsorted(hashes), max(len(known) - 1, 0))
        there = known[place] == hashes if len(known) else np.zeros(len(hashes), np.bool_)
        numbers = [
            at if is_known else new.setdefault(hashed, len(known) + len(new))
            for at, is_known, hashed in zip(place.tolist(), there.tolist(), hashes.tolist(), strict=True)
        ]
        return np.array(numbers, np.int32)
