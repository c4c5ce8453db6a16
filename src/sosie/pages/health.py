"""The page of a store's health: what to look at, what moved, each signal's spectrum, hubs and equal vectors."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sosie.pages.lineups import Camera, Shot
from sosie.pages.plots import Axis, axis_of, beside_chance, columns, dumbbell, ticks
from sosie.pages.render import render
from sosie.pages.signals import signal_css
from sosie.pages.wording import FUSED, amount, counted
from sosie.reports import (
    Answered,
    DriftReport,
    FactDrift,
    HealthReport,
    Remark,
    Repetition,
    Shift,
    Shown,
    SignalDrift,
    SignalHealth,
)

OPEN = 6  # pairs of signals that are seen at once; the others can be opened
MOVED, NEW = "products of both", "new products"


@dataclass(frozen=True, slots=True)
class Part:
    """One signal as it is drawn."""

    health: SignalHealth
    css: str
    open: bool  # whether it is seen at once
    spectrum: Markup
    occurrences: Markup
    hubs: Sequence[tuple[Shot, str]]
    largest: Sequence[tuple[Shot, str]]


@dataclass(frozen=True, slots=True)
class Moved:
    """A statistic of a signal or a fact beside what chance makes of it."""

    name: str
    of: str
    css: str
    shift: Shift
    plot: Markup
    verdict: str
    what: str


@dataclass(frozen=True, slots=True)
class Fact:
    """The values of a fact in both builds."""

    name: str
    bins: Sequence[tuple[str, float, float, Markup]]
    ticks: Markup


@dataclass(frozen=True, slots=True)
class Drifted:
    """What changed since another build, as it is drawn."""

    report: DriftReport
    signals: Sequence[Moved]
    signal_ticks: Markup
    facts: Sequence[Moved]
    fact_ticks: Markup
    values: Sequence[Fact]
    strange: Sequence[tuple[str, Sequence[tuple[Shot, str]]]]


def health_page(report: HealthReport, title: str = "How healthy the vectors are") -> str:
    """One self-contained HTML page: no script, nothing loaded from elsewhere, every text of a product escaped."""
    camera = Camera(())
    colours = signal_css(one.name for one in report.signals if one.kind == "signal") | {FUSED: FUSED}
    drift = report.drift
    first = [one for at, one in enumerate(report.repetitions) if one.repeats or at < OPEN]
    others = [one for one in report.repetitions if one not in first]
    return render(
        "health.html.j2",
        title=title,
        report=report,
        remarks=list(_remarks(report)),
        css=lambda name: colours.get(name, "baseline"),
        parts=[_part(one, colours[one.name], camera) for one in report.signals],
        repetitions=[(one, _overlap(one)) for one in first],
        further=[(one, _overlap(one)) for one in others],
        drifted=_drifted(drift, camera) if drift is not None else None,
    )


def _remarks(report: HealthReport) -> Iterator[tuple[str, Remark]]:
    """All of them, each with what it is of."""
    for one in report.signals:
        yield from (("the fused answer" if one.kind == "fused" else one.name, remark) for remark in one.remarks)
    yield from (("signals beside each other", remark) for remark in report.remarks)
    if report.drift is not None:
        yield from (("since the other build", remark) for remark in report.drift.remarks)


def _part(one: SignalHealth, css: str, camera: Camera) -> Part:
    shade = "baseline" if one.kind == "fused" else css
    numbers = [str(at) for at in range(1, len(one.spectrum) + 1)]
    lists = [name.replace("over ", ">") for name in one.occurrences]
    return Part(
        health=one,
        css=css,
        open=one.kind == "fused" or bool(one.remarks),
        spectrum=columns(numbers, one.spectrum, "main direction", "share of the variance", css=shade)
        if one.spectrum
        else Markup(""),
        occurrences=columns(lists, [*one.occurrences.values()], "lists of ten", "products", css=shade)
        if one.occurrences
        else Markup(""),
        hubs=[(_shot(hub, camera), f"in {counted(round(hub.value), 'list')}") for hub in one.hubs],
        largest=[(_shot(same, camera), counted(round(same.value), "product")) for same in one.largest],
    )


def _shot(shown: Shown, camera: Camera) -> Shot:
    return camera.shot(Answered(shown.id, shown.title, shown.picture, shown.value, 0.0))


def _overlap(one: Repetition) -> Markup:
    """Three bars of a whole: how far two signals agree."""
    unit = Axis(0.0, 1.0, ())
    return Markup("").join(
        Markup('<rect y="{}" width="{}%" height="6"/>').format(9 * at, unit.at(value))
        for at, value in enumerate((one.correlation, one.cka, one.overlap))
    )


def _drifted(report: DriftReport, camera: Camera) -> Drifted:
    colours = signal_css(one.name for one in report.signals)
    signals, along = _beside_chance(
        (one.name, of, colours[one.name], shift, one)
        for one in report.signals
        for of, shift in ((MOVED, one.moved), (NEW, one.new))
        if shift is not None
    )
    facts, across = _beside_chance((one.name, "", "baseline", one.shift, one) for one in report.facts)
    return Drifted(
        report=report,
        signals=signals,
        signal_ticks=along,
        facts=facts,
        fact_ticks=across,
        values=[_values(one) for one in report.facts if one.bins],
        strange=[
            (one.name, [(_shot(new, camera), f"nearest {amount(new.value)}") for new in one.strange])
            for one in report.signals
            if one.strange
        ],
    )


def _beside_chance(
    rows: Iterable[tuple[str, str, str, Shift, SignalDrift | FactDrift]],
) -> tuple[Sequence[Moved], Markup]:
    known = list(rows)
    axis = axis_of([0.0, *(end for _, _, _, shift, _ in known for end in (shift.value, shift.low, shift.high))])
    return [
        Moved(name, of, css, shift, beside_chance(shift, axis, css, name=f"{name} {of}".strip()), one.verdict, one.what)
        for name, of, css, shift, one in known
    ], ticks(axis)


def _values(one: FactDrift) -> Fact:
    axis = axis_of([0.0, *(share for _, *shares in one.bins for share in shares)], bounds=(0.0, 1.0))
    bins = [(value, old, new, dumbbell(old, new, axis, "baseline", name=value)) for value, old, new in one.bins]
    return Fact(one.name, bins, ticks(axis))
