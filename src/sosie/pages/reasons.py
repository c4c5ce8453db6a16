"""Why a product is an answer, in one short line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sosie.types import Hit, Product

ASPECTS: Mapping[str, str] = {
    "image": "look",
    "colour": "colours",
    "patches": "details",
    "text": "description",
    "words": "wording",
    "price": "price",
    "category": "category",
    "attributes": "attributes",
    "reviews": "reviews",
    "learned": "overall impression",
}
PHRASES: Mapping[str, str] = {
    "same_category": "same category",
    "both_in": "both in {of}",
    "same_brand": "same brand",
    "same_price": "same price",
    "near_price": "similar price",
    "exact": "has the words asked for",
    "nearly_same": "all but the same in {of}",
    "very_alike": "very alike in {of}",
    "alike": "alike in {of}",
    "little_alike": "a little alike in {of}",
    "hardly_alike": "hardly alike",
}
DEGREES = ((0.7, "nearly_same"), (0.4, "very_alike"), (0.15, "alike"))
MOST = 4  # phrases of a line
NEAR_PRICE = 0.1  # of the dearer one


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is alike: `kind` is a key of PHRASES, `of` the category or the signals that it is said of."""

    kind: str
    of: tuple[str, ...] = ()


def reasons(hit: Hit, asked: Product | None = None) -> str:
    """One line such as "same category, very alike in look and description"; never empty."""
    return ", ".join(_phrase(one) for one in why(hit, asked))


def _phrase(one: Reason) -> str:
    names = one.of if one.kind == "both_in" else [ASPECTS.get(signal, signal) for signal in one.of]
    return PHRASES[one.kind].format(of=_listed(names))


def why(hit: Hit, asked: Product | None = None) -> list[Reason]:
    """The same as records, at least one and at most MOST.

    Facts come first, and need the product `asked` about. How alike the rest is, is told from the parts alone: a
    signal's part p is its cosine c times its share f of all weight, and since no other signal can give more than
    its own share, f - p <= 1 - score, hence c >= p / (p + 1 - score). No more than that is ever claimed.
    """
    facts = dict(_facts(asked, hit.product)) if asked else {}
    if hit.parts.get("exact", 0) > 0:
        facts["exact"] = Reason("exact")
    found = list(facts.values()) + _degrees(hit, without=facts)
    if found:
        return found[:MOST]
    positive = {signal: part for signal, part in hit.parts.items() if part > 0}
    if not positive:
        return [Reason("hardly_alike")]
    return [Reason("little_alike", (max(positive, key=lambda signal: positive[signal]),))]


def _facts(asked: Product, found: Product) -> Iterable[tuple[str, Reason]]:
    if shared := _shared_category(asked.category, found.category):
        yield "category", shared
    if asked.brand and asked.brand.casefold() == found.brand.casefold():
        yield "brand", Reason("same_brand")
    if asked.price and found.price and asked.currency == found.currency:
        if asked.price == found.price:
            yield "price", Reason("same_price")
        elif abs(asked.price - found.price) <= NEAR_PRICE * max(asked.price, found.price):
            yield "price", Reason("near_price")


def _shared_category(asked: Iterable[str], found: Iterable[str]) -> Reason | None:
    theirs = [path.split(" > ") for path in found]
    best: list[str] = []
    for path in asked:
        levels = path.split(" > ")
        for other in theirs:
            if levels == other:
                return Reason("same_category")
            depth = next((i for i, (a, b) in enumerate(zip(levels, other, strict=False)) if a != b), None)
            shared = levels[: min(len(levels), len(other)) if depth is None else depth]
            best = max(best, shared, key=len)
    return Reason("both_in", (best[-1],)) if best else None


def _degrees(hit: Hit, without: Iterable[str]) -> list[Reason]:
    said = set(without)
    room = max(1 - hit.score, 0.0)
    least = {signal: part / (part + room) for signal, part in hit.parts.items() if part > 0 and signal not in said}
    order = sorted(least, key=lambda signal: (-hit.parts[signal], signal))
    found = []
    above = float("inf")
    for bound, degree in DEGREES:
        named = tuple(signal for signal in order if bound <= least[signal] < above)
        above = bound
        if named:
            found.append(Reason(degree, named))
    return found


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
