"""The view of a search: what is asked, what answers it, and what could be asked instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sosie.engine.questions import EXACT, Answer
from sosie.pages.render import money
from sosie.pages.signals import signal_css
from sosie.store import Snapshot
from sosie.types import Hit, Product, Query
from sosie.web.asking import check_ids
from sosie.web.page.address import LIMIT, MOST, Asked
from sosie.web.page.cards import Card, Tell, Told, card, cards
from sosie.web.page.facets import Narrowed, narrow
from sosie.web.page.judgements import PHOTOS, photo_key, read_judgements
from sosie.web.page.pictures import asked_file
from sosie.web.page.words import Words
from sosie.web.replies import told_hit
from sosie.web.shop import Shop

SLIDER = 4.0  # where sliders end, unless the store's own weight lies beyond half of it
BEGIN = 24  # products that a search can begin with


@dataclass(frozen=True, slots=True)
class Slider:
    """How much a signal counts. `asked` is whether the question speaks to it."""

    signal: str
    css: str
    name: str
    gloss: str
    weight: float
    default: float
    top: float
    asked: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A piece of the question that can be taken away: `kind` is like, unlike or a filter."""

    kind: str
    name: str
    card: Card | None
    without: str  # the address of the question without it


@dataclass(frozen=True, slots=True)
class Bar:
    """How many products have prices from here to there, in percent of the fullest."""

    x: float
    height: float
    width: float
    inside: bool


@dataclass(frozen=True, slots=True)
class Search:
    """Everything that the view shows. `begin` are products to begin with, where nothing is asked."""

    asked: Asked
    hits: Sequence[Told]
    begin: Sequence[Card]
    zero: float
    total: int
    took_ms: float
    notes: Sequence[str]
    sliders: Sequence[Slider]
    weighed: bool  # whether any weight differs from the store's own
    chips: Sequence[Chip]
    narrowed: Narrowed
    bars: Sequence[Bar]
    price_low: str
    price_high: str
    more: str
    own: Sequence[Hit]  # the hits themselves
    alone: Product | None  # the product asked about, where it is all that is asked
    judgeable: str  # the kind of judgement that the hits can be given, "" for none
    subject: str  # what they are judged for: a product's id, words, a photo

    def as_json(self) -> dict[str, object]:
        """The same as plain values; products to begin with have an id and a title only."""
        return {
            "hits": [told_hit(hit, self.alone, explain=True) for hit in self.own],
            "products": [{"id": one.id, "title": one.title} for one in self.begin],
            "limit": self.asked.limit,
            "total": self.total,
            "took_ms": round(self.took_ms, 3),
            "notes": list(self.notes),
            "asked": dict(_gathered(self.asked.pairs())),
            "facets": {
                facet.field: [{"value": one.value, "count": one.count} for one in facet.choices]
                for facet in self.narrowed.facets
            },
            "categories": [{"value": one.value, "count": one.count} for one in self.narrowed.below],
        }


async def search(shop: Shop, asked: Asked, words: Words) -> Search:
    """Ask and show. Raises QuestionError for what can't be asked."""
    snapshot = shop.store.snapshot
    narrowed = await shop.run(partial(narrow, snapshot, asked))
    answer = Answer((), 0.0)
    begin: list[Product] = []
    if asked.says:
        answer = await shop.ask(query_of(shop, asked, narrowed.where), snapshot)
    else:
        begin = _to_begin(snapshot, narrowed, asked)
    products = snapshot.products(rows_of(snapshot, (*asked.like, *asked.unlike)))
    known = {product.id: product for product in products}
    alone = known[asked.like[0]] if _is_one(asked) else None
    judgeable, subject = _judged_for(shop, asked)
    judged = await shop.run(partial(read_judgements, shop.store.folder, judgeable)) if judgeable else {}
    tell = Tell.of(answer.hits, words, judged, subject)
    going_on = len(answer.hits) == asked.limit or (asked.filters and len(begin) == asked.limit)
    prices = narrowed.prices
    return Search(
        asked=asked,
        hits=[tell(hit, alone) for hit in answer.hits],
        begin=cards(begin, words),
        zero=tell.zero,
        total=narrowed.total,
        took_ms=answer.took_ms,
        notes=answer.notes,
        sliders=sliders(snapshot, asked, answer.hits, words),
        weighed=bool(asked.weights),
        chips=_chips(asked, known, words),
        narrowed=narrowed,
        bars=_bars(narrowed, asked),
        price_low=money(prices.low, prices.currency) if prices else "",
        price_high=money(prices.high, prices.currency) if prices else "",
        more=asked.but(limit=min(asked.limit + LIMIT, MOST)).address() if going_on and asked.limit < MOST else "",
        own=answer.hits,
        alone=alone,
        judgeable=judgeable,
        subject=subject,
    )


def query_of(shop: Shop, asked: Asked, where: str) -> Query:
    """The question as the engine takes it. Raises QuestionError where its picture is kept no more."""
    return Query(
        text=asked.text,
        image=asked_file(shop.store.folder, asked.picture, asked.crop) if asked.picture else None,
        like=asked.like,
        unlike=asked.unlike,
        weights=asked.weights or None,
        where=where,
        category=asked.category,
        limit=asked.limit,
        diversity=asked.diversity,
        variants=True,
    )


def weights_of(snapshot: Snapshot) -> dict[str, float]:
    """The store's own weight of every signal that a question can weigh."""
    exact = snapshot.config.signals.exact
    return dict(snapshot.weights) | ({EXACT: exact.weight} if exact.enabled else {})


def rows_of(snapshot: Snapshot, ids: Sequence[str]) -> list[int]:
    """Rows of products. Raises Problem: one is not there."""
    check_ids(snapshot, tuple(ids))
    found: list[int] = snapshot.rows(list(ids)).tolist()
    return found


def _is_one(asked: Asked) -> bool:
    return len(asked.like) == 1 and not (asked.unlike or asked.text or asked.picture)


def _judged_for(shop: Shop, asked: Asked) -> tuple[str, str]:
    """The kind of judgement that answers can be given, and for what; none for mixtures: nobody knows for which part."""
    if _is_one(asked):
        return "pairs", asked.like[0]
    if asked.like or asked.unlike or bool(asked.text) == bool(asked.picture):
        return "", ""
    if asked.text:
        return "words", asked.text
    return PHOTOS, photo_key(asked_file(shop.store.folder, asked.picture, asked.crop))


def _to_begin(snapshot: Snapshot, narrowed: Narrowed, asked: Asked) -> list[Product]:
    """Products that pass the filters in their order; without filters some from all over the catalogue."""
    rows = np.flatnonzero(narrowed.allowed)
    want = asked.limit
    if not asked.filters:
        want = BEGIN
        rows = rows[np.unique(np.linspace(0, max(len(rows) - 1, 0), 3 * BEGIN).astype(np.int64))] if len(rows) else rows
    groups: dict[int, int] = {}
    for row in rows.tolist():
        groups.setdefault(int(snapshot.groups[row]), row)
        if asked.filters and len(groups) == want:
            break
    there = list(groups.values())
    chosen = there if len(there) <= want else [there[at * len(there) // want] for at in range(want)]
    return snapshot.products(chosen)


def sliders(snapshot: Snapshot, asked: Asked, hits: Sequence[Hit], words: Words) -> list[Slider]:
    """How much each signal counts in a question, beside the store's own weights."""
    defaults = weights_of(snapshot)
    speaks = {signal for hit in hits for signal in hit.parts}
    return [
        Slider(
            signal=signal,
            css=css,
            name=words.named("signal", signal),
            gloss=words.gloss(signal),
            weight=asked.weights.get(signal, defaults[signal]),
            default=defaults[signal],
            top=max(SLIDER, 2 * defaults[signal], asked.weights.get(signal, 0)),
            asked=not hits or signal in speaks or asked.weights.get(signal) == 0,
        )
        for signal, css in signal_css(defaults).items()
    ]


def _chips(asked: Asked, known: dict[str, Product], words: Words) -> list[Chip]:
    chips = [
        Chip(kind, known[id].title or id, card(known[id], words), asked.without(id).address())
        for kind, ids in (("like", asked.like), ("unlike", asked.unlike))
        for id in ids
    ]
    if asked.category:
        chips.append(Chip("filter", asked.category.split(" > ")[-1], None, asked.but(category="").address()))
    for field, values in asked.only:
        chips += [
            Chip("filter", words.value(field, value), None, asked.toggled(field, value).address()) for value in values
        ]
    if asked.price_from is not None or asked.price_to is not None:
        low = "" if asked.price_from is None else f"{asked.price_from:g}"
        high = "" if asked.price_to is None else f"{asked.price_to:g}"
        without = asked.but(price_from=None, price_to=None).address()
        chips.append(Chip("filter", f"{words('search.price')} {low} – {high}".strip(), None, without))
    if asked.where:
        chips.append(Chip("filter", asked.where, None, asked.but(where="").address()))
    return chips


def _bars(narrowed: Narrowed, asked: Asked) -> list[Bar]:
    prices = narrowed.prices
    if prices is None:
        return []
    fullest = max(prices.bins)
    width = 100 / len(prices.bins)
    low = -np.inf if asked.price_from is None else asked.price_from
    high = np.inf if asked.price_to is None else asked.price_to
    return [
        Bar(
            x=round(at * width, 3),
            height=round(100 * (count / fullest) ** 0.5, 2),  # a root, so that few are seen beside many
            width=round(0.84 * width, 3),
            inside=bool(prices.edges[at + 1] >= low and prices.edges[at] <= high),
        )
        for at, count in enumerate(prices.bins)
    ]


def _gathered(pairs: Sequence[tuple[str, str]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in ("like", "unlike") or name.startswith("only."):
            found.setdefault(name, []).append(value)  # type: ignore[attr-defined]
        else:
            found[name] = value
    return found
