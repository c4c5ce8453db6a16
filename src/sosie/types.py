"""The records that travel through the house, and the protocols its rooms meet at (numpy and stdlib only)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]  # (dim,)
Matrix = NDArray[np.float32]  # (rows, dim)
Rows = NDArray[np.int64]  # row numbers of a snapshot or an index
Mask = NDArray[np.bool_]  # (rows,)

Progress = Callable[[str, int, int | None], None]  # what is being done, how many are done, of how many

NOTHING: Mapping[str, str] = MappingProxyType({})


def _nothing() -> Mapping[str, str]:
    return NOTHING  # before Python 3.12 a mappingproxy can't be a default itself


@dataclass(frozen=True, slots=True)
class Review:
    """What one customer wrote; `rating` in the shop's own scale brought to 0..5, None where it gave none."""

    text: str
    rating: float | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """One sellable thing. Empty strings, empty tuples and None mean: the catalogue does not say.

    `category` holds paths, the main one first, each written "A > B > C". `attributes` are compared;
    `other` holds columns that are kept for filters and evaluation but never compared nor searched (a label, a split,
    a file name, an ignored column). `images` are absolute paths, or `archive#number` for a picture inside
    an archive; `videos` are absolute paths or addresses. `group` is shared by the variants of one product and is the
    product's own id when it has none.
    """

    id: str
    title: str = ""
    text: str = ""
    category: tuple[str, ...] = ()
    brand: str = ""
    price: float | None = None
    currency: str = ""
    sale_price: float | None = None
    attributes: Mapping[str, str] = field(default_factory=_nothing)
    other: Mapping[str, str] = field(default_factory=_nothing)
    identifiers: Mapping[str, str] = field(default_factory=_nothing)  # gtin, mpn, model, sku …
    images: tuple[str, ...] = ()
    videos: tuple[str, ...] = ()
    reviews: tuple[Review, ...] = ()
    rating: float | None = None
    rating_count: int | None = None
    available: bool | None = None
    stock: float | None = None
    url: str = ""
    language: str = ""  # "en", "zh", … as the catalogue says or as recognised
    group: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be used, or a field that had to be dropped from one (`fatal` False)."""

    row: int  # 1-based number of the record in its file, the header not counted; 0 = of no row in particular
    field: str
    reason: str
    raw: str
    fatal: bool = True


@dataclass(frozen=True, slots=True)
class Changes:
    """What a catalogue file changed in a store, in products."""

    added: int
    changed: int
    removed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Example:
    """One product that a finding is about: its row and id, what was found there, and a picture where one helps."""

    row: int
    id: str
    value: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing wrong with a catalogue. `weight` 0..1 is the share of a product's similarity that it harms."""

    kind: str
    weight: float
    count: int
    share: float  # of all products; of the pictures examined where the finding is about pictures
    wrong: str
    advice: str
    examples: tuple[Example, ...]  # the first of them, by row


@dataclass(frozen=True, slots=True)
class CatalogueReport:
    """What is wrong with a catalogue, what harms most first (weight times share)."""

    products: int
    rejected: int  # rows that gave no product
    pictures: int  # that products name, each file once
    examined: int  # of these, opened
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()  # what was looked at only in part


@dataclass(frozen=True, slots=True)
class Query:
    """A question: words, a picture, products liked and unliked, in any mixture.

    `image` is a path; `weights` replace the defaults of the signals they name; `where` is a filter
    (see `sosie.filters`); `diversity` 0..1 trades score for difference among the hits.
    """

    text: str = ""
    image: Path | None = None
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    weights: Mapping[str, float] | None = None
    where: str = ""
    category: str = ""
    limit: int = 10
    offset: int = 0
    diversity: float = 0.0
    min_score: float | None = None
    variants: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer. The values of `parts` add up to `score` exactly as printed (four decimals each)."""

    product: Product
    score: float
    rank: int  # 1 is the best, offset included
    parts: Mapping[str, float]
    missing: tuple[str, ...] = ()  # signals of the question that this product lacks
    variants: tuple[str, ...] = ()  # ids of its variants, when asked for
    likely: float | None = None  # share of pairs of such a score that are alike, where the store was calibrated
    pinned: bool = False  # it stands where it does because a merchandiser put it there


@dataclass(frozen=True, slots=True)
class Pair:
    """Two products that somebody judged: 0 not alike, 1 alike, or a grade between and above."""

    a: str
    b: str
    grade: float
    split: str = ""  # as the file says: train, val, test


@dataclass(frozen=True, slots=True)
class Judgement:
    """How well a product answers a question; 0 = not at all. `query` is the question's key in its file."""

    query: str
    product: str
    grade: float


@dataclass(frozen=True, slots=True)
class Link:
    """A product that somebody put beside another: related, upsell, cross-sell …"""

    a: str
    b: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A user viewed, liked or bought a product. `time` is in seconds, or whatever the file counts in."""

    user: str
    product: str
    kind: str = ""
    time: float = 0.0
    value: float = 1.0


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What an index found: best first; unused places hold row -1 and score -inf."""

    rows: Rows  # (queries, k)
    scores: Matrix  # (queries, k), inner products


class Encoder(Protocol):
    """Turns what a product has of one signal into a vector.

    Vectors are float32 and of unit length; a product that lacks the signal gets a row of zeros. The
    answer for a product is the same alone and in any batch, in any order. `fingerprint` changes whenever
    anything that changes vectors does (weights, settings, fitted state, version of the code).
    """

    signal: str
    dim: int

    @property
    def fingerprint(self) -> str:
        """Names this encoder in caches and stores."""

    def fit(self, products: Iterable[Product]) -> None:
        """Learn what has to be learnt from the catalogue, once; a no-op where nothing is fitted."""

    def content(self, product: Product) -> str:
        """What the encoder reads of a product, as a short text; "" where it lacks the signal."""

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Vectors of products, in their order, (len(products), dim)."""

    def encode_query(self, query: Query) -> Vector | None:
        """Vector of a question's words or picture; None where the question says nothing to this signal."""

    def save(self, folder: Path) -> None:
        """Write everything `load` needs into an empty folder (JSON, npy, safetensors, ONNX; never pickle)."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The encoder that was saved, with the same fingerprint and the same vectors."""


class Index(Protocol):
    """Finds the rows of a matrix with the largest inner product to a query."""

    def build(self, matrix: Matrix) -> None:
        """Index the rows of a matrix, (rows, dim)."""

    def search(self, queries: Matrix, k: int, *, allowed: Rows | None = None) -> Neighbours:
        """The k best rows a query, best first, equal scores by row; `allowed` (ascending) limits the rows."""

    def save(self, file: Path) -> None:
        """Write one file."""

    @classmethod
    def load(cls, file: Path) -> Self:
        """Open what was saved, memory-mapped where that is possible."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How raw cosines of one signal are made comparable: the catalogue's mean, and the spread of random pairs.

    `projection`, (raw dim, dim), keeps the directions in which the catalogue really differs; None = all as they are.
    """

    mean: Vector  # (raw dim,)
    sigma: float = 1.0
    projection: Matrix | None = None

    @property
    def dim(self) -> int:
        """Length of a final vector."""
        return len(self.mean) if self.projection is None else int(self.projection.shape[1])


@dataclass(frozen=True, slots=True)
class Column:
    """A filterable field of every row: numbers (NaN = missing), or codes into a vocabulary (-1 = missing).

    An entry of the vocabulary of `category` joins all paths of a product with " | ".
    """

    values: NDArray[np.float64] | NDArray[np.int32]
    vocabulary: tuple[str, ...] | None = None  # None for numbers
