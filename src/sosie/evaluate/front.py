"""`evaluate`: from whichever truth a shop has to a report, and the files that go with it."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

import numpy as np

import sosie
from sosie.engine.shop import Store
from sosie.errors import TruthError
from sosie.evaluate.answers import ask, fused
from sosie.evaluate.given_run import judge_run
from sosie.evaluate.judge import Judged, Options, judge
from sosie.evaluate.pairs import judge_pairs
from sosie.evaluate.ranking import rank
from sosie.evaluate.runs import write_run
from sosie.evaluate.selfchecks import self_checks
from sosie.evaluate.task import Task
from sosie.evaluate.truth import TaskOptions, events_task, label_task, links_task, pairs_task, qrels_task
from sosie.reports import Evaluation, Figure
from sosie.store import Snapshot
from sosie.types import Progress

RUN_DEPTH = 1_000  # answers of each question in a run file, as TREC has it


@dataclass(frozen=True, slots=True)
class Truth:
    """What answers are judged by: one of labels, pairs, judgements, links and events; none of them = self-checks."""

    labels: Sequence[str] = ()
    pairs: Path | None = None
    qrels: Path | None = None
    queries: Path | None = None  # words or pictures of the questions in `qrels`
    links: Path | None = None
    events: Path | None = None
    options: TaskOptions = field(default_factory=TaskOptions)

    @property
    def given(self) -> str:
        """Which one it is; "" for none. Raises TruthError for more than one."""
        there = [n for n in ("labels", "pairs", "qrels", "links", "events") if getattr(self, n)]
        if len(there) > 1:
            raise TruthError(f"{' and '.join(there)} were given; judge by one truth at a time.")
        if self.queries is not None and there != ["qrels"]:
            raise TruthError(f"{self.queries}: questions go with judgements; name these with --qrels.")
        return there[0] if there else ""

    @property
    def file(self) -> Path | None:
        """The file that holds it."""
        return self.pairs or self.qrels or self.links or self.events

    @property
    def measure(self) -> str:
        """The main measure, unless another is wanted."""
        return {"labels": "hit@1", "links": "recall@10", "qrels": "ndcg@10", "events": "ndcg@10"}.get(
            self.given, "hit@1"
        )


def task_of(snapshot: Snapshot, truth: Truth) -> Task:
    """The truth in a store. Raises TruthError where it can't be used, or is no question with a list of answers."""
    match truth.given:
        case "labels":
            return label_task(snapshot, truth.labels, truth.options)
        case "links":
            assert truth.links is not None
            return links_task(snapshot, truth.links, truth.options)
        case "qrels":
            assert truth.qrels is not None
            return qrels_task(snapshot, truth.qrels, truth.queries, truth.options)
        case "events":
            assert truth.events is not None
            return events_task(snapshot, truth.events, truth.options)
    raise TruthError("give a truth with questions and answers: a label, judgements, links or events.")


def evaluate(
    store: Store,
    truth: Truth = Truth(),
    *,
    options: Options | None = None,
    run: Path | None = None,
    write_run_to: Path | None = None,
    per_query: Path | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> Evaluation:
    """Judge a store's answers, or those of a run file, by a truth; without one, what can be said without.

    `write_run_to` takes the store's answers as a TREC run, `per_query` the values of each question as Parquet.
    Raises TruthError where the truth can't be used, QuestionError for unknown signals in `options.weights`.
    """
    snapshot = store.snapshot
    chosen = options or Options(measure=truth.measure)
    chosen = replace(chosen, reproduce=reproduce(snapshot, truth, command) | dict(chosen.reproduce))
    if not truth.given:
        return self_checks(snapshot, store.encoder, chosen, progress)
    if truth.pairs is not None:
        return judge_pairs(snapshot, pairs_task(snapshot, truth.pairs, truth.options), store.encoder, chosen, progress)
    task = task_of(snapshot, truth)
    judged = judge_run(snapshot, task, run, chosen) if run else judge(snapshot, task, store.encoder, chosen, progress)
    report = judged.report
    if len(truth.labels) > 1 and not run:
        report = replace(report, labels=_each_label(store, truth, chosen, progress))
    if per_query is not None:
        write_values(per_query, judged)
    if write_run_to is not None:
        system = fused(ask(snapshot, task, store.encoder, progress), chosen.weights)
        write_run(write_run_to, task, rank(system, task, RUN_DEPTH, progress))
    return report


def _each_label(
    store: Store, truth: Truth, options: Options, progress: Progress | None
) -> dict[str, Mapping[str, Figure]]:
    alone = replace(options, beside=False, cases=0)
    return {
        label: judge(
            store.snapshot, task_of(store.snapshot, replace(truth, labels=(label,))), store.encoder, alone, progress
        ).report.metrics
        for label in truth.labels
    }


def write_values(file: Path, judged: Judged) -> None:
    """The values of each question as Parquet: query, relevant, a column a measure, and one a system of the main one."""
    import polars as pl

    counts = judged.task.relevance.counts(np.arange(judged.task.size))
    columns: dict[str, object] = {"query": list(judged.task.keys), "relevant": counts} | dict(judged.values)
    for name, (questions, values) in judged.others.items():
        spread = np.full(judged.task.size, np.nan)
        spread[questions] = values
        columns[f"{judged.report.measure} {name}"] = spread
    partial = file.with_name(file.name + ".partial")
    file.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(columns).fill_nan(None).write_parquet(partial)
    partial.replace(file)


def reproduce(snapshot: Snapshot, truth: Truth, command: str) -> dict[str, str]:
    """What somebody needs to get the same figures: the command, the data, the versions."""
    told = {"command": command} if command else {}
    stamps = blake2b(np.sort(snapshot.stamps()[snapshot.alive]).tobytes(), digest_size=8).hexdigest()
    told["products"] = f"{int(snapshot.alive.sum()):,}, content {stamps}"
    for file in (truth.file, truth.queries):
        if file is not None and file.is_file():
            told[file.name] = blake2b(file.read_bytes(), digest_size=8).hexdigest()
    encoders = {name: state.fingerprint for name, state in snapshot.manifest.signals.items()}
    told |= {f"encoder of {name}": fingerprint for name, fingerprint in encoders.items() if fingerprint}
    told["sosie"] = sosie.__version__
    told["python"] = platform.python_version()
    return told | {name: version(name) for name in ("numpy", "scikit-learn")}
