"""Repeated ids among millions, by 64-bit hashes confirmed exactly."""

import numpy as np
import polars as pl
from numpy.typing import NDArray


class Seen:
    """Ids met so far: sorted arrays of hashes, a few of growing size, and the ids themselves to compare with."""

    def __init__(self) -> None:
        self._levels: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []
        self._ids: list[pl.Series] = []
        self._rows: list[NDArray[np.int64]] = []
        self._starts: list[int] = [0]

    def add(self, ids: pl.Series, rows: NDArray[np.int64]) -> dict[int, int]:
        """Take a batch of ids with their record numbers; returns position -> record of the first with that id."""
        hashes = ids.hash().to_numpy()
        repeats: dict[int, int] = {}
        first = ids.is_first_distinct().to_numpy()
        if not first.all():
            where: dict[str, int] = {}
            repeated = set(ids.filter(~pl.Series(first)).to_list())
            for at in np.flatnonzero(ids.is_in(list(repeated)).to_numpy()):
                if first[at]:
                    where[ids[int(at)]] = int(rows[at])
                else:
                    repeats[int(at)] = where[ids[int(at)]]
        for level_hashes, positions in self._levels:
            place = _places(level_hashes, hashes)
            for hit in np.flatnonzero(level_hashes[place] == hashes):
                earlier = self._same(ids[int(hit)], int(place[hit]), level_hashes, positions)
                if earlier:
                    repeats[int(hit)] = earlier
        fresh = first.copy()
        fresh[list(repeats)] = False
        self._insert(hashes[fresh], np.flatnonzero(fresh) + self._starts[-1])
        self._ids.append(ids)
        self._rows.append(rows)
        self._starts.append(self._starts[-1] + len(ids))
        return repeats

    def contains(self, ids: pl.Series) -> NDArray[np.bool_]:
        """Which of some ids were met, (len(ids),)."""
        hashes = ids.hash().to_numpy()
        found = np.zeros(len(ids), np.bool_)
        for level_hashes, positions in self._levels:
            place = _places(level_hashes, hashes)
            for hit in np.flatnonzero(level_hashes[place] == hashes):
                found[hit] |= bool(self._same(ids[int(hit)], int(place[hit]), level_hashes, positions))
        return found

    def _same(self, id: str, at: int, hashes: NDArray[np.uint64], positions: NDArray[np.int64]) -> int:
        wanted = hashes[at]
        while at < len(hashes) and hashes[at] == wanted:
            position = int(positions[at])
            batch = int(np.searchsorted(self._starts, position, side="right")) - 1
            inner = position - self._starts[batch]
            if self._ids[batch][inner] == id:
                return int(self._rows[batch][inner])
            at += 1
        return 0

    def _insert(self, hashes: NDArray[np.uint64], positions: NDArray[np.int64]) -> None:
        if not len(hashes):
            return
        order = np.argsort(hashes, kind="stable")
        self._levels.append((hashes[order], positions[order]))
        while len(self._levels) > 1 and len(self._levels[-2][0]) <= 2 * len(self._levels[-1][0]):
            (a, pa), (b, pb) = self._levels[-2:]
            merged, places = np.concatenate([a, b]), np.concatenate([pa, pb])
            order = np.argsort(merged, kind="stable")
            self._levels[-2:] = [(merged[order], places[order])]


def _places(level: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where each hash stands in a sorted level, if it is there; always a place that exists."""
    return np.minimum(np.searchsorted(level, hashes), len(level) - 1)
