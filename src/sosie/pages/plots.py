"""Plots as SVG. Every place is a percentage, so that text keeps its size from a phone to a wide screen.

No text here is trusted: labels are escaped. Each plot says its figures to those who can't see it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from sosie.pages.wording import amount, number, spoken
from sosie.reports import Bin, Figure, Shift

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # of a scale that people read without effort
DOTS = (4.0, 16.0)  # pixels, radius of the smallest and the largest dot of a scatter
NAMED = 9  # columns with a name below; more would run into each other on a phone


@dataclass(frozen=True, slots=True)
class Axis:
    """A stretch of numbers, and those that are written beside it."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Where a value lies, in percent of the axis; what lies outside is brought to its end."""
        low, high, value = (math.log(max(x, 1e-12)) if self.log else x for x in (self.low, self.high, value))
        return round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 3)


@dataclass(frozen=True, slots=True)
class Point:
    """One setting in a plot of quality against cost."""

    label: str
    x: float
    y: float
    size: float
    chosen: bool = False
    front: bool = False  # nothing is better in both
    mark: str = ""  # written beside the dot, such as the number of its row in a table


def axis_of(values: Iterable[float], *, bounds: tuple[float, float] | None = None, about: int = 5) -> Axis:
    """An axis of round numbers that holds all values, with about `about` ticks, and ends at `bounds` at the latest."""
    known = [value for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low < 1e-9 * max(1.0, abs(low), abs(high)):
        low, high = low - 0.05, high + 0.05
    raw = (high - low) / about
    power = math.floor(math.log10(raw))
    magnitude = 10.0**power
    step = next(factor * magnitude for factor in STEPS if factor * magnitude >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(at * step, 2 - power) for at in range(first, last + 1)]
    if bounds is not None:
        ticks = [tick for tick in ticks if bounds[0] <= tick <= bounds[1]]
        low, high = max(bounds[0], first * step), min(bounds[1], last * step)
        return Axis(low, high, tuple(ticks))
    return Axis(ticks[0], ticks[-1], tuple(ticks))


def log_axis(values: Iterable[float]) -> Axis:
    """An axis on which equal factors take equal room, from a little below the least to a little above the largest."""
    known = [value for value in values if value > 0] or [1.0]
    low, high = min(known) / 1.3, max(known) * 1.3
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
    return Axis(low, high, tuple(tick for tick in ticks if low <= tick <= high), log=True)


def interval(
    figure: Figure, axis: Axis, css: str = "", *, mark: float | None = None, band: Figure | None = None, name: str = ""
) -> Markup:
    """One row of a forest plot: a dot with its 95% interval, before a line at `mark` and the interval of `band`."""
    inside = [_line("grid", axis.at(tick)) for tick in axis.ticks]
    if band is not None:
        x = axis.at(band.low)
        inside.append(
            Markup('<rect class="band" x="{}%" width="{}%" height="100%"/>').format(x, _r(axis.at(band.high) - x))
        )
    if mark is not None:
        inside.append(_line("mark", axis.at(mark)))
    said = f"{name}: {spoken(figure)}" if name else spoken(figure)
    if math.isfinite(figure.low) and math.isfinite(figure.high):
        low, high = axis.at(figure.low), axis.at(figure.high)
        inside.append(Markup('<line class="reach" x1="{}%" x2="{}%" y1="50%" y2="50%"/>').format(low, high))
    if math.isfinite(figure.value):
        inside.append(Markup('<circle cx="{}%" cy="50%" r="5"/>').format(axis.at(figure.value)))
    return Markup('<svg class="interval {}" role="img" aria-label="{}"><title>{}</title>{}</svg>').format(
        css, said, said, Markup("").join(inside)
    )


def dumbbell(before: float, after: float, axis: Axis, css: str = "", *, name: str = "") -> Markup:
    """One row of changes: an open dot before, a filled one after, the way between them."""
    one, two = axis.at(before), axis.at(after)
    said = f"{name}: {number(before)} before, {number(after)} after"
    inside = [_line("grid", axis.at(tick)) for tick in axis.ticks]
    inside.append(Markup('<line class="reach" x1="{}%" x2="{}%" y1="50%" y2="50%"/>').format(one, two))
    inside.append(Markup('<circle class="before" cx="{}%" cy="50%" r="5"/>').format(one))
    inside.append(Markup('<circle cx="{}%" cy="50%" r="5"/>').format(two))
    return Markup('<svg class="interval {}" role="img" aria-label="{}"><title>{}</title>{}</svg>').format(
        css, said, said, Markup("").join(inside)
    )


def ticks(axis: Axis, *, signed: bool = False) -> Markup:
    """The numbers below a forest plot."""
    return Markup('<svg class="ticks" aria-hidden="true">{}</svg>').format(
        Markup("").join(
            Markup('<text x="{}%" y="13" text-anchor="{}">{}</text>').format(
                axis.at(tick), _anchor(axis.at(tick)), _tick(tick, signed)
            )
            for tick in axis.ticks
        )
    )


def balance(loss: int, tie: int, win: int) -> Markup:
    """In how many questions A is better, neither, and B: three pieces of one bar."""
    total = max(loss + tie + win, 1)
    said = f"A better in {loss:,}, equal in {tie:,}, B better in {win:,}"
    pieces = []
    x = 0.0
    for css, count in (("a", loss), ("equal", tie), ("b", win)):
        width = _r(100 * count / total)
        if count:
            pieces.append(Markup('<rect class="{}" x="{}%" width="{}%" height="100%"/>').format(css, _r(x), width))
        x += width
    return Markup('<svg class="balance" role="img" aria-label="{}"><title>{}</title>{}</svg>').format(
        said, said, Markup("").join(pieces)
    )


def crossing(above: Sequence[str], below: Sequence[str], columns: int) -> Markup:
    """Lines from where a thing stands in one list to where it stands in the list below, in columns of equal width."""
    place = {id: at for at, id in enumerate(below)}
    moved = [(at, place[id]) for at, id in enumerate(above) if id in place]
    said = "places that changed: " + (
        "; ".join(f"{one + 1} to {two + 1}" for one, two in moved if one != two) or "none"
    )
    lines = [
        Markup('<line class="{}" x1="{}%" x2="{}%" y1="0" y2="100%"/>').format(
            "stays" if one == two else "moves", _r(100 * (one + 0.5) / columns), _r(100 * (two + 0.5) / columns)
        )
        for one, two in moved
    ]
    return Markup('<svg class="crossing" role="img" aria-label="{}"><title>{}</title>{}</svg>').format(
        said, said, Markup("").join(lines)
    )


def reliability(bins: Sequence[Bin]) -> Markup:
    """Share of pairs that are alike over the stated probability: on the diagonal, what is stated is true.

    The area of a dot is that of its bin's share of the pairs, the line through it the 95% interval of independent ones.
    """
    unit = Axis(0.0, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    filled = [one for one in bins if one.n]
    most = max((one.n for one in filled), default=1)
    drawn = [Markup('<line class="mark" x1="0%" y1="100%" x2="100%" y2="0%"/>')]
    places = [(unit.at(one.stated), _r(100 - unit.at(one.found))) for one in filled]
    drawn += [_segment("path", one, two) for one, two in pairwise(places)]
    for one, (x, y) in zip(filled, places, strict=True):
        low, high = _wilson(one.found, one.n)
        drawn.append(_segment("reach", (x, _r(100 - unit.at(low))), (x, _r(100 - unit.at(high)))))
        label = f"stated {number(one.stated)}, found {number(one.found)}, {one.n:,} pairs"
        drawn.append(_dot(x, y, _radius(one.n, most), label))
    said = "; ".join(f"stated {number(one.stated)}, found {number(one.found)}" for one in filled)
    return _plane(
        unit, unit, "probability stated", "share that are alike", f"Reliability: {said or 'no pairs'}", drawn, "square"
    )


def columns(names: Sequence[str], values: Sequence[float], x: str, y: str, *, css: str = "") -> Markup:
    """A column each, as high as its value; where there are many, only some are named."""
    up = axis_of([0.0, *values], about=3)
    width = 100 / max(len(names), 1)
    every = math.ceil(len(names) / NAMED) or 1
    said = [f"{name}: {amount(value)}" for name, value in zip(names, values, strict=True)]
    drawn = []
    for at, value in enumerate(values):
        top = _r(100 - up.at(value))
        drawn.append(
            Markup('<rect class="bin" x="{}%" y="{}%" width="{}%" height="{}%"><title>{}</title></rect>').format(
                _r((at + 0.1) * width), top, _r(0.8 * width), _r(100 - top), said[at]
            )
        )
    drawn += [
        Markup('<text class="name" x="{}%" y="100%" dy="18" text-anchor="middle">{}</text>').format(
            _r((at + 0.5) * width), name
        )
        for at, name in enumerate(names)
        if at % every == 0
    ]
    told = f"{y} over {x}: {'; '.join(said[::every])}"
    return _plane(Axis(0.0, 1.0, ()), up, x, y, told, drawn, f"low {css}".strip())


def beside_chance(shift: Shift, axis: Axis, css: str = "", *, name: str = "") -> Markup:
    """One row: a dot for a statistic, before the band in which 95% of random splits have it."""
    x = axis.at(shift.low)
    said = f"{name}: {amount(shift.value)}, by chance {amount(shift.low)} to {amount(shift.high)}"
    inside = [_line("grid", axis.at(tick)) for tick in axis.ticks]
    inside.append(
        Markup('<rect class="band" x="{}%" width="{}%" height="100%"/>').format(x, _r(axis.at(shift.high) - x))
    )
    if math.isfinite(shift.value):
        inside.append(Markup('<circle cx="{}%" cy="50%" r="5"/>').format(axis.at(shift.value)))
    return Markup('<svg class="interval {}" role="img" aria-label="{}"><title>{}</title>{}</svg>').format(
        css, said, said, Markup("").join(inside)
    )


def scatter(points: Sequence[Point], x: str, y: str, size: str) -> Markup:
    """Quality over cost, the third thing as the area of a dot; the best at each cost are joined, the chosen marked.

    The horizontal axis is logarithmic.
    """
    across, up = log_axis(point.x for point in points), axis_of((point.y for point in points), about=4)
    most = max((point.size for point in points), default=1.0)
    front: list[Point] = []
    for point in sorted((point for point in points if point.front), key=lambda point: (point.x, -point.y)):
        if not front or point.y > front[-1].y:  # the others are there for the third thing
            front.append(point)
    place = {point: (across.at(point.x), _r(100 - up.at(point.y))) for point in points}
    drawn = [_segment("path", place[one], place[two]) for one, two in pairwise(front)]
    for point in sorted(points, key=lambda point: (point.chosen, -point.size)):
        css = "chosen" if point.chosen else "front" if point.front else "other"
        drawn.append(_dot(*place[point], _radius(point.size, most), _said(point, x, y, size), css))
        if point.mark:
            drawn.append(_beside(*place[point], _radius(point.size, most), point.mark))
        if point.chosen:
            drawn.append(_callout(*place[point], point.label))
    chosen = next((point for point in points if point.chosen), None)
    said = f"{y} over {x}, {len(points)} settings" + (f"; chosen: {_said(chosen, x, y, size)}" if chosen else "")
    return _plane(across, up, x, y, said, drawn, "wide")


def _said(point: Point, x: str, y: str, size: str) -> str:
    return f"{point.label}: {y} {number(point.y)}, {x} {amount(point.x)}, {size} {amount(point.size)}"


def _plane(across: Axis, up: Axis, x: str, y: str, said: str, inside: Iterable[Markup], css: str) -> Markup:
    grid = [_line("grid", across.at(tick)) for tick in across.ticks]
    words = [
        Markup('<text x="{}%" y="100%" dy="18" text-anchor="middle">{}</text>').format(across.at(tick), _tick(tick))
        for tick in across.ticks
    ]
    for tick in up.ticks:
        at = _r(100 - up.at(tick))
        grid.append(Markup('<line class="grid" x1="0%" x2="100%" y1="{}%" y2="{}%"/>').format(at, at))
        words.append(Markup('<text x="-8" y="{}%" dy="4" text-anchor="end">{}</text>').format(at, _tick(tick)))
    words.append(Markup('<text class="axis" x="100%" y="100%" dy="36" text-anchor="end">{} →</text>').format(x))
    words.append(Markup('<text class="axis" x="-8" y="-12">↑ {}</text>').format(y))
    return Markup('<div class="plane {}"><svg role="img" aria-label="{}"><title>{}</title>{}</svg></div>').format(
        css, said, said, Markup("").join([*grid, *inside, *words])
    )


def _line(css: str, x: float) -> Markup:
    return Markup('<line class="{}" x1="{}%" x2="{}%" y1="0" y2="100%"/>').format(css, x, x)


def _segment(css: str, one: tuple[float, float], two: tuple[float, float]) -> Markup:
    return Markup('<line class="{}" x1="{}%" y1="{}%" x2="{}%" y2="{}%"/>').format(css, *one, *two)


def _dot(x: float, y: float, radius: float, label: str, css: str = "") -> Markup:
    return Markup('<circle class="{}" cx="{}%" cy="{}%" r="{}"><title>{}</title></circle>').format(
        css, x, y, radius, label
    )


def _callout(x: float, y: float, label: str) -> Markup:
    left = x > 50  # so that the words stay within the plot
    return Markup('<text class="callout" x="{}%" y="{}%" dx="{}" dy="4" text-anchor="{}">{}</text>').format(
        x, y, -20 if left else 20, "end" if left else "start", label
    )


def _beside(x: float, y: float, radius: float, mark: str) -> Markup:
    return Markup('<text class="number" x="{}%" y="{}%" dx="{}" dy="{}">{}</text>').format(
        x, y, round(0.7 * radius + 2, 1), round(-0.7 * radius - 2, 1), mark
    )


def _radius(value: float, most: float) -> float:
    smallest, largest = DOTS
    return round(max(smallest, largest * math.sqrt(max(value, 0.0) / most if most > 0 else 0.0)), 1)


def _anchor(at: float) -> str:
    return "start" if at < 2 else "end" if at > 98 else "middle"


def _wilson(share: float, n: int) -> tuple[float, float]:
    """95% interval of a share of n independent cases (Wilson 1927)."""
    z = 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def _tick(value: float, signed: bool = False) -> str:
    text = f"{value:,.10g}" if abs(value) < 1e6 else f"{value:.3g}"
    return f"+{text}" if signed and value > 0 else text.replace("-", "−")


def _r(value: float) -> float:
    return round(value, 3)
