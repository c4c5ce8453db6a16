"""Products and hits as a page shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from urllib.parse import quote, urlencode

from sosie.pages.reasons import why
from sosie.pages.render import money
from sosie.pages.signals import Segment, bar, depth, page_signals
from sosie.pages.signals import Signal as Drawn
from sosie.types import Hit, Product
from sosie.web.page.judgements import Judged, key_of
from sosie.web.page.pictures import Shown, shown
from sosie.web.page.words import Words

NOTHING: Judged = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Card:
    """A product in short."""

    id: str
    title: str
    href: str
    picture: Shown | None
    lacking: str  # what is said where there is no picture
    price: str
    sale_price: str
    brand: str
    category: str


@dataclass(frozen=True, slots=True)
class Told:
    """A hit: its card, and why it is one."""

    card: Card
    rank: int
    score: str
    likely: str
    why: str
    segments: Sequence[Segment]
    parts: Sequence[tuple[str, str, str]]  # class of the colour, name of the signal, value
    spoken: str  # the bar for those who can't see it
    missing: str
    variants: int
    pinned: bool
    beside: str  # the address where it is compared with the product asked about; "" where none is
    judged: float | None  # what somebody said of it


@dataclass(frozen=True, slots=True)
class Tell:
    """Makes hits of one answer comparable: one scale for their bars."""

    words: Words
    signals: Sequence[Drawn]
    below: float
    judged: Judged
    text: str = ""

    @classmethod
    def of(cls, hits: Sequence[Hit], words: Words, judged: Judged = NOTHING, text: str = "") -> "Tell":
        """The scale of some hits, and what was `judged` of such: of pairs, or for words or a photo, named by `text`."""
        return cls(words, page_signals(hits), depth(hits), judged, text)

    @property
    def zero(self) -> float:
        """Where a bar's parts begin, in percent of its width."""
        return round(100 * self.below / (1 + self.below), 3)

    def __call__(self, hit: Hit, asked: Product | None = None) -> Told:
        """A hit of a question, the product `asked` about where it is one."""
        words = self.words
        parts = [
            (signal.css, words.named("signal", signal.name), f"{hit.parts[signal.name]:+.4f}")
            for signal in self.signals
            if signal.name in hit.parts
        ]
        return Told(
            card=card(hit.product, words),
            rank=hit.rank,
            score=f"{hit.score:.4f}",
            likely=words("search.likely", spoken=words.likely(hit.likely)) if hit.likely is not None else "",
            why=words.why(why(hit, asked)),
            segments=[replace(one, label=_translated(one.label, words)) for one in bar(hit, self.signals, self.below)],
            parts=parts,
            spoken=words(
                "search.sum",
                score=f"{hit.score:.4f}",
                parts=words("comma").join(f"{name} {value}" for _, name, value in parts),
            ),
            missing=words("search.missing", signals=words.listed([words.named("signal", one) for one in hit.missing]))
            if hit.missing
            else "",
            variants=len(hit.variants),
            pinned=getattr(hit, "pinned", False),
            beside=product_address(asked.id, words, beside=hit.product.id) + "#compared" if asked is not None else "",
            judged=self.judged.get(
                key_of("pairs", asked.id, hit.product.id) if asked is not None else (self.text, hit.product.id)
            ),
        )


def card(product: Product, words: Words) -> Card:
    """A product in short."""
    picture = shown(product)
    return Card(
        id=product.id,
        title=product.title or product.id,
        href=product_address(product.id, words),
        picture=picture,
        lacking=words("search.bad_picture" if product.images and picture is None else "search.no_picture"),
        price=money(product.price, product.currency),
        sale_price=money(product.sale_price, product.currency),
        brand=product.brand,
        category=product.category[0] if product.category else "",
    )


def cards(products: Iterable[Product], words: Words) -> list[Card]:
    """Products in short."""
    return [card(product, words) for product in products]


def product_address(id: str, words: Words, **more: str) -> str:
    """The address of a product's view."""
    query = {name: value for name, value in {**more, "lang": words.asked}.items() if value}
    return f"/products/{quote(id, safe='')}" + (f"?{urlencode(query)}" if query else "")


def _translated(label: str, words: Words) -> str:
    name, _, value = label.rpartition(" ")
    return f"{words.named('signal', name)} {value}"
