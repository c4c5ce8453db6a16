"""One truth, one store: leaks, figures with intervals beside baselines, slices, the worst and the best answers."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np

from sosie.engine.questions import Encoders
from sosie.errors import TruthError
from sosie.evaluate.answers import Asked, alone, ask, fused
from sosie.evaluate.baselines import baselines
from sosie.evaluate.cases import worst_and_best
from sosie.evaluate.leaks import find_leaks
from sosie.evaluate.slices import slices
from sosie.evaluate.system import System
from sosie.evaluate.task import Task, part_of
from sosie.evaluate.values import Top, Values, values_of
from sosie.metrics.intervals import holm, interval, paired
from sosie.metrics.lists import coverage, diversity, gini
from sosie.metrics.ranking import DEFAULT
from sosie.reports import Evaluation, Figure, Leak, Measured
from sosie.store import Snapshot
from sosie.types import Progress, Rows

SAMPLE = 5_000  # questions that signals and baselines answer: enough for intervals of a percent
LEVEL = 0.05  # a difference whose p is not below it counts as chance
LISTS = 2_000  # lists whose diversity is looked at


@dataclass(frozen=True, slots=True)
class Options:
    """How answers are judged."""

    measure: str = "hit@1"  # the main one
    measures: Sequence[str] = DEFAULT
    weights: Mapping[str, float] | None = None
    strict: bool = False  # refuse where a grave leak is found
    beside: bool = True  # also each signal alone, and baselines
    cases: int = 8  # worst and best questions that are shown
    reproduce: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """A report, and the values of each question that it sums up."""

    report: Evaluation
    task: Task
    values: Mapping[str, Values]  # measure -> of the fused answer
    others: Mapping[str, tuple[Rows, Values]]  # system -> the questions it answered, its values of the main measure
    top: Top


def judge(
    snapshot: Snapshot, task: Task, encoders: Encoders, options: Options = Options(), progress: Progress | None = None
) -> Judged:
    """Judge the store's answers to a task.

    Signals and baselines answer at most SAMPLE of the questions, an even choice of those that can be answered. Raises
    TruthError where no question has anything relevant, for an unknown measure, and with `strict` for grave leaks.
    """
    started = time.perf_counter()
    counts = task.relevance.counts(np.arange(task.size))
    if not counts.any():
        raise TruthError(
            f"{task.name}: nothing in the gallery of {len(task.titles):,} products is relevant to any question."
        )
    leaks = find_leaks(snapshot, task, progress)
    if options.strict:
        refuse_leaks(task, leaks)
    names = tuple(dict.fromkeys((options.measure, *options.measures)))
    asked = ask(snapshot, task, encoders, progress)
    values, top = values_of(fused(asked, options.weights), task, names, progress)
    main = values[options.measure]
    others: dict[str, tuple[Rows, Values]] = {}
    measured: list[Measured] = []
    if options.beside:
        sample = _sample(counts)
        for system in _beside(snapshot, part_of(task, sample), asked, encoders, progress):
            few = part_of(task, sample)
            found, _ = values_of(system, few, names, progress)
            others[system.name] = (sample, found[options.measure])
            difference, p = paired(found[options.measure], main[sample], few.clusters)
            figures = {name: interval(found[name], few.clusters) for name in names}
            measured.append(Measured(system.name, system.kind, figures, difference, p))
    worst, best = worst_and_best(snapshot, task, top, main, options.cases)
    report = Evaluation(
        store=str(snapshot.store),
        version=snapshot.version,
        truth=task.name,
        measure=options.measure,
        queries=task.size,
        without_relevant=int(np.count_nonzero(counts == 0)),
        gallery=len(task.titles),
        metrics={name: interval(values[name], task.clusters) for name in names} | _diversity(asked, top),
        baselines=tuple(measured),
        beaten_by=not_beaten(measured),
        slices=slices(snapshot, task, main, task.clusters),
        leaks=leaks,
        worst=worst,
        best=best,
        notes=task.notes,
        reproduce=dict(options.reproduce),
        seconds=time.perf_counter() - started,
        lists=_lists(task, top),
    )
    return Judged(report, task, values, others, top)


def refuse_leaks(task: Task, leaks: Sequence[Leak]) -> None:
    """Raise TruthError where a leak would inflate figures."""
    grave = [leak for leak in leaks if leak.grave]
    if grave:
        raise TruthError(
            f"{task.name}: refused, since figures would be inflated.\n"
            + "\n".join(f"  {leak.what} {leak.advice}" for leak in grave)
        )


def not_beaten(measured: Sequence[Measured]) -> tuple[str, ...]:
    """Names of the systems that the fused answer does not beat by more than chance (Holm-corrected)."""
    if not measured:
        return ()
    ps = holm(np.array([1.0 if one.p is None else one.p for one in measured]))
    return tuple(
        one.name
        for one, p in zip(measured, ps, strict=True)
        if one.difference is None or one.difference.value <= 0 or p >= LEVEL
    )


def _sample(counts: Rows) -> Rows:
    there = np.flatnonzero(counts)
    if len(there) <= SAMPLE:
        return there
    return there[np.linspace(0, len(there) - 1, SAMPLE).astype(np.int64)]


def _beside(
    snapshot: Snapshot, task: Task, asked: Asked, encoders: Encoders, progress: Progress | None
) -> Iterator[System]:
    few = asked if task is asked.task else ask(snapshot, task, encoders, progress)
    return chain(alone(few), baselines(snapshot, task, progress))


def _diversity(asked: Asked, top: Top) -> dict[str, Figure]:
    """Mean distance of the answers of a list from each other, by the fused score."""
    whole = fused(replace(asked, words=None))
    some = np.unique(np.linspace(0, len(top.places) - 1, min(len(top.places), LISTS)).astype(np.int64))
    places = top.places[some]
    order = np.argsort(asked.task.places, kind="stable")
    rows = order[np.searchsorted(asked.task.places, np.maximum(places, 0), sorter=order)]
    vectors = whole.gallery[rows.ravel()]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32).reshape(*rows.shape, -1)
    return {f"diversity@{places.shape[1]}": interval(diversity(unit, places >= 0))}


def _lists(task: Task, top: Top) -> dict[str, float]:
    depth = top.places.shape[1]
    return {
        f"coverage@{depth}": coverage(top.places, len(task.titles)),
        f"gini@{depth}": gini(top.places, len(task.titles)),
    }
