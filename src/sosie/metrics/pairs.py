"""How well scores of pairs tell alike from unlike, and how true stated probabilities are.

Scores, or stated probabilities, and what was found (1 = alike) are (pairs,). All raise TruthError for NaN. They equal
scikit-learn's, which takes 5 to 400 times as long for the 2,000 pairs of a resample, mostly to check what it is given.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sosie.errors import TruthError
from sosie.reports import Bin

Values = NDArray[np.float64]


def roc_auc(scores: ArrayLike, alike: ArrayLike) -> float:
    """Share of (alike, unlike) pairs of pairs in which the alike one scores higher; equal scores count half."""
    score, kind = _checked(scores, alike)
    ones, nones = np.sort(score[kind]), score[~kind]
    if not len(ones) or not len(nones):
        return float("nan")
    above = len(ones) - (np.searchsorted(ones, nones, "left") + np.searchsorted(ones, nones, "right")) / 2
    return float(above.mean() / len(ones))


def average_precision(scores: ArrayLike, alike: ArrayLike) -> float:
    """Mean precision over the recall that each threshold adds, without interpolation; NaN where none is alike."""
    _, found, said = _thresholds(*_checked(scores, alike))
    if not len(found) or not found[-1]:
        return float("nan")
    return float((np.diff(found, prepend=0) * found / said).sum() / found[-1])


def f1(scores: ArrayLike, alike: ArrayLike, threshold: float) -> float:
    """Harmonic mean of precision and recall where pairs that score at least `threshold` are said to be alike."""
    score, kind = _checked(scores, alike)
    said = score >= threshold
    total = int(said.sum() + kind.sum())
    return float(2 * (said & kind).sum() / total) if total else 0.0


def best_threshold(scores: ArrayLike, alike: ArrayLike) -> float:
    """The threshold of the largest F1, half-way between two scores; of several the highest."""
    score, kind = _checked(scores, alike)
    levels, found, said = _thresholds(score, kind)
    best = int(np.argmax(2 * found / (said + kind.sum())))
    below = levels[best + 1] if best + 1 < len(levels) else levels[best]
    return float((levels[best] + below) / 2)


def _thresholds(score: Values, kind: NDArray[np.bool_]) -> tuple[Values, Values, Values]:
    """Distinct scores, descending; how many alike and how many pairs score at least as much."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.diff(score[order], append=np.nan))
    return score[order][ends], np.cumsum(kind[order])[ends].astype(np.float64), (ends + 1).astype(np.float64)


def brier(stated: ArrayLike, alike: ArrayLike) -> float:
    """Mean squared distance of stated probabilities from what was found, 0 or 1 (Brier 1950)."""
    state, kind = _checked(stated, alike)
    return float(np.square(state - kind).mean())


def ece(stated: ArrayLike, alike: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error over bins of equal width."""
    found = reliability(stated, alike, bins)
    return float(sum(one.n * abs(one.stated - one.found) for one in found) / sum(one.n for one in found))


def reliability(stated: ArrayLike, alike: ArrayLike, bins: int = 10) -> tuple[Bin, ...]:
    """Bins of equal width that hold any pair."""
    state, kind = _checked(stated, alike)
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, state, "right") - 1, 0, bins - 1)
    made = []
    for at in np.unique(place).tolist():
        here = place == at
        made.append(
            Bin(
                float(edges[at]),
                float(edges[at + 1]),
                float(state[here].mean()),
                float(kind[here].mean()),
                int(here.sum()),
            )
        )
    return tuple(made)


def _checked(scores: ArrayLike, alike: ArrayLike) -> tuple[Values, NDArray[np.bool_]]:
    score, kind = np.asarray(scores, np.float64), np.asarray(alike).astype(np.bool_)
    if np.isnan(score).any():
        raise TruthError(
            f"{np.isnan(score).sum():,} of {len(score):,} scores of pairs are not numbers (NaN), the first of them "
            f"number {np.isnan(score).argmax() + 1:,}: the vectors that they are made of hold NaN; make them anew."
        )
    return score, kind
