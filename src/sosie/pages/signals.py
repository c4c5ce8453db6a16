"""The colour, the place in a bar and the gloss of each signal, the same on every page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sosie.types import Hit

GLOSSES = {
    "image": "the look",
    "colour": "the hues",
    "patches": "place by place",
    "text": "the meaning",
    "words": "the wording",
    "price": "how near",
    "category": "place in the shop",
    "attributes": "brand, size …",
    "reviews": "what buyers write",
    "learned": "learnt as a whole",
    "exact": "words found literally",
}
GIVEN = 4  # colours kept for signals with other names


@dataclass(frozen=True, slots=True)
class Signal:
    """How one signal is drawn; `css` names its colour in style.css."""

    name: str
    css: str
    gloss: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a bar, in percent of the bar's width."""

    x: float
    width: float
    css: str
    label: str
    negative: bool


def page_signals(hits: Iterable[Hit]) -> list[Signal]:
    """The signals of all hits of a page: the known ones in their fixed order, then others by name."""
    colours = signal_css(signal for hit in hits for signal in (*hit.parts, *hit.missing))
    return [Signal(name, css, GLOSSES.get(name, "vectors of your own")) for name, css in colours.items()]


def signal_css(names: Iterable[str]) -> dict[str, str]:
    """The class that colours each signal, in the order in which signals are shown."""
    there = set(names)
    given = sorted(there - GLOSSES.keys())
    return {name: f"s-{name}" for name in GLOSSES if name in there} | {
        name: f"s-given{at % GIVEN}" for at, name in enumerate(given)
    }


def bar(hit: Hit, signals: Sequence[Signal], below: float) -> list[Segment]:
    """Parts of a hit laid end to end: positive ones right of zero, negative ones left of it.

    The whole width stands for `below` (the deepest sum of negative parts on the page) plus 1, the score of an equal.
    """
    width = below + 1
    right = left = below
    segments = []
    for signal in signals:
        part = hit.parts.get(signal.name, 0.0)
        label = f"{signal.name} {part:+.4f}"
        length = min(abs(part), width)
        if part > 0:
            segments.append(Segment(_percent(right, width), _percent(length, width), signal.css, label, False))
            right += length
        elif part < 0:
            left -= length
            segments.append(Segment(_percent(left, width), _percent(length, width), signal.css, label, True))
    return segments


def depth(hits: Iterable[Hit]) -> float:
    """How far the negative parts of any hit reach below zero, at most 1."""
    return min(1.0, max((-sum(part for part in hit.parts.values() if part < 0) for hit in hits), default=0.0))


def _percent(value: float, width: float) -> float:
    return round(100 * value / width, 3)
