"""One truth, one store: leaks, figures with intervals beside baselines, slices, the worst and the best answers."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sosie.engine.patches import PATCHES
from sosie.engine.questions import Encoders
from sosie.errors import TruthError
from sosie.evaluate.answers import Asked, alone, ask, fused, searched, weighted
from sosie.evaluate.baselines import baselines
from sosie.evaluate.cases import first_rows, worst_and_best
from sosie.evaluate.leaks import find_leaks
from sosie.evaluate.one_way import mutual
from sosie.evaluate.slices import slices
from sosie.evaluate.system import System
from sosie.evaluate.task import Task
from sosie.evaluate.values import Top, Values, values_of
from sosie.metrics.intervals import holm, interval, paired
from sosie.metrics.lists import coverage, diversity, gini, novelty, popularity_bias
from sosie.metrics.ranking import DEFAULT, check_names
from sosie.reports import Evaluation, Figure, Leak, Measured
from sosie.store import Snapshot
from sosie.types import Progress, Rows

SAMPLE = 5_000  # questions that signals and baselines answer: enough for intervals of a percent
LEVEL = 0.05  # a difference whose p is not below it counts as chance
WITHOUT = "without patches"
LISTS = 2_000  # lists whose diversity is looked at
ECHOES = (
    "products ask each other, so that one question echoes another: intervals may be too narrow, and p too small; "
    "name a split (--split) to be sure."
)


@dataclass(frozen=True, slots=True)
class Options:
    """How answers are judged."""

    measure: str = "hit@1"  # the main one
    measures: Sequence[str] = DEFAULT
    weights: Mapping[str, float] | None = None
    strict: bool = False  # refuse where a grave leak is found
    leaks: bool = True  # look for them
    beside: bool = True  # also each signal alone, and baselines
    cases: int = 8  # worst and best questions that are shown
    reproduce: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All measures, the main one first, each once."""
        return tuple(dict.fromkeys((self.measure, *self.measures)))


@dataclass(frozen=True, slots=True)
class Judged:
    """A report, and the values of each question that it sums up."""

    report: Evaluation
    task: Task
    values: Mapping[str, Values]  # measure -> of the fused answer
    others: Mapping[str, tuple[Rows, Values]]  # system -> the questions it answered, its values of the main measure
    system: System | None = None  # the fused answer; None where a run answered


def judge(
    snapshot: Snapshot, task: Task, encoders: Encoders, options: Options = Options(), progress: Progress | None = None
) -> Judged:
    """Judge the store's answers to a task.

    Signals and baselines answer at most SAMPLE of the questions, an even choice of those that can be answered. Raises
    TruthError where no question has anything relevant, for an unknown measure, and with `strict` for grave leaks.
    """
    started = time.perf_counter()
    leaks = checked(snapshot, task, options, progress)
    asked = ask(snapshot, task, encoders, progress)
    system = fused(asked, options.weights)
    values, top = values_of(system, task, options.names, progress)
    main = values[options.measure]
    others: dict[str, tuple[Rows, Values]] = {}
    measured = []
    sample = _sample(main)
    part = asked.part(sample)
    for other in other_systems(part, options, progress):
        found, _ = values_of(other, part.task, options.names, progress)
        others[other.name] = (sample, found[options.measure])
        difference, p = paired(found[options.measure], main[sample], part.task.clusters)
        figures = {name: interval(found[name], part.task.clusters) for name in options.names}
        measured.append(Measured(other.name, other.kind, figures, difference, p))
    report = summed_up(snapshot, task, options, values, top)
    report = replace(
        report,
        metrics={**report.metrics, **_diversity(system, task, top)},
        baselines=tuple(measured),
        beaten_by=not_beaten(measured),
        leaks=leaks,
        notes=(*report.notes, *_unanswered(top, main)),
        seconds=time.perf_counter() - started,
    )
    return Judged(report, task, values, others, system)


def checked(snapshot: Snapshot, task: Task, options: Options, progress: Progress | None) -> tuple[Leak, ...]:
    """The leaks of a task that can be judged. Raises TruthError, as `judge` says."""
    check_names(options.names)
    if not task.relevance.counts(np.arange(task.size)).any():
        raise TruthError(f"{task.name}: nothing in the gallery of {len(task.titles):,} products answers any question.")
    if not options.leaks:
        return ()
    leaks = find_leaks(snapshot, task, options.weights, progress)
    grave = [leak for leak in leaks if leak.grave]
    if options.strict and grave:
        raise TruthError(
            f"{task.name}: refused, since figures would be inflated.\n"
            + "\n".join(f"  {leak.what} {leak.advice}" for leak in grave)
        )
    return leaks


def summed_up(snapshot: Snapshot, task: Task, options: Options, values: Mapping[str, Values], top: Top) -> Evaluation:
    """The values of all questions as a report, whoever gave the answers."""
    main = values[options.measure]
    worst, best = worst_and_best(snapshot, task, top, main, options.cases)
    depth = top.places.shape[1]
    deep = [name for name in options.names if _depth(name) > len(task.titles)]
    notes = list(task.notes)
    if deep:
        notes.append(f"{', '.join(deep)}: look deeper than the gallery's {len(task.titles):,} products.")
    if mutual(task):
        notes.append(ECHOES)
    return Evaluation(
        store=str(snapshot.store),
        version=snapshot.version,
        truth=task.name,
        measure=options.measure,
        queries=task.size,
        without_relevant=int(np.isnan(main).sum()),
        gallery=len(task.titles),
        metrics={
            **{name: interval(values[name], task.clusters) for name in options.names},
            **_popularity(snapshot, task, top),
        },
        baselines=(),
        beaten_by=(),
        slices=slices(snapshot, task, main, task.clusters),
        leaks=(),
        worst=worst,
        best=best,
        notes=tuple(notes),
        reproduce=dict(options.reproduce),
        seconds=0.0,
        lists={
            f"coverage@{depth}": coverage(top.places, len(task.titles)),
            f"gini@{depth}": gini(top.places, len(task.titles)),
        },
    )


def other_systems(asked: Asked, options: Options, progress: Progress | None) -> Iterator[System]:
    """Each signal alone, but for one that is all there is to the fused answer, and the baselines.

    And what was answered before patches were compared, where that is more than one signal.
    """
    if not options.beside:
        return
    deciding = list(weighted(asked, options.weights))
    yield from (one for one in alone(asked) if [one.name] != deciding)
    if PATCHES in deciding and len(deciding) > 2:
        yield replace(fused(asked, searched(asked.snapshot, options.weights), WITHOUT), kind="baseline")
    yield from baselines(asked.snapshot, asked.task, progress)


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


def _sample(main: Values) -> Rows:
    """Questions that have a value, at most SAMPLE of them, evenly chosen."""
    there = np.flatnonzero(~np.isnan(main))
    if len(there) <= SAMPLE:
        return there
    return there[np.linspace(0, len(there) - 1, SAMPLE).astype(np.int64)]


def _depth(measure: str) -> int:
    k = measure.partition("@")[2]
    return int(k) if k.isdigit() else 0


def _unanswered(top: Top, main: Values) -> list[str]:
    silent = np.count_nonzero((top.places[~np.isnan(main)] < 0).all(axis=1))
    return [f"{silent:,} questions got no answer: they say nothing to the signals."] if silent else []


def _popularity(snapshot: Snapshot, task: Task, top: Top) -> dict[str, Figure]:
    """How novel and how popular the answers are, by what was taken before, or else by how often it was rated."""
    taken = task.popularity
    if taken is None:
        taken = np.nan_to_num(snapshot.columns["rating_count"].values[task.gallery].astype(np.float64))
    if not taken.any():
        return {}
    popularity = np.zeros(len(task.titles))
    np.maximum.at(popularity, task.places, taken)
    depth = top.places.shape[1]
    return {
        f"novelty@{depth}": interval(novelty(top.places, popularity), task.clusters, None),
        f"popularity_bias@{depth}": interval(popularity_bias(top.places, popularity), task.clusters, None),
    }


def _diversity(system: System, task: Task, top: Top) -> dict[str, Figure]:
    """Mean distance of the answers of a list from each other, by the fused score."""
    some = np.unique(np.linspace(0, len(top.places) - 1, min(len(top.places), LISTS)).astype(np.int64))
    places = top.places[some]
    rows = np.searchsorted(task.gallery, first_rows(task, np.maximum(places, 0).ravel()))
    vectors = system.gallery[rows]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32).reshape(*places.shape, -1)
    return {f"diversity@{places.shape[1]}": interval(diversity(unit, places >= 0))}
