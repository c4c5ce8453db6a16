"""The best places of some questions, kept while candidates come in."""

import numpy as np
from numpy.typing import NDArray

from sosie.types import Matrix, Rows, Vector

Keys = NDArray[np.uint64]


def most_questions(places: int) -> int:
    """How many questions `Best` holds where there are so many places."""
    return 1 << (32 - _bits(places))


class Best:
    """The `depth` best places of each question, best first, equal scores by place.

    Candidates must come with places in ascending order of blocks: a later one never has a lower place than an earlier
    one. So one that only equals the last of a full list is too late, however many tie.

    A candidate is one integer, from high bits to low its question, its loss and its place: sorting these integers sorts
    by all three, many times as fast as sorting by three columns.
    """

    def __init__(self, questions: int, places: int, depth: int, *, shared: bool) -> None:
        """`shared`: a place may come several times for a question; its best score counts."""
        self.depth, self.shared, self.bits = depth, shared, _bits(places)
        self.lowest: Vector = np.full(questions, -np.inf, np.float32)  # what a score has to exceed
        self._starts = np.arange(questions + 1, dtype=np.uint64) << np.uint64(32 + self.bits)
        self._keys: Keys = np.empty(0, np.uint64)
        self._new: list[Keys] = []
        self._count = 0

    def add(self, questions: Rows, places: Rows, scores: Vector) -> None:
        """Take in candidates, (any,) each; sorted in when there are as many as the lists are long."""
        high = _losses(scores) | questions.astype(np.uint64) << np.uint64(32)
        self._new.append(high << np.uint64(self.bits) | places.astype(np.uint64))
        self._count += len(scores)
        if self._count >= self.depth * len(self.lowest):
            self._settle()

    def table(self) -> tuple[Rows, Matrix]:
        """Places and scores, (questions, depth); unused ones hold -1 and -inf."""
        self._settle()
        shape = len(self.lowest), self.depth
        places, scores = np.full(shape, -1, np.int64), np.full(shape, -np.inf, np.float32)
        questions, ranks = self._where()
        places[questions, ranks] = self._keys & np.uint64((1 << self.bits) - 1)
        scores[questions, ranks] = self._scores(self._keys)
        return places, scores

    def _settle(self) -> None:
        keys = np.concatenate([self._keys, *self._new])
        self._new, self._count = [], 0
        self._keys = np.sort(self._best_of_each_place(keys) if self.shared else keys)
        questions, ranks = self._where()
        kept = ranks < self.depth
        last = ranks == self.depth - 1
        self.lowest[questions[last]] = self._scores(self._keys[last])
        self._keys = self._keys[kept]

    def _where(self) -> tuple[Rows, Rows]:
        """Question and rank of each key."""
        starts = np.searchsorted(self._keys, self._starts)
        questions = np.repeat(np.arange(len(self.lowest)), np.diff(starts))
        return questions, np.arange(len(self._keys)) - starts[questions]

    def _scores(self, keys: Keys) -> Vector:
        return _of_losses((keys >> np.uint64(self.bits)).astype(np.uint32))

    def _best_of_each_place(self, keys: Keys) -> Keys:
        bits, loss, place = np.uint64(self.bits), np.uint64(0xFFFFFFFF), np.uint64((1 << self.bits) - 1)
        question = ~((loss << bits) | place)
        # The same with place above loss: the first of each question and place is then its best.
        other = np.sort((keys & question) | (keys & place) << np.uint64(32) | keys >> bits & loss)
        first: Keys = other[np.diff(other >> np.uint64(32), prepend=np.uint64(0xFFFFFFFFFFFFFFFF)) != 0]
        best: Keys = (first & question) | (first & loss) << bits | first >> np.uint64(32) & place
        return best


def _bits(places: int) -> int:
    return max(places, 1).bit_length()


def _losses(scores: Vector) -> Keys:
    """Integers that rise where scores fall, and are equal where they are."""
    bits = (scores + np.float32(0)).view(np.uint32)  # + 0: -0 equals 0
    return np.where(bits >> 31, bits, bits ^ np.uint32(0x7FFFFFFF)).astype(np.uint64)


def _of_losses(losses: NDArray[np.uint32]) -> Vector:
    return np.where(losses >> 31, losses, losses ^ np.uint32(0x7FFFFFFF)).view(np.float32)
