"""The best places of every question of a task, exactly, by brute force in blocks."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from threadpoolctl import threadpool_limits

from sosie.evaluate import double, single
from sosie.evaluate.prepared import Prepared
from sosie.evaluate.system import System
from sosie.evaluate.task import Ranked, Task
from sosie.types import Matrix, Progress, Rows

QUESTIONS = 512  # of a block
THREADS = min(os.cpu_count() or 1, 32)


def rank(
    system: System, task: Task, depth: int, progress: Progress | None = None, *, exact: int | None = None
) -> Iterator[Ranked]:
    """The `depth` best places of every question, best first, equal scores by place; each question in one block.

    The score of a place is that of its best row: the inner product in double precision, plus what `system.more` adds,
    divided by the question's mass, and only then rounded to float32. Rows of zeros, and barred places, are never
    answers, and a question of zeros has none, but for what `more` adds above 0. Unused places hold -1 and -inf.
    Questions come in any order. Until the last one came, or the iterator is closed, BLAS works with one thread.

    With `exact`, only so many first places are sure to be in exact order; below, the grade at each rank is, which is
    all that measures look at.
    """
    done = 0
    for block in _blocks(Prepared.of(system, task), task, depth, depth if exact is None else min(exact, depth)):
        yield block
        done += len(block.questions)
        if progress is not None:
            progress(f"ranking by {system.name}", done, task.size)


def _blocks(prepared: Prepared, task: Task, depth: int, exact: int) -> Iterator[Ranked]:
    silent = np.setdiff1d(np.arange(task.size), prepared.asking)
    for start in range(0, len(silent), QUESTIONS):
        some = silent[start : start + QUESTIONS]
        yield Ranked(some, np.full((len(some), depth), -1), np.full((len(some), depth), -np.inf, np.float32))
    left = np.ones(len(prepared.asking), bool)
    with _threads() as pool:
        if single.pays(prepared, depth, exact):
            for at, places, scores in single.best_places(prepared, depth, exact, task.relevance.grades, pool):
                left[at] = False
                yield Ranked(prepared.asking[at], places, scores)
        for at, places, scores in _by_double(prepared, np.flatnonzero(left), depth, pool):
            yield Ranked(prepared.asking[at], places, scores)


def _by_double(prepared: Prepared, left: Rows, depth: int, pool: Executor) -> Iterator[tuple[Rows, Rows, Matrix]]:
    """Some questions, a few blocks ahead of what is asked for."""
    size = min(QUESTIONS, prepared.packing.most)
    waiting: deque[tuple[Rows, Future[tuple[Rows, Matrix]]]] = deque()
    for start in range(0, len(left), size):
        at = left[start : start + size]
        waiting.append((at, pool.submit(double.best_places, prepared, at, depth)))
        if len(waiting) > THREADS:
            at, answers = waiting.popleft()
            yield at, *answers.result()
    for at, answers in waiting:
        yield at, *answers.result()


@contextmanager
def _threads() -> Iterator[Executor]:
    """One for each core, each of which multiplies alone."""
    pool = ThreadPoolExecutor(THREADS)
    with threadpool_limits(1, "blas"):
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
