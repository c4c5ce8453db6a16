"""How the products that may answer are spread: over categories, fields and prices, each beside the other filters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

import numpy as np

from sosie.filters import category_filter, evaluate, parse_filter
from sosie.store import Snapshot
from sosie.types import Column, Mask
from sosie.web.page.address import Asked

FIRST = ("brand", "available")  # fields that come before all others
HIDDEN = {"category", "group", "price", "sale_price", "stock", "rating", "rating_count"}
FIELDS, VALUES = 8, 60  # so many fields are shown, and of others than the first so many values at most
COMMON = 0.03  # share of products that a field must say something of
SHOWN = 200  # values of a field, at most
BINS = 24
WIDE = 20.0  # times as dear: from here on prices are spread by their logarithms


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a field: how many products have it among those that the other filters keep."""

    value: str
    count: int
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Facet:
    """A field with its values, those of most products first, chosen ones before them."""

    field: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Prices:
    """How prices are spread: `bins` counts products from `edges[i]` to `edges[i + 1]`."""

    low: float
    high: float
    bins: tuple[int, ...]
    edges: tuple[float, ...]
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What the filters of a question keep."""

    allowed: Mask = field(repr=False)  # (size,)
    total: int
    of: int  # products in all
    where: str  # the filters of single fields as one, for the engine
    above: tuple[tuple[str, str], ...]  # the chosen category, level by level: name and path
    below: tuple[Choice, ...]  # categories one level further down, by path
    facets: tuple[Facet, ...]
    prices: Prices | None


def narrow(snapshot: Snapshot, asked: Asked) -> Narrowed:
    """Apply the filters, and count what each field would keep beside them. Raises QuestionError."""
    columns = snapshot.columns
    conditions = _conditions(asked, columns)
    beside = _fields_of(snapshot, asked) if "query." in asked.where else None
    masks = {
        name: evaluate(parse_filter(condition), columns, snapshot.size, beside)
        for name, condition in conditions.items()
    }
    if asked.category:
        masks["category"] = evaluate(category_filter(asked.category), columns, snapshot.size)

    def without(name: str) -> Mask:
        kept = snapshot.alive
        for other, mask in masks.items():
            if other != name:
                kept = kept & mask
        return kept

    allowed = without("")
    levels = asked.category.split(" > ") if asked.category else []
    return Narrowed(
        allowed=allowed,
        total=int(np.count_nonzero(allowed)),
        of=int(np.count_nonzero(snapshot.alive)),
        where=" and ".join(conditions.values()),
        above=tuple((name, " > ".join(levels[: at + 1])) for at, name in enumerate(levels)),
        below=_below(columns["category"], allowed if levels else without("category"), levels),
        facets=tuple(
            facet
            for name in fields_of(snapshot, asked)
            if (facet := _facet(name, columns[name], without(name), asked.of(name))).choices
        ),
        prices=_prices(snapshot, without("price")),
    )


def fields_of(snapshot: Snapshot, asked: Asked) -> list[str]:
    """Names of the fields by which products can be narrowed, those filtered by in any case."""
    known = _telling(_Version(snapshot))
    return [*known, *(name for name, _ in asked.only if name not in known and name in snapshot.columns)]


def _conditions(asked: Asked, columns: Mapping[str, Column]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, values in asked.only:
        numeric = name in columns and columns[name].vocabulary is None
        said = ", ".join(value if numeric and _is_number(value) else _quoted(value) for value in values)
        found[name] = f"`{name.replace('`', '')}` in ({said})"
    bounds = ((asked.price_from, ">="), (asked.price_to, "<="))
    price = " and ".join(f"price {sign} {value:.15g}" for value, sign in bounds if value is not None)
    if price:
        found["price"] = price
    if asked.where:
        parse_filter(asked.where)  # alone: a half of it must not join with what stands beside it
        found["where"] = f"({asked.where})"
    return found


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _is_number(value: str) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except ValueError:
        return False


def _fields_of(snapshot: Snapshot, asked: Asked) -> dict[str, float | str | None] | None:
    row = snapshot.row(asked.like[0]) if asked.like else None
    if row is None:
        return None
    found: dict[str, float | str | None] = {}
    for name, column in snapshot.columns.items():
        value = column.values[row]
        if column.vocabulary is not None:
            found[name] = column.vocabulary[int(value)] if value >= 0 else None
        else:
            found[name] = float(value) if value == value else None
    return found


class _Version:
    """A snapshot as the key of a cache: by the store and its version."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot, self.key = snapshot, (str(snapshot.store), snapshot.version)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Version) and self.key == other.key


@lru_cache(maxsize=4)
def _telling(version: _Version) -> tuple[str, ...]:
    """Fields that tell products apart without naming each: a few values, of many products."""
    snapshot = version.snapshot
    columns, alive = snapshot.columns, snapshot.alive
    living = max(int(np.count_nonzero(alive)), 1)
    found = []
    for name in columns:
        column = columns[name]
        if name in HIDDEN or "`" in name:
            continue
        if column.vocabulary is None:
            values = column.values[alive]
            values = values[values == values]
            different, there = len(np.unique(values[:10_000])), len(values)
        elif name not in FIRST and len(column.vocabulary) > 50 * VALUES:
            continue  # nearly every product has its own
        else:
            counts = _counts(column, alive)
            different, there = int(np.count_nonzero(counts)), int(counts.sum())
        share = there / living
        if different > 1 and (name in FIRST or (different <= min(VALUES, there / 2) and share >= COMMON)):
            found.append((FIRST.index(name) if name in FIRST else len(FIRST), -share, name))
    return tuple(name for *_, name in islice(sorted(found), FIELDS))


def _counts(column: Column, kept: Mask) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    counts = np.bincount(column.values[kept].astype(np.int64) + 1, minlength=len(column.vocabulary or ()) + 1)
    return counts[1:]  # -1 = missing


def _facet(name: str, column: Column, kept: Mask, chosen: tuple[str, ...]) -> Facet:
    if column.vocabulary is None:
        values = column.values[kept]
        numbers, counted = np.unique(values[values == values], return_counts=True)
        there = {f"{number:g}": int(count) for number, count in zip(numbers, counted, strict=True)}
    else:
        counts = _counts(column, kept)
        best = np.argsort(-counts, kind="stable")[:SHOWN]
        there = {column.vocabulary[code]: int(counts[code]) for code in best.tolist() if counts[code]}
    folded = {value.casefold() for value in chosen}
    choices = [Choice(value, count, value.casefold() in folded) for value, count in there.items()]
    lacking = folded - {choice.value.casefold() for choice in choices}
    choices += [Choice(value, 0, True) for value in chosen if value.casefold() in lacking]
    return Facet(name, tuple(sorted(choices, key=lambda one: not one.chosen)))


def _below(column: Column, kept: Mask, levels: list[str]) -> tuple[Choice, ...]:
    """Categories right below a path (levels of it), with the products in and below each."""
    counts = _counts(column, kept)
    above = [level.casefold() for level in levels]
    total: dict[str, int] = {}
    for code in np.flatnonzero(counts).tolist():
        there = {
            " > ".join(path[: len(levels) + 1])
            for path in (one.split(" > ") for one in (column.vocabulary or ())[code].split(" | "))
            if len(path) > len(levels) and [level.casefold() for level in path[: len(levels)]] == above
        }
        for path in there:
            total[path] = total.get(path, 0) + int(counts[code])
    best = sorted(total.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Choice(path, count) for path, count in best[:SHOWN])


def _prices(snapshot: Snapshot, kept: Mask) -> Prices | None:
    values = snapshot.columns["price"].values[kept]
    values = values[np.isfinite(values)]
    if len(values) < 2 or values.min() == values.max():
        return None
    low, high = float(values.min()), float(values.max())
    wide = low > 0 and high / low > WIDE
    edges = np.geomspace(low, high, BINS + 1) if wide else np.linspace(low, high, BINS + 1)
    edges[0], edges[-1] = low, high
    bins = np.histogram(values, edges)[0]
    currency = snapshot.columns["currency"]
    names = np.flatnonzero(_counts(currency, kept)).tolist()
    only = (currency.vocabulary or ())[names[0]] if len(names) == 1 else ""
    return Prices(low, high, tuple(bins.tolist()), tuple(edges.tolist()), only)
