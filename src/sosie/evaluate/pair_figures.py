"""Measures of judged pairs with intervals and tests, for many resamples at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sosie.metrics.intervals import draws
from sosie.reports import Figure

RESAMPLES = 1_000
ROOM = 1 << 22  # weights held at a time
BINS = 10  # of the calibration error
MAIN = ("f1", "roc_auc", "ap", "precision", "recall")  # of which more is better
MEASURES = (*MAIN, "brier", "ece")

Floats = NDArray[np.float64]
Chosen = NDArray[np.bool_]
Clusters = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Said:
    """What a system says of pairs, (pairs,) each; thresholds and curves were chosen on others."""

    scores: Floats
    alike: Chosen  # the score reaches the threshold
    stated: Floats  # probability that they are alike

    def at(self, chosen: NDArray[np.int64]) -> "Said":
        """What it says of some of the pairs."""
        return Said(self.scores[chosen], self.alike[chosen], self.stated[chosen])


def values(name: str, said: Said, truth: Chosen, weights: Floats) -> Floats:
    """A measure of pairs that count as often as `weights`, (resamples, pairs), say, (resamples,).

    Equal to the functions of `sosie.metrics.pairs` where every pair counts as a whole number of pairs.
    """
    if name in ("roc_auc", "ap"):
        return _of_order(name, said.scores, truth, weights)
    if name == "brier":
        return _ratio(weights @ np.square(said.stated - truth), weights.sum(axis=1))
    if name == "ece":
        place = np.clip(np.searchsorted(np.linspace(0, 1, BINS + 1), said.stated, "right") - 1, 0, BINS - 1)
        off = (said.stated - truth)[:, None] * (place[:, None] == np.arange(BINS))
        return _ratio(np.abs(weights @ off).sum(axis=1), weights.sum(axis=1))
    right, called, alike = (weights @ some.astype(np.float64) for some in (said.alike & truth, said.alike, truth))
    both = {"f1": (2 * right, called + alike), "precision": (right, called), "recall": (right, alike)}
    return _ratio(*both[name])


def _of_order(name: str, scores: Floats, truth: Chosen, weights: Floats) -> Floats:
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan))  # NaN: the first score begins a level
    alike = np.add.reduceat(weights[:, order] * truth[order], starts, axis=1)
    unlike = np.add.reduceat(weights[:, order] * ~truth[order], starts, axis=1)
    found = alike.cumsum(axis=1)
    total = found[:, -1]
    if name == "roc_auc":
        above = found - alike / 2  # equal scores count half
        return _ratio((unlike * above).sum(axis=1), total * unlike.sum(axis=1), np.nan)
    precision = _ratio(found, found + unlike.cumsum(axis=1))
    return _ratio((alike * precision).sum(axis=1), total, np.nan)


def _ratio(above: Floats, below: Floats, nothing: float = 0.0) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(np.shape(below), nothing), where=below > 0)
    return ratio


def value(name: str, said: Said, truth: Chosen) -> float:
    """A measure of all pairs."""
    return float(values(name, said, truth, np.ones((1, len(truth))))[0])


def figures(names: Sequence[str], said: Said, truth: Chosen, clusters: Clusters) -> dict[str, Figure]:
    """Each measure with the percentile interval over resampled clusters of pairs."""
    drawn: dict[str, list[Floats]] = {name: [] for name in names}
    for weights in _weights(len(truth), clusters):
        for name in names:
            drawn[name].append(values(name, said, truth, weights))
    return {name: _figure(value(name, said, truth), np.concatenate(drawn[name]), len(truth)) for name in names}


def difference(name: str, a: Said, b: Said, truth: Chosen, clusters: Clusters) -> tuple[Figure, float]:
    """`b` less `a` with its interval, and the p of approximate randomisation: clusters swap sides (Yeh 2000)."""
    seen = value(name, b, truth) - value(name, a, truth)
    drawn = [values(name, b, truth, w) - values(name, a, truth, w) for w in _weights(len(truth), clusters)]
    first, second = (Said(_ranks(one.scores), one.alike, one.stated) for one in (a, b))
    generator = np.random.default_rng(0)
    number = np.unique(clusters, return_inverse=True)[1]
    larger = 0
    for _ in range(RESAMPLES):
        swap = generator.integers(0, 2, number.max() + 1)[number].astype(np.bool_)
        one, other = _mixed(first, second, swap), _mixed(second, first, swap)
        larger += abs(value(name, other, truth) - value(name, one, truth)) >= abs(seen) - 1e-12
    return _figure(seen, np.concatenate(drawn), len(truth)), (larger + 1) / (RESAMPLES + 1)


def _weights(size: int, clusters: Clusters) -> Iterator[Floats]:
    """How often each pair counts in each resample, in blocks, (resamples, pairs)."""
    block: list[NDArray[np.int64]] = []
    for chosen in draws(size, clusters, RESAMPLES):
        block.append(np.bincount(chosen, minlength=size))
        if len(block) * size >= ROOM:
            yield np.array(block, np.float64)
            block = []
    if block:
        yield np.array(block, np.float64)


def _figure(seen: float, drawn: Floats, n: int) -> Figure:
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Figure(seen, float(low), float(high), n)


def _mixed(a: Said, b: Said, swap: Chosen) -> Said:
    return Said(*(np.where(swap, getattr(b, f), getattr(a, f)) for f in ("scores", "alike", "stated")))


def _ranks(scores: Floats) -> Floats:
    """Scores of two systems are swapped: only their order is comparable."""
    from scipy.stats import rankdata

    ranks: Floats = rankdata(scores)
    return ranks
