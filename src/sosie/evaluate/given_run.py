"""Answers that somebody else's tool gave, judged by the same rules."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from sosie.errors import TruthError
from sosie.evaluate.judge import Judged, Options, checked, summed_up
from sosie.evaluate.runs import Run, read_run
from sosie.evaluate.task import Task
from sosie.evaluate.values import SHOWN, Top, Values
from sosie.evaluate.words import some
from sosie.metrics.ranking import depth_needed, measure
from sosie.store import Snapshot
from sosie.types import Matrix, Progress, Rows

UNKNOWN = 0.2  # share of its products that the store lacks, beyond which a run is of another store
SHIFT = 32  # a question and a place in one number: question << SHIFT | place


def run_values(
    snapshot: Snapshot, task: Task, file: Path, names: Sequence[str]
) -> tuple[dict[str, Values], Top, tuple[str, ...]]:
    """Values of each question by a run file, the first answers, and notes.

    A product that the gallery lacks keeps its rank and is not relevant. One that may not answer (the product asked
    about, its variants) gives up its rank, and so does a second variant of a product. A question that the run lacks has
    the value 0. Raises TruthError where the run answers none of the questions or names too many strange products: it
    belongs to another store.
    """
    run = read_run(file)
    notes = list(run.notes)
    numbers = pl.DataFrame({"query": task.keys, "question": np.arange(task.size)})
    frame = run.frame.join(numbers, on="query", how="left", maintain_order="left")
    asked = frame["question"].n_unique() - (frame["question"].null_count() > 0)
    if not asked:
        raise TruthError(
            f"{file}: answers none of the {task.size:,} questions of {task.name}, such as {some(task.keys, 3)}; "
            f"its own are {some(frame['query'].unique(maintain_order=True).to_list(), 3)}. Is it of another store?"
        )
    if more := frame.filter(pl.col("question").is_null())["query"].n_unique():
        notes.append(f"{file}: {more:,} of its questions are not among those of {task.name}; left out.")
    if asked < task.size:
        notes.append(f"{file}: lacks {task.size - asked:,} of {task.size:,} questions; their value is 0.")
    frame = frame.filter(pl.col("question").is_not_null()).sort("question", maintain_order=True)
    places, told = _places(snapshot, task, replace(run, frame=frame))
    every = np.arange(task.size)
    counts = task.relevance.counts(every)
    questions, scores = frame["question"].to_numpy(), frame["score"].to_numpy()
    top, worth = _table(task, questions, places, scores, max(depth_needed(names, counts), SHOWN))
    grades = task.relevance.grades(every, top)
    values = measure(grades, task.relevance.ideal(every, top.shape[1]), counts, names)
    return values, Top(top[:, :SHOWN], worth[:, :SHOWN], grades[:, :SHOWN]), (*notes, *told)


def judge_run(snapshot: Snapshot, task: Task, file: Path, options: Options, progress: Progress | None = None) -> Judged:
    """Judge a run file by a task, as `judge` judges the store's answers. Raises TruthError."""
    started = time.perf_counter()
    leaks = checked(snapshot, task, options, progress)
    values, top, notes = run_values(snapshot, task, file, options.names)
    report = summed_up(snapshot, task, options, values, top)
    report = replace(
        report,
        truth=f"{task.name}, answers of {file.name}",
        leaks=leaks,
        notes=(*report.notes, *notes),
        seconds=time.perf_counter() - started,
    )
    return Judged(report, task, values, {})


def _places(snapshot: Snapshot, task: Task, run: Run) -> tuple[Rows, tuple[str, ...]]:
    """The place of each answer, -1 = none, and notes on those that have none."""
    ids = run.frame["product"].unique(maintain_order=True)
    rows = snapshot.rows(ids.to_list())
    table = np.full(snapshot.size + 1, -1, np.int64)  # the row -1 reads the last entry
    table[task.gallery] = task.places
    places = table[rows]
    strange = ids.filter(pl.Series(rows < 0)).to_list()
    notes = []
    if strange:
        told = f"{run.file}: {len(strange):,} of its {len(ids):,} products are not in the store ({some(strange)})"
        if len(strange) > UNKNOWN * len(ids):
            raise TruthError(f"{told}, more than {UNKNOWN:.0%}. Is it of another store?")
        notes.append(f"{told}; they keep their ranks and are not relevant.")
    if outside := int(np.count_nonzero((rows >= 0) & (places < 0))):
        notes.append(
            f"{run.file}: {outside:,} of its {len(ids):,} products are not in the gallery; they keep their ranks and "
            "are not relevant."
        )
    found = run.frame["product"].replace_strict(ids, places, return_dtype=pl.Int64)
    return found.to_numpy(), tuple(notes)


def _table(task: Task, questions: Rows, places: Rows, scores: Values, depth: int) -> tuple[Rows, Matrix]:
    """Places and scores of each question, (questions, depth), of answers in order; unused ones hold -1 and -inf."""
    keys = questions << SHIFT | places
    owner, barred = task.barred.joined(np.arange(task.size))
    kept = ~np.isin(keys, owner << SHIFT | barred)
    first = np.zeros(len(keys), np.bool_)
    first[np.unique(keys, return_index=True)[1]] = True
    answers = np.flatnonzero(kept & (first | (places < 0)))
    starts = np.searchsorted(questions[answers], np.arange(task.size))
    ranks = np.arange(len(answers)) - starts[questions[answers]]
    answers, ranks = answers[ranks < depth], ranks[ranks < depth]
    table, worth = np.full((task.size, depth), -1, np.int64), np.full((task.size, depth), -np.inf, np.float32)
    table[questions[answers], ranks], worth[questions[answers], ranks] = places[answers], scores[answers]
    return table, worth
