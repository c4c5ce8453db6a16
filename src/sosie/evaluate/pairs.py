"""Pairs that somebody judged: how well scores tell the alike ones from the others."""

import time
from collections.abc import Sequence
from itertools import chain

import numpy as np

from sosie.engine.questions import Encoders
from sosie.errors import TruthError
from sosie.evaluate.answers import ask, fused, pair_scores, searched
from sosie.evaluate.cases import worst_and_best_pairs
from sosie.evaluate.judge import Options, not_beaten, other_systems
from sosie.evaluate.leaks_pairs import pair_leaks
from sosie.evaluate.pair_figures import MAIN, MEASURES, Chosen, Clusters, Said, difference, figures
from sosie.evaluate.system import System
from sosie.evaluate.task import Lists, Task
from sosie.evaluate.truth import Nothing, PairsTask
from sosie.metrics.calibration import apply, fit
from sosie.metrics.pairs import best_threshold, reliability
from sosie.reports import Evaluation, Measured
from sosie.store import Snapshot
from sosie.types import Progress, Rows

LEAST = 10  # alike pairs, and unlike ones, from which a threshold is chosen
LARGE = 0.1  # share of the pairs that may hang together: resamples would have or lack them all

Parts = Sequence[tuple[Rows, Rows]]


def judge_pairs(
    snapshot: Snapshot, pairs: PairsTask, encoders: Encoders, options: Options, progress: Progress | None = None
) -> tuple[Evaluation, dict[str, object]]:
    """Judge scores of pairs: F1 at a threshold chosen on validation, ROC AUC, average precision, calibration.

    Where the file tells no split, thresholds and curves are chosen on one half of the pairs (whole clusters) and judged
    by the other, both ways. A pair counts as alike from above the middle of the file's grades on. Also what is said of
    each pair, as columns. Patches are not compared. Raises TruthError for a measure that pairs don't have, and too few
    pairs of a kind.
    """
    started = time.perf_counter()
    if options.measure not in MAIN:
        raise TruthError(f"pairs are not judged by '{options.measure}', but by {', '.join(MAIN)}.")
    task, left, right = as_questions(pairs)
    alike = pairs.grades > (pairs.grades.min() + pairs.grades.max()) / 2
    parts = _parts(pairs, alike)
    judged = np.concatenate([out for _, out in parts])
    truth, (clusters, notes) = alike[judged], dependent(pairs, judged)
    asked = ask(snapshot, task, encoders, progress)
    own = _said(fused(asked, searched(snapshot, options.weights)), left, right, alike, parts)
    names = tuple(dict.fromkeys((options.measure, *MEASURES)))
    measured = []
    for system in other_systems(asked, options, progress):
        other = _said(system, left, right, alike, parts)
        less, p = difference(options.measure, other, own, truth, clusters)
        measured.append(Measured(system.name, system.kind, figures(names, other, truth, clusters), less, p))
    a, b = pairs.a[judged], pairs.b[judged]
    worst, best = worst_and_best_pairs(snapshot, a, b, own.stated, truth, options.cases)
    told = "threshold and calibration chosen on val" if len(parts) == 1 else "chosen on one half, judged by the other"
    report = Evaluation(
        store=str(snapshot.store),
        version=snapshot.version,
        truth=f"{pairs.name}, {told}",
        measure=options.measure,
        queries=len(judged),
        without_relevant=0,
        gallery=task.size,
        metrics=figures(names, own, truth, clusters),
        baselines=tuple(measured),
        beaten_by=not_beaten(measured),
        slices=(),
        leaks=tuple(pair_leaks(snapshot, pairs)),
        worst=worst,
        best=best,
        notes=(*pairs.notes, *notes),
        reproduce=dict(options.reproduce),
        seconds=time.perf_counter() - started,
        reliability=reliability(own.stated, truth),
    )
    columns: dict[str, object] = {"a": snapshot.ids(a), "b": snapshot.ids(b), "grade": pairs.grades[judged]}
    return report, columns | {"score": own.scores, "alike": own.alike, "stated": own.stated}


def as_questions(pairs: PairsTask) -> tuple[Task, Rows, Rows]:
    """Every product of a pair asks, and may answer; where each pair's two stand among them."""
    rows, place = np.unique(np.concatenate([pairs.a, pairs.b]), return_inverse=True)
    keys = tuple(map(str, rows.tolist()))
    nobody = Lists(np.zeros(len(rows) + 1, np.int64), np.empty(0, np.int64))
    task = Task(pairs.name, keys, rows, rows, np.arange(len(rows)), keys, Nothing(), nobody)
    return task, place[: len(pairs.a)], place[len(pairs.a) :]


def _parts(pairs: PairsTask, alike: Chosen) -> Parts:
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


def dependent(pairs: PairsTask, judged: Rows) -> tuple[Clusters, list[str]]:
    """Which of the pairs that judge depend on each other: those that hang together, unless many do; and a note then."""
    clusters = pairs.clusters[judged]
    share = np.unique(clusters, return_counts=True)[1].max() / len(clusters)
    first = np.unique(pairs.a[judged], return_inverse=True)[1]
    if share <= LARGE or np.array_equal(clusters, first):
        return clusters, []
    told = f"{share:.0%} of the pairs that judge hang together by shared products; intervals take those of one first "
    return first, [told + "product as dependent, and may be too narrow."]


def _said(system: System, left: Rows, right: Rows, alike: Chosen, parts: Parts) -> Said:
    """What a system says of the pairs that judge, whichever of the two is asked about."""
    scores = (pair_scores(system, left, right) + pair_scores(system, right, left)).astype(np.float64) / 2
    said = [scores[out] >= best_threshold(scores[learn], alike[learn]) for learn, out in parts]
    stated = [apply(fit(scores[learn], alike[learn]), scores[out]) for learn, out in parts]
    judged = np.concatenate([out for _, out in parts])
    return Said(scores[judged], np.concatenate(said), np.concatenate(stated))
