"""TREC run files, in and out."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sosie.errors import TruthError
from sosie.evaluate.task import Ranked, Task


def read_run(file: Path) -> dict[str, list[tuple[str, float]]]:
    """Answers of each question, best first: score descending, equal scores by id descending."""
    run: dict[str, list[tuple[str, float]]] = {}
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                key, _, id, _, score, _ = line.split()
                run.setdefault(key, []).append((id, float(score)))
            except ValueError:
                raise TruthError(f"{file}, line {number}: not 'question Q0 product rank score run'.") from None
    return {key: sorted(found, key=lambda one: (one[1], one[0]), reverse=True) for key, found in run.items()}


def write_run(file: Path, task: Task, ranked: Iterable[Ranked]) -> None:
    """Write answers as a TREC run."""
    partial = file.with_name(file.name + ".partial")
    file.parent.mkdir(parents=True, exist_ok=True)
    with partial.open("w", encoding="utf-8") as out:
        for block in ranked:
            for at, question in enumerate(block.questions.tolist()):
                for rank in np.flatnonzero(block.places[at] >= 0).tolist():
                    title = task.titles[block.places[at, rank]]
                    out.write(f"{task.keys[question]} Q0 {title} {rank + 1} {block.scores[at, rank]:.9g} sosie\n")
    partial.replace(file)
