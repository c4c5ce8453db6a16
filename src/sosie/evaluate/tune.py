"""Weights chosen by a truth: searched on some questions, judged on others, written only where the gain is no chance."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sosie.config import Signals, read_config
from sosie.engine.shop import Store
from sosie.errors import TruthError
from sosie.evaluate.answers import ask, defaults, fused
from sosie.evaluate.front import Truth, reproduce, task_of
from sosie.evaluate.one_way import mutual, one_way
from sosie.evaluate.pool import Pool, pool
from sosie.evaluate.runs import check_place
from sosie.evaluate.settings_file import write_settings
from sosie.evaluate.splits import Splits, split_kind
from sosie.evaluate.task import Task, part_of
from sosie.evaluate.trade import remade, trades
from sosie.evaluate.values import SHOWN, values_of
from sosie.metrics.intervals import interval, paired
from sosie.metrics.ranking import check_names, depth_needed
from sosie.reports import Figure, Tuning
from sosie.types import Progress, Rows

FOLDS = 4
SAMPLE = 1_500  # questions that weights are chosen on
LEAST = 20  # questions without which nothing can be said of a gain
LOWEST, HIGHEST = 1 / 32, 32.0  # of a weight, times its present one; below, a signal is switched off
OFF = 1 / 64  # what is tried for a signal that is switched off
STRONG = 8.0  # what is tried for a signal that decides
SOME = 0.5  # around what is searched where a signal is switched off now
DECIMALS = 4  # of a weight
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

    With a split the questions are those of val, answered from train (where there is no val, products of train ask each
    other); test is read once, at the end, with what was chosen. The gain that decides is nested: in each of FOLDS
    folds, weights are searched on the other folds and judged on this one. Where products ask each other, each pair of
    alike ones is asked one way only. Raises TruthError for fewer than LEAST
    questions that can be answered, ConfigError where the settings can't be written.
    """
    started = time.perf_counter()
    check_names((measure,))
    check_place(out)  # better at once than after the search
    if out.exists():
        read_config(out)
    snapshot = store.snapshot
    task = _learning(store, truth)
    asked = ask(snapshot, task, store.encoder, progress)
    pooled = pool(asked, max(depth_needed((measure,), task.relevance.counts(np.arange(task.size))), SHOWN), progress)
    before = {signal: defaults(snapshot)[signal] for signal in pooled.signals}
    until = started + 60 * effort.minutes
    search = _Search(pooled, measure, before, effort.trials, started + 60 * effort.minutes / 2, progress)
    held_out = np.full(task.size, np.nan)
    folds = _folds(task)
    for at, fold in enumerate(folds, 1):
        rest = np.setdiff1d(np.arange(task.size), fold)
        held_out[fold] = pooled.values(search.best(rest, f"fold {at} of {len(folds)}"), measure, fold)
    after = search.best(np.arange(task.size), "all questions")
    difference, p = paired(pooled.values(before, measure), held_out, task.clusters)
    better = difference.value > 0 and p < LEVEL
    chosen = after if better else before
    adopted: dict[str, object] = {_key(signal): w for signal, w in chosen.items() if w != before[signal]}
    notes = list(task.notes)
    if mutual(task):
        notes.append("products ask each other: of two alike ones only one may answer the other, lest noise echoes.")
    if time.perf_counter() > search.until:
        notes.append(f"time ran out: not all {effort.trials:,} weightings were tried; give more --minutes.")
    tried, settings = trades(store, asked, pooled, chosen, before, measure, until if effort.settings else 0.0, progress)
    adopted |= settings
    test: dict[str, Figure] = {}
    if adopted:
        write_settings(out, snapshot.config, adopted)
        try:
            test = _test(store, truth, measure, chosen, settings, progress)
        except TruthError as error:
            notes.append(f"what was chosen is not judged on a test split: {error}")
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
        notes=tuple(notes),
        reproduce=reproduce(snapshot, truth, command),
        seconds=time.perf_counter() - started,
    )


def _learning(store: Store, truth: Truth) -> Task:
    """The questions that weights are chosen on, at most SAMPLE of those that can be answered."""
    options = truth.options
    if options.split and not options.query_split and truth.given != "qrels":
        there = ["val"]
        if truth.given != "events":
            there = [split_kind(name) for name in Splits.of(store.snapshot, options.split).there]
        asking = "val" if "val" in there else "train"
        options = replace(options, query_split=asking, gallery_split=options.gallery_split or ("train",))
    task = task_of(store.snapshot, replace(truth, options=options))
    known = np.flatnonzero(task.relevance.counts(np.arange(task.size)))
    if len(known) < LEAST:
        raise TruthError(
            f"{task.name}: {len(known)} questions can be answered; at least {LEAST} are needed to choose by."
        )
    some = np.unique(np.linspace(0, len(known) - 1, min(len(known), SAMPLE)).astype(np.int64))
    return one_way(part_of(task, known[some]))


def _test(
    store: Store,
    truth: Truth,
    measure: str,
    weights: Mapping[str, float],
    settings: Mapping[str, object],
    progress: Progress | None,
) -> dict[str, Figure]:
    """Before and after on the test split, read once; nothing where the truth has none."""
    if not truth.options.split or truth.options.query_split or truth.given == "qrels":
        return {}
    task = task_of(store.snapshot, truth)
    asked = ask(store.snapshot, task, store.encoder, progress)
    off = [key.split(".")[1] for key, value in settings.items() if value is False]
    off += [key.split(".")[2] for key, value in settings.items() if key.startswith("signals.given.") and not value]
    changed = remade(store, asked, settings)
    after = {**weights, **dict.fromkeys(off, 0.0)}
    values = [
        values_of(system, task, (measure,), progress)[0][measure] for system in (fused(asked), fused(changed, after))
    ]
    return {
        "before": interval(values[0], task.clusters),
        "after": interval(values[1], task.clusters),
        "difference": paired(values[0], values[1], task.clusters)[0],
    }


def _folds(task: Task) -> list[Rows]:
    """Numbers of the questions of each fold; those of one cluster stay together."""
    clusters = np.arange(task.size) if task.clusters is None else task.clusters
    names = np.random.default_rng(0).permutation(np.unique(clusters))
    return [np.flatnonzero(np.isin(clusters, some)) for at in range(FOLDS) if len(some := names[at::FOLDS])]


@dataclass(frozen=True, eq=False)
class _Search:
    """A search of weights by the tree-structured Parzen estimator (Bergstra et al. 2011)."""

    pooled: Pool
    measure: str
    start: Mapping[str, float]
    trials: int
    until: float
    progress: Progress | None

    def best(self, some: Rows, stage: str) -> dict[str, float]:
        """The weights of the highest mean over some questions; of equal ones the present, then the first found."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        best, highest = dict(self.start), self._mean(self.start, some)
        signals = self.pooled.signals
        if len(signals) == 1:
            return best  # nothing to weigh it against
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0, multivariate=True))
        for signal in signals:  # each signal switched off, and each made to decide
            for factor in (OFF, STRONG):
                study.enqueue_trial({s: float(np.log2(factor)) if s == signal else 0.0 for s in signals})
        scale = optuna.distributions.FloatDistribution(float(np.log2(OFF)), float(np.log2(HIGHEST)))
        for at in range(self.trials):
            if time.perf_counter() > self.until:
                break
            trial = study.ask(dict.fromkeys(signals, scale))
            tried = self._weights(trial.params)
            mean = self._mean(tried, some) if tried else 0.0
            study.tell(trial, mean)
            if mean > highest + 1e-9:
                best, highest = tried, mean
            if self.progress is not None:
                self.progress(f"searching weights, {stage}", at + 1, self.trials)
        return best

    def _mean(self, weights: Mapping[str, float], some: Rows) -> float:
        return float(np.nanmean(self.pooled.values(weights, self.measure, some)))

    def _weights(self, powers: Mapping[str, float]) -> dict[str, float]:
        """Weights of the same sum as the present ones: only their ratios count; {} where all are switched off."""
        factors = {signal: 2.0**power for signal, power in powers.items()}
        tried = {s: (self.start[s] or SOME) * factor if factor >= LOWEST else 0.0 for s, factor in factors.items()}
        total = sum(tried.values())
        share = (sum(self.start.values()) or 1.0) / total if total else 0.0
        return {signal: round(weight * share, DECIMALS) for signal, weight in tried.items()} if share else {}


def _key(signal: str) -> str:
    return f"signals.{signal}.weight" if signal in Signals.model_fields else f"signals.given.{signal}"


def _verdict(measure: str, difference: Figure, p: float, better: bool, adopted: Mapping[str, object], out: Path) -> str:
    told = f"{measure} {difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}], p = {p:.3g}"
    if not better and not adopted:
        return f"No gain beyond chance on questions that weights were not chosen on ({told}); nothing was written."
    if not better:
        return f"Other weights gain no more than chance ({told}); other settings do, and are in {out}."
    return f"Other weights are better on questions they were not chosen on ({told}); they are in {out}."
