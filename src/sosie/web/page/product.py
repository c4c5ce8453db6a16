"""The view of a product: what is known of it, what looks like it and in what, and how it compares with another."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial

import numpy as np

from sosie.engine.pair import score_pair
from sosie.engine.patches import PATCHES
from sosie.engine.questions import Answer
from sosie.engine.rules import read_rules
from sosie.errors import QuestionError
from sosie.pages.render import address, money
from sosie.pages.signals import signal_css
from sosie.store import Snapshot
from sosie.types import Hit, Product, Query
from sosie.web.asking import check_ids
from sosie.web.page.cards import Card, Tell, Told, card, cards
from sosie.web.page.judgements import read_judgements
from sosie.web.page.pictures import Shown, shown
from sosie.web.page.search import rows_of
from sosie.web.page.words import Words
from sosie.web.replies import told_hit, told_product
from sosie.web.shop import Shop

HITS, BY_SIGNAL, VARIANTS = 10, 8, 60
WORDS = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|\s+|.", re.DOTALL)  # pieces of a text that differ as a whole
LONGEST = 4_000  # characters of a text that are compared piece by piece

Pieces = Sequence[tuple[str, bool]]  # of a text, and whether each differs


@dataclass(frozen=True, slots=True)
class Fact:
    """A field of a product as it is shown."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Strip:
    """What one signal alone finds alike."""

    signal: str
    css: str
    name: str
    gloss: str
    hits: Sequence[Told]


@dataclass(frozen=True, slots=True)
class Compared:
    """Two products beside each other; `fields` have the pieces of both, and whether anything differs."""

    other: Card
    told: Told
    zero: float
    fields: Sequence[tuple[str, Pieces, Pieces, bool]]
    same: int  # fields that are equal


@dataclass(frozen=True, slots=True)
class ProductView:
    """Everything that the view shows."""

    product: Product
    card: Card
    gallery: Sequence[Shown]
    address: str  # the product's own page in its shop
    price: str
    facts: Sequence[Fact]
    hits: Sequence[Told]
    zero: float
    notes: Sequence[str]
    strips: Sequence[Strip]
    variants: Sequence[Card]
    blocked: Sequence[Card]  # beside this product
    compared: Compared | None
    answer: Answer
    by_signal: Mapping[str, Answer]

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        told: dict[str, object] = {
            "product": told_product(self.product),
            "hits": [told_hit(hit, self.product, explain=True) for hit in self.answer.hits],
            "by_signal": {
                signal: [{"id": hit.product.id, "title": hit.product.title, "score": hit.score} for hit in answer.hits]
                for signal, answer in self.by_signal.items()
            },
            "blocked": [one.id for one in self.blocked],
            "variants": [{"id": one.id, "title": one.title} for one in self.variants],
            "took_ms": round(self.answer.took_ms, 3),
            "notes": list(self.notes),
        }
        if self.compared is not None:
            told["compared"] = {
                "id": self.compared.other.id,
                "score": float(self.compared.told.score),
                "fields": {
                    name: {"a": _joined(a), "b": _joined(b), "same": not differs}
                    for name, a, b, differs in self.compared.fields
                },
            }
        return told


async def product_view(shop: Shop, id: str, beside: str, words: Words) -> ProductView:
    """Everything about a product, and `beside` which it is compared, "" for none.

    Raises Problem: 404 for an unknown id; QuestionError.
    """
    snapshot = shop.store.snapshot
    check_ids(snapshot, (id, beside) if beside else (id,), 404)
    product = snapshot.products(rows_of(snapshot, [id]))[0]
    signals = [name for name in signal_css(snapshot.signals) if name != PATCHES]
    queries = [Query(like=(id,), limit=HITS, variants=True), *(_only(id, one, signals) for one in signals)]
    answer, *alone = await asyncio.gather(*(shop.ask(query, snapshot) for query in queries))
    judged = await shop.run(partial(read_judgements, shop.store.folder, "pairs"))
    tell = Tell.of(answer.hits, words, judged)
    by_signal = {signal: one for signal, one in zip(signals, alone, strict=True) if one.hits}
    colours = signal_css(signals)
    return ProductView(
        product=product,
        card=card(product, words),
        gallery=[one for at in range(len(product.images)) if (one := shown(product, at))],
        address=address(product),
        price=money(product.price, product.currency),
        facts=[
            Fact(_named(name, words), value) for name, value in _fields(product, words).items() if name not in _ABOVE
        ],
        hits=[tell(hit, product) for hit in answer.hits],
        zero=tell.zero,
        notes=answer.notes,
        strips=[
            Strip(
                signal,
                colours[signal],
                words.named("signal", signal),
                words.gloss(signal),
                [Tell.of(one.hits, words)(hit, product) for hit in one.hits],
            )
            for signal, one in by_signal.items()
        ],
        variants=cards(await shop.run(partial(_variants, snapshot, id)), words),
        blocked=await shop.run(partial(_blocked, shop, snapshot, id, words)),
        compared=await shop.run(partial(_compared, shop, snapshot, product, beside, words)) if beside else None,
        answer=answer,
        by_signal=by_signal,
    )


def _only(id: str, signal: str, signals: Sequence[str]) -> Query:
    weights = {one: float(one == signal) for one in signals}
    return Query(like=(id,), limit=BY_SIGNAL, weights=weights, min_score=0.01)


def _blocked(shop: Shop, snapshot: Snapshot, id: str, words: Words) -> list[Card]:
    blocked = read_rules(shop.store.folder).blocks.get(id, ())
    rows = snapshot.rows(blocked)
    return cards(snapshot.products(rows[rows >= 0]), words)


def _variants(snapshot: Snapshot, id: str) -> list[Product]:
    row = rows_of(snapshot, [id])[0]
    same = np.flatnonzero((snapshot.groups == snapshot.groups[row]) & snapshot.alive)
    return snapshot.products(same[same != row][:VARIANTS])


def _compared(shop: Shop, snapshot: Snapshot, product: Product, beside: str, words: Words) -> Compared:
    if beside == product.id:
        raise QuestionError("a product can't be compared with itself; choose another.")
    other = snapshot.products(rows_of(snapshot, [beside]))[0]
    hit: Hit = score_pair(snapshot, product.id, beside, shop.store.encoder)[0]
    tell = Tell.of([hit], words)
    a, b = _fields(product, words), _fields(other, words)
    fields = []
    for name in dict.fromkeys([*a, *b]):
        left, right = a.get(name, ""), b.get(name, "")
        fields.append((_named(name, words), *_pieces(left, right), left.casefold() != right.casefold()))
    return Compared(card(other, words), tell(hit, product), tell.zero, fields, sum(not one[3] for one in fields))


_ABOVE = {"title", "price", "sale_price", "text", "brand", "category"}  # fields that the view shows elsewhere


def _fields(product: Product, words: Words) -> dict[str, str]:
    """What a product says of itself, field by field; what it doesn't say is left out."""
    told = {
        "title": product.title,
        "brand": product.brand,
        "price": money(product.price, product.currency),
        "sale_price": money(product.sale_price, product.currency),
        "category": " | ".join(product.category),
        "text": product.text,
        "rating": "" if product.rating is None else f"{product.rating:g}",
        "rating_count": "" if product.rating_count is None else f"{product.rating_count:,}",
        "available": "" if product.available is None else words.value("available", str(product.available)),
        "stock": "" if product.stock is None else f"{product.stock:g}",
        "language": product.language,
    }
    own = {**product.attributes, **product.other, **product.identifiers}
    told |= {name: value for name, value in own.items() if name not in told and value != product.id}
    return {name: value for name, value in told.items() if value}


def _facts(product: Product, words: Words) -> list[Fact]:
    fields = _fields(product, words).items()
    return [Fact(_named(name, words), value) for name, value in fields if name not in _ABOVE]


def _named(field: str, words: Words) -> str:
    return words.named("field", field)


def _pieces(a: str, b: str) -> tuple[Pieces, Pieces]:
    """Both texts in pieces, those marked that the other lacks."""
    if len(a) > LONGEST or len(b) > LONGEST or not a or not b:
        return [(a, a != b)] if a else [], [(b, a != b)] if b else []
    left, right = WORDS.findall(a), WORDS.findall(b)
    matcher = SequenceMatcher(None, [one.casefold() for one in left], [one.casefold() for one in right], autojunk=False)
    first: list[tuple[str, bool]] = []
    second: list[tuple[str, bool]] = []
    for kind, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        differs = kind != "equal"
        if a_to > a_from:
            first.append(("".join(left[a_from:a_to]), differs))
        if b_to > b_from:
            second.append(("".join(right[b_from:b_to]), differs))
    return first, second


def _joined(pieces: Pieces) -> str:
    return "".join(piece for piece, _ in pieces)
