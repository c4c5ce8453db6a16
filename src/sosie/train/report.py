"""What a training came to: beside what was in use before, on the questions that were kept back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sosie.errors import TrainingError
from sosie.evaluate.answers import ask, fused
from sosie.evaluate.task import Task
from sosie.evaluate.values import values_of
from sosie.metrics.intervals import interval, paired
from sosie.reports import Figure
from sosie.store import Snapshot
from sosie.train.judging import Judge, Values
from sosie.types import Encoder, Matrix


@dataclass(frozen=True, slots=True)
class Beside:
    """One truth: the trained encoder beside what was in use before."""

    truth: str
    measure: str
    trained: Figure
    before: Figure
    difference: Figure  # trained less before, question by question
    p: float


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a training did."""

    model: Path
    signal: str
    told: str  # what was learnt from
    recipe: Mapping[str, object]
    products: int  # learnt from
    figures: tuple[Beside, ...]  # on questions kept back; empty where nothing judges
    before: str  # what was in use before: names of signals
    epochs: tuple[Mapping[str, float], ...]
    stopped: str
    parameters: int
    export: float  # least cosine of an exported embedding to the network's own
    samples_per_second: float
    waiting: float  # share of the time that the network waited for its input
    seconds: float
    active: bool
    reproduce: Mapping[str, str]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The report as plain values."""
        return asdict(self) | {"model": str(self.model)}


def beside(snapshot: Snapshot, judge: Judge, vectors: Matrix, signals: Sequence[str]) -> tuple[Beside, ...]:
    """Trained vectors (judge's rows, dim) beside the store's own `signals` at their weights."""
    found = []
    for task, trained in zip(judge.tasks, judge.values(vectors), strict=True):
        before = _before(snapshot, task, judge.measure, signals)
        difference, p = paired(before, trained, task.clusters)
        figures = interval(trained, task.clusters), interval(before, task.clusters)
        found.append(Beside(task.name, judge.measure, *figures, difference, p))
    return tuple(found)


def _before(snapshot: Snapshot, task: Task, measure: str, signals: Sequence[str]) -> Values:
    there = [signal for signal in snapshot.signals if signal in signals]
    if not there:
        return np.zeros(task.size)
    weights = {signal: snapshot.weights[signal] if signal in there else 0.0 for signal in snapshot.signals}
    system = fused(ask(snapshot, task, _no_encoder), weights)
    return values_of(system, task, [measure])[0][measure]


def _no_encoder(signal: str) -> Encoder:
    raise TrainingError(f"questions that are products need no encoder of {signal}.")


def write_card(folder: Path, report: TrainReport) -> None:
    """Write recipe.json, report.json and a model card (README.md) into a model's folder."""
    for name, values in (("recipe.json", report.recipe), ("report.json", report.as_json())):
        text = json.dumps(values, ensure_ascii=False, indent=1, default=str)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_card(report), encoding="utf-8")


def _card(report: TrainReport) -> str:
    lines = [
        f"# {report.model.name}",
        "",
        f"An encoder of the signal `{report.signal}`, trained with sosie on {report.products:,} products from "
        f"{report.told}.",
        "",
        "## How good it is",
        "",
    ]
    for one in report.figures:
        lines += [
            f"- {one.truth}, {one.measure}: {_told(one.trained)}; before ({report.before}) {_told(one.before)}; "
            f"difference {_told(one.difference)}, p {one.p:.3g}, {one.trained.n:,} questions that were kept back."
        ]
    if not report.figures:
        lines.append("Nothing judged it: no truth was given.")
    lines += [
        "",
        "The best of its epochs was chosen on these questions, so they flatter it a little: "
        "judge by a split that it never saw.",
        "",
        "## How it was made",
        "",
        f"- recipe: `recipe.json`; {len(report.epochs)} epochs in {report.seconds / 60:.1f} minutes"
        + (f"; stopped, since {report.stopped}" if report.stopped else ""),
        f"- {report.parameters:,} parameters; exported embeddings have a cosine of at least {report.export:.5f} "
        "to the network's own",
        *(f"- {name}: {value}" for name, value in report.reproduce.items()),
        *(f"- {note}" for note in report.notes),
        "",
        "## Use",
        "",
        f'Name this folder in `sosie.toml`, `[signals.{report.signal}] encoder = "…"`, and build.',
        "",
    ]
    return "\n".join(lines)


def _told(figure: Figure) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
