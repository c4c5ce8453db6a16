"""Answers that somebody else's tool gave, judged by the same rules."""

import time
from pathlib import Path

import numpy as np

from sosie.errors import TruthError
from sosie.evaluate.cases import worst_and_best
from sosie.evaluate.judge import Judged, Options
from sosie.evaluate.runs import read_run
from sosie.evaluate.slices import slices
from sosie.evaluate.task import Task
from sosie.evaluate.values import SHOWN, Top, Values
from sosie.metrics.intervals import interval
from sosie.metrics.ranking import depth_needed, measure
from sosie.reports import Evaluation
from sosie.store import Snapshot

UNKNOWN = 0.5  # share of strange ids beyond which a run is of another store


def run_values(task: Task, file: Path, names: tuple[str, ...]) -> tuple[dict[str, Values], Top, tuple[str, ...]]:
    """Values of each question by a run file, the first answers, and notes.

    A product that the gallery lacks keeps its rank and is not relevant; one that may not answer (the product asked
    about, its variants) gives up its rank. A question that the run lacks has the value 0. Raises TruthError where the
    run's questions or most of its products are unknown: it belongs to another store.
    """
    run = read_run(file)
    known = [at for at, key in enumerate(task.keys) if key in run]
    if not known:
        raise TruthError(f"{file}: answers none of the {task.size:,} questions of {task.name}; is it of another store?")
    place_of = {title: place for place, title in enumerate(task.titles)}
    every = np.arange(task.size)
    counts = task.relevance.counts(every)
    depth = max(depth_needed(names, counts), SHOWN)
    places = np.full((task.size, depth), -1, np.int64)
    scores = np.full((task.size, depth), -np.inf, np.float32)
    strange = total = 0
    for at in known:
        barred = set(task.barred.of(at).tolist())
        found = [(place_of.get(id, -1), score) for id, score in run[task.keys[at]]]
        strange += sum(place < 0 for place, _ in found)
        total += len(found)
        kept = [(place, score) for place, score in found if place < 0 or place not in barred][:depth]
        if kept:
            places[at, : len(kept)], scores[at, : len(kept)] = zip(*kept, strict=True)
    if strange > UNKNOWN * total:
        raise TruthError(
            f"{file}: {strange:,} of its {total:,} answers are not in the gallery; is it of another store?"
        )
    grades = task.relevance.grades(every, places)
    values = measure(grades, task.relevance.ideal(every, depth), counts, names)
    notes = []
    if strange:
        notes.append(f"{file}: {strange:,} of {total:,} answers are not in the gallery; they count as not relevant.")
    if len(known) < task.size:
        notes.append(f"{file}: lacks {task.size - len(known):,} of {task.size:,} questions; their value is 0.")
    return values, Top(places[:, :SHOWN], scores[:, :SHOWN], grades[:, :SHOWN]), tuple(notes)


def judge_run(snapshot: Snapshot, task: Task, file: Path, options: Options) -> Judged:
    """Judge a run file by a task, as `judge` judges the store's answers. Raises TruthError."""
    started = time.perf_counter()
    names = tuple(dict.fromkeys((options.measure, *options.measures)))
    values, top, notes = run_values(task, file, names)
    main = values[options.measure]
    worst, best = worst_and_best(snapshot, task, top, main, options.cases)
    report = Evaluation(
        store=str(snapshot.store),
        version=snapshot.version,
        truth=f"{task.name}, run {file.name}",
        measure=options.measure,
        queries=task.size,
        without_relevant=int(np.isnan(main).sum()),
        gallery=len(task.titles),
        metrics={name: interval(values[name], task.clusters) for name in names},
        baselines=(),
        beaten_by=(),
        slices=slices(snapshot, task, main, task.clusters),
        leaks=(),
        worst=worst,
        best=best,
        notes=(*task.notes, *notes),
        reproduce=dict(options.reproduce),
        seconds=time.perf_counter() - started,
    )
    return Judged(report, task, values, {}, top)
