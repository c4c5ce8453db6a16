"""The page of look-alikes: each question beside its answers, and every answer with its parts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sosie.metrics.calibration import spoken
from sosie.pages.reasons import reasons
from sosie.pages.render import address, money, picture, render
from sosie.pages.signals import Segment, Signal, bar, depth, page_signals
from sosie.types import Hit, Product, Query

QUESTION_SIZE, HIT_SIZE = 560, 360  # pixels of the pictures: twice what they take on a screen


@dataclass(frozen=True, slots=True)
class Section:
    """One question with its answers; `note` is a line below it (a filter, a time)."""

    question: Product | Query
    hits: Sequence[Hit]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A product as it is shown."""

    title: str
    id: str
    picture: str
    has_picture: bool
    price: str
    sale_price: str
    category: str
    brand: str
    url: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A hit as it is shown."""

    card: Card
    rank: int
    score: str
    likely: str  # "8 of 10", "" where the store isn't calibrated
    why: str
    segments: Sequence[Segment]
    parts: Sequence[tuple[Signal, str]]
    spoken: str  # the bar for those who can't see it
    missing: str
    variants: Sequence[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is shown: a product's card, or words, or a picture, or some of both."""

    heading: str
    card: Card | None
    words: str
    picture: str
    picture_name: str
    terms: Sequence[str]


def hits_page(title: str, sections: Sequence[Section]) -> str:
    """One self-contained HTML page: no script, nothing loaded from elsewhere, every text of a product escaped."""
    hits = [hit for section in sections for hit in section.hits]
    signals = page_signals(hits)
    below = depth(hits)
    return render(
        "hits.html.j2",
        title=title,
        signals=signals,
        zero=round(100 * below / (1 + below), 3),
        sections=[
            (_asked(section), [_answer(hit, section.question, signals, below) for hit in section.hits])
            for section in sections
        ],
    )


def _asked(section: Section) -> Asked:
    question = section.question
    note = [section.note] if section.note else []
    if isinstance(question, Product):
        return Asked("Look-alikes of", _card(question, QUESTION_SIZE), "", "", "", note)
    photo = picture(str(question.image), QUESTION_SIZE) if question.image else ""
    heading = " and ".join(
        part
        for part, given in (("words", question.text), ("a photo", question.image), ("examples", question.like))
        if given
    )
    return Asked(
        f"Asked with {heading}" if heading else "Asked",
        None,
        question.text,
        photo,
        question.image.name if question.image else "",
        [*_terms(question), *note],
    )


def _terms(query: Query) -> Iterable[str]:
    if query.like:
        yield f"like {', '.join(query.like)}"
    if query.unlike:
        yield f"unlike {', '.join(query.unlike)}"
    if query.category:
        yield f"in {query.category}"
    if query.where:
        yield f"where {query.where}"
    if query.weights:
        yield ", ".join(f"{signal} × {weight:g}" for signal, weight in query.weights.items())


def _card(product: Product, size: int) -> Card:
    return Card(
        title=product.title or product.id,
        id=product.id,
        picture=next(filter(None, (picture(ref, size) for ref in product.images)), ""),
        has_picture=bool(product.images),
        price=money(product.price, product.currency),
        sale_price=money(product.sale_price, product.currency),
        category=product.category[0] if product.category else "",
        brand=product.brand,
        url=address(product),
    )


def _answer(hit: Hit, question: Product | Query, signals: Sequence[Signal], below: float) -> Answer:
    parts = [(signal, f"{hit.parts[signal.name]:+.4f}") for signal in signals if signal.name in hit.parts]
    told = ", ".join(f"{signal.name} {value}" for signal, value in parts)
    return Answer(
        card=_card(hit.product, HIT_SIZE),
        rank=hit.rank,
        score=f"{hit.score:.4f}",
        likely=spoken(hit.likely) if hit.likely is not None else "",
        why=reasons(hit, question if isinstance(question, Product) else None),
        segments=bar(hit, signals, below),
        parts=parts,
        spoken=f"Score {hit.score:.4f}: {told}",
        missing=", ".join(hit.missing),
        variants=hit.variants,
    )
