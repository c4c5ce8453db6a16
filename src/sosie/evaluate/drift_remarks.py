"""What figures of drift mean, and what to do."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from sosie.reports import FactDrift, Remark, Shift, SignalDrift

LEVEL = 0.05  # of p, from which on a difference counts as chance
MUCH = 0.3  # of the size: old and new ones are told apart 65 times of 100
STABLE = 0.25  # of the population stability index: by custom, from here on much

Verdict = Literal["drift", "slight", ""]
ORDER: tuple[Verdict, ...] = ("", "slight", "drift")


def said_of_signal(one: SignalDrift) -> SignalDrift:
    """With its verdict and a sentence; its p values are corrected already."""
    levels = [_level(shift.p, shift.size, MUCH) for shift in (one.moved, one.new) if shift is not None]
    verdict: Verdict = max(levels, key=ORDER.index, default="")
    return replace(one, verdict=verdict, what=" ".join(_sentences(one)))


def said_of_fact(one: FactDrift) -> FactDrift:
    """With its verdict and a sentence; its p value is corrected already."""
    verdict = _level(one.shift.p, one.shift.value, STABLE)
    if not verdict:
        return replace(one, what="No more than chance.")
    value, before, after = max(one.bins, key=lambda share: abs(share[2] - share[1]))
    named = f"'{value}'" if value else f"no {one.name}"
    return replace(
        one, verdict=verdict, what=f"{named}: {before:.0%} of those that were there, {after:.0%} of the new."
    )


def remarks_of_drift(signals: Sequence[SignalDrift]) -> tuple[Remark, ...]:
    """What to look at."""
    found = []
    fitted = [one.name for one in signals if not one.comparable]
    if fitted:
        found.append(
            Remark(
                "fitted anew",
                f"{', '.join(fitted)}: encoder or scale are not the same in the two builds, so that products of both "
                "can be compared by their neighbours only.",
                "To see how vectors move, build the newer file into a copy of the older store, without --refit.",
            )
        )
    moved = [one.name for one in signals if one.moved and _level(one.moved.p, one.moved.size, MUCH) == "drift"]
    if moved:
        found.append(
            Remark(
                "drift",
                f"Products of both builds are no longer where they were: {', '.join(moved)}.",
                "If their file did not change that much, look at what it says now, and at their pictures.",
            )
        )
    new = [one.name for one in signals if one.new and _level(one.new.p, one.new.size, MUCH) == "drift"]
    if new:
        found.append(
            Remark(
                "drift",
                f"New products are unlike those that were there: {', '.join(new)}.",
                "What was fitted on the older ones (words, scales, calibration) may not suit them: "
                "build with --refit, and calibrate again where there is a calibration.",
            )
        )
    return tuple(found)


def verdict_of_drift(fresh: int, signals: Sequence[SignalDrift], facts: Sequence[FactDrift]) -> str:
    """How the two builds differ, in a sentence."""
    levels = [(one.name, one.verdict) for one in signals] + [(one.name, one.verdict) for one in facts]
    marked = {level: [name for name, found in levels if found == level] for level in ORDER}
    if marked["drift"]:
        more = f"; slight in {', '.join(marked['slight'])}" if marked["slight"] else ""
        return f"Drift in {', '.join(marked['drift'])}{more}."
    if marked["slight"]:
        return f"Slight drift in {', '.join(marked['slight'])}: more than chance, but little."
    tested = [one for one in signals if one.moved or one.new]
    if tested or facts:
        return "No drift: what changed is no more than random halves of one build differ by."
    if all(one.cosine for one in signals):
        return "No drift: the vectors of the products of both builds are the same" + (
            f", and the {fresh:,} new ones are too few to tell." if fresh else "."
        )
    kept = [one.overlap.value for one in signals if one.overlap is not None]
    told = f" Products of both keep {min(kept):.0%} to {max(kept):.0%} of their neighbours." if kept else ""
    return f"Vectors of the two builds can't be compared, and new products are too few.{told}"


def _level(p: float, size: float, much: float) -> Verdict:
    if p >= LEVEL:
        return ""
    return "drift" if size >= much else "slight"


def _sentences(one: SignalDrift) -> list[str]:
    told = []
    if one.cosine is not None:
        if one.moved is None:
            told.append("Products of both builds have the same vectors.")
        else:
            told.append(
                f"Products of both builds have a cosine of {one.cosine.value:.3f} with themselves; {_apart(one.moved)}"
            )
    elif one.overlap is not None:
        told.append(
            f"Products of both builds keep {one.overlap.value:.0%} of their neighbours; "
            "the vectors themselves can't be compared."
        )
    if one.new is not None:
        told.append(f"New products: {_apart(one.new)}")
    return told or ["Too few products to tell."]


def _apart(shift: Shift) -> str:
    """How well old and new ones can be told apart, as the area under the curve."""
    if shift.p >= LEVEL:
        return "no more than chance."
    return f"told from the old {50 * (1 + shift.size):.0f} times of 100 (50 is guessing)."
