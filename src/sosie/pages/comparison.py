"""The page of a comparison: which of two is better, by how much, where, and which answers changed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sosie.pages.lineups import COLUMNS, Camera, Lineup, Shot
from sosie.pages.plots import Axis, axis_of, balance, crossing, interval, ticks
from sosie.pages.render import render
from sosie.pages.wording import also, better_of, gloss
from sosie.reports import Answered, Changed, Comparison, Difference, Figure

MEASURES = (
    "Differences are taken question by question, with their 95% interval; right of the dashed line, B is better. p is "
    "that of a paired permutation test, after Holm’s correction over all rows of this page. The bar shows in how many "
    "questions A is better, neither, and B."
)
SLICES = "The same for questions with one thing in common, by the main measure."


@dataclass(frozen=True, slots=True)
class Row:
    """One difference as it is drawn; `better` is "A", "B" or "" where it is no more than chance."""

    one: Difference
    plot: Markup
    balance: Markup
    better: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A question with both lists of answers, one above the other, and the ways that products took between them."""

    overlap: float
    asked: Lineup
    a: Sequence[Shot]
    b: Sequence[Shot]
    values: tuple[float, float]
    crossing: Markup


def comparison_page(report: Comparison, title: str = "Which of two is better") -> str:
    """One self-contained HTML page: no script, nothing loaded from elsewhere, every text of a product escaped."""
    camera = Camera(case for one in report.changed for case in (one.a, one.b))
    axis = _axis(report.differences)
    rows = [_row(one, axis) for one in report.differences]
    by = sorted(report.overlap_by.items(), key=lambda one: one[1].value)
    across = axis_of(_ends([report.overlap, *report.overlap_by.values()]), bounds=(0.0, 1.0))
    head, _, tail = report.verdict.partition(f": {report.measure} ")
    return render(
        "comparison.html.j2",
        title=title,
        report=report,
        head=head.rstrip("."),
        told=f"{report.measure} {tail}" if tail else "",
        also=also(report),
        tables=[
            (id, heading, about, first, some)
            for id, heading, about, first, some in (
                ("all", "Measure by measure", MEASURES, "measure", [row for row in rows if not row.one.where]),
                ("slices", "Where it changed", SLICES, "questions with", [row for row in rows if row.one.where]),
            )
            if some
        ],
        ticks=ticks(axis, signed=True),
        overlaps=[(name, one, _overlap(name, one, report.overlap, across)) for name, one in by],
        overlap_ticks=ticks(across),
        turns=[_turn(one, camera) for one in report.changed],
        glosses={one.measure: gloss(one.measure) for one in report.differences},
    )


def _axis(differences: Sequence[Difference]) -> Axis:
    return axis_of([0.0, *_ends([one.difference for one in differences])], about=3)


def _ends(figures: Sequence[Figure]) -> list[float]:
    return [end for one in figures for end in (one.low, one.value, one.high) if math.isfinite(end)]


def _row(one: Difference, axis: Axis) -> Row:
    better = better_of(one)
    css = {"A": "a", "B": "b"}.get(better, "level")
    name = f"B less A, {one.measure}" + (f", {one.where}" if one.where else "")
    plot = interval(one.difference, axis, css, mark=0.0, name=name)
    return Row(one, plot, balance(one.loss, one.tie, one.win), better)


def _overlap(name: str, figure: Figure, whole: Figure, axis: Axis) -> Markup:
    return interval(figure, axis, "baseline", mark=whole.value, name=f"overlap in {name}")


def _turn(one: Changed, camera: Camera) -> Turn:
    a, b = one.a.hits[:COLUMNS], one.b.hits[:COLUMNS]
    return Turn(
        overlap=one.overlap,
        asked=camera.lineup(one.a),
        a=_shots(a, b, "gone", camera),
        b=_shots(b, a, "new", camera),
        values=(one.a.value, one.b.value),
        crossing=crossing([hit.id for hit in a], [hit.id for hit in b], COLUMNS),
    )


def _shots(hits: Sequence[Answered], others: Sequence[Answered], change: str, camera: Camera) -> list[Shot]:
    there = {hit.id for hit in others}
    return [camera.shot(hit, rank, "" if hit.id in there else change) for rank, hit in enumerate(hits, 1)]
