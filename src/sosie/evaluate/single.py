"""The best places of all questions: products made in single precision, those in contention again, exactly.

What a product has to reach is guessed for each question from a sample of the places. All rows that reach it are kept;
of these, the ones that may be among the best in spite of the product's error are scored exactly. A guess proves right
when enough places lie above it. A question whose guess was wrong, or that too many rows reach, is left out.

Where every row asks, a block of products serves its rows and its columns, and half of the blocks are made.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock

import numpy as np
from scipy import sparse

from sosie.evaluate.best import Keys, Packing
from sosie.evaluate.prepared import Prepared
from sosie.evaluate.task import Grades
from sosie.index.everyone import error_bound
from sosie.types import Mask, Matrix, Rows, Vector

BLOCK = 1_024  # questions, or rows, of a block of products: it stays in the processor's cache
KEPT, EXACT = 4, 24  # products in double precision that cost as much as a candidate kept, and as one made exactly
PART = 1 << 16  # answers worked out at a time: so they stay in the cache, too
SAMPLED = 48  # one of so many places is in the sample
MOST_SAMPLED = 4_096
WRONG = 1e-3  # how often a guess may be too high
CROWD = 4  # times as many rows as expected are too many
HELD = 1 << 27  # candidates at a time: 1 GiB

Graded = Callable[[Rows, Rows], Grades]  # as in `Relevance.grades`
Answered = tuple[Rows, Rows, Matrix]  # questions, and the places and scores of each, (questions, depth)


def pays(prepared: Prepared, depth: int, exact: int) -> bool:
    """Whether single precision can be used, and is quicker."""
    dense = not sparse.issparse(prepared.questions) and prepared.more is None
    return dense and KEPT * depth + EXACT * exact <= len(prepared.packing.firsts)


def best_places(prepared: Prepared, depth: int, exact: int, grades: Graded, pool: Executor) -> Iterator[Answered]:
    """The questions in blocks, some of them left out.

    The first `exact` places are in exact order, those below as far as their grades differ: the grade at each rank is
    right, but places of one grade may have changed ranks, and their scores are those of single precision.
    """
    screen = _Screen(prepared, depth, exact, grades, pool)
    found: list[list[Keys]] = [[] for _ in screen.starts]
    finished: Future[list[Answered]] | None = None
    for number, start in enumerate(screen.starts):
        others = range(start if screen.symmetric else 0, len(prepared.packing.places), screen.size)
        blocks = [pool.submit(screen.reaching, start, other) for other in others]
        if finished is not None:
            yield from finished.result()
        for other, block in zip(others, blocks, strict=True):
            ours, theirs = block.result()
            found[number].append(ours)
            if theirs is not None:
                found[other // screen.size].append(theirs)
        finished = pool.submit(screen.answers, start, found[number])
        found[number] = []
    if finished is not None:
        yield from finished.result()


class _Screen:
    def __init__(self, prepared: Prepared, depth: int, exact: int, grades: Graded, pool: Executor) -> None:
        self.prepared, self.packing = prepared, prepared.packing
        self.depth, self.exact, self.grades = depth, exact, grades
        questions, rows = len(prepared.asking), len(self.packing.places)
        self.size = min(BLOCK, self.packing.most)
        self.starts = range(0, questions, self.size)
        # Two scores whose products differ by more are in the order of these.
        self.error = 2 * error_bound(prepared.dim, np.float32) * prepared.bounds(np.arange(questions))
        self.barred = list(pool.map(lambda start: prepared.barred_rows(self._block(start)), self.starts))
        self.sample = _Sample.of(self.packing, depth)
        self.cuts = np.concatenate([np.empty(0, np.float32), *pool.map(self._guessed, self.starts)])
        expected = self.sample.rank * rows / len(self.sample.starts)
        self.counts, self.most, self.lock = np.zeros(questions, np.int64), CROWD * expected + BLOCK, Lock()
        # Early blocks are done with before late ones are full: no more than a quarter of all candidates are held.
        self.symmetric = prepared.questions is prepared.rows and questions * expected / 4 <= HELD

    def reaching(self, start: int, other: int) -> tuple[Keys, Keys | None]:
        """Candidates for the questions from `start` on among the rows from `other` on, and the other way round."""
        questions, rows = slice(start, start + self.size), slice(other, other + self.size)
        products = self.prepared.questions[questions] @ self.prepared.rows[rows].T
        ours = products >= self.cuts[questions, None]
        ours[self._barred(start, rows)] = False
        at = np.flatnonzero(ours)
        question, row = np.divmod(at, products.shape[1])
        keys = self._counted(start, self.packing.pack(question, products.ravel()[at], row + other))
        if not self.symmetric or start == other:
            return keys, None
        theirs = products >= self.cuts[rows]
        theirs.T[self._barred(other, questions)] = False
        at = np.flatnonzero(theirs)
        row, question = np.divmod(at, products.shape[1])
        return keys, self._counted(other, self.packing.pack(question, products.ravel()[at], row + start))

    def answers(self, start: int, found: list[Keys]) -> list[Answered]:
        """The answers to a block of questions, from all their candidates."""
        keys = np.sort(np.concatenate(found))
        at = self._block(start)
        starts = self.packing.starts(keys, len(at))
        parts = [*range(0, len(at), max(PART // self.depth, 1)), len(at)]
        return [
            self._answers(at[first:stop], self.packing.less(keys[starts[first] : starts[stop]], first))
            for first, stop in pairwise(parts)
        ]

    def _answers(self, at: Rows, keys: Keys) -> Answered:
        """Those to some questions, from their sorted candidates."""
        packing, error = self.packing, self.error[at]
        best = packing.best_rows(keys)
        lowest = packing.last(best, len(at), self.depth) - error
        sure = (lowest >= self.cuts[at]) & (self.cuts[at] < np.inf)
        question = packing.questions(keys)
        keys = keys[sure[question] & (packing.scores(keys) >= lowest[question])]
        question, row, scores = packing.questions(keys), packing.rows(keys), packing.scores(keys)
        unsure = scores >= (packing.last(best, len(at), self.exact) - error)[question]
        if self.exact < self.depth:
            unsure |= self._near_other_grades(at, keys)
        scores = (scores / self.prepared.mass[at][question]).astype(np.float32)
        scores[unsure] = self.prepared.exact_scores(at[question[unsure]], row[unsure])
        keys = packing.best_rows(np.sort(packing.pack(question, scores, row)))
        places, scores = packing.table(keys, len(at), self.depth)
        return at[sure], places[sure], scores[sure]

    def _near_other_grades(self, at: Rows, keys: Keys) -> Mask:
        """Which of the sorted candidates could change ranks with one of another grade."""
        counts = np.diff(self.packing.starts(keys, len(at)))
        places, scores = self.packing.table(keys, len(at), int(counts.max(initial=1)))
        grades = self.grades(self.prepared.asking[at], places)
        differ = grades[:, 1:] != grades[:, :-1]
        error = self.error[at][:, None].astype(np.float32)
        above = np.minimum.accumulate(np.where(differ, scores[:, :-1], np.float32(np.inf)), axis=1)
        below = np.maximum.accumulate(np.where(differ, scores[:, 1:], np.float32(-np.inf))[:, ::-1], axis=1)[:, ::-1]
        near = np.zeros(scores.shape, bool)
        near[:, 1:] = above <= scores[:, 1:] + error
        near[:, :-1] |= scores[:, :-1] <= below + error
        return near[places >= 0]

    def _guessed(self, start: int) -> Vector:
        """What a product has to reach, (questions,)."""
        sample = self.sample
        products = self.prepared.questions[start : start + self.size] @ self.prepared.rows[sample.rows].T
        question, row = self.barred[start // self.size]
        found = np.minimum(np.searchsorted(sample.rows, row), len(sample.rows) - 1)
        there = sample.rows[found] == row
        products[question[there], found[there]] = -np.inf
        best = np.maximum.reduceat(products, sample.starts, axis=1)
        return np.partition(best, -sample.rank, axis=1)[:, -sample.rank].copy()  # a view would keep all of it

    def _counted(self, start: int, keys: Keys) -> Keys:
        """The same candidates; a question that has too many gets no more."""
        some = slice(start, start + self.size)
        with self.lock:
            counts = self.counts[some]
            counts += np.bincount(self.packing.questions(keys), minlength=len(counts))
            self.cuts[some][counts > self.most] = np.inf
        return keys

    def _block(self, start: int) -> Rows:
        return np.arange(start, min(start + self.size, len(self.prepared.asking)))

    def _barred(self, start: int, rows: slice) -> tuple[Rows, Rows]:
        question, row = self.barred[start // self.size]
        some = slice(*np.searchsorted(row, (rows.start, rows.stop)))
        return question[some], row[some] - rows.start


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Some of the places, the score of one of which is the guess."""

    rank: int  # of that one; the guess is too high only if so many of the best places are in the sample
    rows: Rows  # of the places, ascending
    starts: Rows  # (places,) where those of each begin

    @classmethod
    def of(cls, packing: Packing, depth: int) -> "_Sample":
        from scipy.special import bdtrik

        firsts = np.append(packing.firsts, len(packing.places))
        number = len(packing.firsts)
        size = min(number // SAMPLED + 1, MOST_SAMPLED)
        some = np.sort(np.random.default_rng(0).choice(number, size, replace=False))
        counts = np.diff(firsts)[some]
        starts = np.cumsum(counts) - counts
        rank = int(np.ceil(bdtrik(1 - WRONG, depth, size / number))) + 1
        rows = np.repeat(firsts[some] - starts, counts) + np.arange(counts.sum())
        return cls(min(rank, size), rows, starts)
