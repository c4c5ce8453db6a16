"""Where answers are worse: questions by what they have in common."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sosie.evaluate.relevance import Listed
from sosie.evaluate.task import Task
from sosie.evaluate.words import words_of
from sosie.metrics.intervals import holm, interval, two_sample
from sosie.reports import Slice
from sosie.store import Snapshot
from sosie.text import language, product_text
from sosie.types import Mask, Product, Query, Rows

LEAST = 20  # questions of a slice: with fewer, an interval says nothing
LEVEL = 0.05
MOST = 50  # slices of one kind, the largest: p has to stay below LEVEL when all of them are corrected for
BLOCK = 4_096
BANDS = (0.25, 0.5, 0.75)  # quantiles at which numbers are cut
PICTURES = 4  # and more
LEVELS = " > "

Values = NDArray[np.float64]
Group = tuple[str, str, Mask]


def slices(
    snapshot: Snapshot, task: Task, values: Values, clusters: NDArray[np.int64] | None = None
) -> tuple[Slice, ...]:
    """Each group of at least LEAST questions beside all others, the worst first.

    `values`, (questions,), are NaN where a question is left out. p is that of a permutation test of the group against
    the rest, `clusters` as wholes, Holm-corrected over all groups that are told.
    """
    known = ~np.isnan(values)
    found: list[tuple[str, str, Mask, Mask]] = []
    for by, value, mask in groups(snapshot, task):
        inside, outside = mask & known, ~mask & known
        if min(inside.sum(), outside.sum()) >= LEAST:
            found.append((by, value, inside, outside))
    ps = [two_sample(values[a], values[b], *_both(clusters, a, b)) for _, _, a, b in found]
    told = []
    for (by, value, inside, outside), p in zip(found, holm(ps), strict=True):
        figure = interval(values[inside], None if clusters is None else clusters[inside])
        rest = float(values[outside].mean())
        verdict: Literal["worse", "better", ""] = ""
        if p < LEVEL:
            verdict = "worse" if figure.value < rest else "better"
        told.append(Slice(by, value, figure, rest, float(p), verdict))
    return tuple(sorted(told, key=lambda one: one.figure.value - one.rest))


def _both(
    clusters: NDArray[np.int64] | None, a: Mask, b: Mask
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
    return (None, None) if clusters is None else (clusters[a], clusters[b])


def groups(snapshot: Snapshot, task: Task) -> Iterator[Group]:
    """Groups of at least LEAST questions: what they are told apart by, the value, and which questions, (questions,).

    A history of products is told by its last one. Numbers are cut at their quartiles. Of equal groups the first counts.
    """
    seen = {np.ones(task.size, np.bool_).tobytes()}  # everyone is no group
    kinds: dict[str, list[Group]] = {}
    for by, value, mask in _groups(snapshot, task):
        if mask.sum() >= LEAST and mask.tobytes() not in seen:
            seen.add(mask.tobytes())
            kinds.setdefault(by, []).append((by, value, mask))
    for some in kinds.values():
        yield from sorted(some, key=lambda one: -int(one[2].sum()))[:MOST]


def _groups(snapshot: Snapshot, task: Task) -> Iterator[Group]:
    rows = _rows(snapshot, task)
    if (rows >= 0).any():
        yield from _of_products(snapshot, task, rows)
    if isinstance(task.asked, tuple):
        yield from _of_questions(task.asked)
        yield from _of_wanted(task)


def _rows(snapshot: Snapshot, task: Task) -> Rows:
    """The product by which each question is told, (questions,); -1 where it is words or a picture."""
    if not isinstance(task.asked, tuple):
        return np.asarray(task.asked)
    return snapshot.rows([query.like[0] if query.like else "" for query in task.asked])


def _of_products(snapshot: Snapshot, task: Task, rows: Rows) -> Iterator[Group]:
    facts = [_Facts(product) for product in _products(snapshot, rows)]
    there = rows >= 0

    def spread(values: Sequence[float]) -> Values:
        out = np.full(len(rows), np.nan)
        out[there] = values
        return out

    def words(values: Sequence[str]) -> NDArray[np.str_]:
        out = np.full(len(rows), "", object)
        out[there] = values
        return out.astype(np.str_)

    depth = max((len(one.category) for one in facts), default=0)
    for level in range(1, depth + 1):
        paths = [LEVELS.join(one.category[:level]) if len(one.category) >= level else "" for one in facts]
        yield from _by("category", words(paths))
    for label in task.labels:
        column = words_of(snapshot, label)
        yield from _by(label, words([column.words[code] if code >= 0 else "" for code in column.codes[rows[there]]]))
    currencies = words([one.currency for one in facts])
    price = spread([one.price for one in facts])
    for currency in np.unique(currencies[~np.isnan(price)]).tolist():
        yield from _bands("price", np.where(currencies == currency, price, np.nan), currency)
    pictures = [f"{min(one.pictures, PICTURES)}{' or more' if one.pictures >= PICTURES else ''}" for one in facts]
    yield from _by("pictures", words(pictures))
    length = spread([one.length for one in facts])
    yield from _by("text", np.where(length == 0, "none", ""))
    yield from _bands("text", np.where(length > 0, length, np.nan), "characters")
    yield from _by("language", words([one.language for one in facts]))
    yield from _popularity(spread([one.popularity for one in facts]))


class _Facts:
    """What of a product it is told by."""

    __slots__ = ("category", "currency", "language", "length", "pictures", "popularity", "price")

    def __init__(self, product: Product) -> None:
        text = product_text(product)
        self.category = product.category[0].split(LEVELS) if product.category else []
        self.price = np.nan if product.price is None else product.price
        self.currency = product.currency
        self.pictures = len(product.images)
        self.length = len(text)
        self.language = product.language or language(text)
        self.popularity = product.rating_count or len(product.reviews)


def _products(snapshot: Snapshot, rows: Rows) -> Iterator[Product]:
    there = rows[rows >= 0]
    for start in range(0, len(there), BLOCK):
        yield from snapshot.products(there[start : start + BLOCK])


def _of_questions(asked: tuple[Query, ...]) -> Iterator[Group]:
    texts = [query.text for query in asked]
    yield from _by("language", np.array([language(text) for text in texts], np.str_))
    yield from _bands("text", np.array([len(text) if text else np.nan for text in texts]), "characters")
    histories = np.array([len(query.like) if query.like else np.nan for query in asked])
    yield from _bands("history", histories, "products")


def _of_wanted(task: Task) -> Iterator[Group]:
    """By how often the products that are to be found were taken before."""
    if task.popularity is None or not isinstance(task.relevance, Listed):
        return
    taken = np.zeros(len(task.titles))
    np.maximum.at(taken, task.places, task.popularity)
    lists = task.relevance.lists
    sizes = np.diff(lists.starts)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    with np.errstate(invalid="ignore"):
        yield from _popularity(np.bincount(owner, taken[lists.values], len(sizes)) / sizes)


def _popularity(counts: Values) -> Iterator[Group]:
    """Cold ones that nobody rated or took, if some are warm; these by how many did."""
    if not (counts > 0).any():
        return
    yield from _by("cold", np.where(counts == 0, "cold", np.where(counts > 0, "warm", "")))
    yield from _bands("popularity", np.where(counts > 0, counts, np.nan), "")


def _by(by: str, values: NDArray[np.str_]) -> Iterator[Group]:
    names, codes = np.unique(values, return_inverse=True)
    for at, name in enumerate(names.tolist()):
        if name:
            yield by, name, codes == at


def _bands(by: str, values: Values, unit: str) -> Iterator[Group]:
    """Numbers between quartiles; NaN is in none."""
    known = values[~np.isnan(values)]
    if not len(known):
        return
    edges = np.unique(np.quantile(known, BANDS, method="lower"))
    edges = edges[edges < known.max()]
    names = [f"{edge:,.10g}" for edge in edges.tolist()]
    codes = np.where(np.isnan(values), -1, np.searchsorted(edges, np.nan_to_num(values)))
    for at in range(len(edges) + 1 if len(edges) else 0):
        told = f"up to {names[0]}" if at == 0 else f"above {names[-1]}"
        if 0 < at < len(edges):
            told = f"above {names[at - 1]}, up to {names[at]}"
        yield by, f"{told} {unit}".strip(), codes == at
