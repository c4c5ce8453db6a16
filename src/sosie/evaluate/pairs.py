"""Pairs that somebody judged: how well scores tell the alike ones from the others."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from sosie.engine.questions import Encoders
from sosie.errors import TruthError
from sosie.evaluate.answers import alone, ask, fused, pair_scores
from sosie.evaluate.baselines import baselines
from sosie.evaluate.cases import worst_and_best_pairs
from sosie.evaluate.judge import Options, not_beaten
from sosie.evaluate.system import System
from sosie.evaluate.task import Lists, Task
from sosie.evaluate.truth import Nothing, PairsTask
from sosie.metrics.calibration import apply, fit
from sosie.metrics.intervals import draws
from sosie.metrics.pairs import average_precision, best_threshold, brier, ece, f1, reliability, roc_auc
from sosie.reports import Evaluation, Figure, Measured
from sosie.store import Snapshot
from sosie.types import Progress

RESAMPLES = 500
LEAST = 10  # alike pairs, and unlike ones, from which a threshold is chosen
MEASURES = ("f1", "roc_auc", "ap")

Floats = NDArray[np.float64]
Chosen = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Judged:
    """What a system says of the pairs it is judged by: thresholds and curves were chosen on others."""

    scores: Floats  # ranks, comparable between the parts that were chosen apart
    said: Floats  # 1 = the score reaches the threshold
    stated: Floats  # probability


def judge_pairs(
    snapshot: Snapshot, pairs: PairsTask, encoders: Encoders, options: Options, progress: Progress | None = None
) -> Evaluation:
    """Judge scores of pairs: F1 at a threshold chosen on validation, ROC AUC, average precision, calibration.

    Where the file tells no split, thresholds and curves are chosen on one half of the pairs (whole clusters) and judged
    by the other, both ways. A pair counts as alike from the middle of the file's grades on. Raises TruthError where
    there are too few pairs of a kind.
    """
    started = time.perf_counter()
    measure = options.measure if options.measure in MEASURES else MEASURES[0]
    task, left, right = _task(pairs)
    alike = pairs.grades > (pairs.grades.min() + pairs.grades.max()) / 2
    parts = _parts(pairs, alike)
    judge = np.concatenate([out for _, out in parts])
    clusters = pairs.clusters[judge]
    asked = ask(snapshot, task, encoders, progress)
    own = _judged(fused(asked, options.weights), left, right, alike, parts)
    truth = alike[judge]
    measured = []
    systems: Iterator[System] = iter(())
    if options.beside:
        systems = chain(alone(asked), baselines(snapshot, task, progress))
    for system in systems:
        other = _judged(system, left, right, alike, parts)
        difference, p = _difference(measure, other, own, truth, clusters)
        measured.append(Measured(system.name, system.kind, _figures(other, truth, clusters), difference, p))
    worst, best = worst_and_best_pairs(snapshot, pairs.a[judge], pairs.b[judge], own.stated, truth, options.cases)
    told = "threshold and calibration chosen on val" if len(parts) == 1 else "chosen on one half, judged by the other"
    return Evaluation(
        store=str(snapshot.store),
        version=snapshot.version,
        truth=f"{pairs.name}, {told}",
        measure=measure,
        queries=len(judge),
        without_relevant=0,
        gallery=task.size,
        metrics=_figures(own, truth, clusters),
        baselines=tuple(measured),
        beaten_by=not_beaten(measured),
        slices=(),
        leaks=(),
        worst=worst,
        best=best,
        notes=pairs.notes,
        reproduce=dict(options.reproduce),
        seconds=time.perf_counter() - started,
        reliability=reliability(own.stated, truth),
    )


def _task(pairs: PairsTask) -> tuple[Task, NDArray[np.int64], NDArray[np.int64]]:
    """Every product of a pair asks, and may answer; where each pair's two stand among them."""
    rows, place = np.unique(np.concatenate([pairs.a, pairs.b]), return_inverse=True)
    keys = tuple(map(str, rows.tolist()))
    nobody = Lists(np.zeros(len(rows) + 1, np.int64), np.empty(0, np.int64))
    task = Task(pairs.name, keys, rows, rows, np.arange(len(rows)), keys, Nothing(), nobody)
    return task, place[: len(pairs.a)], place[len(pairs.a) :]


def _parts(pairs: PairsTask, alike: Chosen) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs to choose a threshold on, and to judge by it: val and test of the file, else two halves in turn."""
    learn, test = np.flatnonzero(pairs.splits == "val"), np.flatnonzero(pairs.splits == "test")
    if len(learn) and len(test):
        parts = [(learn, test)]
    else:
        every = np.flatnonzero(pairs.splits == "test") if len(test) else np.arange(len(alike))
        clusters = np.unique(pairs.clusters[every])
        half = np.isin(pairs.clusters[every], np.random.default_rng(0).permutation(clusters)[: len(clusters) // 2])
        parts = [(every[half], every[~half]), (every[~half], every[half])]
    for some in chain.from_iterable(parts):
        ones = int(alike[some].sum())
        if min(ones, len(some) - ones) < LEAST:
            raise TruthError(
                f"{pairs.name}: {ones} alike and {len(some) - ones} unlike pairs are too few to choose a "
                f"threshold on or to judge by; at least {LEAST} of each are needed, of different products."
            )
    return parts


def _judged(
    system: System,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    alike: Chosen,
    parts: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> _Judged:
    scores = (pair_scores(system, left, right) + pair_scores(system, right, left)) / 2
    said, stated = [], []
    for learn, out in parts:
        said.append((scores[out] >= best_threshold(scores[learn], alike[learn])).astype(np.float64))
        stated.append(apply(fit(scores[learn], alike[learn]), scores[out]))
    judge = np.concatenate([out for _, out in parts])
    return _Judged(scores[judge].astype(np.float64), np.concatenate(said), np.concatenate(stated))


def _value(measure: str, judged: _Judged, alike: Chosen) -> float:
    match measure:
        case "f1":
            return f1(judged.said, alike, 0.5)
        case "precision":
            return float(alike[judged.said > 0].mean()) if judged.said.any() else 0.0
        case "recall":
            return float(judged.said[alike].mean()) if alike.any() else 0.0
        case "roc_auc":
            return roc_auc(judged.scores, alike)
        case "ap":
            return average_precision(judged.scores, alike)
        case "brier":
            return brier(judged.stated, alike)
    return ece(judged.stated, alike)


def _at(judged: _Judged, chosen: NDArray[np.int64]) -> _Judged:
    return _Judged(judged.scores[chosen], judged.said[chosen], judged.stated[chosen])


def _figures(judged: _Judged, alike: Chosen, clusters: NDArray[np.int64]) -> dict[str, Figure]:
    """Each measure with the percentile interval over resampled clusters of pairs."""
    names = (*MEASURES, "precision", "recall", "brier", "ece")
    values: dict[str, list[float]] = {name: [] for name in names}
    for chosen in draws(len(alike), clusters, RESAMPLES):
        some, kind = _at(judged, chosen), alike[chosen]
        for name in names:
            values[name].append(_value(name, some, kind))
    return {name: _figure(_value(name, judged, alike), values[name], len(alike)) for name in names}


def _figure(value: float, resampled: Sequence[float], n: int) -> Figure:
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return Figure(value, float(low), float(high), n)


def _difference(
    measure: str, a: _Judged, b: _Judged, alike: Chosen, clusters: NDArray[np.int64]
) -> tuple[Figure, float]:
    """`b` less `a` with its interval, and the p of approximate randomisation: clusters swap sides (Yeh 2000)."""
    first, second = (replace(one, scores=_ranks(one.scores)) for one in (a, b))
    seen = _value(measure, second, alike) - _value(measure, first, alike)
    resampled = [
        _value(measure, _at(second, chosen), alike[chosen]) - _value(measure, _at(first, chosen), alike[chosen])
        for chosen in draws(len(alike), clusters, RESAMPLES)
    ]
    generator = np.random.default_rng(0)
    number = np.unique(clusters, return_inverse=True)[1]
    larger = 0
    for _ in range(RESAMPLES):
        swap = generator.integers(0, 2, number.max() + 1)[number].astype(np.bool_)
        mixed = [
            _Judged(*(np.where(swap, getattr(y, f), getattr(x, f)) for f in ("scores", "said", "stated")))
            for x, y in ((first, second), (second, first))
        ]
        larger += abs(_value(measure, mixed[1], alike) - _value(measure, mixed[0], alike)) >= abs(seen) - 1e-12
    return _figure(seen, resampled, len(alike)), (larger + 1) / (RESAMPLES + 1)


def _ranks(scores: Floats) -> Floats:
    """Scores of two systems are swapped: only their order is comparable."""
    from scipy.stats import rankdata

    ranks: Floats = rankdata(scores) / len(scores)
    return ranks
