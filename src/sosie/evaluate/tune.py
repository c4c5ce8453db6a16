"""Weights chosen by a truth: searched on some questions, judged on others, written only where the gain is no chance."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sosie.config import Signals
from sosie.engine.shop import Store
from sosie.errors import TruthError
from sosie.evaluate.answers import ask, defaults, fused
from sosie.evaluate.front import Truth, reproduce, task_of
from sosie.evaluate.pool import Pool, pool
from sosie.evaluate.settings_file import write_settings
from sosie.evaluate.task import Task, part_of
from sosie.evaluate.trade import trades
from sosie.evaluate.values import SHOWN, values_of
from sosie.metrics.intervals import interval, paired
from sosie.metrics.ranking import check_names, depth_needed
from sosie.reports import Figure, Tuning
from sosie.types import Progress, Rows

FOLDS = 4
SAMPLE = 1_500  # questions that weights are chosen on
LEAST = 20  # questions without which nothing can be said of a gain
LOWEST, HIGHEST = 1 / 32, 32.0  # of a weight, times its present one; below, a signal is switched off
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to try."""

    trials: int = 120  # weightings tried in each fold
    minutes: float = 15.0  # after which no new one is tried
    settings: bool = True  # also other settings of the signals, each measured beside the present one


def tune(
    store: Store,
    truth: Truth,
    measure: str,
    out: Path,
    effort: Effort = Effort(),
    command: str = "",
    progress: Progress | None = None,
) -> Tuning:
    """Search weights for a store by a truth; write them as settings where they are better by more than chance.

    With a split the questions are those of val, answered from train; test is read once, at the end, with the weights
    that were chosen. The gain that decides is nested: in each of FOLDS folds, weights are searched on the other folds
    and judged on this one. Raises TruthError for fewer than LEAST questions that can be answered.
    """
    started = time.perf_counter()
    check_names((measure,))
    snapshot = store.snapshot
    task = _learning(store, truth)
    before = defaults(snapshot)
    asked = ask(snapshot, task, store.encoder, progress)
    pooled = pool(asked, max(depth_needed((measure,), task.relevance.counts(np.arange(task.size))), SHOWN), progress)
    before = {signal: before[signal] for signal in pooled.signals}
    search = _Search(pooled, measure, before, effort.trials, started + 60 * effort.minutes / 2, progress)
    held_out = np.full(task.size, np.nan)
    for fold in _folds(task):
        held_out[fold] = pooled.values(search.best(np.setdiff1d(np.arange(task.size), fold)), measure, fold)
    after = search.best(np.arange(task.size))
    difference, p = paired(pooled.values(before, measure), held_out, task.clusters)
    better = difference.value > 0 and p < LEVEL
    chosen = after if better else before
    adopted: dict[str, object] = {_key(s): w for s, w in chosen.items() if w != before[s]}
    until = started + 60 * effort.minutes
    tried, settings = trades(store, asked, pooled, chosen, measure, until if effort.settings else 0.0, progress)
    adopted |= settings
    test = _test(store, truth, measure, chosen, progress) if adopted else {}
    if adopted:
        write_settings(out, snapshot.config, adopted)
    return Tuning(
        store=str(store.folder),
        truth=task.name,
        measure=measure,
        queries=task.size,
        before=before,
        after=after,
        difference=difference,
        p=p,
        adopted=adopted,
        trades=tried,
        test=test,
        verdict=_verdict(measure, difference, p, better, adopted, out),
        written=str(out) if adopted else "",
        notes=task.notes,
        reproduce=reproduce(snapshot, truth, command),
        seconds=time.perf_counter() - started,
    )


def _learning(store: Store, truth: Truth) -> Task:
    """The questions that weights are chosen on: those of val where there is a split, at most SAMPLE of them."""
    options = truth.options
    if options.split and not options.query_split:
        options = replace(options, query_split="val", gallery_split=options.gallery_split or ("train",))
    task = task_of(store.snapshot, replace(truth, options=options))
    there = np.flatnonzero(task.relevance.counts(np.arange(task.size)))
    if len(there) < LEAST:
        raise TruthError(
            f"{task.name}: {len(there)} questions can be answered; at least {LEAST} are needed to choose by."
        )
    return part_of(task, there[np.unique(np.linspace(0, len(there) - 1, min(len(there), SAMPLE)).astype(np.int64))])


def _test(
    store: Store, truth: Truth, measure: str, weights: Mapping[str, float], progress: Progress | None
) -> dict[str, Figure]:
    """Before and after on the test split, read once; nothing where the truth has none."""
    if not truth.options.split or truth.options.query_split:
        return {}
    try:
        task = task_of(store.snapshot, truth)
    except TruthError:
        return {}
    asked = ask(store.snapshot, task, store.encoder, progress)
    before, after = (
        values_of(fused(asked, which), task, (measure,), progress)[0][measure] for which in (None, weights)
    )
    return {
        "before": interval(before, task.clusters),
        "after": interval(after, task.clusters),
        "difference": paired(before, after, task.clusters)[0],
    }


def _folds(task: Task) -> list[Rows]:
    """Numbers of the questions of each fold; those of one cluster stay together."""
    clusters = np.arange(task.size) if task.clusters is None else task.clusters
    names = np.random.default_rng(0).permutation(np.unique(clusters))
    return [np.flatnonzero(np.isin(clusters, names[at::FOLDS])) for at in range(FOLDS)]


@dataclass(frozen=True, eq=False)
class _Search:
    """A search of weights by the tree-structured Parzen estimator (Bergstra et al. 2011)."""

    pooled: Pool
    measure: str
    start: Mapping[str, float]
    trials: int
    until: float
    progress: Progress | None

    def best(self, some: Rows) -> dict[str, float]:
        """The weights of the highest mean over some questions; of equal ones the present, then the first found."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        signals = self.pooled.signals
        done = 0

        def mean(weights: Mapping[str, float]) -> float:
            nonlocal done
            done += 1
            if self.progress is not None:
                self.progress("searching weights", done, self.trials)
            return float(np.nanmean(self.pooled.values(weights, self.measure, some)))

        def weights_of(powers: Mapping[str, float]) -> dict[str, float]:
            return {s: round(self._scale(s) * 2.0 ** powers[s], 4) if powers[s] > _LOW else 0.0 for s in signals}

        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0, multivariate=True))
        for signal in signals:  # each signal switched off, and each made to decide
            study.enqueue_trial({s: (_LOW if s == signal else 0.0) for s in signals})
            study.enqueue_trial({s: (3.0 if s == signal else 0.0) for s in signals})
        best, highest = dict(self.start), mean(self.start)
        for _ in range(self.trials):
            if time.perf_counter() > self.until:
                break
            trial = study.ask({s: optuna.distributions.FloatDistribution(_LOW, _HIGH) for s in signals})
            tried = weights_of(trial.params)
            value = mean(tried) if any(tried.values()) else 0.0
            study.tell(trial, value)
            if value > highest + 1e-9:
                best, highest = tried, value
        return best

    def _scale(self, signal: str) -> float:
        """The weight around which is searched; one that is switched off is tried too."""
        return self.start[signal] or 0.5


_LOW, _HIGH = float(np.log2(LOWEST)), float(np.log2(HIGHEST))


def _key(signal: str) -> str:
    return f"signals.{signal}.weight" if signal in Signals.model_fields else f"signals.given.{signal}"


def _verdict(measure: str, difference: Figure, p: float, better: bool, adopted: Mapping[str, object], out: Path) -> str:
    told = f"{measure} {difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}], p = {p:.3g}"
    if not better and not adopted:
        return f"No gain beyond chance on questions that weights were not chosen on ({told}); nothing was written."
    if not better:
        return f"Other weights gain no more than chance ({told}); other settings do, and are in {out}."
    return f"Other weights are better on questions they were not chosen on ({told}); they are in {out}."
