"""Measures of ranked answers, one value a question, by their standard names.

A grade above 0 is relevant. Ties are the caller's affair: places come in the order that counts, and sosie's is
trec_eval's (score descending, then id descending). Where places end before k, nothing more was found.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process

from sosie.errors import TruthError

Grades = NDArray[np.float32]
Counts = NDArray[np.int64]
Values = NDArray[np.float64]

DEFAULT = (
    "hit@1",
    "hit@5",
    "hit@10",
    "recall@10",
    "precision@10",
    "r_precision",
    "map@r",
    "mrr",
    "ndcg@10",
    "ap",
)
CUT = 1_000  # places that are looked at where a measure asks for as many as there are relevant: TREC cuts its runs here


@dataclass(frozen=True, slots=True)
class _Answers:
    """The ranked places of some questions, all of which have something relevant."""

    grades: Grades  # (questions, depth)
    ideal: Grades  # (questions, any)
    counts: Counts  # (questions,)
    relevant: NDArray[np.bool_]  # (questions, depth)

    def found(self, k: int) -> Values:
        """How many of the first k are relevant."""
        return self.relevant[:, :k].sum(axis=1, dtype=np.float64)

    def first(self, k: int | None) -> Values:
        """Reciprocal rank of the first relevant one of the first k; 0 where there is none."""
        some = self.relevant[:, :k]
        if not some.shape[1]:
            return np.zeros(len(some))
        return np.where(some.any(axis=1), 1 / (1.0 + some.argmax(axis=1)), 0)

    def precisions(self) -> Values:
        """Precision at each relevant rank, 0 at the others, (questions, depth)."""
        ranks = np.arange(1, self.relevant.shape[1] + 1)
        precisions: Values = np.cumsum(self.relevant, axis=1) / ranks * self.relevant
        return precisions


def _hit(of: _Answers, k: int) -> Values:
    return (of.found(k) > 0).astype(np.float64)


def _recall(of: _Answers, k: int) -> Values:
    return of.found(k) / of.counts


def _precision(of: _Answers, k: int) -> Values:
    return of.found(k) / k


def _reciprocal(of: _Answers, k: int) -> Values:
    return of.first(k)


def _ndcg(of: _Answers, k: int) -> Values:
    return _gain(of.grades, k) / _gain(of.ideal, k)


def _gain(grades: Grades, k: int) -> Values:
    some = np.maximum(grades[:, :k], 0).astype(np.float64)
    gain: Values = some @ (1 / np.log2(np.arange(2, some.shape[1] + 2)))
    return gain


def _within(of: _Answers) -> NDArray[np.bool_]:
    """Which ranks are no deeper than the number of relevant ones, (questions, depth)."""
    return np.arange(of.relevant.shape[1]) < of.counts[:, None]


def _r_precision(of: _Answers) -> Values:
    values: Values = (of.relevant & _within(of)).sum(axis=1) / of.counts
    return values


def _map_at_r(of: _Answers) -> Values:
    values: Values = (of.precisions() * _within(of)).sum(axis=1) / of.counts
    return values


def _average_precision(of: _Answers) -> Values:
    values: Values = of.precisions().sum(axis=1) / of.counts
    return values


def _mrr(of: _Answers) -> Values:
    return of.first(None)


AT: dict[str, Callable[[_Answers, int], Values]] = {
    "hit": _hit,
    "recall": _recall,
    "precision": _precision,
    "mrr": _reciprocal,
    "ndcg": _ndcg,
}
WHOLE: dict[str, Callable[[_Answers], Values]] = {
    "r_precision": _r_precision,
    "map@r": _map_at_r,
    "mrr": _mrr,
    "ap": _average_precision,
}


def measure(grades: Grades, ideal: Grades, counts: Counts, names: Sequence[str]) -> dict[str, Values]:
    """Values of each question by each measure; NaN where nothing is relevant to it."""
    check_names(names)
    asked = counts > 0
    some = _Answers(grades[asked], ideal[asked], counts[asked], grades[asked] > 0)
    values = {}
    for name in dict.fromkeys(names):
        values[name] = np.full(len(counts), np.nan)
        values[name][asked] = WHOLE[name](some) if name in WHOLE else AT[_parse(name)[0]](some, _parse(name)[1])
    return values


def _parse(name: str) -> tuple[str, int]:
    kind, _, k = name.partition("@")
    return kind, int(k or 0)


def check_names(names: Sequence[str]) -> None:
    """Raise TruthError for a measure that is not known, naming the near one and all that are."""
    for name in names:
        if name not in WHOLE and not (re.fullmatch(r"[a-z]+@[1-9]\d{0,5}", name) and _parse(name)[0] in AT):
            known = [*(f"{kind}@k" for kind in AT), *WHOLE]
            near = process.extractOne(name.lower(), known, score_cutoff=60)
            raise TruthError(
                f"unknown measure '{name}'{f'; did you mean {near[0]}?' if near else '.'} "
                f"Known are {', '.join(known)}, k = 1, 2, 3 …"
            )


def depth_needed(names: Sequence[str], counts: Counts) -> int:
    """How many places of each question have to be ranked for these measures; 0 for none."""
    check_names(names)
    largest = min(int(counts.max(initial=1)), CUT)
    depths = {"r_precision": largest, "map@r": largest, "ap": CUT, "mrr": CUT}
    return max((depths[name] if name in depths else _parse(name)[1] for name in names), default=0)
