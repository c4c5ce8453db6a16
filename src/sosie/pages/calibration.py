"""The page of a calibration: what scores stand for, whether that comes true, from which score on how many are alike."""

import math
from dataclasses import dataclass

from markupsafe import Markup

from sosie.pages.plots import Axis, axis_of, interval, reliability, ticks
from sosie.pages.render import render
from sosie.reports import CalibrationReport, Figure


@dataclass(frozen=True, slots=True)
class Mark:
    """A score from which on so many of ten are alike; `plot` shows where it lies among the marks."""

    said: str
    score: float
    plot: Markup


def calibration_page(report: CalibrationReport, title: str = "What scores stand for") -> str:
    """One self-contained HTML page: no script, nothing loaded from elsewhere, every text of a product escaped."""
    head, _, rest = report.verdict.partition(". ")
    axis = axis_of([0.0, *report.marks.values()])
    marks = sorted(report.marks.items(), key=lambda one: -one[1])
    return render(
        "calibration.html.j2",
        title=title,
        report=report,
        head=head.rstrip("."),
        rest=rest,
        marks=[Mark(said, score, _dot(said, score, axis)) for said, score in marks],
        mark_ticks=ticks(axis),
        reliability=reliability(report.reliability) if report.reliability else "",
        losses=sorted(report.losses.items(), key=lambda one: one[1]),
    )


def _dot(said: str, score: float, axis: Axis) -> Markup:
    return interval(Figure(score, math.nan, math.nan, 0), axis, "fused", name=said)
