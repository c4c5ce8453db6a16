"""`evaluate`: from whichever truth a shop has to a report, and the files that go with it."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b, file_digest
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

from sosie.engine.shop import Store
from sosie.errors import TruthError
from sosie.evaluate.given_run import judge_run
from sosie.evaluate.history import LAST
from sosie.evaluate.judge import Judged, Options, judge
from sosie.evaluate.pairs import judge_pairs
from sosie.evaluate.ranking import rank
from sosie.evaluate.runs import beside, check_place, write_qrels, write_run
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
        """Which one it is; "" for none. Raises TruthError for several, and for what goes with another one."""
        there = [n for n in ("labels", "pairs", "qrels", "links", "events") if getattr(self, n)]
        if len(there) > 1:
            raise TruthError(f"{' and '.join(there)} were given; judge by one truth at a time.")
        given, options = there[0] if there else "", self.options
        if self.queries is not None and given != "qrels":
            raise TruthError(f"{self.queries}: questions go with judgements; name these with --qrels.")
        if options.kinds and given not in ("links", "events"):
            raise TruthError(f"the kind {options.kinds[0]} was named; only links and events have kinds.")
        if (options.at != LAST or options.repeats) and given != "events":
            raise TruthError("only events are parted by time, or may repeat.")
        if given == "pairs" and (options.query_split or options.gallery_split):
            raise TruthError("pairs of the split test judge, and a threshold is chosen on val; no other split is read.")
        if not given and (options.split or options.query_split or options.gallery_split):
            raise TruthError("a split was named, but nothing to judge by: give a label, judgements, links or events.")
        return given

    @property
    def file(self) -> Path | None:
        """The file that holds it."""
        return self.pairs or self.qrels or self.links or self.events

    @property
    def measure(self) -> str:
        """The main measure, unless another is wanted."""
        return {"links": "recall@10", "qrels": "ndcg@10", "events": "ndcg@10", "pairs": "f1"}.get(self.given, "hit@1")


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
    write_qrels_to: Path | None = None,
    per_query: Path | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> Evaluation:
    """Judge a store's answers, or those of a run file, by a truth; without one, what can be said without.

    `write_run_to` takes the store's answers as a TREC run, `write_qrels_to` what is relevant as TREC judgements,
    `per_query` the values of each question, or of each pair, as Parquet.
    Raises TruthError where the truth or a file can't be used, or says nothing to what is asked; QuestionError for
    unknown signals in `options.weights`.
    """
    snapshot = store.snapshot
    chosen = options or Options(measure=truth.measure)
    written = {"a run": write_run_to, "judgements": write_qrels_to, "values": per_query}
    _fitting(truth, chosen, run, written)
    for file in filter(None, written.values()):
        check_place(file)
    chosen = replace(chosen, reproduce=reproduce(snapshot, truth, command, run) | dict(chosen.reproduce))
    if not truth.given:
        return self_checks(snapshot, store.encoder, chosen, progress)
    if truth.pairs is not None:
        pairs = pairs_task(snapshot, truth.pairs, truth.options)
        report, values = judge_pairs(snapshot, pairs, store.encoder, chosen, progress)
        if per_query is not None:
            write_values(per_query, values)
        return report
    task = task_of(snapshot, truth)
    if run is not None:
        judged = judge_run(snapshot, task, run, chosen, progress)
    else:
        judged = judge(snapshot, task, store.encoder, chosen, progress)
    report = judged.report
    if len(truth.labels) > 1 and not run:
        report = replace(report, labels=_each_label(store, truth, chosen, progress))
    if per_query is not None:
        write_values(per_query, values_of_questions(judged))
    if write_qrels_to is not None:
        write_qrels(write_qrels_to, task)
    if write_run_to is not None and judged.system is not None:
        write_run(write_run_to, task, rank(judged.system, task, RUN_DEPTH, progress))
    return report


def _fitting(truth: Truth, options: Options, run: Path | None, written: Mapping[str, Path | None]) -> None:
    """Raise TruthError for what would be left undone without a word."""
    wanted = [what for what, file in written.items() if file is not None]
    given = truth.given
    if not given and (run is not None or wanted):
        told = "a run can't be judged" if run is not None else f"{wanted[0]} can't be written"
        raise TruthError(f"without a truth {told}: give a label, judgements, links, pairs or events.")
    if not given and options.measure != truth.measure:
        raise TruthError(f"without a truth, {options.measure} can't be measured: give a label, judgements, links …")
    if given == "pairs" and (run is not None or set(wanted) - {"values"}):
        raise TruthError("pairs are no questions with answers: there are no runs and no judgements of them.")
    if run is not None and (written["a run"] is not None or options.weights):
        raise TruthError(f"{run}: the answers of a run are judged as they are; no weights, and no other run to write.")


def _each_label(
    store: Store, truth: Truth, options: Options, progress: Progress | None
) -> dict[str, Mapping[str, Figure]]:
    alone = replace(options, beside=False, cases=0, leaks=False)
    snapshot = store.snapshot
    reports = {}
    for label in dict.fromkeys(truth.labels):
        task = task_of(snapshot, replace(truth, labels=(label,)))
        reports[label] = judge(snapshot, task, store.encoder, alone, progress).report.metrics
    return reports


def values_of_questions(judged: Judged) -> dict[str, object]:
    """The values of each question as columns: query, relevant, one a measure, one a system by the main measure."""
    counts = judged.task.relevance.counts(np.arange(judged.task.size))
    columns: dict[str, object] = {"query": list(judged.task.keys), "relevant": counts} | dict(judged.values)
    for name, (questions, values) in judged.others.items():
        spread = np.full(judged.task.size, np.nan)
        spread[questions] = values
        columns[f"{judged.report.measure} {name}"] = spread
    return columns


def write_values(file: Path, columns: Mapping[str, object]) -> None:
    """Write columns as Parquet, NaN as missing. Raises TruthError where that can't be done."""
    with beside(file) as partial:
        pl.DataFrame(columns).fill_nan(None).write_parquet(partial)


def reproduce(snapshot: Snapshot, truth: Truth, command: str, run: Path | None = None) -> dict[str, str]:
    """What somebody needs to get the same figures: the command, the data, the versions."""
    told = {"command": command} if command else {}
    stamps = blake2b(np.sort(snapshot.stamps()[snapshot.alive]).tobytes(), digest_size=8).hexdigest()
    told["products"] = f"{int(snapshot.alive.sum()):,}, content {stamps}"
    for file in (truth.file, truth.queries, run):
        if file is not None and file.is_file():
            with file.open("rb") as stream:
                told[file.name] = file_digest(stream, lambda: blake2b(digest_size=8)).hexdigest()
    encoders = {name: state.fingerprint for name, state in snapshot.manifest.signals.items()}
    told |= {f"encoder of {name}": fingerprint for name, fingerprint in encoders.items() if fingerprint}
    told["python"] = platform.python_version()
    return told | {name: version(name) for name in ("sosie", "numpy", "scikit-learn")}
