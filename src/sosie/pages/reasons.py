"""Why a product is an answer, in one short line."""

from collections.abc import Iterable, Mapping

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
DEGREES = ((0.7, "all but the same in"), (0.4, "very alike in"), (0.15, "alike in"))
MOST = 4  # phrases of a line
NEAR_PRICE = 0.1  # of the dearer one


def reasons(hit: Hit, asked: Product | None = None) -> str:
    """One line such as "same category, very alike in look and description"; never empty.

    Facts come first, and need the product `asked` about. How alike the rest is, is told from the parts alone: a
    signal's part p is its cosine c times its share f of all weight, and since no other signal can give more than
    its own share, f - p <= 1 - score, hence c >= p / (p + 1 - score). The line never claims more than that.
    """
    facts = dict(_facts(asked, hit.product)) if asked else {}
    if hit.parts.get("exact", 0) > 0:
        facts["exact"] = "has the words asked for"
    phrases = list(facts.values()) + _degrees(hit, without=facts)
    if phrases:
        return ", ".join(phrases[:MOST])
    positive = {signal: part for signal, part in hit.parts.items() if part > 0}
    if not positive:
        return "hardly alike"
    return f"a little alike in {_aspect(max(positive, key=lambda signal: positive[signal]))}"


def _facts(asked: Product, found: Product) -> Iterable[tuple[str, str]]:
    if shared := _shared_category(asked.category, found.category):
        yield "category", shared
    if asked.brand and asked.brand.casefold() == found.brand.casefold():
        yield "brand", "same brand"
    if asked.price and found.price and asked.currency == found.currency:
        if asked.price == found.price:
            yield "price", "same price"
        elif abs(asked.price - found.price) <= NEAR_PRICE * max(asked.price, found.price):
            yield "price", "similar price"


def _shared_category(asked: Iterable[str], found: Iterable[str]) -> str:
    theirs = [path.split(" > ") for path in found]
    best: list[str] = []
    for path in asked:
        levels = path.split(" > ")
        for other in theirs:
            if levels == other:
                return "same category"
            depth = next((i for i, (a, b) in enumerate(zip(levels, other, strict=False)) if a != b), None)
            shared = levels[: min(len(levels), len(other)) if depth is None else depth]
            best = max(best, shared, key=len)
    return f"both in {best[-1]}" if best else ""


def _degrees(hit: Hit, without: Iterable[str]) -> list[str]:
    said = set(without)
    room = max(1 - hit.score, 0.0)
    least = {signal: part / (part + room) for signal, part in hit.parts.items() if part > 0 and signal not in said}
    order = sorted(least, key=lambda signal: (-hit.parts[signal], signal))
    phrases = []
    above = float("inf")
    for bound, degree in DEGREES:
        named = [_aspect(signal) for signal in order if bound <= least[signal] < above]
        above = bound
        if named:
            phrases.append(f"{degree} {_listed(named)}")
    return phrases


def _aspect(signal: str) -> str:
    return ASPECTS.get(signal, signal)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
