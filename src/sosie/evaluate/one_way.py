"""Products that ask each other: each pair of alike ones asked one way only.

Where a is alike to b, b is alike to a: what is found for b echoes what is found for a. Weights that were chosen by the
question a then seem to do well on the question b, even if both are noise, and a test of questions takes them for two
witnesses: the variance of a mean over questions is up to twice what they seem to have.
"""

from dataclasses import dataclass, replace

import numpy as np

from sosie.evaluate.task import Grades, Lists, Relevance, Task
from sosie.types import Rows


def asked_places(task: Task) -> Rows:
    """The place of the product that each question asks about, (questions,); -1 where it is not in the gallery."""
    if isinstance(task.asked, tuple):
        return np.full(task.size, -1, np.int64)
    there = np.diff(task.barred.starts) > 0
    last = max(len(task.barred.values) - 1, 0)
    first = np.minimum(task.barred.starts[:-1], last)
    return np.where(there, task.barred.values[first], -1) if len(task.barred.values) else np.full(task.size, -1)


def mutual(task: Task) -> bool:
    """Whether products ask each other."""
    return int(np.count_nonzero(asked_places(task) >= 0)) > 1


def one_way(task: Task) -> Task:
    """The same questions; of two products that are relevant to each other only one, drawn by lot, may be an answer.

    What is not relevant stays an answer to all: so many stand against a question that no single one echoes.
    """
    if not mutual(task):
        return task
    own = asked_places(task)
    turn = np.random.default_rng(0).permutation(task.size)
    lists = []
    for at in range(task.size):
        before = np.unique(own[(turn < turn[at]) & (own >= 0)])
        lists.append(before[task.relevance.grades(np.array([at]), before[None])[0] > 0])
    table = np.full((task.size, max(map(len, lists))), -1, np.int64)
    for at, some in enumerate(lists):
        table[at, : len(some)] = some
    barred = Lists.build([np.union1d(task.barred.of(at), some) for at, some in enumerate(lists)])
    return replace(task, barred=barred, relevance=_OneWay(task.relevance, table))


@dataclass(frozen=True, eq=False)
class _OneWay:
    """Relevance without the echoes of each question."""

    whole: Relevance
    echoes: Rows  # (questions, any) places ascending, -1 = none

    def grades(self, questions: Rows, places: Rows) -> Grades:
        grades = self.whole.grades(questions, places)
        for at, question in enumerate(questions.tolist()):
            grades[at, np.isin(places[at], self.echoes[question])] = 0
        return grades

    def ideal(self, questions: Rows, depth: int) -> Grades:
        gone = self._gone(questions)
        best = self.whole.ideal(questions, depth + gone.shape[1])
        ideal = np.zeros((len(questions), depth), np.float32)
        for at in range(len(questions)):
            left = best[at]
            for grade, count in zip(*np.unique(gone[at][gone[at] > 0], return_counts=True), strict=True):
                first = int(np.searchsorted(-left, -grade))
                left = np.delete(left, slice(first, first + int(count)))
            ideal[at, : min(depth, len(left))] = left[:depth]
        return ideal

    def counts(self, questions: Rows) -> Rows:
        counts: Rows = self.whole.counts(questions) - np.count_nonzero(self._gone(questions), axis=1)
        return counts

    def _gone(self, questions: Rows) -> Grades:
        """Grades of the echoes, (questions, any)."""
        return self.whole.grades(questions, self.echoes[questions])
