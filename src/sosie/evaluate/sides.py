"""What `compare` is asked to compare: stores, runs and weightings, each made to answer."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from sosie.metrics.ranking import DEFAULT, check_names
from sosie.reports import Comparison
from sosie.scoring import read_weights
from sosie.store import LocalStore, Snapshot
from sosie.types import Progress

SAMPLE = 5_000  # questions that are asked where there is no truth, and so no end to them
DEFAULTS = "default"


@dataclass(frozen=True, slots=True)
class _Meant:
    """What a side is: the answers of a store at some weights, or those of a run."""

    name: str
    folder: Path
    weights: Mapping[str, float] | None = None
    run: Path | None = None


def compare_sides(
    a: str, b: str, folder: Path, truth: Truth, measure: str, command: str = "", progress: Progress | None = None
) -> Comparison:
    """Compare two stores (folders), runs (files), or weightings ("image=2,text=1", "default") of the store in `folder`.

    Without a truth, products that both sides have ask, at most SAMPLE of them. Raises TruthError where a side can't be
    understood, or a run is given without a truth.
    """
    started = time.perf_counter()
    names = tuple(dict.fromkeys((measure, *DEFAULT))) if truth.given else ()
    check_names(names)
    meant = [_meant(which, folder, truth) for which in (a, b)]
    stores = {one.folder: Store(one.folder) for one in meant}
    snapshots = {where: store.snapshot for where, store in stores.items()}
    tasks = _tasks(snapshots, truth)
    asked = {
        where: ask(snapshots[where], tasks[where], stores[where].encoder, progress)
        for where in dict.fromkeys(one.folder for one in meant if one.run is None)
    }
    sides = []
    for one in meant:
        snapshot, task = snapshots[one.folder], tasks[one.folder]
        if one.run is not None:
            values, top, notes = run_values(snapshot, task, one.run, names)
            task = replace(task, notes=(*task.notes, *notes))
        else:
            system = fused(asked[one.folder], one.weights, one.name)
            values, top = values_of(system, task, names, progress)
        sides.append(Side(one.name, snapshot, task, values, top))
    report = compare(sides[0], sides[1], measure, reproduce(sides[0].snapshot, truth, command))
    return replace(report, seconds=time.perf_counter() - started)


def _meant(which: str, folder: Path, truth: Truth) -> _Meant:
    path = Path(which)
    if path.is_dir() and LocalStore.exists(path):
        return _Meant(which, path)
    if path.is_file():
        if not truth.given:
            raise TruthError(f"{which}: a run is compared by a truth only: give a label, judgements, links or events.")
        return _Meant(which, folder, run=path)
    if which == DEFAULTS:
        return _Meant(which, folder)
    if "=" in which:
        return _Meant(which, folder, weights=read_weights(which))
    raise TruthError(
        f"'{which}' is no folder of a store, no run file, no weights such as image=2,text=1, and not '{DEFAULTS}'."
    )


def _tasks(snapshots: Mapping[Path, Snapshot], truth: Truth) -> dict[Path, Task]:
    """What each store is asked: by a truth, or by products that all of them have."""
    if truth.given:
        return {where: task_of(snapshot, truth) for where, snapshot in snapshots.items()}
    whole = {where: every_product(snapshot, truth.options.variants) for where, snapshot in snapshots.items()}
    shared = sorted(set.intersection(*(set(task.keys) for task in whole.values())))
    if not shared:
        raise TruthError(f"{' and '.join(map(str, snapshots))} have no product in common.")
    chosen = [shared[at] for at in np.unique(np.linspace(0, len(shared) - 1, min(len(shared), SAMPLE)).astype(int))]
    return {where: part_of(task, _numbers(task, chosen)) for where, task in whole.items()}


def _numbers(task: Task, keys: Sequence[str]) -> np.ndarray:
    number = {key: at for at, key in enumerate(task.keys)}
    return np.array([number[key] for key in keys], np.int64)
