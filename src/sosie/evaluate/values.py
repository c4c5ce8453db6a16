"""A system's answers turned into values: one a question and measure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sosie.evaluate.ranking import rank
from sosie.evaluate.system import System
from sosie.evaluate.task import Grades, Task
from sosie.metrics.ranking import depth_needed, measure
from sosie.types import Matrix, Progress, Rows

SHOWN = 10  # answers of a question that are kept: they are shown, and lists are judged by them

Values = NDArray[np.float64]  # (questions,) NaN where nothing is relevant


@dataclass(frozen=True, slots=True)
class Top:
    """The first answers of every question, as `Ranked` has them, with their grades."""

    places: Rows  # (questions, SHOWN)
    scores: Matrix
    grades: Grades


def values_of(
    system: System, task: Task, names: Sequence[str], progress: Progress | None = None
) -> tuple[dict[str, Values], Top]:
    """Values of each question by each measure, and the first answers. Raises TruthError for an unknown measure."""
    every = np.arange(task.size)
    counts = task.relevance.counts(every)
    depth = max(depth_needed(names, counts), SHOWN)
    values = {name: np.full(task.size, np.nan) for name in names}
    top = Top(
        np.full((task.size, SHOWN), -1, np.int64),
        np.full((task.size, SHOWN), -np.inf, np.float32),
        np.zeros((task.size, SHOWN), np.float32),
    )
    for block in rank(system, task, depth, progress, exact=SHOWN):
        questions = block.questions
        grades = task.relevance.grades(questions, block.places)
        ideal = task.relevance.ideal(questions, depth)
        for name, found in measure(grades, ideal, counts[questions], names).items():
            values[name][questions] = found
        width = min(SHOWN, block.places.shape[1])
        top.places[questions, :width] = block.places[:, :width]
        top.scores[questions, :width] = block.scores[:, :width]
        top.grades[questions, :width] = grades[:, :width]
    return values, top
