"""Learning from a truth what a store's scores stand for: "8 of 10 such hits are alike"."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sosie.engine.patches import PATCHES, compare_pairs
from sosie.engine.questions import Encoders
from sosie.errors import TruthError
from sosie.evaluate.answers import ask, fused
from sosie.evaluate.front import Truth, task_of
from sosie.evaluate.ranking import rank
from sosie.evaluate.task import Task, TaskOptions, part_of
from sosie.evaluate.truth import PairsTask, label_task, pairs_task
from sosie.evaluate.words import words_of
from sosie.metrics.calibration import Calibration, fit, held_out
from sosie.metrics.intervals import draws, interval
from sosie.metrics.pairs import ece, reliability
from sosie.reports import CalibrationReport, Figure
from sosie.scoring import omegas
from sosie.store import Calibrated, Snapshot, keep_calibration
from sosie.types import Progress

DEPTH = 20  # hits of a question: those that people look at
QUESTIONS = 2_000  # 40,000 hits tell shares to less than 1 of 100
LEAST = 20  # pairs of either kind: with fewer a curve is a guess
RESAMPLES = 300
OFTEN = 0.02  # share of the pairs that a sentence has to be about
TENS = range(1, 10)
UNSAID = "Hits of which the file says nothing count as unlike: more of them may be alike than is stated."
FIRST = "val", ("train",)  # who asks, who may answer: the test split is left for judging


@dataclass(frozen=True, slots=True)
class Scored:
    """Pairs of products with their scores, and whether they are alike."""

    name: str  # of the truth
    holds_for: str
    scores: NDArray[np.float64]
    alike: NDArray[np.bool_]
    clusters: NDArray[np.int64] | None  # pairs that depend on each other share one: the product asked about
    notes: tuple[str, ...] = ()
    questions: int = 0


def calibrate(
    snapshot: Snapshot, pairs: Scored, reproduce: Mapping[str, str] | None = None, started: float | None = None
) -> CalibrationReport:
    """Fit the curve from scores to shares, keep it with the store, and tell how true it is of pairs held out.

    Raises TruthError where pairs of one kind are too few, StoreError where it can't be kept.
    """
    started = time.perf_counter() if started is None else started
    scores, alike, clusters = pairs.scores, pairs.alike, pairs.clusters
    for kind, count in (("alike", int(alike.sum())), ("unlike", int((~alike).sum()))):
        if count < LEAST:
            raise TruthError(
                f"{pairs.name}: {count:,} of the {len(alike):,} pairs are {kind}; at least {LEAST} are needed "
                "to learn what a score stands for."
            )
    curve = fit(scores, alike, clusters=clusters)
    stated = held_out(scores, alike, clusters=clusters)
    error = _ece(stated, alike, clusters)
    wrong, blind = np.square(stated - alike), np.square(alike.mean() - alike)
    brier, base = interval(wrong, clusters), float(blind.mean())
    marks = _marks(curve)
    keep_calibration(snapshot.store, Calibrated.of(snapshot.manifest, curve, pairs.name, len(alike)))
    return CalibrationReport(
        store=str(snapshot.store),
        version=snapshot.version,
        truth=pairs.name,
        holds_for=pairs.holds_for,
        questions=pairs.questions,
        pairs=len(alike),
        alike=float(alike.mean()),
        method=curve.method,
        losses=dict(curve.losses),
        ece=error,
        brier=brier,
        base=base,
        reliability=reliability(stated, alike),
        marks=marks,
        verdict=_verdict(error, brier, base, interval(wrong - blind, clusters).high < 0, scores, marks),
        notes=pairs.notes,
        reproduce=dict(reproduce or {}),
        seconds=time.perf_counter() - started,
    )


def scored(
    snapshot: Snapshot, truth: Truth, encoders: Encoders, least: float = 0.0, progress: Progress | None = None
) -> Scored:
    """The pairs that a truth tells of, with their scores. Raises TruthError for a truth that tells of no products."""
    match truth.given:
        case "pairs":
            assert truth.pairs is not None
            return judged_pairs(snapshot, pairs_task(snapshot, truth.pairs, truth.options), least)
        case "labels":
            return label_hits(snapshot, truth.labels, truth.options, encoders, least, progress)
        case "links" | "qrels":
            options = truth.options
            if options.split and truth.given == "links":
                options = replace(options, query_split=options.query_split or FIRST[0])
            return task_hits(snapshot, task_of(snapshot, replace(truth, options=options)), encoders, least, progress)
    raise TruthError("give a truth that tells which products are alike: a label, pairs, links or judgements.")


def label_hits(
    snapshot: Snapshot,
    labels: Sequence[str],
    options: TaskOptions,
    encoders: Encoders,
    least: float = 0.0,
    progress: Progress | None = None,
) -> Scored:
    """The first hits of products asked about, as a user sees them, alike where they share the labels.

    Pairs drawn at random are nearly all unlike and seldom score as hits do: what they teach is a few of 100 off for
    hits. With `least`, only grades from it on count as alike (see `label_task`). With a split, products of "val" ask
    and those of "train" answer, unless `options` say otherwise. Hits without a label are left out. Raises TruthError.
    """
    if options.split:
        asks, answer = FIRST
        options = replace(
            options, query_split=options.query_split or asks, gallery_split=options.gallery_split or answer
        )
    task = label_task(snapshot, labels, options)
    return _hits(snapshot, task, encoders, least, _labelled(snapshot, labels, task), progress)


def task_hits(
    snapshot: Snapshot, task: Task, encoders: Encoders, least: float = 0.0, progress: Progress | None = None
) -> Scored:
    """The first hits of products asked about, alike where a file says that they answer them.

    Hits of which it says nothing count as unlike. Raises TruthError where words or pictures ask.
    """
    if isinstance(task.asked, tuple):
        raise TruthError(
            f"{task.name}: words or pictures ask there, and their scores are not those of products; "
            "calibrate on a label, on pairs or on links."
        )
    every = np.ones(len(task.titles), np.bool_)
    found = _hits(snapshot, task, encoders, least, every, progress)
    return replace(found, notes=(*found.notes, UNSAID))


def _hits(
    snapshot: Snapshot,
    whole: Task,
    encoders: Encoders,
    least: float,
    known: NDArray[np.bool_],
    progress: Progress | None,
) -> Scored:
    """The first hits of some of the questions, those left out that lie at places of which nothing is `known`."""
    some = np.unique(np.linspace(0, whole.size - 1, min(whole.size, QUESTIONS)).astype(np.int64))
    task = part_of(whole, some)
    scores, alike, questions = [], [], []
    for block in rank(fused(ask(snapshot, task, encoders, progress)), task, DEPTH, progress):
        grades = task.relevance.grades(block.questions, block.places)
        there = (block.places >= 0) & known[block.places]
        scores.append(block.scores[there])
        alike.append((grades > 0)[there] if least <= 0 else (grades >= least)[there])
        questions.append(np.repeat(block.questions, there.sum(axis=1)))
    clusters = np.concatenate(questions)
    return Scored(
        name=f"{whole.name}{_from(least)}",
        holds_for=f"It holds for the first {DEPTH} hits of a product, at the store's own weights.",
        scores=np.concatenate(scores).astype(np.float64),
        alike=np.concatenate(alike),
        clusters=clusters if task.clusters is None else task.clusters[clusters],
        notes=task.notes,
        questions=task.size,
    )


def judged_pairs(snapshot: Snapshot, pairs: PairsTask, least: float = 0.0) -> Scored:
    """Pairs that somebody judged, those of the split "val" where the file tells splits, else all but those of "test".

    A pair is alike from the grade `least` on, or from above the middle of the file's grades on; its score is that of
    its second product as a hit of the first.
    """
    grades = pairs.grades
    chosen = pairs.splits == "val" if (pairs.splits == "val").any() else pairs.splits != "test"
    a, b = pairs.a[chosen], pairs.b[chosen]
    scores, mass = np.zeros(len(a)), np.zeros(len(a))
    for signal, omega in omegas(snapshot.weights, snapshot.scales).items():
        left, right = snapshot.vectors(signal, a), snapshot.vectors(signal, b)
        if signal == PATCHES:
            scores += omega * compare_pairs(snapshot, a, b)
        else:
            scores += omega * np.einsum("ij,ij->i", left, right)
        mass += omega * left.any(axis=1)
    told = ", split val" if chosen.any() and not chosen.all() and (pairs.splits[chosen] == "val").all() else ""
    return Scored(
        name=f"{pairs.name}{told}{_from(least)}",
        holds_for="It holds for pairs like those in the file: for hits only where these are hits as people see them.",
        scores=np.divide(scores, mass, out=np.zeros(len(a)), where=mass > 0),
        alike=(grades >= least if least > 0 else grades > (grades.min() + grades.max()) / 2)[chosen],
        clusters=pairs.clusters[chosen],
        notes=pairs.notes,
    )


def _from(least: float) -> str:
    return f", grade {least:g} or more" if least > 0 else ""


def _labelled(snapshot: Snapshot, labels: Sequence[str], task: Task) -> NDArray[np.bool_]:
    """Places of which some product has a label, (places,)."""
    there = np.logical_or.reduce([words_of(snapshot, label).codes[task.gallery] >= 0 for label in labels])
    return np.bincount(task.places, there, len(task.titles)) > 0


def _ece(stated: NDArray[np.float64], alike: NDArray[np.bool_], clusters: NDArray[np.int64] | None) -> Figure:
    """Its interval less what resampling adds: distances grow with any noise."""
    value = ece(stated, alike)
    drawn = np.array([ece(stated[chosen], alike[chosen]) for chosen in draws(len(stated), clusters, RESAMPLES)])
    low, high = np.maximum(np.quantile(drawn, [0.025, 0.975]) - (drawn.mean() - value), 0)
    return Figure(value, float(low), float(high), len(stated))


def _marks(curve: Calibration) -> dict[str, float]:
    """The least score of which n of 10 is stated, for each n that the curve passes."""
    scores, likely = np.array(curve.scores), np.array(curve.likely)
    found = {}
    for tens in TENS:
        at = int(np.searchsorted(likely, tens / 10))
        if 0 < at < len(likely):
            share = (tens / 10 - likely[at - 1]) / (likely[at] - likely[at - 1])
            score = scores[at - 1] + share * (scores[at] - scores[at - 1])
            found[f"{tens} of 10"] = math.ceil(1e4 * score) / 1e4  # as scores are printed
    return found


def _verdict(
    error: Figure, brier: Figure, base: float, tells: bool, scores: NDArray[np.float64], marks: Mapping[str, float]
) -> str:
    if not tells:
        return (
            "The score says little: to state the same share of every pair would be nearly as true "
            f"(Brier {brier.value:.3f}, {base:.3f} without the score)."
        )
    told = [f"What is stated is off by {100 * error.value:.1f} of 100 on average."]
    often = [(said, score) for said, score in marks.items() if np.mean(scores >= score) >= OFTEN]
    if often:
        said, score = often[-1]
        told.append(f"Of the pairs that score {score:.2f} or more, at least {said} are alike.")
    seldom = [(said, score) for said, score in marks.items() if np.mean(scores < score) >= OFTEN]
    if seldom:
        said, score = seldom[0]
        told.append(f"Of those that score less than {score:.2f}, fewer than {said}.")
    return " ".join(told)
