"""Candidates as integers, and the best places of some questions, kept while candidates come in."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sosie.types import Matrix, Rows, Vector

Keys = NDArray[np.int64]
BITS = 32  # of a loss, and of a place


@dataclass(frozen=True)
class Packing:
    """A candidate in one integer, from high bits to low its question, its loss and its row.

    Sorting these integers sorts by all three, many times as fast as sorting by three columns. Rows are in the order of
    their places: so candidates come by question, best first, equal scores by place.
    """

    places: Rows  # (rows,) the place of each, ascending

    @cached_property
    def firsts(self) -> Rows:
        """The first row of each place that has any."""
        return np.flatnonzero(np.diff(self.places, prepend=-1))

    @cached_property
    def bits(self) -> int:
        """Bits of a row."""
        return len(self.places).bit_length()

    @property
    def most(self) -> int:
        """How many questions there may be at a time."""
        return 1 << (63 - BITS - self.bits)

    def pack(self, questions: Rows, scores: Vector, rows: Rows) -> Keys:
        """Keys of candidates, (any,)."""
        return (questions << BITS | _losses(scores)) << self.bits | rows

    def questions(self, keys: Keys) -> Rows:
        """The question of each key."""
        return keys >> (BITS + self.bits)

    def less(self, keys: Keys, questions: int) -> Keys:
        """The same candidates of questions whose numbers are so much lower."""
        return keys - (questions << (BITS + self.bits))

    def scores(self, keys: Keys) -> Vector:
        """The score of each key."""
        return _of_losses((keys >> self.bits).astype(np.uint32))

    def rows(self, keys: Keys) -> Rows:
        """The row of each key."""
        return keys & ((1 << self.bits) - 1)

    def best_rows(self, keys: Keys) -> Keys:
        """Sorted keys less those whose place has a better row for the same question."""
        if len(self.firsts) == len(self.places):
            return keys
        pairs = self.questions(keys) << BITS | self.places[self.rows(keys)]
        best: Keys = keys[np.sort(np.unique(pairs, return_index=True)[1])]
        return best

    def starts(self, keys: Keys, questions: int) -> Rows:
        """Where the sorted keys of each question begin, and where the last end, (questions + 1,)."""
        return np.searchsorted(keys, np.arange(questions + 1) << (BITS + self.bits))

    def last(self, keys: Keys, questions: int, depth: int) -> Vector:
        """The score of the key at rank `depth` of each question, (questions,); -inf where there are not so many."""
        starts = self.starts(keys, questions)
        last = np.full(questions, -np.inf, np.float32)
        full = np.diff(starts) >= depth
        last[full] = self.scores(keys[starts[:-1][full] + depth - 1])
        return last

    def table(self, keys: Keys, questions: int, depth: int) -> tuple[Rows, Matrix]:
        """Places and scores of sorted keys, (questions, depth); unused ones hold -1 and -inf."""
        starts = self.starts(keys, questions)
        used = np.arange(depth) < np.diff(starts)[:, None]
        kept = keys[(starts[:-1, None] + np.arange(depth))[used]]
        places, scores = np.full(used.shape, -1), np.full(used.shape, -np.inf, np.float32)
        places[used], scores[used] = self.places[self.rows(kept)], self.scores(kept)
        return places, scores


class Best:
    """The best places of each question, `depth` of them.

    Candidates must come in blocks of ascending rows. So one that only equals the last of a full list is too late,
    however many tie.
    """

    def __init__(self, packing: Packing, questions: int, depth: int) -> None:
        self.packing, self.depth = packing, depth
        self.lowest: Vector = np.full(questions, -np.inf, np.float32)  # what a score has to exceed
        self._keys: Keys = np.empty(0, np.int64)
        self._new: list[Keys] = []
        self._count = 0

    def add(self, keys: Keys) -> None:
        """Take in candidates, (any,); sorted in when there are as many as the lists are long."""
        self._new.append(keys)
        self._count += len(keys)
        if self._count >= self.depth * len(self.lowest):
            self._settle()

    def table(self) -> tuple[Rows, Matrix]:
        """Places and scores, (questions, depth); unused ones hold -1 and -inf."""
        self._settle()
        return self.packing.table(self._keys, len(self.lowest), self.depth)

    def _settle(self) -> None:
        keys = self.packing.best_rows(np.sort(np.concatenate([self._keys, *self._new])))
        self._new, self._count = [], 0
        self.lowest = self.packing.last(keys, len(self.lowest), self.depth)
        starts = self.packing.starts(keys, len(self.lowest))
        self._keys = keys[np.arange(len(keys)) - starts[self.packing.questions(keys)] < self.depth]


def _losses(scores: Vector) -> Rows:
    """Integers of 32 bits that rise where scores fall, and are equal where they are."""
    bits = (scores + np.float32(0)).view(np.uint32)  # + 0: -0 equals 0
    return np.where(bits >> 31, bits, bits ^ np.uint32(0x7FFFFFFF)).astype(np.int64)


def _of_losses(losses: NDArray[np.uint32]) -> Vector:
    return np.where(losses >> 31, losses, losses ^ np.uint32(0x7FFFFFFF)).view(np.float32)
