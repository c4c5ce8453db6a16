"""Measures of ranked answers by their standard names, one value a question.

A grade above 0 is relevant. Places come in the order that counts; equal scores are the caller's affair (sosie orders
them as trec_eval does: score descending, then id descending). Where places end before k, nothing more was found.

The cut: r_precision, map@r, mrr and ap, which have no k of their own, look at the first CUT places, as TREC cuts its
runs. What comes later counts as not found, whatever is asked beside. So they equal what trec_eval says of a run of
1,000 answers a question, and a question with more than 1,000 relevant ones can't reach 1 in r_precision, map@r and ap.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

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
CUT = 1_000


@dataclass(frozen=True, eq=False)
class _Answers:
    """The ranked places of some questions, all of which have something relevant."""

    grades: Grades  # (questions, depth)
    ideal: Grades  # (questions, any)
    counts: Counts  # (questions,)

    @cached_property
    def relevant(self) -> NDArray[np.bool_]:
        """Which places are relevant, (questions, depth)."""
        return self.grades > 0

    def found(self, k: int) -> Values:
        """How many of the first k are relevant."""
        found: Values = self.relevant[:, :k].sum(axis=1, dtype=np.float64)
        return found

    def precisions(self) -> Values:
        """Precision at each relevant place before the cut, 0 at the others, (questions, depth)."""
        some = self.relevant[:, :CUT]
        values: Values = np.cumsum(some, axis=1) / np.arange(1, some.shape[1] + 1) * some
        return values

    def within(self) -> NDArray[np.bool_]:
        """Which places before the cut are no deeper than there are relevant ones, (questions, depth)."""
        return np.arange(min(self.relevant.shape[1], CUT)) < self.counts[:, None]


def _hit(of: _Answers, k: int) -> Values:
    return (of.found(k) > 0).astype(np.float64)


def _recall(of: _Answers, k: int) -> Values:
    return of.found(k) / of.counts


def _precision(of: _Answers, k: int) -> Values:
    return of.found(k) / k


def _reciprocal_rank(of: _Answers, k: int) -> Values:
    some = of.relevant[:, :k]
    return np.where(some.any(axis=1), 1 / (1.0 + some.argmax(axis=1)), 0) if some.size else np.zeros(len(some))


def _ndcg(of: _Answers, k: int) -> Values:
    return _discounted(of.grades[:, :k]) / _discounted(of.ideal[:, :k])


def _ndcg_burges(of: _Answers, k: int) -> Values:
    return _discounted(np.exp2(of.grades[:, :k]) - 1) / _discounted(np.exp2(of.ideal[:, :k]) - 1)


def _discounted(gains: Grades) -> Values:
    """Sum of what places gain, each divided by log2(rank + 1); grades below 0 gain nothing."""
    return np.maximum(gains, 0).astype(np.float64) @ (1 / np.log2(np.arange(2, gains.shape[1] + 2)))


def _r_precision(of: _Answers) -> Values:
    values: Values = np.count_nonzero(of.relevant[:, :CUT] & of.within(), axis=1) / of.counts
    return values


def _map_at_r(of: _Answers) -> Values:
    values: Values = (of.precisions() * of.within()).sum(axis=1) / of.counts
    return values


def _average_precision(of: _Answers) -> Values:
    values: Values = of.precisions().sum(axis=1) / of.counts
    return values


AT: dict[str, Callable[[_Answers, int], Values]] = {
    "hit": _hit,
    "recall": _recall,
    "precision": _precision,
    "mrr": _reciprocal_rank,
    "ndcg": _ndcg,
    "ndcg_burges": _ndcg_burges,
}
WHOLE: dict[str, Callable[[_Answers], Values]] = {
    "r_precision": _r_precision,
    "map@r": _map_at_r,
    "mrr": lambda of: _reciprocal_rank(of, CUT),
    "ap": _average_precision,
}


def measure(grades: Grades, ideal: Grades, counts: Counts, names: Sequence[str]) -> dict[str, Values]:
    """Values of each question by each measure, (questions,); NaN where nothing is relevant to it.

    `grades` (questions, depth) are those of the ranked places; `ideal` (questions, at least k) the best that are there,
    descending, padded with 0; `counts` (questions,) how many are relevant. Raises TruthError for an unknown measure.

    - hit@k: 1 where any of the first k is relevant (papers on labels call it R@k)
    - recall@k, precision@k: relevant among the first k, of all relevant, of k
    - r_precision: precision at as many places as there are relevant ones
    - map@r: average precision cut there (Musgrave, Belongie & Lim, "A metric learning reality check", 2020)
    - mrr, mrr@k: reciprocal rank of the first relevant one, 0 where there is none
    - ndcg@k: gain is the grade itself, discount log2(rank + 1) (Järvelin & Kekäläinen 2002), as in trec_eval
    - ndcg_burges@k: gain is 2 to the grade, less 1 (Burges et al. 2005): what many papers and scripts call NDCG
    - ap: average precision, without interpolation

    The last places looked at are the k-th, or those before the cut (see above).
    """
    check_names(names)
    asked = counts > 0
    some = _Answers(grades[asked], ideal[asked], counts[asked])
    values = {}
    for name in names:
        values[name] = np.full(len(counts), np.nan)
        values[name][asked] = WHOLE[name](some) if name in WHOLE else AT[_kind(name)](some, _k(name))
    return values


def depth_needed(names: Sequence[str], counts: Counts) -> int:
    """How many places of each question have to be ranked for these measures; 0 for no measure.

    mrr and ap need all places before the cut; r_precision and map@r as many as any question has relevant ones, cut.
    Raises TruthError for an unknown measure.
    """
    check_names(names)
    most = min(int(counts.max(initial=1)), CUT)
    whole = {"r_precision": most, "map@r": most, "mrr": CUT, "ap": CUT}
    return max((whole[name] if name in whole else _k(name) for name in names), default=0)


def check_names(names: Sequence[str]) -> None:
    """Raise TruthError for a measure that is not known, naming the nearest one and all that are."""
    for name in names:
        if name not in WHOLE and not (re.fullmatch(r"[a-z_]+@[1-9]\d{0,5}", name) and _kind(name) in AT):
            k = re.sub(r"\D", "", name).lstrip("0")[:6] or "10"
            near = get_close_matches(name.lower(), [*(f"{kind}@{k}" for kind in AT), *WHOLE], n=1)
            raise TruthError(
                f"unknown measure '{name}'{f'; did you mean {near[0]}?' if near else '.'} "
                f"There are: {', '.join([*(f'{kind}@k' for kind in AT), *WHOLE])} (k = 1, 2, 3 …)."
            )


def _kind(name: str) -> str:
    return name.partition("@")[0]


def _k(name: str) -> int:
    return int(name.partition("@")[2])
