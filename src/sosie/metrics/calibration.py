"""From a score to the share of such pairs that are alike: isotonic, Platt or beta calibration."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Method = Literal["platt", "beta", "isotonic"]
Values = NDArray[np.float64]

METHODS: tuple[Method, ...] = get_args(Method)  # of equal loss the earlier one, which has fewer degrees of freedom
FOLDS = 5
KNOTS = 129  # evenly spaced ones of a curve, and as many at quantiles of the scores
DECIMALS = 3  # of scores that a logistic regression tells apart
CLIP = 1e-4  # how near to 0 and 1 a score may come where its logarithm is taken, and a probability where it is judged


@dataclass(frozen=True, slots=True)
class Calibration:
    """A curve that never falls, drawn straight from knot to knot and level beyond the scores it was fitted on."""

    method: Method
    scores: tuple[float, ...]  # ascending
    likely: tuple[float, ...]  # share of pairs of such a score that are alike, 0..1
    losses: Mapping[str, float]  # method -> mean log loss on held-out pairs, by which it was chosen

    def as_json(self) -> dict[str, Any]:
        """Plain values, from which `from_json` makes the same curve."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """What `as_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        scores, likely = (tuple(float(value) for value in plain[name]) for name in ("scores", "likely"))
        rising = len(scores) == len(likely) > 0 and all(np.diff(scores) > 0) and all(np.diff(likely) >= 0)
        if plain["method"] not in METHODS or not rising or not 0 <= likely[0] <= likely[-1] <= 1:
            raise ValueError("it is no rising curve between 0 and 1")
        return cls(plain["method"], scores, likely, {str(m): float(loss) for m, loss in plain["losses"].items()})


def apply(calibration: Calibration, scores: ArrayLike) -> Values:
    """Probabilities that pairs of these scores are alike, in their order."""
    return np.interp(np.asarray(scores, np.float64), calibration.scores, calibration.likely)


def spoken(likely: float) -> str:
    """A probability as people say it: "8 of 10", "97 of 100"; never a certainty."""
    tens = round(10 * likely)
    return f"{tens} of 10" if 0 < tens < 10 else f"{min(max(round(100 * likely), 1), 99)} of 100"


def fit(
    scores: ArrayLike, alike: ArrayLike, weights: ArrayLike | None = None, clusters: ArrayLike | None = None
) -> Calibration:
    """Fit all methods, and keep the one of lowest log loss on held-out pairs.

    `scores` -1..1, `alike` (0 or 1), `weights` and `clusters` are (pairs,). Pairs of one cluster (one product asked
    about) are held out together. Raises ValueError unless there are pairs of both kinds.

    Isotonic: Zadrozny & Elkan 2002, with one contrary pair at either end, so that nothing is ever certain. Platt 1999,
    with his targets. Beta: Kull, Silva Filho & Flach 2017, of (1 + score) / 2. Slopes are never negative.
    """
    return _fit(_Pairs.of(scores, alike, weights, clusters))


def _fit(pairs: "_Pairs") -> Calibration:
    losses: dict[Method, float] = dict.fromkeys(METHODS, 0.0)
    for kept, out in _folds(pairs.clusters):
        some, held = pairs.take(kept), pairs.take(out)
        for method in METHODS:
            losses[method] += _log_loss(np.interp(held.scores, *_curve(method, some)), held)
    best = min(METHODS, key=lambda method: losses[method])
    knots, likely = _curve(best, pairs)
    mean = {str(method): loss / float(pairs.weights.sum()) for method, loss in losses.items()}
    return Calibration(best, tuple(knots.tolist()), tuple(likely.tolist()), mean)


def held_out(
    scores: ArrayLike, alike: ArrayLike, weights: ArrayLike | None = None, clusters: ArrayLike | None = None
) -> Values:
    """What is stated of each pair by a calibration that was fitted and chosen on other clusters, (pairs,)."""
    pairs = _Pairs.of(scores, alike, weights, clusters)
    stated = np.empty(len(pairs.scores))
    for kept, out in _folds(pairs.clusters):
        stated[out] = apply(_fit(pairs.take(kept)), pairs.scores[out])
    return stated


@dataclass(frozen=True, slots=True)
class _Pairs:
    scores: Values
    alike: NDArray[np.bool_]
    weights: Values  # 1 on average
    clusters: NDArray[np.int64]

    @classmethod
    def of(cls, scores: ArrayLike, alike: ArrayLike, weights: ArrayLike | None, clusters: ArrayLike | None) -> "_Pairs":
        value, kind = np.asarray(scores, np.float64), np.asarray(alike).astype(np.bool_)
        weight = np.ones(len(value)) if weights is None else np.asarray(weights, np.float64)
        if not np.isfinite(value).all() or kind.all() or not kind.any():
            raise ValueError("scores of alike and of unlike pairs are needed, all of them finite")
        cluster = np.arange(len(value)) if clusters is None else np.asarray(clusters, np.int64)
        return cls(value, kind, weight / weight.mean(), cluster)

    def take(self, chosen: NDArray[np.bool_]) -> "_Pairs":
        return _Pairs(self.scores[chosen], self.alike[chosen], self.weights[chosen], self.clusters[chosen])


def _folds(clusters: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Which pairs are kept and which are held out, fold by fold; too few clusters are taken apart."""
    distinct, number = np.unique(clusters, return_inverse=True)
    if len(distinct) < FOLDS:
        distinct = number = np.arange(len(clusters))
    fold = (np.random.default_rng(0).permutation(len(distinct)) % FOLDS)[number]
    for at in range(FOLDS):
        yield fold != at, fold == at


def _log_loss(stated: Values, pairs: _Pairs) -> float:
    right = np.where(pairs.alike, stated, 1 - stated)
    return float(-(pairs.weights * np.log(np.maximum(right, CLIP))).sum())


def _curve(method: Method, pairs: _Pairs) -> tuple[Values, Values]:
    """Knots and values of one method's curve."""
    if method == "isotonic":
        return _isotonic(pairs)
    low, high = float(pairs.scores.min()), float(pairs.scores.max())
    knots = np.unique([*np.linspace(low, high, KNOTS), *np.quantile(pairs.scores, np.linspace(0, 1, KNOTS))])
    return knots, _logistic(method, pairs, knots)


def _isotonic(pairs: _Pairs) -> tuple[Values, Values]:
    from scipy.optimize import isotonic_regression

    scores, place = np.unique(pairs.scores, return_inverse=True)
    mass = np.bincount(place, pairs.weights)
    found = np.bincount(place, pairs.weights * pairs.alike)
    np.add.at(mass, [0, -1], 1)
    found[0] += 1
    fitted = isotonic_regression(found / mass, weights=mass)
    edges = np.unique([*fitted.blocks[:-1], *(fitted.blocks[1:] - 1)])
    return scores[edges], np.clip(fitted.x[edges], 0, 1)


def _logistic(method: Method, pairs: _Pairs, knots: Values) -> Values:
    """Logistic regression on the score (Platt) or on its two logarithms (beta), read off at the knots."""
    from scipy.optimize import minimize
    from scipy.special import expit

    ones, nones = (float((pairs.weights * (pairs.alike == kind)).sum()) for kind in (True, False))
    scores, place = np.unique(np.round(pairs.scores, DECIMALS), return_inverse=True)
    mass = np.bincount(place, pairs.weights) / len(pairs.scores)
    targets = np.where(pairs.alike, (ones + 1) / (ones + 2), 1 / (nones + 2))
    found = np.bincount(place, pairs.weights * targets) / len(pairs.scores)
    features, asked = _features(method, scores), _features(method, knots)
    middle, spread = features.mean(axis=0), features.std(axis=0)
    spread[spread == 0] = 1
    features, asked = (features - middle) / spread, (asked - middle) / spread

    def loss(at: Values) -> tuple[float, Values]:
        logits = features @ at[:-1] + at[-1]
        slope = mass * expit(logits) - found
        return float(mass @ np.logaddexp(0, logits) - found @ logits), np.append(slope @ features, slope.sum())

    start = np.append(np.zeros(features.shape[1]), np.log((ones + 1) / (nones + 1)))
    bounds = [(0, None)] * features.shape[1] + [(None, None)]
    at = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-10}).x
    return np.maximum.accumulate(expit(asked @ at[:-1] + at[-1]))


def _features(method: Method, scores: Values) -> Values:
    if method == "platt":
        return scores[:, None]
    share = np.clip((1 + scores) / 2, CLIP, 1 - CLIP)
    return np.stack([np.log(share), -np.log(1 - share)], axis=1)
