"""What is relevant to a question: places in a list, or places that bear the question's labels."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sosie.errors import TruthError
from sosie.evaluate.task import Codes, Grades, Lists, Task
from sosie.types import Rows

SHIFT = 32  # a question and a place in one number: question << SHIFT | place
ROOM = 1 << 24  # agreeing pairs held at a time
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is relevant to any question."""

    def grades(self, questions: Rows, places: Rows) -> Grades:
        """Zeros, (questions, any)."""
        return np.zeros(places.shape, np.float32)

    def ideal(self, questions: Rows, depth: int) -> Grades:
        """Zeros, (questions, depth)."""
        return np.zeros((len(questions), depth), np.float32)

    def counts(self, questions: Rows) -> Rows:
        """Zeros, (questions,)."""
        return np.zeros(len(questions), np.int64)


@dataclass(frozen=True, eq=False)
class Listed:
    """The relevant places of each question, each once, and the grades of these, all above 0, in the same order.

    Own places of a question must not be in its list.
    """

    lists: Lists
    worth: Grades  # (values of the lists,)

    @classmethod
    def same_grade(cls, lists: Lists) -> "Listed":
        """Every place of the lists has the grade 1."""
        return cls(lists, np.ones(len(lists.values), np.float32))

    @classmethod
    def of_pairs(cls, size: int, questions: Rows, places: Rows, worth: Grades) -> "Listed":
        """From (question, place, grade), in any order; the highest grade of a pair counts, none of 0 or below."""
        kept = worth > 0
        keys = questions[kept] << SHIFT | places[kept]
        order = np.lexsort((-worth[kept], keys))
        keys, first = np.unique(keys[order], return_index=True)
        starts = np.searchsorted(keys >> SHIFT, np.arange(size + 1))
        return cls(Lists(starts, keys & ((1 << SHIFT) - 1)), worth[kept][order[first]].astype(np.float32))

    @cached_property
    def _keys(self) -> Rows:
        lengths = np.diff(self.lists.starts)
        return np.repeat(np.arange(len(lengths)), lengths) << SHIFT | self.lists.values

    @cached_property
    def _best_first(self) -> Grades:
        """Grades, each question's descending."""
        return self.worth[np.lexsort((-self.worth, self._keys >> SHIFT))]

    def grades(self, questions: Rows, places: Rows) -> Grades:
        """Grades of some places of each question, (questions, any); 0 for a place of -1."""
        if not len(self._keys):
            return np.zeros(places.shape, np.float32)
        wanted = np.asarray(questions)[:, None] << SHIFT | places
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where((self._keys[at] == wanted) & (places >= 0), self.worth[at], np.float32(0))

    def ideal(self, questions: Rows, depth: int) -> Grades:
        """The best grades that are there for each question, descending, padded with 0, (questions, depth)."""
        best = np.append(self._best_first, np.float32(0))
        at = self.lists.starts[questions][:, None] + np.arange(depth)
        return best[np.where(at < self.lists.starts[np.asarray(questions) + 1][:, None], at, len(best) - 1)]

    def counts(self, questions: Rows) -> Rows:
        """How many places are relevant to each question, (questions,)."""
        return np.diff(self.lists.starts)[questions]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Places that bear the labels of a question: the grade is the number of columns in which they agree.

    A *kind* is a set of alternatives, one of which has to fit: the rows of a product with variants, the paths of a
    product in several categories. A label takes one column, a path one for each level (numbers of its beginnings).
    """

    codes: Codes  # (alternatives, columns), -1 = missing, which agrees with nothing
    kinds: Lists  # the alternatives of each kind, at least one
    asked: Rows  # (questions,) kind of each question
    places: Rows  # (places,) kind of each place
    own: Rows  # (questions,) the place that is the question itself, never relevant; -1 = there is none

    def grades(self, questions: Rows, places: Rows) -> Grades:
        """Grades of some places of each question, (questions, any); 0 for a place of -1."""
        left = np.broadcast_to(self.asked[questions][:, None], places.shape)
        grades = self._agreeing(left.ravel(), self.places[places.ravel()]).reshape(places.shape)
        grades[(places == NOWHERE) | (places == self.own[questions][:, None])] = 0
        return grades

    def ideal(self, questions: Rows, depth: int) -> Grades:
        """The best grades that are there for each question, descending, padded with 0, (questions, depth)."""
        reaching = self._reaching(questions)
        ideal = np.zeros((len(questions), depth), np.float32)
        for column in range(reaching.shape[1]):
            ideal += np.arange(depth) < reaching[:, column, None]
        return ideal

    def counts(self, questions: Rows) -> Rows:
        """How many places are relevant to each question, (questions,)."""
        return self._reaching(questions)[:, 0]

    def _reaching(self, questions: Rows) -> Rows:
        """How many places have a grade of at least 1, 2, … for each question, (questions, columns)."""
        own = self.own[questions]
        grade = self._agreeing(self.asked[questions], self.places[own])
        grade[own == NOWHERE] = 0
        return self._table[self.asked[questions]] - (grade[:, None] > np.arange(self.codes.shape[1]))

    def _agreeing(self, left: Rows, right: Rows) -> Grades:
        """Grades of pairs of kinds, (pairs,): of the two alternatives that agree best."""
        starts, sizes = self.kinds.starts, np.diff(self.kinds.starts)
        grades = np.zeros(len(left), np.float32)
        for i in range(int(sizes[left].max(initial=0))):
            for j in range(int(sizes[right].max(initial=0))):
                some = np.flatnonzero((sizes[left] > i) & (sizes[right] > j))
                a = self.codes[self.kinds.values[starts[left[some]] + i]]
                b = self.codes[self.kinds.values[starts[right[some]] + j]]
                grades[some] = np.maximum(grades[some], ((a == b) & (a >= 0)).sum(axis=1))
        return grades

    @cached_property
    def _table(self) -> Rows:
        """How many places have a grade of at least 1, 2, … for a question of each kind, (kinds, columns)."""
        size, columns = len(self.kinds.starts) - 1, self.codes.shape[1]
        asking = np.unique(self.asked)
        there, number = np.unique(self.places, return_counts=True)
        left, left_kind = self._marks(asking)
        right, right_kind = self._marks(there)
        right = right.T.tocsr()
        # Bounds how many pairs of alternatives agree, so that a block of questions never needs more than ROOM.
        bound = np.cumsum(left @ np.diff(right.indptr))
        found = np.zeros((size, columns + 1), np.int64)
        weight = np.zeros(size, np.int64)
        weight[there] = number
        blocks = np.searchsorted(bound, np.arange(0, bound.max(initial=0), ROOM), side="right")
        edges = np.unique([0, *np.searchsorted(left_kind, left_kind[blocks])])  # a kind stays in one block
        for start, stop in zip(edges, [*edges[1:], len(left_kind)], strict=True):
            agreeing = (left[start:stop] @ right).tocoo()
            pairs = left_kind[start:stop][agreeing.row] * size + right_kind[agreeing.col]
            order = np.lexsort((-agreeing.data, pairs))
            first = order[np.flatnonzero(np.diff(pairs[order], prepend=-1))]
            at = (pairs[first] // size, agreeing.data[first])
            np.add.at(found, at, weight[pairs[first] % size])
        return found[:, :0:-1].cumsum(axis=1)[:, ::-1]

    def _marks(self, kinds: Rows) -> tuple[sparse.csr_array, NDArray[np.int64]]:
        """Each alternative of some kinds as a row of ones where its codes stand, and the kind it belongs to."""
        at, values = self.kinds.joined(kinds)
        codes = self.codes[values]
        width = int(self.codes.max(initial=0)) + 1
        row, column = np.nonzero(codes >= 0)
        token = column * width + codes[row, column]
        shape = (len(codes), width * self.codes.shape[1])
        return sparse.csr_array((np.ones(len(row), np.int64), (row, token)), shape=shape), kinds[at]


def answerable(task: Task, why: str = "") -> Task:
    """The task itself. Raises TruthError where nothing in the gallery is relevant to any question."""
    if not task.relevance.counts(np.arange(task.size)).any():
        raise TruthError(
            f"{task.name}: no question has anything relevant in the gallery of {len(task.titles):,} products{why}."
        )
    return task
