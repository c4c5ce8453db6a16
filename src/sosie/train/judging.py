"""What trainings are judged by: the house's own measures, on questions held out from learning."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sosie.evaluate.system import System
from sosie.evaluate.task import Task
from sosie.evaluate.values import values_of
from sosie.types import Matrix, Rows

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judge:
    """Questions whose answers are known; several tasks (one a label) count equally."""

    tasks: tuple[Task, ...]
    measure: str
    rows: Rows  # of the snapshot, ascending: whose embeddings are asked for

    @classmethod
    def of(cls, tasks: Sequence[Task], measure: str) -> "Judge":
        """A judge by tasks whose questions are products."""
        asked = [np.asarray(task.asked) for task in tasks]
        return cls(tuple(tasks), measure, np.unique(np.concatenate([*asked, *(task.gallery for task in tasks)])))

    def values(self, vectors: Matrix) -> list[Values]:
        """The measure of each question of each task, by cosine; `vectors` (rows, dim) of unit length."""
        found = []
        for task in self.tasks:
            questions = vectors[np.searchsorted(self.rows, np.asarray(task.asked))]
            gallery = vectors[np.searchsorted(self.rows, task.gallery)]
            system = System("trained", "signal", questions, gallery)
            found.append(values_of(system, task, [self.measure])[0][self.measure])
        return found

    def figure(self, vectors: Matrix) -> float:
        """The mean of the tasks' means."""
        return float(np.mean([np.nanmean(values) for values in self.values(vectors)]))

    def __str__(self) -> str:
        return f"{self.measure} of {', '.join(task.name for task in self.tasks)}"
