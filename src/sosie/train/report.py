"""What a training came to: beside what was in use before, on the questions that were kept back."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sosie.engine.moved import Moved
from sosie.reports import Figure
from sosie.train.grouping import FILE, Grouped
from sosie.train.judging import Beside
from sosie.train.light import Light, Short


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a training did."""

    model: Path
    signal: str
    told: str  # what was learnt from
    recipe: Mapping[str, object]
    products: int  # learnt from
    figures: tuple[Beside, ...]  # on questions kept back; empty where nothing judges
    also: tuple[Beside, ...]  # on other catalogues, beside what it was before
    clusters: Grouped | None  # that were found, in clusters.parquet beside the model
    light: Light | None  # beside its teacher, where it had one
    short: tuple[Short, ...]  # with fewer or coarser numbers, where it is to be light
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
    moved: Moved | None = None  # what the switch to it did to look-alikes

    def as_json(self) -> dict[str, object]:
        """The report as plain values."""
        return asdict(self) | {"model": str(self.model)}


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
    for one in report.also:
        lines += [
            f"- on another catalogue, {one.truth}, {one.measure}: {_told(one.trained)}; before {_told(one.before)}; "
            f"difference {_told(one.difference)}, p {one.p:.3g}, {one.trained.n:,} questions."
        ]
    if groups := report.clusters:
        lines.append(f"- {groups.count} clusters (`{FILE}`); the largest: {', '.join(groups.largest)}")
        if groups.label:
            lines.append(
                f"- as {groups.label} tells {groups.judged:,} products apart: purity {groups.purity:.3f}, NMI "
                f"{groups.nmi:.3f}; k-means on the frozen vectors {groups.purity_before:.3f}, {groups.nmi_before:.3f}"
            )
    if light := report.light:
        kept = f", {light.share:.1%} of its teacher's {light.of_teacher:.3f}" if light.share else ""
        lines += [
            f"- beside its teacher ({light.teacher}): {light.measure} {light.value:.3f}{kept}; "
            f"{light.bytes:,} bytes, the teacher {light.bytes_of_teacher:,}; {light.per_second:,.0f} products/s from "
            f"files to vectors, the teacher {light.per_second_of_teacher:,.0f}"
        ]
    lines += [
        f"- the first {one.dim} numbers in {one.bits} bits, {one.bytes:,} bytes a product: {one.value:.3f}"
        for one in report.short
    ]
    if not (report.figures or report.clusters):
        lines.append("Nothing judged it: no truth was given, or nothing was kept back.")
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
