"""What figures of vectors mean, and what to do: a sentence each, only where something stands out."""

from collections.abc import Collection, Iterator, Sequence

from sosie.reports import HealthReport, Remark, Repetition, SignalHealth

# Shops that are well (six catalogues of 200 to 10,000 products, all signals): at most 5 of 100 dimensions of a
# network's vectors are dead, at least 38 directions are used, the skew of occurrences is below 1.3, no product is in
# more than 50 lists of ten. What is remarked on lies well beyond.
DEAD = 0.1
NARROW = 5.0  # directions
COMMON = 0.9
HUB = 100  # lists of ten, among vectors enough that this is ten times as many as even
SKEW = 3.0
EQUAL = 0.01
MISSING = 0.2
UNIT = 1e-3

# Vectors that stand for facts: most products share theirs with others, and many others are equally near.
FACTS = frozenset({"price", "category", "attributes"})
COUNTED = FACTS | {"colour"}  # their dimensions stand for what may be found: that many are not is no fault
CURES = {
    "image": "; a placeholder picture is best removed",
    "text": "; otherwise say in title or description what tells them apart",
    "words": "; otherwise say in title or description what tells them apart",
    "reviews": "; reviews of a whole family of products tell nothing of one of them",
}
FEW_HAVE = frozenset({"reviews"})  # a shop can't do anything about it


def remarks_of(one: SignalHealth, signals: Collection[str]) -> tuple[Remark, ...]:
    """What stands out in one of the signals of a store, or in all of them together."""
    if one.kind == "fused":
        return (*_hubs(one), *_equal(one))
    if not one.products:
        advice = "It costs nothing and says nothing: leave it, or switch it off in sosie.toml."
        return (Remark("missing", f"No product has {one.name}.", advice),)
    told = [*_lengths(one), *_missing(one)]
    if one.name not in COUNTED:
        told += _collapsed(one)
    told += _hubs(one)
    if one.name not in COUNTED and not (one.name == "words" and "text" in signals):
        told += _equal(one)
    return tuple(told)


def _lengths(one: SignalHealth) -> Iterator[Remark]:
    if not (1 - UNIT <= one.lengths[0] <= one.lengths[-1] <= 1 + UNIT):
        yield Remark(
            "lengths",
            f"Vectors of {one.name} are between {one.lengths[0]:.3g} and {one.lengths[-1]:.3g} long; all should be 1.",
            "Files of the store were damaged or written by something else: build again with --refit.",
        )


def _missing(one: SignalHealth) -> Iterator[Remark]:
    if one.missing >= MISSING and one.name not in FEW_HAVE and one.weight > 0:
        yield Remark(
            "missing",
            f"{one.missing:.0%} of the products have no {one.name}: there it counts 0, so that they stand low.",
            "`sosie check` on the catalogue tells which products lack what.",
        )


def _collapsed(one: SignalHealth) -> Iterator[Remark]:
    if one.products > 1 and one.dead >= DEAD:
        yield Remark(
            "collapsed",
            f"{round(one.dead * one.dim):,} of the {one.dim:,} dimensions of {one.name} hardly vary.",
            "Whatever made these vectors has collapsed there: train or export it anew.",
        )
    if one.sample > one.dim and one.directions < min(NARROW, one.dim / 4):
        yield Remark(
            "narrow",
            f"Vectors of {one.name} use {one.directions:.1f} of {one.dim:,} directions.",
            "They tell few kinds of products apart. Use another encoder, or give the signal less weight.",
        )
    common = max(one.common, one.mean_cosine)
    if one.products > 1 and common >= COMMON:
        yield Remark(
            "common",
            f"{common:.0%} of every vector of {one.name} is the same in all products.",
            "What is left may be noise. Use another encoder, or give the signal less weight.",
        )


def _hubs(one: SignalHealth) -> Iterator[Remark]:
    if one.hub_skew is not None and one.hubs and (one.hubs[0].value >= HUB or one.hub_skew >= SKEW):
        hub, by = one.hubs[0], "" if one.kind == "fused" else f" by {one.name}"
        yield Remark(
            "hubs",
            f"'{hub.title or hub.id}' is among the first ten of {hub.value:,.0f} of {one.sample:,} products{by}; "
            "ten would be even.",
            "Look at the hubs: a placeholder picture, or a text about no product, is best removed from the catalogue; "
            "otherwise less weight for the signal hides them.",
        )


def _equal(one: SignalHealth) -> Iterator[Remark]:
    if one.duplicates < max(EQUAL * one.products, 2):
        return
    largest = one.largest[0]
    what = "are the same in every signal" if one.kind == "fused" else f"have the very same {one.name}"
    yield Remark(
        "duplicates",
        f"{one.duplicates:,} products {what} as another one, in {one.duplicate_sets:,} sets; "
        f"the largest, of {largest.value:,.0f}, is that of '{largest.title or largest.id}'.",
        f"If they are one product, give them one group, and an answer shows it once{CURES.get(one.name, '')}.",
    )


def repeated(repetitions: Sequence[Repetition]) -> tuple[Remark, ...]:
    """Signals that only repeat each other."""
    return tuple(
        Remark(
            "repeats",
            f"{one.a} and {one.b} say the same: alignment {one.cka:.2f}, {one.overlap:.0%} of neighbours in common.",
            f"Together they count twice. See whether answers are as good without one of them: "
            f"sosie compare default {one.b}=0",
        )
        for one in repetitions
        if one.repeats
    )


def verdict_of(report: HealthReport) -> str:
    """How a store is, in a sentence."""
    found: dict[str, list[str]] = {}
    for one in report.signals:
        for remark in one.remarks:
            found.setdefault(_NAMES[remark.kind], []).append("the fused answer" if one.kind == "fused" else one.name)
    for repetition in report.repetitions:
        if repetition.repeats:
            found.setdefault(_NAMES["repeats"], []).append(f"{repetition.a}/{repetition.b}")
    if report.drift is not None:
        drifted = [one.name for one in report.drift.signals if one.verdict == "drift"]
        drifted += [one.name for one in report.drift.facts if one.verdict == "drift"]
        found |= {_NAMES["drift"]: drifted} if drifted else {}
    told = [f"{what} ({', '.join(names)})" for what, names in found.items()]
    if not told:
        return "Nothing stands out: no collapse, no hubs, no repeated signals."
    return f"Look at: {'; '.join(told)}."


_NAMES = {
    "lengths": "damaged vectors",
    "missing": "missing signals",
    "collapsed": "collapsed dimensions",
    "narrow": "narrow vectors",
    "common": "vectors nearly all the same",
    "hubs": "hubs",
    "duplicates": "equal vectors",
    "repeats": "repeated signals",
    "drift": "drift",
}
