"""What a service answers, as records. Fields that a newer service adds are left out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from sosie.types import Product, Review

T = TypeVar("T")
Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer. The values of `parts` add up to `score`; `images` are paths below the service's address."""

    id: str
    title: str
    score: float
    rank: int  # 1 is the best
    parts: Mapping[str, float]
    missing: tuple[str, ...] = ()  # signals of the question that this product lacks
    price: float | None = None
    currency: str = ""
    category: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    url: str = ""
    group: str = ""
    likely: float | None = None  # share of pairs of such a score that are alike, where the store was calibrated
    variants: tuple[str, ...] = ()  # where asked for
    reasons: tuple[str, ...] = ()  # where `explain` was asked for
    pinned: bool = False  # a merchandiser put it here


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first; a loop over it is a loop over them."""

    hits: tuple[Hit, ...]
    limit: int
    offset: int
    total: int
    took_ms: float
    notes: tuple[str, ...] = ()
    cursor: str | None = None  # where the list goes on
    alike: str = ""  # by what a score is told to be alike, where the store was calibrated

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def __getitem__(self, at: int) -> Hit:
        return self.hits[at]


@dataclass(frozen=True, slots=True)
class Similarity:
    """How alike two products are: b as an answer to a."""

    a: str
    b: str
    score: float
    parts: Mapping[str, float]
    missing: tuple[str, ...] = ()
    likely: float | None = None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a field, or a category, and how many products have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """A field with its values, the most frequent first."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Bins:
    """How prices are spread: `bins[i]` products between `edges[i]` and `edges[i + 1]`."""

    low: float
    high: float
    currency: str
    bins: tuple[int, ...]
    edges: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Facets:
    """By what products can be narrowed, with counts."""

    total: int
    facets: tuple[Facet, ...]
    categories: tuple[Value, ...]
    price: Bins | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What somebody may be about to type. `kind` is category, brand or title; a title has the product's id."""

    kind: str
    text: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a product that was sent: created, updated, unchanged or removed."""

    id: str
    what: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one line of an import; `error` says why nothing was written."""

    line: int  # from 1
    id: str = ""
    what: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that takes longer than an answer. `state` is running, done, failed or lost."""

    id: str
    kind: str
    state: str
    stage: str = ""
    done: int = 0
    total: int | None = None
    started: str = ""
    ended: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """Of each product, those pinned and those blocked beside it; blocks of "*" hold beside every one."""

    pins: Mapping[str, tuple[str, ...]]
    blocks: Mapping[str, tuple[str, ...]]


def record(kind: type[T], told: Told, **more: object) -> T:
    """A record of what was told; lists become tuples, unknown fields are left out, `more` replaces fields."""
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    known = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items() if name in names}
    return kind(**known | more)


def read_answer(told: Told) -> Answer:
    """The answer to a question."""
    return record(Answer, told, hits=tuple(record(Hit, one) for one in told["hits"]))


def read_facets(told: Told) -> Facets:
    """Facets, categories and prices."""
    return Facets(
        total=told["total"],
        facets=tuple(Facet(one["field"], tuple(record(Value, v) for v in one["values"])) for one in told["facets"]),
        categories=tuple(Value(one["path"], one["count"]) for one in told["categories"]),
        price=record(Bins, told["price"]) if told["price"] else None,
    )


def read_rules(told: Told) -> Rules:
    """Pins and blocks."""
    pins, blocks = ({id: tuple(others) for id, others in told[name].items()} for name in ("pins", "blocks"))
    return Rules(pins, blocks)


def read_product(told: Told) -> Product:
    """A product; its `images` are paths below the service's address."""
    return record(Product, told, reviews=tuple(record(Review, one) for one in told["reviews"]))
