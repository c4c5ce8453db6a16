"""The page of a tuning: whether other weights are better, which, what settings give and cost, what was written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sosie.pages.plots import Axis, Point, axis_of, dumbbell, interval, scatter, ticks
from sosie.pages.render import render
from sosie.pages.signals import signal_css
from sosie.pages.wording import gloss
from sosie.reports import Figure, Trade, Tuning


@dataclass(frozen=True, slots=True)
class Weight:
    """The weight of one signal, and its share of their sum as a plot."""

    name: str
    css: str
    before: float
    after: float
    plot: Markup


@dataclass(frozen=True, slots=True)
class Way:
    """One way to set up the store, numbered as in the plot."""

    number: int
    trade: Trade
    plot: Markup
    adopted: bool


def tuning_page(report: Tuning, title: str = "What tuning found") -> str:
    """One self-contained HTML page: no script, nothing loaded from elsewhere, every text of a product escaped."""
    head, told, tail = split_verdict(report.verdict)
    gains = [("questions that weights were not chosen on", report.difference)]
    gains += [("the test split, read once", one) for name, one in report.test.items() if name == "difference"]
    gained = _axis([one for _, one in gains], bounds=None)
    weights, shares = _weights(report)
    along = _axis([one.quality for one in report.trades], bounds=(0.0, 1.0))
    ways = [
        Way(at, one, _plot(one, along, report.trades[0]), is_adopted(one, report))
        for at, one in enumerate(report.trades, 1)
    ]
    return render(
        "tuning.html.j2",
        title=title,
        report=report,
        head=head,
        told=told,
        tail=tail,
        gains=[(name, one, interval(one, gained, "fused", mark=0.0, name=name)) for name, one in gains],
        gain_ticks=ticks(gained, signed=True),
        weights=weights,
        kept=not any(key.endswith(".weight") or key.startswith("signals.given.") for key in report.adopted),
        weight_ticks=ticks(shares),
        ways=ways,
        way_ticks=ticks(along),
        plot=scatter([_point(one) for one in ways], "milliseconds a question", report.measure, "bytes a product"),
        gloss=gloss(report.measure),
    )


def split_verdict(verdict: str) -> tuple[str, str, str]:
    """A verdict's plain words, its figures in brackets, and what follows them."""
    head, opened, rest = verdict.partition(" (")
    told, closed, tail = rest.partition("); ")
    if not opened or not closed:
        return verdict.rstrip("."), "", ""
    return head, told, tail[:1].upper() + tail[1:]


def is_adopted(trade: Trade, report: Tuning) -> bool:
    """Whether its settings were written."""
    return bool(trade.settings) and trade.settings.items() <= report.adopted.items()


def _weights(report: Tuning) -> tuple[Sequence[Weight], Axis]:
    """Signals by their weight after, the heaviest first; shares, since only the ratios of weights count."""
    colours = signal_css(report.before)
    before, after = (sum(weights.values()) or 1.0 for weights in (report.before, report.after))
    shares = {name: (weight / before, report.after.get(name, 0.0) / after) for name, weight in report.before.items()}
    axis = axis_of([0.0, *(share for both in shares.values() for share in both)], bounds=(0.0, 1.0))
    order = sorted(report.before, key=lambda name: (-report.after.get(name, 0.0), name))
    return [
        Weight(
            name,
            colours[name],
            report.before[name],
            report.after.get(name, 0.0),
            dumbbell(*shares[name], axis, colours[name], name=f"share of {name}"),
        )
        for name in order
    ], axis


def _axis(figures: Sequence[Figure], bounds: tuple[float, float] | None) -> Axis:
    ends = [end for one in figures for end in (one.low, one.value, one.high) if math.isfinite(end)]
    if bounds is None:
        return axis_of([0.0, *ends], about=3)
    return axis_of(ends, bounds=bounds if all(0 <= end <= 1 for end in ends) else None)


def _plot(one: Trade, axis: Axis, now: Trade) -> Markup:
    return interval(one.quality, axis, "fused" if one is now else "baseline", mark=now.quality.value, name=one.name)


def _point(way: Way) -> Point:
    trade = way.trade
    return Point(
        label=trade.name,
        x=trade.ms,
        y=trade.quality.value,
        size=trade.bytes,
        chosen=way.number == 1,
        front=trade.front,
        mark=str(way.number) if trade.front and way.number > 1 else "",
    )
