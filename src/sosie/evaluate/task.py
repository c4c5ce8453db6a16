"""A truth made concrete in one store: what is asked, what may answer, what is relevant."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sosie.reports import Leak
from sosie.types import Matrix, Query, Rows

Codes = NDArray[np.int32]
Grades = NDArray[np.float32]


class Relevance(Protocol):
    """Grades of (question, place). A grade above 0 is relevant. Own places of a question never count."""

    def grades(self, questions: Rows, places: Rows) -> Grades:
        """Grades of some places of each question, (questions, any); 0 for a place of -1."""

    def ideal(self, questions: Rows, depth: int) -> Grades:
        """The best grades that are there for each question, descending, padded with 0, (questions, depth)."""

    def counts(self, questions: Rows) -> Rows:
        """How many places are relevant to each question, (questions,)."""


@dataclass(frozen=True, slots=True)
class Lists:
    """A list of places for each question, one after the other: `values[starts[q]:starts[q + 1]]`, ascending each."""

    starts: Rows
    values: Rows

    def of(self, question: int) -> Rows:
        """The list of one question."""
        return self.values[self.starts[question] : self.starts[question + 1]]

    def joined(self, questions: Rows) -> tuple[Rows, Rows]:
        """The lists of some questions one after the other: whose each value is, by place in `questions`, and values.

        The question -1 is the last one.
        """
        sizes = np.diff(self.starts)[questions]
        owner = np.repeat(np.arange(len(sizes)), sizes)
        first = self.starts[:-1][questions] - np.cumsum(sizes) + sizes
        return owner, self.values[first[owner] + np.arange(len(owner))]

    @classmethod
    def build(cls, lists: "list[Rows]") -> "Lists":
        """From one array a question."""
        ends = np.cumsum([0, *map(len, lists)])
        return cls(
            ends.astype(np.int64), np.concatenate([np.empty(0, np.int64), *map(np.sort, lists)]).astype(np.int64)
        )


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """How a truth becomes a task.

    Splits are those of a column of the store for labels, links and judgements, of the file's own for pairs and events.
    """

    split: str = ""  # the column
    query_split: str = ""  # which asks; "" = test
    gallery_split: tuple[str, ...] = ()  # which may answer (events: came before); () = all others
    kinds: tuple[str, ...] = ()  # of links or events; () = all
    variants: bool = False  # variants are told apart, and are answers of their own
    unknown_share: float = 0.2  # of the ids in a file that the store may lack
    at: str = "last"  # events to be found: the last of each user, or those from a time or a share ("80%") of them on
    repeats: bool = False  # what a user has taken already may be an answer too


@dataclass(frozen=True, eq=False)
class Task:
    """Questions, the gallery and what is relevant.

    A *place* is what fills one rank: a product with its variants, or one row where variants are told apart. Places are
    numbered in the order that breaks ties (ids descending, as trec_eval does): of two places with equal scores the
    lower number comes first. The score of a place is that of its best row.
    """

    name: str  # "label class_id, queries test, gallery train+val"
    keys: tuple[str, ...]  # of the questions, as in a run file: ids of products, or keys of the file
    asked: Rows | tuple[Query, ...]  # rows of the snapshot where each question is one product
    gallery: Rows  # rows of the snapshot that may answer, ascending
    places: Rows  # (gallery,) the place of each of these rows
    titles: tuple[str, ...]  # (places,) id of each place: that of its product, as a run file names it
    relevance: Relevance
    barred: Lists  # places that may not answer: the product asked about, with its variants; what a user already has
    clusters: NDArray[np.int64] | None = None  # (questions,) those that depend on each other share one: user, product
    splits: NDArray[np.int8] | None = None  # (questions,) 0 = learn or choose on it, 1 = judge by it; None = all judge
    labels: tuple[str, ...] = ()  # columns that the truth was read from
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = field(default=(), repr=False)  # ids that the truth names and the store lacks
    popularity: NDArray[np.float64] | None = None  # (gallery,) how often the product of each row was taken before
    leaks: tuple[Leak, ...] = ()  # those that only the file of the truth tells

    @property
    def size(self) -> int:
        """How many questions there are."""
        return len(self.keys)

    @cached_property
    def alone(self) -> bool:
        """Whether each row of the gallery is a place of its own."""
        return len(self.titles) == len(self.gallery)


@dataclass(frozen=True, slots=True)
class _Some:
    """The relevance of some questions of a task."""

    whole: Relevance
    chosen: Rows

    def grades(self, questions: Rows, places: Rows) -> Grades:
        return self.whole.grades(self.chosen[questions], places)

    def ideal(self, questions: Rows, depth: int) -> Grades:
        return self.whole.ideal(self.chosen[questions], depth)

    def counts(self, questions: Rows) -> Rows:
        return self.whole.counts(self.chosen[questions])


def part_of(task: Task, chosen: Rows) -> Task:
    """The task of some of its questions, in the order of `chosen`; the gallery stays."""
    if len(chosen) == task.size and np.array_equal(chosen, np.arange(task.size)):
        return task
    asked = task.asked
    return replace(
        task,
        keys=tuple(task.keys[at] for at in chosen.tolist()),
        asked=tuple(asked[at] for at in chosen.tolist()) if isinstance(asked, tuple) else asked[chosen],
        relevance=_Some(task.relevance, chosen),
        barred=Lists.build([task.barred.of(at) for at in chosen.tolist()]),
        clusters=None if task.clusters is None else task.clusters[chosen],
        splits=None if task.splits is None else task.splits[chosen],
    )


@dataclass(frozen=True, slots=True)
class Ranked:
    """The best places of some questions, best first, equal scores by place; unused ones hold -1 and -inf."""

    questions: Rows  # (block,) numbers of the questions
    places: Rows  # (block, depth)
    scores: Matrix  # (block, depth)
