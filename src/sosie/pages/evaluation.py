"""The page of an evaluation: the verdict, leaks, figures beside baselines, slices, the worst and the best answers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sosie.pages.lineups import Camera
from sosie.pages.plots import Axis, axis_of, interval, reliability, ticks
from sosie.pages.render import render
from sosie.pages.signals import signal_css
from sosie.pages.wording import FUSED, KINDS, gloss, headline, is_better, rivals
from sosie.reports import Evaluation, Figure, Kind, Measured, Slice

OPEN = 14  # slices that are seen at once; the others can be opened
UNIT = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Rival:
    """One way to answer, beside the others."""

    name: str
    css: str
    plot: Markup
    figure: Figure
    difference: Figure | None
    p: float | None
    verdict: str  # "" for the fused answer itself


@dataclass(frozen=True, slots=True)
class Part:
    """A slice as it is drawn."""

    slice: Slice
    plot: Markup


def evaluation_page(report: Evaluation, title: str = "How good the answers are") -> str:
    """One self-contained HTML page: no script, nothing loaded from elsewhere, every text of a product escaped."""
    main = report.metrics.get(report.measure)
    sentence, reach = headline(report.measure, main) if main is not None and report.truth else ("", "")
    camera = Camera((*report.worst, *report.best))
    axis = _axis(figure for one in _everyone(report) if (figure := one.metrics.get(report.measure)) is not None)
    checks = {} if report.baselines else {name: one for name, one in report.metrics.items() if _is_share(one)}
    across = _axis(checks.values())
    parts, along = _parts(report)
    return render(
        "evaluation.html.j2",
        title=title,
        report=report,
        main=main,
        sentence=sentence,
        reach=reach,
        rivals=rivals(report),
        grave=sum(leak.grave for leak in report.leaks),
        groups=_groups(report, axis),
        ticks=ticks(axis),
        checks=[(name, one, interval(one, across, FUSED, name=name)) for name, one in checks.items()],
        check_ticks=ticks(across),
        answered=min((one.metrics[report.measure].n for one in report.baselines), default=0),
        systems=_everyone(report),
        best=_best(report),
        measures={name: gloss(name, pairs=bool(report.reliability)) for name in (*report.metrics, *report.lists)},
        parts=parts[:OPEN],
        further=parts[OPEN:],
        part_ticks=ticks(along),
        reliability=reliability(report.reliability) if report.reliability else "",
        worst=map(camera.lineup, report.worst),
        finest=map(camera.lineup, report.best),
    )


def _everyone(report: Evaluation) -> Sequence[Measured]:
    """The fused answer, then the others by kind, the best first."""
    kinds = list(KINDS)
    others = sorted(report.baselines, key=lambda one: (kinds.index(one.kind), -one.metrics[report.measure].value))
    return Measured(FUSED, "fused", report.metrics), *others


def _axis(figures: Iterable[Figure]) -> Axis:
    ends = [end for one in figures for end in (one.low, one.value, one.high) if math.isfinite(end)]
    return axis_of(ends, bounds=UNIT if all(0 <= end <= 1 for end in ends) else None)


def _is_share(figure: Figure) -> bool:
    return 0 <= figure.value <= 1


def _groups(report: Evaluation, axis: Axis) -> Mapping[str, Sequence[Rival]]:
    """Ways to answer by kind; nothing where there is only one."""
    if not report.baselines:
        return {}
    colours = signal_css(one.name for one in report.baselines if one.kind == "signal")
    fused = report.metrics[report.measure]
    groups: dict[Kind, list[Rival]] = {kind: [] for kind in KINDS}
    for one in _everyone(report):
        figure = one.metrics[report.measure]
        css = colours.get(one.name, one.kind) if one.kind == "signal" else one.kind
        plot = interval(figure, axis, css, mark=fused.value, band=fused, name=f"{one.name}, {report.measure}")
        verdict = "" if one.metrics is report.metrics else _verdict(one, report.beaten_by)
        groups[one.kind].append(Rival(one.name, css, plot, figure, one.difference, one.p, verdict))
    return {KINDS[kind]: some for kind, some in groups.items() if some}


def _verdict(one: Measured, beaten_by: Sequence[str]) -> str:
    if one.name not in beaten_by:
        return "beaten"
    return "better" if is_better(one) else "not beaten"


def _best(report: Evaluation) -> Mapping[str, float]:
    """The best value of each measure, among all ways to answer; of errors, the smallest."""
    found = {}
    for name in report.metrics:
        values = [one.metrics[name].value for one in _everyone(report) if name in one.metrics]
        known = [value for value in values if math.isfinite(value)]
        if len(known) > 1:
            found[name] = min(known) if name in ("ece", "brier") else max(known)
    return found


def _parts(report: Evaluation) -> tuple[Sequence[Part], Axis]:
    axis = _axis(one.figure for one in report.slices)
    whole = report.metrics.get(report.measure)
    return [
        Part(
            one,
            interval(
                one.figure,
                axis,
                one.verdict or "level",
                mark=whole.value if whole is not None else None,
                name=f"{one.by} {one.value}",
            ),
        )
        for one in report.slices
    ], axis
