"""What `compare` is asked to compare: stores, runs and weightings, each made to answer."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from sosie.engine.shop import Store
from sosie.errors import TruthError
from sosie.evaluate.answers import ask, fused
from sosie.evaluate.compare import Side, compare
from sosie.evaluate.front import Truth, reproduce, task_of
from sosie.evaluate.given_run import run_values
from sosie.evaluate.task import Task, part_of
from sosie.evaluate.truth import every_product
from sosie.evaluate.values import values_of
from sosie.metrics.ranking import DEFAULT
from sosie.reports import Comparison
from sosie.scoring import read_weights
from sosie.store import LocalStore
from sosie.types import Progress

SAMPLE = 5_000  # questions that are asked where there is no truth, and so no end to them
DEFAULTS = "default"


def compare_sides(
    a: str, b: str, folder: Path, truth: Truth, measure: str, command: str = "", progress: Progress | None = None
) -> Comparison:
    """Compare two stores (folders), runs (files), or weightings ("image=2,text=1", "default") of the store in `folder`.

    Raises TruthError where a side can't be understood, or a run is given without a truth.
    """
    names = tuple(dict.fromkeys((measure, *DEFAULT)))
    left, right = (_side(which, folder, truth, names, progress) for which in (a, b))
    return compare(left, right, measure, reproduce(left.snapshot, truth, command))


def _side(which: str, folder: Path, truth: Truth, names: tuple[str, ...], progress: Progress | None) -> Side:
    path = Path(which)
    if path.is_dir() and LocalStore.exists(path):
        return _answers(which, Store(path), truth, names, None, progress)
    if path.is_file():
        if not truth.given:
            raise TruthError(
                f"{which}: a run can be compared only on a truth: give a label, judgements, links, events."
            )
        snapshot = Store(folder).snapshot
        task = task_of(snapshot, truth)
        values, top, notes = run_values(task, path, names)
        return Side(which, snapshot, replace(task, notes=(*task.notes, *notes)), values, top)
    if which == DEFAULTS:
        return _answers(which, Store(folder), truth, names, None, progress)
    if "=" in which:
        return _answers(which, Store(folder), truth, names, read_weights(which), progress)
    raise TruthError(
        f"'{which}' is no folder of a store, no run file, no weights such as image=2,text=1, and not 'default'."
    )


def _answers(
    name: str,
    store: Store,
    truth: Truth,
    names: tuple[str, ...],
    weights: Mapping[str, float] | None,
    progress: Progress | None,
) -> Side:
    snapshot = store.snapshot
    task: Task
    if truth.given:
        task = task_of(snapshot, truth)
    else:
        whole = every_product(snapshot, truth.options.variants)
        task = part_of(whole, np.unique(np.linspace(0, whole.size - 1, min(whole.size, SAMPLE)).astype(np.int64)))
    system = fused(ask(snapshot, task, store.encoder, progress), weights, name)
    values, top = values_of(system, task, names if truth.given else (), progress)
    return Side(name, snapshot, task, values, top)
