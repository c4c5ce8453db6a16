"""Supervision: what is known of which training products are alike, as arrays over their rows."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from sosie.train.losses import Targets
from sosie.types import Rows

ALIKE = 0.5  # a pair is alike from this grade on
HUB = 16  # what is alike to more products than this says nothing of how these are to each other
SECOND = -1.0  # how `_known` writes that two products share one that both are alike to; judged pairs are 1 + grade


@dataclass(frozen=True, eq=False)
class Supervision:
    """What is known of n products, rows 0 … n-1; see `supervision`, which fills in what is not given."""

    labels: NDArray[np.int64]  # (levels, n) the finest level first; -1 = none
    pairs: NDArray[np.int64]  # (k, 2) rows that somebody judged, or that were bought or seen together
    grades: NDArray[np.float64]  # (k,) from 0, unlike, to 1, alike
    groups: NDArray[np.int64]  # (n,) variants of one product share a number; -1 = none
    twins: NDArray[np.int64]  # (n,) products of one title, in its normal form, share a number; -1 = no title
    looks: NDArray[np.int64]  # (n,) products of near-identical pictures share a number; -1 = no picture

    @property
    def size(self) -> int:
        """How many products there are."""
        return int(self.labels.shape[1])

    def classes(self, level: int = 0) -> int:
        """How many class vectors a loss needs for a level of the labels; 0 where it doesn't exist."""
        return int(self.labels[level].max(initial=-1)) + 1 if level < len(self.labels) else 0

    @cached_property
    def _known(self) -> sparse.csr_array:
        """(n, n) 1 + grade of judged pairs, NaN where they were judged both ways, SECOND, or nothing."""
        a, b = self.pairs.T
        apart = a != b
        a, b, grades = np.minimum(a, b)[apart], np.maximum(a, b)[apart], self.grades[apart]
        pairs, place = np.unique(a * self.size + b, return_inverse=True)
        high, low = np.full(len(pairs), -np.inf), np.full(len(pairs), np.inf)
        np.maximum.at(high, place, grades)
        np.minimum.at(low, place, grades)
        judged = _symmetric(pairs, np.where((low < ALIKE) & (high >= ALIKE), np.nan, 1 + high), self.size)
        alike = _symmetric(pairs[low >= ALIKE], np.ones((low >= ALIKE).sum()), self.size)
        degree = np.diff(alike.indptr)
        middle = sparse.diags_array((degree <= HUB).astype(np.float64))
        second = (alike @ middle @ alike).tocoo()
        keys = np.concatenate(
            [judged.tocoo().row * self.size + judged.tocoo().col, second.row * self.size + second.col]
        )
        values = np.concatenate([judged.tocoo().data, np.full(second.nnz, SECOND)])
        keys, first = np.unique(keys, return_index=True)  # the first of equal keys: a judgement
        known = sparse.csr_array((values[first], np.divmod(keys, self.size)), shape=(self.size, self.size))
        known.sort_indices()
        return known

    def known(self, a: Rows, b: Rows) -> NDArray[np.float64]:
        """What was judged of pairs of rows, which broadcast: 1 + grade, NaN = both ways, SECOND, 0 = nothing."""
        a, b = np.broadcast_arrays(a, b)
        if not len(self.pairs) or not a.size:
            return np.zeros(a.shape)
        return np.asarray(self._known[a.flatten(), b.flatten()]).reshape(a.shape)


@dataclass(frozen=True, eq=False)
class Relation:
    """How pairs of rows stand to each other; what is neither alike nor unlike is not known."""

    alike: NDArray[np.bool_]
    unlike: NDArray[np.bool_]


def supervision(
    size: int,
    labels: ArrayLike | None = None,
    pairs: ArrayLike | None = None,
    grades: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    twins: ArrayLike | None = None,
    looks: ArrayLike | None = None,
) -> Supervision:
    """`Supervision` of `size` products from what there is; pairs without grades are alike, one level may be (n,)."""
    judged = np.asarray([] if pairs is None else pairs, np.int64).reshape(-1, 2)
    return Supervision(
        labels=np.asarray([] if labels is None else labels, np.int64).reshape(-1, size),
        pairs=judged,
        grades=np.ones(len(judged)) if grades is None else np.asarray(grades, np.float64),
        groups=_numbers(groups, size),
        twins=_numbers(twins, size),
        looks=_numbers(looks, size),
    )


def relation(known: Supervision, a: Rows, b: Rows, level: int = 0) -> Relation:
    """How rows `a` and `b`, which broadcast, stand to each other; a row is neither alike nor unlike to itself.

    Alike are those judged so, and those of one label at `level` or finer. Unlike are those judged so, and those whose
    labels differ at `level` or coarser. Without any labels all others are unlike, but for variants, twins of title or
    picture and those alike to a common third: these are guesses, so what people said outweighs them. What is said
    both ways, and products whose labels are not known, are neither.
    """
    judged = known.known(a, b)
    alike, unlike = judged >= 1 + ALIKE, (judged > 0) & (judged < 1 + ALIKE)
    same = np.zeros(judged.shape, np.bool_)
    differ = np.zeros(judged.shape, np.bool_)
    for at, numbers in enumerate(known.labels):
        if at <= level:
            same |= _share(numbers, a, b)
        if at >= level:
            differ |= (numbers[a] >= 0) & (numbers[b] >= 0) & (numbers[a] != numbers[b])
    free = ~(alike | unlike | np.isnan(judged))
    if not len(known.labels):
        guarded = _share(known.groups, a, b) | _share(known.twins, a, b) | _share(known.looks, a, b)
        differ = ~(guarded | (judged == SECOND))
    alike, unlike = alike | (free & same), (unlike & ~same) | (free & differ & ~same)
    itself = np.equal(a, b)
    return Relation(alike & ~itself, unlike & ~itself)


def targets(known: Supervision, anchors: Rows, candidates: Rows, level: int = 0, own: bool = False) -> Targets:
    """`Targets` of rows (n,) beside rows (m,); with `own` a row is alike to itself: two views of it, or two towers.

    Grades are those of judged pairs; where labels have levels, two products of one label at the finest are 1 alike,
    at the next a level less. Other pairs' grades are unknown, and there are none without pairs and levels.
    """
    a, b = anchors[:, None], candidates[None, :]
    how = relation(known, a, b, level)
    itself = a == b
    positive = how.alike | itself if own else how.alike
    grades = None
    if len(known.pairs) or len(known.labels) > 1:
        wanted = _grades(known, a, b)
        wanted[itself] = 1.0 if own else np.nan
        grades = torch.from_numpy(wanted.astype(np.float32))
    classes = known.labels[level][anchors] if level < len(known.labels) else np.full(len(anchors), -1)
    return Targets(
        positive=torch.from_numpy(positive),
        ignored=torch.from_numpy(~(positive | how.unlike)),
        classes=torch.from_numpy(classes),
        grades=grades,
    )


def _grades(known: Supervision, a: Rows, b: Rows) -> NDArray[np.float64]:
    judged = known.known(a, b)
    levels = len(known.labels)
    wanted = np.full(judged.shape, np.nan)
    for at in range(levels - 1, -1, -1):
        numbers = known.labels[at]
        both = (numbers[a] >= 0) & (numbers[b] >= 0)
        if at == levels - 1:
            wanted[both] = 0.0
        wanted[both & (numbers[a] == numbers[b])] = 1 - at / levels
    return np.where(judged > 0, judged - 1, np.where(np.isnan(judged), np.nan, wanted))


def _share(numbers: NDArray[np.int64], a: Rows, b: Rows) -> NDArray[np.bool_]:
    shared: NDArray[np.bool_] = (numbers[a] == numbers[b]) & (numbers[a] >= 0)
    return shared


def _numbers(given: ArrayLike | None, size: int) -> NDArray[np.int64]:
    return np.full(size, -1, np.int64) if given is None else np.asarray(given, np.int64)


def _symmetric(pairs: NDArray[np.int64], values: NDArray[np.float64], size: int) -> sparse.csr_array:
    a, b = np.divmod(pairs, size)
    both = (np.concatenate([values, values]), (np.concatenate([a, b]), np.concatenate([b, a])))
    return sparse.csr_array(both, shape=(size, size))
