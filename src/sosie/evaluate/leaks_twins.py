"""Products of the gallery that share with a question what no other product should: found by keys, judged, counted."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from sosie.evaluate.task import Task
from sosie.reports import Leak
from sosie.types import Mask, Rows

MOST = 256  # answers that share one key: of more, the first are looked at
SHOWN = 5  # examples of a leak
BLOCK = 1 << 18  # pairs judged at a time


@dataclass(frozen=True, eq=False)
class Twins:
    """Pairs of a question and a place that may answer it, each once."""

    task: Task
    questions: Rows
    places: Rows

    @cached_property
    def relevant(self) -> Mask:
        """Which of the pairs are right answers, (pairs,)."""
        blocks = [np.zeros(0, np.bool_)]
        for start in range(0, len(self.questions), BLOCK):
            some = slice(start, start + BLOCK)
            blocks.append(self.task.relevance.grades(self.questions[some], self.places[some, None])[:, 0] > 0)
        return np.concatenate(blocks)

    def without(self, other: "Twins") -> "Twins":
        """Those that are not among others."""
        kept = ~np.isin(_pairs(self.questions, self.places), _pairs(other.questions, other.places))
        return Twins(self.task, self.questions[kept], self.places[kept])

    def leak(self, kind: str, what: str, advice: str, grave: Callable[[Mask], bool]) -> Leak | None:
        """What is said of the pairs, None where there are none: `what` questions have, as "have a twin".

        `grave` is asked about the questions that have a right answer among the pairs, (questions,).
        """
        if not len(self.questions):
            return None
        size = self.task.size
        concerned, right = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
        concerned[self.questions] = True
        right[self.questions[self.relevant]] = True
        count, helped = int(concerned.sum()), int(right.sum())
        order = np.lexsort((self.places, self.questions, ~self.relevant))
        first = order[np.sort(np.unique(self.questions[order], return_index=True)[1])][:SHOWN]
        examples = [(self.task.keys[self.questions[at]], self.task.titles[self.places[at]]) for at in first.tolist()]
        told = f"a right answer for {helped:,} of them" if helped else "a right answer for none of them"
        return Leak(
            kind=kind,
            count=count,
            total=size,
            grave=grave(right),
            what=f"{count:,} of {size:,} questions {what}: {told}.",
            advice=advice,
            examples=tuple(examples),
        )


def twins(task: Task, asked: Sequence[Collection[str]], gallery: Sequence[Collection[str]]) -> Twins:
    """Questions and places that have a key in common, barred places left out.

    `asked` holds the keys of each question, `gallery` those of each row of the gallery; "" is none.
    """
    numbers: dict[str, int] = {}
    left, left_keys = _numbered(asked, numbers, fresh=True)
    right, right_keys = _numbered(gallery, numbers, fresh=False)
    shared = np.unique(_pairs(right_keys, task.places[right]))
    first, last = (np.searchsorted(shared, _pairs(left_keys + more, np.zeros(1, np.int64))) for more in (0, 1))
    counts = np.minimum(last - first, MOST)
    owner = np.repeat(np.arange(len(counts)), counts)
    at = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(len(owner))
    found = np.unique(_pairs(left[owner], shared[at] & _LOW))
    return allowed(task, found >> _SHIFT, found & _LOW)


def allowed(task: Task, questions: Rows, places: Rows) -> Twins:
    """The pairs of a question and a place that is not barred from answering it."""
    barred = _pairs(np.repeat(np.arange(task.size), np.diff(task.barred.starts)), task.barred.values)
    kept = ~np.isin(_pairs(questions, places), barred)
    return Twins(task, questions[kept], places[kept])


_SHIFT, _LOW = 32, (1 << 32) - 1


def _pairs(high: Rows, low: Rows) -> Rows:
    """Two numbers as one."""
    joined: Rows = high.astype(np.int64) << _SHIFT | low
    return joined


def _numbered(lists: Sequence[Collection[str]], numbers: dict[str, int], *, fresh: bool) -> tuple[Rows, Rows]:
    """Whose each key is, and its number; keys that have none get one if `fresh`, and are left out otherwise."""
    sizes = np.fromiter(map(len, lists), np.int64, len(lists))
    owner = np.repeat(np.arange(len(lists)), sizes)
    keys = list(chain.from_iterable(lists))
    if fresh:
        numbers.update((key, at) for at, key in enumerate(dict.fromkeys(filter(None, keys))))
    found = np.fromiter((numbers.get(key, -1) for key in keys), np.int64, len(keys))
    there = found >= 0
    return owner[there], found[there]
